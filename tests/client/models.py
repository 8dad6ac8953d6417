"""A strict client's models, generated from the documents of spec/: pydantic classes that know every key and take no other.

The generator reads plain JSON Schema, so the component schemas of both documents go into one file, and with them one
schema for each documented JSON answer. A property that must never be there is left out, so that it is an unknown key.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
from pydantic import ValidationError

import spec
from spec.documents import Documents, documents

JSON = "application/json"
GENERATOR = ("--input-file-type", "jsonschema", "--output-model-type", "pydantic_v2.BaseModel", "--extra-fields", "forbid")
OPTIONS = ("--use-annotated", "--formatters", "builtin", "--disable-timestamp", "--target-python-version", "3.11")


class Unexpected(Exception):
    """An answer or event that the documents do not allow; the text names the operation (or feed) and the place in it."""


def build(folder: Path, profile: str = spec.DEFAULT) -> Strict:
    """Generate the models of a profile into this folder and load them."""
    docs = documents(profile)
    source, module = folder / "documents.json", folder / "models.py"
    source.write_text(json.dumps(schemas(docs)), encoding="utf-8")
    command = [sys.executable, "-m", "datamodel_code_generator", "--input", str(source), "--output", str(module)]
    subprocess.run([*command, *GENERATOR, *OPTIONS], check=True, capture_output=True, text=True)
    loaded = importlib.util.spec_from_file_location("strict_models", module)
    assert loaded is not None and loaded.loader is not None
    models = importlib.util.module_from_spec(loaded)
    sys.modules[loaded.name] = models  # the classes look their own names up there
    loaded.loader.exec_module(models)
    return Strict(docs, models)


def schemas(docs: Documents) -> dict[str, Any]:
    """All component schemas and the schema of each JSON answer, as one JSON Schema."""
    api, feeds = docs.profile.openapi["components"]["schemas"], docs.profile.asyncapi["components"]["schemas"]
    found = {f"Doc{name}": _plain(schema) for name, schema in {**api, **feeds}.items()}
    for operation in (*docs.operations.values(), docs.unrouted):
        for status, answer in operation.responses.items():
            if JSON in answer.media and "$ref" not in answer.media[JSON]:
                found[_answer(operation.id, status)] = _plain(answer.media[JSON])
    return {"title": "Documents", "type": "object", "$defs": found}


def _answer(operation: str, status: int) -> str:
    return f"Answer{operation[0].upper()}{operation[1:]}{status}"


def _named(node: dict[str, Any]) -> str:
    """The class of a component schema; the prefix keeps it apart from those of properties that have the same name."""
    return f"Doc{node['$ref'].rsplit('/', 1)[1]}"


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {k: _plain(v) for k, v in node.items() if not k.startswith("x-") and k not in ("description", "example", "examples")}
    if isinstance(node.get("properties"), dict):
        out["properties"] = {name: _plain(inner) for name, inner in node["properties"].items() if inner is not False}
    if "$ref" in out:
        out["$ref"] = f"#/$defs/{_named(out)}"
    return out


class Strict:
    """Reads answers and events into the generated models."""

    def __init__(self, docs: Documents, models: ModuleType) -> None:
        self.docs, self._models = docs, models

    def answer(self, operation: str, status: int, media: str, body: bytes) -> Any:
        """The value of an answer to this operation, None for an empty one. Raises Unexpected."""
        known = self.docs.operations[operation].responses if operation in self.docs.operations else self.docs.unrouted.responses
        if status not in known:
            raise Unexpected(f"{operation}: status {status} is not documented: {body[:200]!r}")
        allowed = known[status].media
        if not body and not (allowed and media):
            return None
        if media not in allowed:
            raise Unexpected(f"{operation} {status}: media type {media!r}, not one of {sorted(allowed)}")
        if media != JSON:
            return body
        schema = allowed[JSON]
        name = _named(schema) if "$ref" in schema else _answer(operation, status)
        self._read(f"{operation} {status}", name, body)
        return orjson.loads(body)

    def event(self, union: str, event: Any) -> str:
        """Check one event of a feed; gives what kind of event it is. Raises Unexpected."""
        names = self.docs.event_names(union)
        key = "kind" if union == "WatchEvent" else "type"
        kind = event.get(key) if isinstance(event, dict) else None
        if kind not in names:
            raise Unexpected(f"{union}: no event of the kind {kind!r}")
        self._read(f"{union} {kind}", f"Doc{names[kind]}", orjson.dumps(event))
        return str(kind)

    def _read(self, where: str, name: str, data: bytes) -> None:
        try:
            getattr(self._models, name).model_validate_json(data, strict=True)
        except ValidationError as error:
            value = orjson.loads(data)
            found = [f"{pointer(value, e['loc'])}: {e['msg']}" for e in error.errors(include_url=False, include_input=False)]
            raise Unexpected(f"{where}: {'; '.join(dict.fromkeys(found[:5]))}") from None


def pointer(value: Any, place: tuple[int | str, ...]) -> str:
    """Where an error is, as a JSON pointer; names of classes, which the generator's unions put in between, are left out."""
    out = []
    for n, step in enumerate(place):
        if isinstance(value, dict) and isinstance(step, str) and (step in value or n == len(place) - 1):
            out.append(step)
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            out.append(str(step))
            value = value[step]
    return "/" + "/".join(out)
