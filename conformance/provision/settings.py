"""The settings that hold for the whole server: what they were before a run, and putting back what a killed run has left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.provision.admin import Admin, ProvisionFailed
from spec.documents import Operation

_OF_ONE_USER = "user-"  # how the names of settings begin that are the caller's own


def operations(admin: Admin) -> Iterator[tuple[Operation, Operation, dict[str, str]]]:
    """(the GET, the PUT, the values of its place) of each setting that the documents know."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in admin.documents.operations.values():
        by_path.setdefault(operation.path, {})[operation.method] = operation
    for path, methods in by_path.items():
        if {"GET", "PUT"} <= methods.keys() and not path.rpartition("/config/")[2].startswith(_OF_ONE_USER):
            for places in _places(admin, methods["GET"]):
                yield methods["GET"], methods["PUT"], places


def _places(admin: Admin, operation: Operation) -> list[dict[str, str]]:
    """The values of the one place of a path, where the documents list them; nothing for paths of users and other things."""
    places = [parameter for parameter in operation.parameters if parameter.get("in") == "path"]
    if not places:
        return [{}]
    values = admin.documents.resolve(places[0].get("schema", {})).get("enum", [])
    return [{places[0]["name"]: value} for value in values] if len(places) == 1 else []


async def read(admin: Admin) -> dict[str, Any]:
    """Every setting that this server shows, by its path."""
    found = {}
    for get, _, places in operations(admin):
        answer = await admin.ask(get.id, **places)
        if answer.ok:
            found[get.url(**places)] = answer.body
    return found


async def put_back(admin: Admin, before: dict[str, Any]) -> list[str]:
    """Store again what is not as it was; gives what was so, a line each. Raises ProvisionFailed."""
    lines = []
    for get, put, places in operations(admin):
        path = get.url(**places)
        if path not in before:
            continue
        now = (await admin.ask(get.id, **places)).body
        sent = _taken(admin, put, before[path])
        if sent == _taken(admin, put, now):
            continue
        answer = await admin.ask(put.id, sent, **places)
        if not answer.ok:
            raise ProvisionFailed(f"the setting {path} was changed and can't be put back: {admin.refused(put.id, answer)}")
        lines.append(f"the setting {path} had been changed and was put back")
    return lines


def _taken(admin: Admin, put: Operation, shown: Any) -> Any:
    """What the PUT takes of what the GET shows."""
    schema = admin.documents.resolve(put.request.get("application/json", {}))
    names = schema.get("properties", {}) if isinstance(schema, dict) else {}
    return {name: shown[name] for name in names if name in shown} if isinstance(shown, dict) else shown
