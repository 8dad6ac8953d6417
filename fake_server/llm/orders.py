"""Orders: what to answer to which calls, given beforehand (file, builders, control address) instead of in the prompt.

Orders are tried in the order they were given; the first that matches and is not used up answers.
"""

from __future__ import annotations

import fnmatch
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fake_server.llm.calls import Call
from fake_server.llm.reading import _Object, read_node, read_script
from fake_server.llm.script import Json, Node, Script, Text, Turn

PURPOSES = ("turn", "title", "label", "summary", "helper")
_TEXT_FIELDS = ("purpose", "wire", "model", "text", "regex", "system", "tool", "tool_result", "schema", "chat", "key")


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions on a call; all that are given must hold."""

    fields: dict[str, Any]

    def misses(self, call: Call) -> list[str]:
        """The conditions that do not hold, each with what was wanted and what came."""
        return [f"{name} wanted {want!r}, got {_shown(got)}" for name, want, got in self._judged(call)]

    def _judged(self, call: Call) -> list[tuple[str, Any, Any]]:
        wrong = []
        for name, want in self.fields.items():
            got = _ACTUAL[name](call) if name in _ACTUAL else {n: call.header(n.lower()) for n in want}
            if not _TESTS.get(name, _equal)(want, got):
                wrong.append((name, want if name != "key" else "<redacted>", got if name != "key" else "another"))
        return wrong


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _equal(want: Any, got: Any) -> bool:
    return bool(want == got)


def _inside(want: str, got: str) -> bool:
    return want in got


_ACTUAL: dict[str, Callable[[Call], Any]] = {
    "purpose": lambda c: c.purpose,
    "wire": lambda c: c.wire,
    "model": lambda c: c.model,
    "text": lambda c: "\n".join(c.user_texts),
    "regex": lambda c: "\n".join(c.user_texts),
    "system": lambda c: c.system_text,
    "tool": lambda c: c.tools,
    "tool_result": lambda c: "\n".join(t for m in c.after_user if m.role == "tool" for t in m.texts),
    "schema": lambda c: c.schema_name,
    "chat": lambda c: c.chat,
    "key": lambda c: c.key,
    "turn": lambda c: c.turn,
    "attempt": lambda c: c.attempt,
    "stream": lambda c: c.stream,
}
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "model": lambda want, got: fnmatch.fnmatchcase(got, want),
    "text": _inside,
    "system": _inside,
    "tool_result": _inside,
    "tool": _inside,
    "regex": lambda want, got: re.search(want, got) is not None,
}


@dataclass(slots=True, eq=False)
class Order:
    """One order. `times` None: as often as it matches, but once at least. `used` counts the calls it answered."""

    name: str
    match: Match
    reply: Node
    times: int | None = None
    used: int = 0
    turns_used: set[tuple[int, ...]] = field(default_factory=set)

    @property
    def open(self) -> bool:
        return self.times is None or self.used < self.times

    def view(self) -> dict[str, Json]:
        match = {k: v if k != "key" else "<redacted>" for k, v in self.match.fields.items()}
        return {"name": self.name, "match": match, "times": self.times, "used": self.used}


def read_order(value: Json, where: str, number: int) -> Order:
    """One order from its JSON form. Raises BadScript."""
    order = _Object(value, where, "an order")
    match = _Object(order.take("match", "object", {}), f"{where}/match", "a match")
    fields: dict[str, Any] = {}
    for name in _TEXT_FIELDS:
        fields[name] = match.take(name, "text", None)
    fields["turn"] = match.integer("turn", None)
    fields["attempt"] = match.integer("attempt", None)
    fields["stream"] = match.take("stream", "true or false", None)
    fields["header"] = match.take("header", "object", None)
    match.done()
    if fields["purpose"] is not None and fields["purpose"] not in PURPOSES:
        match.fail(f"'purpose' must be one of {', '.join(PURPOSES)}, not {fields['purpose']!r}", "purpose")
    if fields["wire"] not in (None, "chat", "responses", "anthropic"):
        match.fail(f"'wire' must be chat, responses or anthropic, not {fields['wire']!r}", "wire")
    if fields["regex"] is not None:
        try:
            re.compile(fields["regex"])
        except re.error as problem:
            match.fail(f"'regex' is not a regular expression: {problem}", "regex")
    reply = order.take("reply", "any")
    result = Order(
        name=order.take("name", "text", f"#{number}"),
        match=Match({k: v for k, v in fields.items() if v is not None}),
        reply=Turn(steps=(Text(reply),)) if isinstance(reply, str) else read_node(reply, f"{where}/reply"),
        times=order.integer("times", None, least=1),
    )
    order.done()
    return result


class Orders:
    """All orders in force."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.all: list[Order] = []

    def add(self, value: Json) -> list[Order]:
        """Take orders: one, a list, or {"orders": […]}. All or none. Raises BadScript."""
        if isinstance(value, dict) and "orders" in value:
            whole = _Object(value, "", "an orders file")
            listed = whole.take("orders", "list")
            whole.done()
            made = [read_order(item, f"/orders/{i}", next(self._numbers)) for i, item in enumerate(listed)]
        elif isinstance(value, list):
            made = [read_order(item, f"/{i}", next(self._numbers)) for i, item in enumerate(value)]
        else:
            made = [read_order(value, "", next(self._numbers))]
        self.all.extend(made)
        return made

    def remove(self, name: str) -> bool:
        """Forget the orders of that name; false when there is none."""
        kept = [order for order in self.all if order.name != name]
        removed = len(kept) < len(self.all)
        self.all = kept
        return removed

    def find(self, call: Call) -> Order | None:
        return next((order for order in self.all if order.open and not order.match.misses(call)), None)

    def nearest(self, call: Call) -> str:
        """Which order came nearest to this call and what kept it from matching; empty without orders."""
        ranked = sorted(self.all, key=lambda order: (len(order.match.misses(call)), not order.open))
        if not ranked:
            return ""
        best = ranked[0]
        misses = best.match.misses(call) or [f"it was used up after {best.used} calls"]
        return f"nearest order {best.name!r}: {'; '.join(misses)}"


def read_file(value: Json) -> tuple[Script | None, list[Order]]:
    """What a script file holds: a script (as in a prompt), or orders. Raises BadScript."""
    if isinstance(value, list) or (isinstance(value, dict) and ("orders" in value or "reply" in value)):
        return None, Orders().add(value)
    return read_script(value), []
