"""The documents themselves: valid, complete in what every operation needs, and closed in their references."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import spec
from conformance.checks.documents import requirement_ids
from spec.documents import METHODS, documents
from tests.spec.traffic import PROFILE

PROFILES = spec.profiles()
APIS = {name: spec.load(name).openapi for name in PROFILES}
FEEDS = {name: spec.load(name).asyncapi for name in PROFILES}
OPERATIONS = [
    (f"{name}: {method.upper()} {path}", name, path, node)
    for name, api in APIS.items()
    for path, item in api["paths"].items()
    for method, node in item.items()
    if method in METHODS
]
EACH = pytest.mark.parametrize("profile", PROFILES)
NAMED = pytest.mark.parametrize(("profile", "path", "node"), [o[1:] for o in OPERATIONS], ids=[o[0] for o in OPERATIONS])


def nodes(value: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield at, value
        for key, item in value.items():
            yield from nodes(item, f"{at}/{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from nodes(item, f"{at}/{number}")


@EACH
def test_the_openapi_document_is_valid(profile: str) -> None:
    OpenAPIV31SpecValidator(APIS[profile]).validate()


@EACH
def test_the_asyncapi_document_is_valid(profile: str) -> None:
    schema = json.loads(resources.files("spec").joinpath("asyncapi.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    errors = [f"{e.json_path}: {e.message[:200]}" for e in jsonschema.Draft7Validator(schema).iter_errors(FEEDS[profile])]
    assert not errors


def test_the_asyncapi_schema_finds_a_wrong_document() -> None:
    schema = json.loads(resources.files("spec").joinpath("asyncapi.schema.json").read_text(encoding="utf-8"))
    wrong = {**FEEDS[PROFILE], "operations": {"x": {"action": "push", "channel": {"$ref": "#/channels/chatStream"}}}}
    assert not jsonschema.Draft7Validator(schema).is_valid(wrong)


@EACH
def test_every_reference_leads_somewhere(profile: str) -> None:
    for document, other in ((APIS[profile], None), (FEEDS[profile], APIS[profile])):
        for at, node in nodes(document):
            ref = node.get("$ref")
            if not isinstance(ref, str):
                continue
            file, _, path = ref.partition("#/")
            target: Any = other if file == "./openapi.yaml" else document
            for step in path.split("/"):
                assert isinstance(target, dict) and step in target, f"{at}: {ref}"
                target = target[step]


@EACH
def test_no_component_is_left_unused(profile: str) -> None:
    api, feeds = APIS[profile], FEEDS[profile]
    used = set(re.findall(r'"\$ref": "[^"]*#/components/(\w+/\w+)"', json.dumps([api, feeds])))
    used |= {f"schemas/{name}" for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(api))}
    there = {f"{kind}/{name}" for kind, rows in api["components"].items() for name in rows}
    there |= {f"{kind}/{name}" for kind, rows in feeds["components"].items() for name in rows}
    unused = {name for name in there - used if not name.startswith("securitySchemes/")}
    assert not unused


@EACH
def test_operation_ids_are_names_and_unique(profile: str) -> None:
    ids = [node["operationId"] for _, name, _, node in OPERATIONS if name == profile]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in ids)


@EACH
def test_the_security_schemes_are_known(profile: str) -> None:
    for requirement in APIS[profile]["security"]:
        assert set(requirement) <= set(APIS[profile]["components"]["securitySchemes"])


@NAMED
def test_an_operation_is_complete(profile: str, path: str, node: dict[str, Any]) -> None:
    operation = documents(profile).operations[node["operationId"]]
    assert node["summary"]
    assert set(re.findall(r"\{(\w+)\}", path)) == {p["name"] for p in operation.parameters if p["in"] == "path"}
    for parameter in operation.parameters:
        assert parameter["schema"], parameter["name"]
        assert parameter["in"] != "path" or parameter["required"] is True
    assert len({(p["in"], p["name"]) for p in operation.parameters}) == len(operation.parameters)
    statuses = set(operation.responses)
    assert any(status < 300 for status in statuses) or statuses & {410}
    if node.get("security") != []:
        assert 401 in statuses
    for status, response in operation.responses.items():
        assert response.media or status in (101, 204, 205, 304), f"{status} has no media type"


@NAMED
def test_integers_have_bounds(profile: str, path: str, node: dict[str, Any]) -> None:
    docs = documents(profile)
    for parameter in docs.operations[node["operationId"]].parameters:
        schema = docs.standalone(parameter["schema"])
        if schema.get("type") == "integer":
            assert {"minimum", "maximum"} <= set(schema), parameter["name"]


# Of a profile that extends another those that it changes.
BASES = {name: APIS.get(spec.chain(name)[-1], {}) if len(spec.chain(name)) > 1 else {} for name in PROFILES}
SCHEMAS = [
    (profile, name)
    for profile, api in APIS.items()
    for name, schema in sorted(api["components"]["schemas"].items())
    if schema != BASES[profile].get("components", {}).get("schemas", {}).get(name)
]


@pytest.mark.parametrize(("profile", "name"), SCHEMAS)
@pytest.mark.parametrize("strict", [False, True], ids=["open", "strict"])
def test_every_schema_stands_alone(profile: str, name: str, strict: bool) -> None:
    schema = documents(profile).schema(name, strict=strict)
    jsonschema.Draft202012Validator.check_schema(schema)
    for at, node in nodes(schema):
        if isinstance(node.get("$ref"), str):
            assert node["$ref"].removeprefix("#/$defs/") in schema["$defs"], at


@EACH
def test_every_requirement_of_the_documents_is_in_the_registry_and_the_other_way_round(profile: str) -> None:
    registered = {name for name in spec.load(profile).requirements if name.startswith("SCHEMA-")}
    assert registered == set(requirement_ids(spec.load(profile)))


def test_files_beside_the_document_may_only_add() -> None:
    into: dict[str, Any] = {"/a": {}}
    with pytest.raises(ValueError, match=r"x\.yaml: path /a is declared twice"):
        spec._merge(into, {"/a": {}}, "x.yaml: path")


def test_an_unknown_schema_is_named() -> None:
    with pytest.raises(KeyError, match="no schema Chatt in the documents of experimental-2026-05"):
        documents(PROFILE).schema("Chatt")
