"""What a profile shares with another that it does not extend: paths of its documents and refusals, by name.

`shares` of profile.yaml: `from` the other profile, `paths` of its OpenAPI document, `refusals` by key, or by `prefix.*`. What
they refer to comes with them, but for components that the profile has by the same name: those are its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

_OWN_KEYS = {"from", "paths", "refusals"}


def shared_paths(own: dict[str, Any], other: dict[str, Any], names: list[str], where: str) -> dict[str, Any]:
    """The document `own` with these paths of `other`. Raises ValueError for one that it has, or that the other has not."""
    paths, components = dict(own.get("paths", {})), {k: dict(v) for k, v in own.get("components", {}).items()}
    for name in names:
        if name in paths or name not in other["paths"]:
            raise ValueError(f"{where}: path {name} is {'its own' if name in paths else 'not there'}")
        paths[name] = other["paths"][name]
    pending = [ref for name in names for ref in _references(paths[name])]
    while pending:
        kind, name = pending.pop()
        entries = components.setdefault(kind, {})
        if name not in entries:
            entries[name] = other["components"][kind][name]
            pending += _references(entries[name])
    return own | {"paths": paths, "components": components}


def shared_refusals(own: dict[str, Any], other: dict[str, Any], names: list[str], where: str) -> dict[str, Any]:
    """The rows `own` behind those of `other` that are named so. Raises ValueError for a name that fits none, or its own."""
    found: dict[str, Any] = {}
    for name in names:
        keys = named(other, [name])
        if not keys or own.keys() & set(keys):
            raise ValueError(f"{where}: refusal {name} {'is its own' if keys else 'is not there'}")
        found |= {key: other[key] for key in keys}
    return found | own


def named(rows: dict[str, Any], names: list[str]) -> list[str]:
    """The keys of these rows that one of the names, each a key or `prefix.*`, stands for."""
    return [key for key in rows if any(fnmatchcase(key, name) for name in names)]


def source(traits: dict[str, Any], where: str) -> tuple[str, list[str], list[str]]:
    """The other profile, paths and refusals of `shares`; "" for nothing. Raises ValueError for a key that means nothing."""
    said = traits.get("shares") or {}
    if unknown := said.keys() - _OWN_KEYS:
        raise ValueError(f"{where}: shares: {', '.join(sorted(unknown))}?")
    return str(said.get("from", "")), list(said.get("paths", ())), list(said.get("refusals", ()))


def _references(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if isinstance(ref := node.get("$ref"), str):
            _, _, place = ref.partition("#/components/")
            kind, _, name = place.partition("/")
            yield kind, name
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
