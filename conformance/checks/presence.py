"""Judges which keys the objects of the API have, by the presence tables of a profile.

The tables say where objects stand in an answer or event, which keys they have there and which requirement that is;
nothing about one object or profile is written here. Places of parts: `delta`, `live`, `stored`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from conformance.checks.part_presence import Parts, Presence, is_empty, short
from conformance.wire.exchange import ABSENT, Exchange, Finding, SocketLog
from conformance.wire.framing import heard
from spec import Profile
from spec.documents import documents
from spec.feeds import LINES, feeds

Judged = tuple[str, Finding | None]
Object = dict[str, Any]
Shape = tuple[Any, ...] | None
PART = "part"
_MOST_SHAPES = 1000  # a right server sends some dozens


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of presence.yaml; see there."""

    id: str
    at: frozenset[str] = frozenset()
    holds: tuple[tuple[str, Any, bool], ...] = ()  # key, value(s) or present/absent, wanted or not
    always: frozenset[str] = frozenset()
    set: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    constant: tuple[tuple[str, Any], ...] = ()
    one_of: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    exactly_one: tuple[str, ...] = ()

    def stands(self, place: str) -> bool:
        """Does the rule speak of objects at this place?"""
        return not self.at or place in self.at

    def applies(self, value: Object) -> bool:
        """Does the rule speak of this object, at a place that it speaks of?"""
        return not self.holds or all(_holds(value, key, wanted) is expected for key, wanted, expected in self.holds)

    def broken(self, value: Object) -> Iterator[tuple[str, str, Any, Any]]:
        """What is wrong: message, key, expected, actual."""
        for key in (self.always | self.set) - value.keys():
            yield f"the key {key} is missing", key, key, ABSENT
        for key in self.set & value.keys():
            if value[key] is None:
                yield f"{key} must not be null", key, ABSENT, None
        for key in self.never & value.keys():
            yield f"the key {key} must not be here", key, ABSENT, short(value[key])
        for key in self.optional & value.keys():
            if is_empty(value[key]):
                yield f"{key} is empty, and so must be left out", key, ABSENT, value[key]
        for key, wanted in self.constant:
            if value.get(key, ABSENT) != wanted:
                yield f"{key} has another value here", key, wanted, short(value.get(key, ABSENT))
        for key, allowed in self.one_of:
            if key in value and value[key] not in allowed:
                yield f"the value of {key} is none of those allowed", key, list(allowed), short(value[key])
        if self.exactly_one and sum(key in value for key in self.exactly_one) != 1:
            names = " and ".join(self.exactly_one)
            there = [key for key in self.exactly_one if key in value]
            yield f"exactly one of {names} must be here", "", list(self.exactly_one), there


class Table:
    """The rules of one kind of object at one place. Remembers by shape which of them speak of an object, and which it breaks."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        asked = {key for rule in rules for key, wanted, _ in rule.holds if wanted not in ("present", "absent")}
        asked |= {key for rule in rules for key, _ in (*rule.constant, *rule.one_of)}
        self._asked = tuple(asked)
        self._blank = tuple({key for rule in rules for key in rule.set | rule.optional})
        self._known: dict[Shape, tuple[dict[str, None], list[Rule]]] = {}

    def shape(self, value: Object) -> Shape:
        """All that the rules can tell objects apart by: keys, which of them are null or empty, the values asked for."""
        get = value.get
        blank = [(key, value[key] is None) for key in self._blank if key in value and not value[key]]
        asked = [(type(v),) if (v := get(key, ABSENT)) in ([], {}) else v for key in self._asked]
        return tuple(value), tuple(blank), tuple(asked)

    def judge(self, value: Object) -> tuple[dict[str, None], list[tuple[str, str, str, Any, Any]]]:
        """The requirements that speak of this object; what is wrong: requirement, message, key, expected, actual."""
        shape = self.shape(value)
        try:
            known = self._known.get(shape)
        except TypeError:  # a value that can't be remembered
            shape = known = None
        if known is None:
            rules = [rule for rule in self.rules if rule.applies(value)]
            known = dict.fromkeys(rule.id for rule in rules), [rule for rule in rules if any(rule.broken(value))]
            if shape is not None and len(self._known) < _MOST_SHAPES:
                self._known[shape] = known
        ids, broken = known
        return ids, [(rule.id, *found) for rule in broken for found in rule.broken(value)]


@dataclass(frozen=True, slots=True)
class _Site:
    """Where objects stand: steps from the body (None: every element), the object's name and place."""

    steps: tuple[str | None, ...]
    name: str
    place: str


class PresenceJudge:
    """Judges by the presence tables of one profile. Raises FileNotFoundError when the profile has none."""

    def __init__(self, profile: Profile) -> None:
        table = profile.table("presence")
        self._documents, self._feeds = documents(profile.name, profile.folder), feeds(profile)
        self._rules = {name: [_rule(row) for row in rows] for name, rows in table["objects"].items()}
        self._answers = {key: _sites(value) for key, value in table["answers"].items()}
        self._events = {key: _sites(value) for key, value in table["events"].items()}
        self._inside = {key: _sites(value) for key, value in table["inside"].items()}
        self._refusals = _sites(table["refusals"])
        self._parts = Parts(profile.table("part_presence")) if "part_presence" in profile.tables else None
        self._placed: dict[tuple[str, str], Table] = {}

    def __call__(self, said: Exchange | SocketLog) -> Iterator[Judged]:
        """Every requirement that this was judged by: with each finding, or once with None."""
        match = self._documents.match(said.request.method, said.request.path)
        if match is None:
            return
        operation = match.operation.id
        judged = Presence()
        if isinstance(said, SocketLog):
            if said.handshake.status >= 400:
                self._walk(said.handshake.body, self._refusals, "", "", judged, said.id)
            self._told(operation, said, judged)
        elif said.response.status >= 400:
            self._walk(said.response.body, self._refusals, "", "", judged, said.id)
        else:
            sites = self._answers.get(f"{operation} {said.response.status}", ())
            self._walk(said.response.body, sites, "", "", judged, said.id)
            self._told(operation, said, judged)
        for finding in judged.wrong:
            judged.ids.pop(finding.requirement, None)
            yield finding.requirement, finding
        yield from judged.ids.items()

    def findings(self, said: Exchange | SocketLog) -> list[Finding]:
        """Only what is wrong."""
        return [finding for _, finding in self(said) if finding is not None]

    def requirement_ids(self) -> set[str]:
        """Every requirement that the tables name."""
        return {rule.id for rules in self._rules.values() for rule in rules} | (self._parts.ids if self._parts else set())

    def _told(self, operation: str, said: Exchange | SocketLog, judged: Presence) -> None:
        feed = self._feeds.get(operation)
        if feed is None or (isinstance(said, Exchange) and feed.framing != LINES):
            return
        for event in heard(said, feed).events:
            sites = self._events.get(f"{operation} {event.type}") or self._events.get(f"{operation} *", ())
            self._walk(event.value, sites, event.pointer, "", judged, said.id)

    def _walk(
        self,
        value: Any,
        sites: tuple[_Site, ...],
        where: str,
        place: str,
        judged: Presence,
        exchange: str,
    ) -> None:
        for site in sites:
            here = place + site.place if site.place.startswith("-") else site.place
            for found, at in _reach(value, site.steps, where):
                if site.name == PART and self._parts is not None:
                    self._parts.judge(found, at, here, judged, exchange)
                    continue
                ids, wrong = self._table(site.name, here).judge(found)
                judged.ids.update(ids)
                for requirement, message, key, expected, actual in wrong:
                    at_key = f"{at}/{key}" if key else at
                    judged.wrong.append(Finding(requirement, message, at_key, expected, actual, exchange))
                if inside := self._inside.get(site.name):
                    self._walk(found, inside, at, here, judged, exchange)

    def _table(self, name: str, place: str) -> Table:
        """The rules that speak of objects of this name at this place."""
        table = self._placed.get((name, place))
        if table is None:
            table = Table([rule for rule in self._rules.get(name, ()) if rule.stands(place)])
            self._placed[name, place] = table
        return table


def _holds(value: Object, key: str, wanted: Any) -> bool:
    if wanted in ("present", "absent"):
        return (key in value) is (wanted == "present")
    return value.get(key) in wanted if isinstance(wanted, list) else bool(value.get(key) == wanted)


def _rule(row: Object) -> Rule:
    holds = [(key, wanted, True) for key, wanted in row.get("if", {}).items()]
    holds += [(key, wanted, False) for key, wanted in row.get("unless", {}).items()]
    words = {word: frozenset(row.get(word, ())) for word in ("at", "always", "set", "never", "optional")}
    return Rule(
        id=row["id"],
        holds=tuple(holds),
        constant=tuple(row.get("constant", {}).items()),
        one_of=tuple((key, tuple(values)) for key, values in row.get("one_of", {}).items()),
        exactly_one=tuple(row.get("exactly_one", ())),
        **words,
    )


def _sites(rows: dict[str, str]) -> tuple[_Site, ...]:
    sites = []
    for path, target in rows.items():
        name, _, place = target.partition(" ")
        steps = tuple(None if step == "*" else step for step in path.split("/")[1:])
        sites.append(_Site(steps, name, place))
    return tuple(sites)


def _reach(value: Any, steps: tuple[str | None, ...], where: str) -> list[tuple[Object, str]]:
    """Every object at the end of these steps, with its pointer; what is not there or no object is left to the schemas."""
    reached = [(value, where)]
    for step in steps:
        if step is None:
            lists = [(v, at) for v, at in reached if isinstance(v, list)]
            reached = [(item, f"{at}/{number}") for items, at in lists for number, item in enumerate(items)]
        else:
            reached = [(v[step], f"{at}/{step}") for v, at in reached if isinstance(v, dict) and step in v]
    return [(v, at) for v, at in reached if isinstance(v, dict)]


@cache
def _judge(profile: Profile) -> PresenceJudge:
    return PresenceJudge(profile)


def judge(profile: Profile, said: Exchange | SocketLog) -> list[Finding]:
    """What is wrong with the keys of the objects in this exchange or socket."""
    return _judge(profile).findings(said)
