"""How the server of one revision behaves: its profile, and the table of switches and values in revisions/<profile>.yaml.

A behaviour is on unless the table of the revision, or of one that it extends, says that it `lacks` it; `regains` takes that
back. `without` names the keys that an object, or the fields that a request, does not have; `values` are numbers and texts that
differ. All speak of the right server: faults come on top.
"""

from __future__ import annotations

from functools import cache, cached_property
from importlib import resources
from typing import Any

import spec
from fake_server.rules.decode import Struct
from spec.documents import documents
from spec.moving import moved, second_places
from spec.parsed import parsed


class Revision:
    """One revision of the server. `off`: the behaviours that it does not have; `paths`: where it serves which operation."""

    def __init__(self, name: str) -> None:
        self.name, self.profile = name, spec.load(name)
        off: set[str] = set()
        self._values: dict[str, Any] = {}
        self._tables: dict[str, Any] = {}
        without: dict[str, list[str]] = {}
        for each in reversed(spec.chain(name)):
            own = table(each)
            off = (off | set(own.get("lacks", ()))) - set(own.get("regains", ()))
            self._values |= own.get("values", {})
            self._tables |= own.get("tables", {})
            without |= own.get("without", {})
        self.off = frozenset(off)
        self._without = {name: frozenset(keys) for name, keys in without.items()}
        self._narrowed: dict[str, Struct] = {}
        self.paths = {name: operation.path for name, operation in documents(name).operations.items()}
        self.errors = self.profile.errors

    @cached_property
    def error_rules(self) -> dict[str, Any]:
        """How failed model calls are classified: the profile's table, or what the revision's own table has instead."""
        rules: dict[str, Any] = self._tables.get("error_classes") or self.profile.table("error_classes")
        return rules

    def places(self, path: str) -> tuple[str, ...]:
        """Where this revision serves what was first served at this path: the place of its own, and then second ones."""
        for moves in self.profile.moves:
            path = moved(path, moves)
        return (path, *second_places(path, self.profile.traits.get("beside", {})))

    def shown(self, kind: str, view: dict[str, Any]) -> dict[str, Any]:
        """An object of that kind (chat, part …) without the keys that it does not have in this revision."""
        gone = self._without.get(kind)
        return view if gone is None else {key: value for key, value in view.items() if key not in gone}

    def narrowed(self, shape: Struct) -> Struct:
        """The shape of a request without the fields that this revision does not read."""
        gone = self._without.get(shape.short)
        if gone is None:
            return shape
        if shape.short not in self._narrowed:
            fields = {name: kind for name, kind in shape.fields.items() if name not in gone}
            self._narrowed[shape.short] = Struct(shape.short, fields)
        return self._narrowed[shape.short]

    def value(self, name: str) -> Any:
        """The value of that name. Raises KeyError for one that no table has."""
        return self._values[name]

    def refuses(self, key: str) -> bool:
        """Has this revision that refusal at all?"""
        return key in self.errors and key not in self.off


@cache
def table(profile: str) -> dict[str, Any]:
    """What revisions/<profile>.yaml says; empty when there is no such file."""
    file = resources.files("fake_server").joinpath("revisions", f"{profile}.yaml")
    return (parsed(file) or {}) if file.is_file() else {}


@cache
def revision(profile: str) -> Revision:
    """The revision of that profile. Raises spec.UnknownProfile."""
    return Revision(profile)
