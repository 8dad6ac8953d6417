"""Socket rows: between two `until` rows the same set of events must come; order counts as far as it is guaranteed."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Any

from conformance.recordings.replay.binding import Bindings
from conformance.recordings.replay.compare import MISSING, Comparer, Difference, Rules, signature
from conformance.wire.framing import values
from spec.feeds import Feed
from spec.tables import StreamOrder


@dataclass(frozen=True, slots=True)
class Until:
    """One `until` row: patterns (each with its `n`), and how long nothing may come after them, in ms."""

    patterns: tuple[dict[str, Any], ...]
    quiet_ms: float


@dataclass(slots=True)
class Segment:
    """The events between two `until` rows, and how long it took to gather them (recorded ones only), in ms."""

    events: list[Any] = field(default_factory=list)
    ms: float = 0.0


def covers(pattern: Any, event: Any) -> bool:
    """Is the pattern a part of the event?"""
    if isinstance(pattern, dict) and isinstance(event, dict):
        return all(key in event and covers(value, event[key]) for key, value in pattern.items())
    if isinstance(pattern, list) and isinstance(event, list):
        return len(pattern) <= len(event) and all(covers(p, e) for p, e in zip(pattern, event, strict=False))
    return bool(pattern == event)


def unmet(patterns: tuple[dict[str, Any], ...], events: list[Any]) -> list[dict[str, Any]]:
    """The patterns that not enough of the events fit."""
    left = []
    for pattern in patterns:
        form = {key: value for key, value in pattern.items() if key != "n"}
        if sum(covers(form, event) for event in events) < int(pattern.get("n", 1)):
            left.append(pattern)
    return left


def flat(frames: list[dict[str, Any]], feed: Feed | None) -> list[tuple[float, Any]]:
    """What stands in recorded frames as (t_ms, event or note)."""
    return [(float(item.get("t_ms", 0)), value) for item in frames for value in values(item["frame"], feed)]


def split(frames: list[dict[str, Any]], untils: list[Until], feed: Feed | None) -> list[Segment]:
    """The recorded events cut where the recording's `until` rows ended; the last segment is the rest.

    An `until` without patterns leaves no trace in the frames: it is no cut.
    """
    events, segments, position, start = flat(frames, feed), [], 0, 0.0
    for until in untils:
        if not until.patterns:
            continue
        end = position
        while end < len(events) and unmet(until.patterns, [e for _, e in events[position:end]]):
            end += 1
        while 0 < end < len(events) and events[end][0] - events[end - 1][0] < until.quiet_ms:
            end += 1
        last = events[end - 1][0] if end else 0.0
        segments.append(Segment([e for _, e in events[position:end]], last - start))
        position, start = end, last
    segments.append(Segment([e for _, e in events[position:]]))
    return segments


def _kind(event: Any) -> str:
    return str(event.get("type") or event.get("kind") or "") if isinstance(event, dict) else ""


class SegmentComparer:
    """Compares the segments of one connection, binding ids on the way.

    `order` is the row's own text, `table` the order that the profile declares.
    """

    def __init__(self, bindings: Bindings, rules: Rules, order: str, table: StreamOrder) -> None:
        self.bindings, self.rules, self.order, self.table = bindings, rules, order, table
        self.found: list[Difference] = []

    def _equal(self, expected: Any, actual: Any) -> bool:
        with self.bindings.trial() as keep:
            differences = Comparer(self.bindings, self.rules).compare(expected, actual)
            if not any(not d.soft for d in differences):
                keep.append(True)
        return keep == [True]

    def compare(self, expected: list[Segment], actual: list[list[Any]]) -> list[Difference]:
        """The differences over all segments; an event that came one segment early or late is a soft one."""
        self.found = []
        missing: list[tuple[str, Any]] = []
        extra: list[tuple[str, Any]] = []
        for index, segment in enumerate(expected):
            came = actual[index] if index < len(actual) else []
            where = f"/segment{index}"
            pairs, lost, left = self._match(segment.events, came)
            missing += [(where, segment.events[i]) for i in lost]
            extra += [(where, came[i]) for i in left]
            self._check_order(where, segment.events, came, pairs)
            if index == 0:
                self._check_snapshot(where, segment.events, came)
        for where, event in missing:
            other = next((item for item in extra if self._equal(event, item[1])), None)
            if other is not None:
                extra.remove(other)
                self.found.append(Difference(where, event, f"came in {other[0][1:]}", soft=True))
                continue
            self._report_missing(where, event, extra)
        self.found += [Difference(where, MISSING, event) for where, event in extra]
        return self.found

    def _report_missing(self, where: str, event: Any, extra: list[tuple[str, Any]]) -> None:
        """A missing event beside an unexpected one that plays its part is one difference in their fields."""
        near = [item for item in extra if item[0] == where and _kind(item[1]) == _kind(event)]
        if near:
            item = min(near, key=lambda other: signature(other[1]) != signature(event))
            extra.remove(item)
            comparer = Comparer(self.bindings, self.rules)
            for difference in comparer.compare(event, item[1]):
                path = f"{where}/{_kind(event)}{difference.pointer}"
                self.found.append(Difference(path, difference.expected, difference.actual, difference.soft))
            return
        self.found.append(Difference(where, event, MISSING))

    def _is_set(self, kind: str) -> bool:
        # What comes over two feeds: how many copies a client sees is told by the `until` patterns alone.
        return kind in self.table.repeated or kind == "status_change"

    def _match(self, expected: list[Any], actual: list[Any]) -> tuple[list[tuple[int, int]], list[int], list[int]]:
        """Pairs of indices, then expected and actual indices without a partner."""
        free = list(range(len(actual)))
        pairs: list[tuple[int, int]] = []
        lost: list[int] = []
        for i, event in enumerate(expected):
            j = next((j for j in free if _kind(actual[j]) == _kind(event) and self._equal(event, actual[j])), None)
            if j is None:
                if not (self._is_set(_kind(event)) and any(self._equal(event, actual[j]) for _, j in pairs)):
                    lost.append(i)
                continue
            free.remove(j)
            pairs.append((i, j))
        seen = [expected[i] for i, _ in pairs if self._is_set(_kind(expected[i]))]
        free = [j for j in free if not (self._is_set(_kind(actual[j])) and any(self._equal(e, actual[j]) for e in seen))]
        return pairs, lost, free

    def _check_order(self, where: str, expected: list[Any], actual: list[Any], pairs: list[tuple[int, int]]) -> None:
        ordered = ["message_part", "retry"]
        if "may come after it although its id is lower" not in self.order:
            ordered.append("message")
        for kind in ordered:
            places = [(self._place(expected[i], n), j) for n, (i, j) in enumerate(pairs) if _kind(expected[i]) == kind]
            if any(a[0] < b[0] and a[1] > b[1] for a, b in itertools.combinations(places, 2)):
                came = [_brief(actual[j]) for j in sorted(j for _, j in places)]
                wanted = [_brief(expected[i]) for i, _ in pairs if _kind(expected[i]) == kind]
                self.found.append(Difference(f"{where}/order of {kind}", wanted, came))
        self._check_running(where, expected, actual)

    def _check_running(self, where: str, expected: list[Any], actual: list[Any]) -> None:
        if not re.search("running before (the first|any) part", self.order):
            return
        status = self.table.status_before("message_part")
        if _first(expected, status) is None or _first(actual, status) is None:
            return
        if _leads(expected, status) and not _leads(actual, status):
            self.found.append(Difference(f"{where}/order", f"{status} before the first part", "a part first"))

    def _check_snapshot(self, where: str, expected: list[Any], actual: list[Any]) -> None:
        wanted = [self.table.rank(_kind(e)) for e in expected]
        if any(_kind(e) not in self.table.snapshot for e in expected):
            return  # what came live stands behind the snapshot, in the same segment
        if not wanted or wanted != sorted(wanted) or wanted[0] != 0 or wanted.count(0) != 1:
            return
        came = [self.table.rank(_kind(e)) for e in actual]
        if came != sorted(came) and len(came) == len(wanted):
            self.found.append(Difference(f"{where}/order", [_kind(e) for e in expected], [_kind(e) for e in actual]))

    def _place(self, event: Any, place: int) -> Any:
        """Where an event stands among its kind: where they ascend by a field, those that share it come in any order."""
        kind = _kind(event)
        value = event.get(kind) if kind in self.table.ascending else None
        return str(value.get(self.table.ascending[kind])) if isinstance(value, dict) else f"{place:09}"


def _first(events: list[Any], status: str) -> int | None:
    form = {"type": "status", "status": {"status": status}}
    return next((i for i, event in enumerate(events) if covers(form, event)), None)


def _leads(events: list[Any], status: str) -> bool:
    first = _first(events, status)
    part = next((i for i, event in enumerate(events) if _kind(event) == "message_part"), len(events))
    return first is not None and first < part


def _brief(event: Any) -> str:
    part = event.get("message_part", {}).get("part") or {}
    message = event.get("message") or {}
    return str(part.get("text") or part.get("tool_call_id") or part.get("type") or message.get("id") or "?")
