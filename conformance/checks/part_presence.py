"""Judges the keys of message parts by the table part_presence.yaml: per kind of part and place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conformance.wire.exchange import ABSENT, Finding

Object = dict[str, Any]


@dataclass(slots=True)
class _Kind:
    """One kind of part: keys with another than the empty value, and the row per place."""

    values: frozenset[str]
    places: dict[str, Object] = field(default_factory=dict)


@dataclass(slots=True)
class Presence:
    """What the presence tables said of one exchange: the requirements that they judged it by, and what is wrong."""

    ids: dict[str, None] = field(default_factory=dict)
    wrong: list[Finding] = field(default_factory=list)


class Parts:
    """The table of the parts."""

    def __init__(self, table: Object) -> None:
        self.common: dict[str, Any] = {**table["common"]["keys"], **table["common_ids"]["keys"]}
        self.common_ids = frozenset(table["common_ids"]["keys"])
        self.optional_keys = frozenset(table["optional_keys"])
        self.any_json = frozenset(table["left_out_when_empty"]["but"])
        self.internal = frozenset(table["internal"]["keys"])
        self.delta: dict[str, Object] = table["delta"]
        self.id = {
            name: table[name]["id"]
            for name in ("common", "common_ids", "left_out_when_empty", "known_kinds", "foreign", "internal")
        }
        self.kinds = {
            name: _Kind(frozenset(row["values"]), {k: v for k, v in row.items() if k != "values"})
            for name, row in table["kinds"].items()
        }
        rows = [place for kind in self.kinds.values() for place in kind.places.values()]
        self.ids = {*self.id.values(), *(row["id"] for row in rows if "id" in row)}
        self._good: dict[tuple[Any, ...], dict[str, None]] = {}

    def judge(self, part: Object, at: str, place: str, judged: Presence, exchange: str) -> None:
        """Judge one part that stands at this pointer and place (live or stored). Remembers the shapes that are right."""
        # all that the table can tell parts apart by: type, keys, what each value is if it may be empty
        shape = (place, str(part.get("type")), *part, *[(key, repr(value)) for key, value in part.items() if not value])
        ids = self._good.get(shape)
        if ids is None:
            found = Presence()
            self._judge(part, at, place, found, exchange)
            ids = found.ids
            judged.wrong += found.wrong
            if not found.wrong:
                self._good[shape] = ids
        judged.ids.update(ids)

    def _judge(self, part: Object, at: str, place: str, judged: Presence, exchange: str) -> None:
        def wrong(requirement: str, message: str, key: str, expected: Any, actual: Any) -> None:
            judged.wrong.append(Finding(requirement, message, f"{at}/{key}", expected, short(actual), exchange))

        judged.ids.update(dict.fromkeys(self.id.values()))
        for key in self.common.keys() - part.keys():
            name = self.id["common_ids" if key in self.common_ids else "common"]
            wrong(name, f"the key {key} is missing", key, key, ABSENT)
        for key in self.internal & part.keys():
            wrong(self.id["internal"], f"the key {key} is for the server only", key, ABSENT, part[key])
        for key in (self.optional_keys & part.keys()) - self.any_json:
            if is_empty(part[key]):
                wrong(
                    self.id["left_out_when_empty"],
                    f"{key} is empty, and so must be left out",
                    key,
                    ABSENT,
                    part[key],
                )
        name = part.get("type")
        kind = self.kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            wrong(self.id["known_kinds"], "the part is of no known kind", "type", sorted(self.kinds), name)
            return
        if place == "live" and self._is_delta(str(name), part):
            place = "delta"
        row = kind.places.get(place)
        if row is None:
            wrong(self.id["foreign"], f"a part of the kind {name} does not stand here", "type", ABSENT, name)
            return
        always, optional, never = (row.get(word, ()) for word in ("always", "optional", "never"))
        if "id" in row:
            judged.ids[row["id"]] = None
            for key in always:
                if key not in part:
                    wrong(row["id"], f"the key {key} is missing", key, key, ABSENT)
            for key in never:
                if key in part:
                    wrong(row["id"], f"the key {key} must not be here", key, ABSENT, part[key])
        for key in self.optional_keys & part.keys():
            if key not in always and key not in optional and key not in never:
                wrong(self.id["foreign"], f"{key} does not belong to a part of the kind {name}", key, ABSENT, part[key])
        for key, empty in self.common.items():
            if key != "type" and key not in kind.values and part.get(key, empty) != empty:
                wrong(self.id["foreign"], f"{key} means nothing for a part of the kind {name}", key, empty, part[key])

    def _is_delta(self, name: str, part: Object) -> bool:
        told = self.delta.get(name)
        if told is None:
            return False
        return any(key in part for key in told["any"]) or not any(key in part for key in told["none"])


def is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {}) or (value == 0 and value is not True)


def short(value: Any) -> Any:
    if not isinstance(value, (dict, list)) or len(str(value)) < 200:
        return value
    return "an object" if isinstance(value, dict) else "an array"
