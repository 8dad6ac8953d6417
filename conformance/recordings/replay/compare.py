"""Is this the same answer? The rules of the recordings' own page, applied field by field."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import Any

from conformance.recordings.replay.binding import _ATOM, UUID, Bindings
from conformance.wire.pointers import pointer

Path = tuple[str | int, ...]


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Any = _Missing()

# The server makes these up: they only need to be there.
GENERATED = frozenset({
    "last_turn_summary", "has_unread", "updated_at", "retrying_at", "resets_at", "period_start", "period_end",
    "total_runtime_ms", "last_seen_at",
})  # fmt: skip
_NUMBERED = re.compile(r"(?:^|_)message_id$")


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the answers differ. `soft`: the rules let it pass; it is only shown on request."""

    pointer: str
    expected: Any
    actual: Any
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What a scenario and a row say about their values.

    `racy` are paths of the answer that depend on timing, `ignored` keys that only need to be there, `unordered` keys
    of arrays whose order is free, `post`: it is the answer to a POST, whose chats may already be running or done. `turning`:
    the statuses that a chat may have then.
    """

    racy: tuple[Path, ...] = ()
    ignored: frozenset[str] = frozenset()
    unordered: frozenset[str] = frozenset()
    post: bool = False
    turning: frozenset[str] = frozenset()


def racy_paths(paths: tuple[str, ...]) -> tuple[Path, ...]:
    """`children[*].status` → ("children", "*", "status")."""
    return tuple(tuple(re.findall(r"[^.\[\]]+", path)) for path in paths)


def number_kind(path: Path) -> str:
    """Which sequence an integer at this path counts in: "message", "queue", or "" for a plain number."""
    key = path[-1] if path else ""
    if key == "id":
        return "queue" if any(step in ("queued_message", "queued_messages") for step in path) else "message"
    if len(path) > 1 and path[-2] == "deleted_message_ids":
        return "message"
    if key == "history_version":
        return "version"
    return "message" if isinstance(key, str) and _NUMBERED.search(key) else ""


class Comparer:
    """Compares one recorded value with one that came, binding ids on the way."""

    def __init__(self, bindings: Bindings, rules: Rules = Rules()) -> None:
        self.bindings, self.rules = bindings, rules
        self.found: list[Difference] = []

    def compare(self, expected: Any, actual: Any) -> list[Difference]:
        """The differences; empty when it is the same answer."""
        self.found = []
        self._value(expected, actual, ())
        return self.found

    def _differ(self, path: Path, expected: Any, actual: Any, soft: bool = False) -> None:
        self.found.append(Difference(pointer(*path), expected, actual, soft))

    def _is_racy(self, path: Path) -> bool:
        return any(
            len(path) >= len(racy) and all(r == p or (r == "*" and isinstance(p, int)) for r, p in zip(racy, path, strict=False))
            for racy in self.rules.racy
        )

    def _is_generated(self, path: Path, parent: Any) -> bool:
        key = path[-1] if path else ""
        if key in GENERATED or key in self.rules.ignored:
            return True
        # A chat's title, and that of a proposal, comes from the LLM; a source's title is scripted.
        return key == "title" and isinstance(parent, dict) and ("owner_id" in parent or len(parent) == 1)

    def _value(self, expected: Any, actual: Any, path: Path, parent: Any = None) -> None:
        if self._is_racy(path):
            self.bind(expected, actual, path)
            return
        key = path[-1] if path else ""
        free = self._is_generated(path, parent) or (key == "detail" and "validations" not in path)
        if free:
            if expected != actual and not _both_times(expected, actual):
                self._differ(path, expected, actual, soft=True)
            return
        if self.rules.post and key == "status" and expected in self.rules.turning and actual in self.rules.turning:
            return
        if isinstance(expected, dict) and isinstance(actual, dict):
            self._object(expected, actual, path)
        elif isinstance(expected, list) and isinstance(actual, list):
            self._array(expected, actual, path)
        elif not self._scalar(expected, actual, path):
            self._differ(path, expected, actual)

    def _scalar(self, expected: Any, actual: Any, path: Path) -> bool:
        if isinstance(expected, str) and isinstance(actual, str):
            return self.bindings.same_text(expected, actual)
        if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
            return expected is actual
        if isinstance(expected, int) and isinstance(actual, int):
            return self.bindings.same_number(number_kind(path), expected, actual)
        if isinstance(expected, int | float) and isinstance(actual, int | float):
            return expected == actual
        return False

    def _object(self, expected: dict[str, Any], actual: dict[str, Any], path: Path) -> None:
        theirs = self._paired_keys(expected, actual)
        for key, value in expected.items():
            if theirs.get(key) is not None:
                self._value(value, actual[theirs[key]], (*path, key), expected)
            elif not self._is_racy((*path, key)):
                self._differ((*path, key), value, MISSING)
        for key in actual.keys() - set(theirs.values()):
            if not self._is_racy((*path, key)):
                self._differ((*path, key), MISSING, actual[key])

    def _paired_keys(self, expected: dict[str, Any], actual: dict[str, Any]) -> dict[str, str]:
        """Recorded key → key here. Keys may be ids (an answer by workspace, say)."""
        pairs = {key: key for key in expected if key in actual}
        for key in expected.keys() - pairs.keys():
            if _ATOM.search(key):
                for other in sorted(actual.keys() - set(pairs.values())):
                    with self.bindings.trial() as keep:
                        if self.bindings.same_text(key, other):
                            keep.append(True)
                            pairs[key] = other
                            break
        return pairs

    def _array(self, expected: list[Any], actual: list[Any], path: Path) -> None:
        if (path and path[-1] in self.rules.unordered) or _both_by_id(expected, actual):
            actual = self._reordered(expected, actual)
        if len(expected) != len(actual):
            self._differ(path, f"{len(expected)} items", f"{len(actual)} items: {_short(actual)}")
            self.bind(expected, actual, path)
            return
        for index, (e, a) in enumerate(zip(expected, actual, strict=True)):
            self._value(e, a, (*path, index), expected)

    def _reordered(self, expected: list[Any], actual: list[Any]) -> list[Any]:
        left, found = list(actual), []
        for item in expected:
            for candidate in left:
                with self.bindings.trial() as keep:
                    if not any(not d.soft for d in Comparer(self.bindings, self.rules).compare(item, candidate)):
                        keep.append(True)
                if keep:
                    break
            else:
                continue
            left.remove(candidate)
            found.append(candidate)
        return found + left

    def bind(self, expected: Any, actual: Any, path: Path = ()) -> None:
        """Bind the ids of two values that need not be equal, as far as they have the same shape."""
        if isinstance(expected, dict) and isinstance(actual, dict):
            for key in expected.keys() & actual.keys():
                self.bind(expected[key], actual[key], (*path, key))
        elif isinstance(expected, list) and isinstance(actual, list):
            for e, a in _aligned(expected, actual):
                self.bind(e, a, (*path, 0))
        else:
            self._scalar(expected, actual, path)


def renamed(value: Any, names: dict[str, str], key: str = "") -> Any:
    """The expected value with the recorded users' names as they are here, where a name stands."""
    if isinstance(value, dict):
        return {k: renamed(v, names, k) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(v, names, key) for v in value]
    if key in ("username", "owner_username", "name", "owner_name") and isinstance(value, str):
        return names.get(value, value)
    return value


def _both_times(expected: Any, actual: Any) -> bool:
    return isinstance(expected, str) and isinstance(actual, str) and _ATOM.sub("", expected) == _ATOM.sub("", actual) == ""


def signature(value: Any) -> str:
    """The value without its ids, times and generated fields: equal for two records that play the same part."""

    def masked(item: Any, key: str) -> Any:
        if isinstance(item, str):
            return _ATOM.sub("*", item)
        if isinstance(item, dict):
            return {k: masked(v, k) for k, v in sorted(item.items()) if k not in GENERATED and k != "title"}
        if isinstance(item, list):
            return [masked(v, "") for v in item]
        return "*" if key == "id" else item

    return json.dumps(masked(value, ""), sort_keys=True)


def _both_by_id(expected: list[Any], actual: list[Any]) -> bool:
    """Are both lists in the order of some UUID of their items? Ids that are made anew give another order."""
    if len(expected) < 2 or not all(isinstance(item, dict) for item in (*expected, *actual)):
        return False
    keys = [key for key, value in expected[0].items() if isinstance(value, str) and UUID.fullmatch(value)]

    def sorted_by(items: list[Any], key: str) -> bool:
        ids = [str(item.get(key)) for item in items]
        return ids == sorted(set(ids))

    return any(sorted_by(expected, key) and sorted_by(actual, key) for key in keys)


def _aligned(expected: list[Any], actual: list[Any]) -> list[tuple[Any, Any]]:
    if len(expected) == len(actual):
        return list(zip(expected, actual, strict=True))
    ours, theirs = [signature(e) for e in expected], [signature(a) for a in actual]
    pairs = []
    for block in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks():
        pairs += [(expected[block.a + n], actual[block.b + n]) for n in range(block.size)]
    return pairs


def _short(value: Any, limit: int = 160) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown(value: Any) -> str:
    """A value for one line of a report."""
    return "nothing" if value is MISSING else _short(json.dumps(value, ensure_ascii=False, default=repr))
