"""What a case was reading when it found something: the expression of the case itself, looked at anew where that is harmless.

A case says `t.true("id" in chat, "…")` or takes `body["id"]`. Which key was looked for, in what, and where that stands in what
was said is known to the interpreter alone; here it is asked. Only failures come by here.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from conformance.wire import pointers
from conformance.wire.exchange import Exchange, SocketLog

_FUNCTIONS = "all any bool dict enumerate float frozenset int isinstance len list max min range set sorted str sum tuple zip"
_PURE = frozenset(_FUNCTIONS.split(" "))
_OF_VALUES = "get keys values items startswith endswith index count encode decode lower upper split strip isdisjoint"
_METHODS = frozenset(_OF_VALUES.split(" "))
_READERS = ("conformance.scenes", "conformance.cases", "conformance.properties", "conformance.checks", "conformance.play.streams")
UNKNOWN: Any = object()  # what can't be looked at without asking the target again


@dataclass(slots=True)
class Place:
    """An expression of a case, and the names that it can see."""

    node: ast.expr | ast.stmt
    names: dict[str, Any] = field(default_factory=dict)

    def value(self, node: ast.expr | None = None) -> Any:
        """What an expression comes to (None: the place's own); UNKNOWN where finding out might do anything."""
        node = node if node is not None else self.node  # type: ignore[assignment]
        if not isinstance(node, ast.expr) or not self._harmless(node):
            return UNKNOWN
        try:
            return eval(compile(ast.Expression(node), "<case>", "eval"), dict(self.names))
        except Exception:  # it has failed before, or stands in a scope that is gone
            return UNKNOWN

    def within(self, node: ast.expr, **more: Any) -> Place:
        """The same names and some more at another expression."""
        return Place(node, self.names | more)

    def _harmless(self, node: ast.expr) -> bool:
        for part in ast.walk(node):
            if isinstance(part, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Lambda)):
                return False
            if isinstance(part, ast.Call) and not self._pure(part.func):
                return False
        return True

    def _pure(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Attribute):  # of JSON values alone: an actor has a `get` that asks the target
            if function.attr not in _METHODS:
                return False
            of = function.value
            return isinstance(of, ast.Constant) or isinstance(self.value(of), (dict, list, tuple, set, str, bytes))
        if not isinstance(function, ast.Name):
            return False
        found = self.names.get(function.id, getattr(builtins, function.id, None))
        if found is getattr(builtins, function.id, UNKNOWN):
            return function.id in _PURE
        ours = str(getattr(found, "__module__", "")).startswith(_READERS)
        return ours and inspect.isfunction(found) and not inspect.iscoroutinefunction(found)


@cache
def _tree(path: str) -> dict[tuple[int, int, int, int], list[ast.expr | ast.stmt]]:
    """The nodes of a file by the place where they stand."""
    found: dict[tuple[int, int, int, int], list[ast.expr | ast.stmt]] = {}
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return found
    for node in ast.walk(tree):
        if isinstance(node, (ast.expr, ast.stmt)):
            key = (node.lineno, node.end_lineno or 0, node.col_offset, node.end_col_offset or 0)
            found.setdefault(key, []).append(node)
    return found


def place(frame: FrameType, at: int | None = None) -> Place | None:
    """The expression that a frame is at (`at`: another instruction of it, as in a traceback); None if that is not known."""
    code: CodeType = frame.f_code
    instruction = (frame.f_lasti if at is None else at) // 2
    for number, position in enumerate(code.co_positions()):
        if number == instruction:
            line, end, column, last = position
            if line is None or end is None or column is None or last is None:
                return None
            nodes = _tree(code.co_filename).get((line, end, column, last), [])
            known = frame.f_globals | frame.f_locals
            return Place(nodes[0], known) if nodes else None
    return None


def said_in(here: Place, node: ast.AST) -> Iterator[Exchange | SocketLog]:
    """The exchanges and sockets that an expression names."""
    for part in ast.walk(node):
        if isinstance(part, (ast.Name, ast.Attribute)):
            value = here.value(part)
            value = getattr(value, "exchange", None) or getattr(value, "log", None) or value
            if isinstance(value, (Exchange, SocketLog)):
                yield value


class Index:
    """Where the values stand that came over the wire, by identity: a case takes them apart, and hands them on as they are."""

    def __init__(self, said: list[Exchange | SocketLog]) -> None:
        self._places: dict[int, tuple[str, str, Any]] = {}
        for one in said:  # what was said last counts
            if isinstance(one, Exchange):
                self._add(one.id, one.response.body, "")
                for number, line in enumerate(one.response.lines):
                    self._add(one.id, line.payload, f"/frames/{number}")
                continue
            self._add(one.id, one.handshake.body, "")
            for number, frame in enumerate(one.frames):
                self._add(one.id, frame.payload, f"/frames/{number}")

    def _add(self, exchange: str, value: Any, pointer: str) -> None:
        waiting = [(value, pointer)]
        while waiting:
            value, pointer = waiting.pop()
            if _tells(value):
                self._places[id(value)] = exchange, pointer, value
            if isinstance(value, dict):
                waiting += [(item, f"{pointer}{pointers.pointer(key)}") for key, item in value.items()]
            elif isinstance(value, list):
                waiting += [(item, f"{pointer}/{number}") for number, item in enumerate(value)]

    def of(self, value: Any) -> tuple[str, str] | None:
        """Exchange and JSON pointer of this very value, or of the first of its elements that came over the wire."""
        found = self._at(value)
        if found is not None or not isinstance(value, (list, tuple, set, dict)):
            return found
        items = list(value.values()) if isinstance(value, dict) else list(value)
        for item in items[:200]:
            found = self._at(item)
            if found is None and isinstance(item, (dict, list, tuple)):
                inner = item.values() if isinstance(item, dict) else item
                found = next((at for part in list(inner)[:50] if (at := self._at(part))), None)
            if found is not None:
                return found[0], ""
        return None

    def _at(self, value: Any) -> tuple[str, str] | None:
        found = self._places.get(id(value))
        return found[:2] if found is not None and found[2] is value and _tells(value) else None


def _tells(value: Any) -> bool:
    """Is it one of a kind? Small numbers, short strings, true, false and null are the same object wherever they come from."""
    if isinstance(value, str):
        return len(value) > 1
    return isinstance(value, (dict, list, float)) or (isinstance(value, int) and not -6 < value < 257)


def leads_somewhere(said: Exchange | SocketLog | None, pointer: str) -> bool:
    """Is there, in what was said, an object or a list in which the last step of this pointer may be taken?"""
    value: Any = said.response.body if isinstance(said, Exchange) else None
    if isinstance(said, SocketLog) or (isinstance(said, Exchange) and pointer.startswith("/frames/")):
        value = {"frames": [f.payload for f in (said.frames if isinstance(said, SocketLog) else said.response.lines)]}
    above, _, last = pointer.rpartition("/")
    value = pointers.at(value, above, None)
    return isinstance(value, dict) or (isinstance(value, list) and last.isdecimal())
