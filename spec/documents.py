"""The contract documents, ready to use: which operation a request is, and the schemas as plain JSON Schema.

`documents(profile)` reads openapi.yaml (merged) and asyncapi.yaml of a profile once. Schemas come out standalone (all
references inside, `$defs`), in two forms: open, as written, where unknown keys are allowed; and strict, where
`unevaluatedProperties: false` closes every object, so that a key the document does not know is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import spec
from spec.moving import second_places

Schema = Any  # a JSON Schema: an object or a boolean
DIALECT = "https://json-schema.org/draft/2020-12/schema"
UNROUTED = "unrouted"
_REMEMBERED = 8192  # requests whose operation is remembered
METHODS = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
# Words of the documents that mean nothing to a JSON Schema validator, or that are said otherwise (discriminator).
_DROPPED = {"description", "discriminator", "example", "examples", "externalDocs", "xml", "title", "deprecated"}
_IN_PLACE = ("allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas")
_MAPS = ("properties", "patternProperties", "dependentSchemas")


class UnknownOperation(ValueError):
    """The documents of the profile have no operation of that name."""


@dataclass(frozen=True, slots=True)
class ResponseDoc:
    """One documented answer. `headers`: lower-case name → (required, schema); `media`: type → schema, empty: no body."""

    status: int
    headers: dict[str, tuple[bool, Schema]]
    media: dict[str, Schema]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `parameters` are resolved; `request` is media type → schema; `node` is the document's own text.

    `secured`: it needs a token.
    """

    id: str
    method: str
    path: str
    tags: tuple[str, ...]
    parameters: tuple[dict[str, Any], ...]
    request: dict[str, Schema]
    responses: dict[int, ResponseDoc]
    secured: bool = True
    node: dict[str, Any] = field(repr=False, default_factory=dict)

    @property
    def socket(self) -> bool:
        """Is it opened by an upgrade?"""
        return 101 in self.responses

    def url(self, **values: str) -> str:
        """The path with these values in its places; a place without a value gets a UUID that names nothing."""
        return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], str(uuid4())), self.path)

    @property
    def judged(self) -> bool:
        """Is it a requirement that answers fit? Not for what is only described because provisioning uses it."""
        return not self.node.get("x-provisioning")


@dataclass(frozen=True, slots=True)
class Match:
    """The operation that a request is, and its path parameters (percent-decoded)."""

    operation: Operation
    params: dict[str, str]


@dataclass(slots=True)
class _Node:
    mount: bool = False
    operations: dict[str, Operation] = field(default_factory=dict)
    static: dict[str, _Node] = field(default_factory=dict)
    param: _Node | None = None
    name: str = ""

    def place(self, path: str) -> _Node:
        node = self
        for segment in path.strip("/").split("/"):
            if segment.startswith("{"):
                node.param = node.param or _Node(name=segment[1:-1])
                node = node.param
            else:
                node = node.static.setdefault(segment, _Node())
        return node


class Documents:
    """The documents of one profile."""

    def __init__(self, profile: spec.Profile) -> None:
        self.profile = profile
        self._api = profile.openapi
        self._feeds = profile.asyncapi
        self._schemas: dict[str, Schema] = dict(self._api["components"]["schemas"])
        for name, schema in self._feeds.get("components", {}).get("schemas", {}).items():
            if name in self._schemas:
                raise ValueError(f"spec/{profile.name}/asyncapi.yaml: schema {name} is in openapi.yaml too")
            self._schemas[name] = schema
        self.operations: dict[str, Operation] = {}
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._match)
        self._root = _Node()
        self._beside: dict[str, str] = profile.traits.get("beside", {})
        for path, item in self._api["paths"].items():
            for method in METHODS:
                if method in item:
                    self._add(path, method.upper(), item[method], item.get("parameters", []))
        for path in self._api.get("x-mounts", []):
            for place in (path, *second_places(path, self._beside)):
                self._root.place(place).mount = True
        self.unrouted = self._operation(UNROUTED, "*", "*", self._api.get("x-unrouted", {"responses": {}}), [])

    def _add(self, path: str, method: str, node: dict[str, Any], shared: list[Any]) -> None:
        operation = self._operation(node["operationId"], method, path, node, shared)
        if operation.id in self.operations:
            raise ValueError(f"{method} {path}: operationId {operation.id} is used twice")
        self.operations[operation.id] = operation
        for place in (path, *second_places(path, self._beside)):
            self._root.place(place).operations.setdefault(method, operation)

    def _operation(self, name: str, method: str, path: str, node: dict[str, Any], shared: list[Any]) -> Operation:
        parameters = tuple(self.resolve(p) for p in [*shared, *node.get("parameters", [])])
        body = self.resolve(node.get("requestBody", {}))
        request = {media: entry.get("schema", True) for media, entry in body.get("content", {}).items()}
        responses = {int(status): self._response(int(status), r) for status, r in node["responses"].items()}
        secured = bool(node.get("security", self._api.get("security", [])))
        return Operation(name, method, path, tuple(node.get("tags", ())), parameters, request, responses, secured, node)

    def _response(self, status: int, node: dict[str, Any]) -> ResponseDoc:
        node = self.resolve(node)
        headers = {}
        for name, header in node.get("headers", {}).items():
            header = self.resolve(header)
            headers[name.lower()] = (bool(header.get("required")), header.get("schema", True))
        media = {media: entry.get("schema", True) for media, entry in node.get("content", {}).items()}
        return ResponseDoc(status, headers, media)

    # Routing

    def url(self, operation: str, **values: Any) -> str:
        """The path of this operation with these values in its places (a UUID that names nothing where one is not given).

        Raises UnknownOperation.
        """
        if operation not in self.operations:
            raise UnknownOperation(f"{self.profile.name} has no operation {operation}")
        return self.operations[operation].url(**{name: str(value) for name, value in values.items()})

    def match(self, method: str, path: str) -> Match | None:
        """The operation of this request, as the server's router would choose it.

        Static names go before parameters; a name with the wrong method falls through to the parameter beside it unless
        it is a mount. `unrouted` (an Operation too) is a request below a known path that fits none; None is a request
        that these documents do not speak of.
        """
        return self._remembered(method, path.partition("?")[0])

    def _match(self, method: str, path: str) -> Match | None:
        segments = [unquote(s) for s in path.split("/") if s]
        if path.endswith("/"):
            segments.append("")
        params: dict[str, str] = {}
        node, at, known = self._root, 0, False
        while True:
            found = _find(node, segments, at, method, params)
            if isinstance(found, Operation):
                return Match(found, params)
            if found is None:
                break
            node, at = found
            known = True
        if known or self._exists(segments):
            return Match(self.unrouted, params)
        return None

    def _exists(self, segments: list[str]) -> bool:
        node: _Node | None = self._root
        for segment in segments:
            if node is None:
                return False
            node = node.static.get(segment) or node.param
        return node is not None and bool(node.operations)

    # Schemas

    @cached_property
    def retired(self) -> frozenset[str]:
        """The paths of the operations that the profile has retired, up to their first parameter."""
        return frozenset(self.operations[name].path.partition("/{")[0] for name in self.profile.traits.get("retired", ()))

    @cached_property
    def known_keys(self) -> frozenset[str]:
        """Every property name that the schemas of the documents know."""
        found: set[str] = set()
        _collect_keys(self._api.get("components", {}), found)
        _collect_keys(self._feeds.get("components", {}), found)
        return frozenset(found)

    def resolve(self, node: Any) -> Any:
        """The node itself, or what it refers to (one step is enough in these documents)."""
        if isinstance(node, dict) and "$ref" in node:
            target: Any = self._api
            for step in node["$ref"].partition("#/")[2].split("/"):
                target = target[step]
            return target
        return node

    def schema(self, name: str, *, strict: bool = False) -> dict[str, Any]:
        """The component schema of this name, standalone. Raises KeyError for an unknown one."""
        if name not in self._schemas:
            raise KeyError(f"no schema {name} in the documents of {self.profile.name}")
        return self.standalone({"$ref": f"#/components/schemas/{name}"}, strict=strict)

    def standalone(self, schema: Schema, *, strict: bool = False) -> dict[str, Any]:
        """A schema of the documents with all that it refers to, for any validator of draft 2020-12."""
        defs: dict[str, Schema] = {}
        root = self._convert(schema, "closed" if strict else "as-is", defs)
        if isinstance(root, bool):
            root = {} if root else {"not": {}}
        return {"$schema": DIALECT, **root, **({"$defs": defs} if defs else {})}

    def event_names(self, union: str) -> dict[str, str]:
        """The values of a union's discriminator, with the name of the schema that each selects."""
        node = self._schemas[union]
        return dict(self._branches(node))

    def _branches(self, node: dict[str, Any]) -> Iterator[tuple[str, str]]:
        key = node["discriminator"]
        key = key["propertyName"] if isinstance(key, dict) else key
        for branch in node["oneOf"]:
            name = _name(branch["$ref"])
            yield self._schemas[name]["properties"][key]["const"], name

    def _convert(self, schema: Schema, mode: str, defs: dict[str, Schema]) -> Schema:
        if isinstance(schema, bool):
            return schema
        if "$ref" in schema:
            return self._refer(_name(schema["$ref"]), mode, defs)
        if "discriminator" in schema and "oneOf" in schema:
            return self._union(schema, mode, defs)
        parts = [key for key in _IN_PLACE if key in schema]
        composed = bool(parts) and ("properties" in schema or "allOf" in schema)
        out: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _DROPPED or key.startswith("x-"):
                continue
            # Parts of a composition see only some of the keys: the whole is closed, not they.
            inner = mode if mode == "as-is" or (key in _IN_PLACE and not composed) else "closed"
            if key in _IN_PLACE and composed and mode != "as-is":
                inner = "open"
            out[key] = self._convert_value(key, value, inner, defs)
        closable = "properties" in schema or "allOf" in schema
        if mode == "closed" and closable and "additionalProperties" not in schema:
            out["unevaluatedProperties"] = False
        return out

    def _convert_value(self, key: str, value: Any, mode: str, defs: dict[str, Schema]) -> Any:
        if key in _MAPS:
            return {name: self._convert(part, mode, defs) for name, part in value.items()}
        if key in ("allOf", "anyOf", "oneOf", "prefixItems"):
            return [self._convert(part, mode, defs) for part in value]
        if key in ("items", "additionalProperties", "propertyNames", "contains", "if", "then", "else", "not"):
            return self._convert(value, mode, defs)
        return value

    def _refer(self, name: str, mode: str, defs: dict[str, Schema]) -> dict[str, str]:
        key = f"{name}.open" if mode == "open" else name
        if key not in defs:
            defs[key] = True  # stands in while a recursive schema is being converted
            defs[key] = self._convert(self._schemas[name], mode, defs)
        return {"$ref": f"#/$defs/{key}"}

    def _union(self, node: dict[str, Any], mode: str, defs: dict[str, Schema]) -> dict[str, Any]:
        """A discriminated union as a choice by that key: quicker than oneOf, and its errors name the real fault."""
        key = node["discriminator"]
        key = key["propertyName"] if isinstance(key, dict) else key
        branches = list(self._branches(node))
        choices = [
            {"if": {"properties": {key: {"const": value}}}, "then": self._refer(name, mode, defs)} for value, name in branches
        ]
        return {
            "type": "object",
            "required": [key],
            "properties": {key: {"enum": [value for value, _ in branches]}},
            "allOf": choices,
        }


def _collect_keys(node: Any, found: set[str]) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            found.update(node["properties"])
        for value in node.values():
            _collect_keys(value, found)
    elif isinstance(node, list):
        for value in node:
            _collect_keys(value, found)


def _name(ref: str) -> str:
    """The name of the component schema that a reference, local or into openapi.yaml, points to."""
    prefix, _, name = ref.partition("#/components/schemas/")
    if not name or prefix not in ("", "./openapi.yaml"):
        raise ValueError(f"{ref}: only component schemas of openapi.yaml and asyncapi.yaml are referred to")
    return name


def _find(node: _Node, segments: list[str], at: int, method: str, params: dict[str, str]) -> Operation | tuple[_Node, int] | None:
    rest = len(segments) - at
    if rest == 0 or (rest == 1 and node.mount and not segments[at]):
        return node.operations.get(method)
    below = node.static.get(segments[at])
    if below is not None:
        if below.mount:
            return below, at + 1
        found = _find(below, segments, at + 1, method, params)
        if found is not None:
            return found
    if node.param is not None and segments[at]:
        params[node.param.name] = segments[at]
        if node.param.mount:
            return node.param, at + 1
        return _find(node.param, segments, at + 1, method, params)
    return None


@cache
def documents(profile: str, folder: Path | None = None) -> Documents:
    """The documents of that profile, from the package or from `folder`. Raises spec.UnknownProfile."""
    return Documents(spec.load(profile, folder))
