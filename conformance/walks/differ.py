"""Is what the target shows what the reference shows? The rules of replay, with what walks leave out by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import spec
from conformance.recordings.replay.binding import Bindings
from conformance.recordings.replay.compare import MISSING, Comparer, Difference, Path, Rules
from conformance.wire.exchange import ABSENT, Exchange
from conformance.wire.pointers import pointer

# What is compared, and the requirement that says so where no other row does.
AREAS = {
    "answer": "DIFF-001", "words": "DIFF-002", "chat": "DIFF-003", "history": "DIFF-004", "queue": "DIFF-005", "list": "DIFF-006",
    "page": "DIFF-007", "stream": "DIFF-008", "snapshot": "DIFF-009", "watch": "DIFF-010", "model": "DIFF-011",
    "usage": "DIFF-012", "others": "DIFF-013",
}  # fmt: skip
_FREE = frozenset({"args", "result", "labels", "output"})  # objects of the user or the model: every key of theirs counts
_OF_THE_API = frozenset({"body", "messages", "errors", "actions", "queued_messages"})  # keys of a view's value
_PLAIN = (bool, float)
_WORDS = re.compile(r"/body/message|/body/validations/\d+/detail")
_UNORDERED = frozenset({"validations", "users", "groups", "by_chat", "by_model"})


@dataclass(frozen=True, slots=True)
class Left:
    """A row of tables/walks.yaml: differences in this area (any when empty) at this pointer, where the reference shows what
    `expected` matches, are an accident of some servers."""

    name: str
    why: str
    area: str = ""
    pointer: re.Pattern[str] = re.compile("")
    expected: re.Pattern[str] | None = None

    def covers(self, area: str, where: str, expected: Any) -> bool:
        if self.area not in ("", area) or self.pointer.search(where) is None:
            return False
        return self.expected is None or self.expected.search(str(expected)) is not None


def left_out(profile: spec.Profile) -> tuple[Left, ...]:
    """The rules of this profile; none where it has no such table."""
    rows = profile.table("walks")["left_out"] if "walks" in profile.tables else {}
    return tuple(
        Left(name, row["why"], row.get("area", ""), re.compile(row.get("pointer", "")), _pattern(row.get("expected")))
        for name, row in rows.items()
        if row
    )


def chances(profile: spec.Profile) -> frozenset[tuple[str, str]]:
    """After which acts turns go on by chance on real servers: (verb, run) as in steps.ChatState."""
    rows = (profile.table("walks").get("chance") or {}) if "walks" in profile.tables else {}
    return frozenset((row["verb"], row["run"]) for row in rows.values() if row)


def passed_over(profile: spec.Profile) -> frozenset[str]:
    """The names of what is not looked at, however it shows."""
    return frozenset((profile.table("walks").get("passed_over") or {}) if "walks" in profile.tables else ())


def _pattern(text: str | None) -> re.Pattern[str] | None:
    return None if text is None else re.compile(text)


@dataclass(frozen=True, slots=True)
class Found:
    """One place where the target is not as the reference: in which area, of what (a view or a step), where in it."""

    area: str
    what: str
    pointer: str
    expected: Any
    actual: Any
    exchange: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """What makes two findings the same: the area, and where, without the numbers of places."""
        return self.area, re.sub(r"\d+", "#", self.pointer)


def known_only(value: Any, known: frozenset[str], free: bool = False) -> Any:
    """The value without the keys that the contract does not know: a server may show more."""
    if isinstance(value, list):
        return [known_only(item, known, free) for item in value]
    if not isinstance(value, dict):
        return value
    every = free or known.isdisjoint(value)
    return {k: known_only(v, known, free or k in _FREE) for k, v in value.items() if every or k in known}


class Strict(Comparer):
    """What replay lets pass counts here but for what a rule leaves out: the same scripts give the same titles and summaries."""

    def __init__(self, bindings: Bindings, rules: Rules, area: str, left: Iterable[Left]) -> None:
        super().__init__(bindings, rules)
        self._area, self._left = area, [row for row in left if row.area in ("", area)]

    def _value(self, expected: Any, actual: Any, path: Path, parent: Any = None) -> None:
        if expected is actual or (type(expected) in _PLAIN and type(expected) is type(actual) and expected == actual):
            return  # nothing in it can be an id
        super()._value(expected, actual, path, parent)

    def _is_generated(self, path: Path, parent: Any) -> bool:
        where = pointer(*path) if self._left and path and isinstance(path[-1], str) else ""
        return bool(where) and any(row.expected is None and row.covers(self._area, where, None) for row in self._left)


@dataclass(slots=True)
class Differ:
    """Compares what the two sides of one walk show, binding the ids of the target to those of the reference."""

    known: frozenset[str]
    left: tuple[Left, ...]
    turning: frozenset[str]
    bindings: Bindings = field(default_factory=Bindings)
    compared: dict[str, int] = field(default_factory=lambda: dict.fromkeys(AREAS, 0))
    excused: dict[str, int] = field(default_factory=dict)

    def differences(
        self, area: str, what: str, expected: Any, actual: Any, *, post: bool = False, racy: tuple[Path, ...] = ()
    ) -> list[Found]:
        """What differs, but for `racy` paths; ids are bound only where nothing does. `post`: it answers a POST."""
        rules = Rules(racy=racy, unordered=_UNORDERED, post=post, turning=self.turning)
        pruned, came = self._counts(expected), self._counts(actual)
        with self.bindings.trial() as keep:
            found = Strict(self.bindings, rules, area, self.left).compare(pruned, came)
            hard = [d for d in found if not d.soft and not self._is_left(area, d)]
            if not hard:
                keep.append(True)
        self.compared[area] += not hard
        return [Found(_area(area, d), what, d.pointer, _plain(d.expected), _plain(d.actual)) for d in hard]

    def _counts(self, value: Any) -> Any:
        """A view's value with only what the contract knows in its objects of the API."""
        if not isinstance(value, dict):
            return value
        return {k: known_only(v, self.known) if k in _OF_THE_API else v for k, v in value.items()}

    def _is_left(self, area: str, difference: Difference) -> bool:
        row = next((row for row in self.left if row.covers(area, difference.pointer, difference.expected)), None)
        if row is not None:
            self.excused[row.name] = self.excused.get(row.name, 0) + 1
        return row is not None


def _area(area: str, difference: Difference) -> str:
    return "words" if area == "answer" and _WORDS.fullmatch(difference.pointer) else area


def _plain(value: Any) -> Any:
    return "nothing" if value is MISSING else value


def shown(answer: Exchange) -> dict[str, Any]:
    """What counts of an answer: status, media type, and its body."""
    response = answer.response
    body = response.body if response.body is not ABSENT else (response.content or b"").decode("utf-8", "replace")
    return {"status": response.status, "media_type": response.media_type if response.content else "", "body": body}
