"""The order of the lines of an answer that streams: what stands in which call of the model, what comes first, what adds up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from conformance.checks.asked import Asked, Judged, Verdict, Wrong, finding
from conformance.wire.exchange import Exchange
from conformance.wire.framing import Event, Heard, heard
from spec.feeds import LINES, Feed

_BROKEN = object()  # equals no value that pieces can make


@dataclass(frozen=True, slots=True)
class LineOrder:
    """tables/line_order.yaml of one profile: the kind of line that each part of a call is, and the reason to go on."""

    start: str
    text: str
    reasoning: str
    tool_start: str
    tool_piece: str
    tool: str
    result: str
    finish: str
    end: str
    goes_on: str


def line_order(table: dict[str, Any]) -> LineOrder:
    """The table as it is asked."""
    return LineOrder(**table["call"], goes_on=table["goes_on"])


@dataclass(slots=True)
class Call:
    """The lines of one call of the model; the last is its end, if it has one."""

    lines: list[Event] = field(default_factory=list)

    def of(self, *kinds: str) -> list[Event]:
        return [line for line in self.lines if line.type in kinds]


def data(line: Event, key: str = "") -> Any:
    """The payload of a line, or what stands in it under this key."""
    value = line.value["data"]
    return value[key] if key else value


def calls(came: Heard, order: LineOrder) -> list[Call]:
    """The lines by call of the model."""
    out, at_end = [], True
    for line in came.events:
        if at_end:
            out.append(Call())
        out[-1].lines.append(line)
        at_end = line.type == order.end
    return out


def value_of(pieces: list[str]) -> Any:
    """The JSON value of the first pieces that make one: what comes behind them belongs to it no more."""
    text = ""
    for piece in pieces:
        text += piece
        try:
            return json.loads(text)
        except ValueError:
            continue
    return _BROKEN


Rule = Callable[[Heard, LineOrder], Verdict]
RULES: list[tuple[str, Rule]] = []


def rule(requirement: str) -> Callable[[Rule], Rule]:
    """Enter a rule about the lines of an answer."""

    def enter(function: Rule) -> Rule:
        RULES.append((requirement, function))
        return function

    return enter


class LineJudge:
    """Judges each answer of lines by itself."""

    def __init__(self, order: LineOrder, feeds: dict[str, Feed]) -> None:
        self._order = order
        self._feeds = {name: feed for name, feed in feeds.items() if feed.framing == LINES}

    def __call__(self, asked: Asked) -> Iterator[Judged]:
        feed = self._feeds.get(asked.operation)
        if feed is None or not isinstance(asked.said, Exchange) or asked.status != 200 or asked.response.fault:
            return
        came = heard(asked.said, feed)
        for requirement, judge in RULES:
            try:
                verdict = judge(came, self._order)
            except (AttributeError, LookupError, TypeError, ValueError):
                continue  # the lines have not the shape that the rule speaks of: the schemas say so
            if isinstance(verdict, Wrong):
                yield requirement, finding(requirement, verdict, asked.said)
            elif verdict:
                yield requirement, None


@rule("LSTREAM-001")
def pieces_follow_their_start(came: Heard, order: LineOrder) -> Verdict:
    seen = False
    for call in calls(came, order):
        begun: set[str] = set()
        for line in call.of(order.tool_start, order.tool_piece, order.tool):
            name, seen = data(line, "toolCallId"), True
            if line.type == order.tool_start:
                begun.add(name)
            elif name not in begun:
                return Wrong("a line of a tool call that has not begun", f"{line.pointer}/1/toolCallId", sorted(begun), name)
    return seen


@rule("LSTREAM-002")
def pieces_make_the_arguments(came: Heard, order: LineOrder) -> Verdict:
    seen = False
    for call in calls(came, order):
        pieces: dict[str, list[str]] = {}
        names: dict[str, str] = {}
        again: set[str] = set()  # begun more than once: which pieces belong to which is nobody's to say
        for line in call.of(order.tool_start, order.tool_piece, order.tool):
            name = data(line, "toolCallId")
            if line.type == order.tool_start:
                again |= {name} & pieces.keys()
                pieces[name], names[name] = [], data(line, "toolName")
            elif name in again:
                continue
            elif line.type == order.tool_piece:
                pieces[name].append(data(line, "argsTextDelta"))
            else:
                seen, made = True, value_of(pieces[name])
                pieces[name] = []  # what comes behind it is another call, of no name
                if data(line, "toolName") not in (names[name], ""):
                    return Wrong("the tool is another one than at its start", f"{line.pointer}/1/toolName", names[name])
                if made is _BROKEN or not _alike(made, data(line, "args")):
                    wanted = "what the pieces make" if made is _BROKEN else made
                    return Wrong(
                        "the arguments are not what their pieces make", f"{line.pointer}/1/args", wanted, data(line, "args")
                    )
    return seen


@rule("LSTREAM-003")
def results_follow_their_call(came: Heard, order: LineOrder) -> Verdict:
    before: Event | None = None
    seen = False
    for line in came.events:
        if line.type == order.result:
            seen = True
            wanted = data(before, "toolCallId") if before is not None and before.type == order.tool else ""
            if data(line, "toolCallId") != wanted:
                return Wrong("a result does not stand right behind its call", line.pointer, wanted, data(line, "toolCallId"))
        before = line
    return seen


@rule("LSTREAM-004")
def nothing_follows_the_last_end(came: Heard, order: LineOrder) -> Verdict:
    made = calls(came, order)
    for call in made[:-1]:
        reason = data(call.lines[-1], "finishReason")
        if reason != order.goes_on:
            return Wrong("lines follow an end that does not go on", call.lines[-1].pointer, order.goes_on, reason)
    return bool(made)


@rule("LSTREAM-005")
def an_error_ends_the_answer(came: Heard, order: LineOrder) -> Verdict:
    if not came.notes:
        return None
    last = max([line.frame for line in came.events], default=-1)
    early = next((note for note in came.notes[:-1] or came.notes if note.frame < last or note is not came.notes[-1]), None)
    return Wrong("something follows an error line", early.pointer) if early else True


@rule("LSTREAM-006")
def a_step_starts_with_its_start(came: Heard, order: LineOrder) -> Verdict:
    seen = False
    for call in calls(came, order):
        for at, line in enumerate(call.lines):
            if line.type == order.start:
                seen = True
                if at:
                    return Wrong("a step starts behind lines of its own", line.pointer)
    return seen


def _alike(made: Any, shown: Any) -> bool:
    """Is it the same value? Numbers beyond 64 bits lose precision on their way."""
    if isinstance(made, dict) and isinstance(shown, dict):
        return made.keys() == shown.keys() and all(_alike(made[key], shown[key]) for key in made)
    if isinstance(made, list) and isinstance(shown, list):
        return len(made) == len(shown) and all(map(_alike, made, shown))
    if isinstance(made, int | float) and isinstance(shown, int | float) and not isinstance(made, bool):
        return float(made) == float(shown)
    return bool(made == shown)
