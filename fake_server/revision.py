"""How the server of one revision behaves: its profile, and the table of switches and values in revisions/<profile>.yaml.

A behaviour is on unless the table of the revision, or of one that it extends, says `off`; `on` takes that back. `values` are
numbers and texts that differ between revisions. Both speak of the right server: faults come on top.
"""

from __future__ import annotations

from functools import cache, cached_property
from importlib import resources
from typing import Any

import yaml

import spec
from spec.documents import documents


class Revision:
    """One revision of the server. `off`: the behaviours that it does not have; `operations`: what it serves."""

    def __init__(self, name: str) -> None:
        self.name, self.profile = name, spec.load(name)
        off: set[str] = set()
        self._values: dict[str, Any] = {}
        self._tables: dict[str, Any] = {}
        for each in reversed(spec.chain(name)):
            own = table(each)
            off = (off | set(own.get("off", ()))) - set(own.get("on", ()))
            self._values |= own.get("values", {})
            self._tables |= own.get("tables", {})
        self.off = frozenset(off)
        self.operations = frozenset(documents(name).operations)
        self.errors = self.profile.errors

    @cached_property
    def error_rules(self) -> dict[str, Any]:
        """How failed model calls are classified: the profile's table, or what the revision's own table has instead."""
        rules: dict[str, Any] = self._tables.get("error_classes") or self.profile.table("error_classes")
        return rules

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
    return (yaml.safe_load(file.read_text(encoding="utf-8")) or {}) if file.is_file() else {}


@cache
def revision(profile: str) -> Revision:
    """The revision of that profile. Raises spec.UnknownProfile."""
    return Revision(profile)
