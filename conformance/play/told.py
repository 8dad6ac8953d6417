"""From what went wrong in a case to a typed finding: conditions that do not hold, answers that can't be read."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any

from conformance.play.finding import Found, Words, plain, shown, type_name
from conformance.play.reading import UNKNOWN, Index, Place, place, said_in
from conformance.wire.exchange import ABSENT, Exchange, SocketLog
from conformance.wire.pointers import pointer

Hint = tuple[Any, str | None]  # a value that may stand in what was said, and the pointer from there (None: not known)
_MOST = 40  # hints
OURS = "/conformance/"  # in whose files an expression is looked at
_ORDER = {ast.Lt: "less than", ast.LtE: "at most", ast.Gt: "more than", ast.GtE: "at least"}
_TYPES = {"str": "a string", "int": "a number", "float": "a number", "dict": "an object", "list": "an array", "bool": "a boolean"}


def call(frame: FrameType) -> tuple[Place, list[ast.expr]] | None:
    """The call that a frame of a case is in, and its arguments."""
    here = place(frame)
    node = here.node if here else None
    if isinstance(node, (ast.Await, ast.Expr)):
        node = node.value
    return (here, node.args) if here and isinstance(node, ast.Call) else None


def hints(here: Place, *nodes: ast.expr) -> list[Hint]:
    """What these expressions speak of, the outermost first, then the exchanges that they name."""
    found: list[Hint] = []
    for node in nodes:
        for part in ast.walk(node):
            if not isinstance(part, ast.expr):
                continue
            found += _read(here, part)
            value = here.value(part)
            if value is not UNKNOWN and not isinstance(part, ast.Constant):
                found.append((value, ""))
    return found[:_MOST] + [(said, "") for node in nodes for said in said_in(here, node)]


def _read(here: Place, part: ast.expr) -> Iterator[Hint]:
    """`body["id"]` and `body.get("id")`: the place of `id` in the body."""
    inner: ast.expr | None = None
    if isinstance(part, ast.Subscript):
        inner, key = part.value, here.value(part.slice)
    elif isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "get" and part.args:
        inner, key = part.func.value, here.value(part.args[0])
    if inner is not None and isinstance(key, (str, int)):
        value = here.value(inner)
        if isinstance(value, list) and isinstance(key, int) and key < 0:
            key += len(value)
        if isinstance(value, (dict, list)):
            yield value, pointer(key)


def locate(said: list[Exchange | SocketLog], looked_at: Iterable[Hint]) -> tuple[str, str]:
    """The exchange in which the first of these stands, and the pointer to it; empty when none does."""
    looked_at = list(looked_at)
    index, ids = Index(said), {one.id for one in said}
    for value, rest in looked_at:
        if isinstance(value, (Exchange, SocketLog)) and value.id in ids:
            return value.id, ""
        if found := index.of(value):
            return found[0], "" if rest is None else found[1] + rest
    return "", ""


# -- conditions ------------------------------------------------------------------------------------------


def of_condition(frame: FrameType, what: str, actual: Any = ABSENT) -> tuple[Found, list[Hint]]:
    """What is wrong where the sentence `what` does not hold, from the condition as the case wrote it."""
    seen = call(frame)
    if seen is None or not seen[1]:
        return Found("does-not-hold", what, Words(what), actual), [(actual, "")]
    here, arguments = seen
    found, more = _condition(here, arguments[0], what)
    if actual is not ABSENT and (found.kind == "does-not-hold" or found.actual is ABSENT):
        found.actual = actual
    return found, [*more, *hints(here, arguments[0], *arguments[2:3])]


def _condition(here: Place, node: ast.expr, what: str) -> tuple[Found, list[Hint]]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        failing = next((v for v in node.values if (got := here.value(v)) is UNKNOWN or not got), node.values[-1])
        return _condition(here, failing, what)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _negated(here, node.operand, what)
    if isinstance(node, ast.Compare):
        return _comparison(here, node, what)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        if node.func.id == "isinstance" and len(node.args) == 2:
            return _of_type(here, node, what)
        if node.func.id == "all" and isinstance(node.args[0], ast.GeneratorExp):
            return _each(here, node.args[0], what)
    value = here.value(node)
    return Found("does-not-hold", what, Words(what), ABSENT if value is UNKNOWN else _tell(value)), hints(here, node)


def _negated(here: Place, node: ast.expr, what: str) -> tuple[Found, list[Hint]]:
    value = here.value(node)
    if isinstance(node, ast.Compare) or value is UNKNOWN or isinstance(value, bool):
        return Found("does-not-hold", what, Words(what), ABSENT if value is UNKNOWN else _of_parts(here, node)), hints(here, node)
    return Found("extra-item", what, Words("nothing"), _tell(value)), hints(here, node)


def _of_parts(here: Place, node: ast.expr) -> Any:
    """What the names in an expression stand for, if that says anything."""
    values = [here.value(part) for part in ast.walk(node) if isinstance(part, (ast.Subscript, ast.Name))]
    kept = [v for v in values if v is None or isinstance(v, (dict, list, tuple, set, str, int, float))]
    return _tell(kept[0]) if kept else ABSENT


def _of_type(here: Place, node: ast.Call, what: str) -> tuple[Found, list[Hint]]:
    value, kinds = here.value(node.args[0]), here.value(node.args[1])
    names = [kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)) if isinstance(kind, type)]
    wanted = Words(" or ".join(dict.fromkeys(_TYPES.get(name, "null") for name in names)) or what)
    return Found("wrong-type", what, wanted, ABSENT if value is UNKNOWN else _tell(value)), hints(here, node.args[0])


def _each(here: Place, every: ast.GeneratorExp, what: str) -> tuple[Found, list[Hint]]:
    """The first element for which it does not hold."""
    loop = every.generators[0]
    items = here.value(loop.iter)
    if items is not UNKNOWN and len(every.generators) == 1 and not loop.ifs and isinstance(loop.target, ast.Name):
        for item in items:
            inner = here.within(every.elt, **{loop.target.id: item})
            if (held := inner.value()) is not UNKNOWN and not held:
                found, more = _condition(inner, every.elt, what)
                if found.actual is ABSENT and found.kind == "does-not-hold":
                    found.actual = _tell(item)
                return found, [*more, (item, "")]
    value = ABSENT if items is UNKNOWN else _tell(items)
    return Found("does-not-hold", what, Words(what), value), hints(here, loop.iter)


def _comparison(here: Place, node: ast.Compare, what: str) -> tuple[Found, list[Hint]]:
    sides = [node.left, *node.comparators]
    for left, how, right in zip(sides, node.ops, sides[1:], strict=False):
        one, other = here.value(left), here.value(right)
        if one is UNKNOWN or other is UNKNOWN:
            if len(node.ops) > 1:
                continue
            known = one if other is UNKNOWN else other
            actual = ABSENT if known is UNKNOWN or isinstance(left if other is UNKNOWN else right, ast.Constant) else _tell(known)
            return Found("does-not-hold", what, Words(what), actual), hints(here, left, right)
        if len(node.ops) == 1 or not _holds(one, how, other):
            return _compared(here, left, one, how, right, other, what)
    return Found("does-not-hold", what, Words(what)), hints(here, *sides)


def _holds(one: Any, how: ast.cmpop, other: Any) -> bool:
    try:
        checks: dict[type[ast.cmpop], Any] = {
            ast.Lt: lambda: one < other,
            ast.LtE: lambda: one <= other,
            ast.Gt: lambda: one > other,
            ast.GtE: lambda: one >= other,
        }
        return bool(checks.get(type(how), lambda: True)())
    except TypeError:
        return False


def _compared(
    here: Place, left: ast.expr, one: Any, how: ast.cmpop, right: ast.expr, other: Any, what: str
) -> tuple[Found, list[Hint]]:
    if isinstance(how, ast.In):
        kind = "missing-key" if isinstance(other, dict) else "missing-item"
        if _rigid(left, one) or not _rigid(right, other):
            there = sorted(other) if isinstance(other, dict) and all(isinstance(k, str) for k in other) else _tell(other)
            return Found(kind, what, _tell(one), there), hints(here, right)
        return Found("wrong-value", what, Words(f"one of {shown(plain(other))}"), _tell(one)), hints(here, left)
    if isinstance(how, ast.NotIn):
        kind, wanted = ("extra-key", f"no key {one}") if isinstance(other, dict) else ("extra-item", f"no {shown(plain(one))}")
        rest = pointer(one) if isinstance(other, dict) else ""
        return Found(kind, what, Words(wanted), _tell(one)), [(other, rest), *hints(here, right, left)]
    swapped = isinstance(left, ast.Constant) and not isinstance(right, ast.Constant)
    actual, expected = (other, one) if swapped else (one, other)
    nodes = (right, left) if swapped else (left, right)
    if isinstance(how, (ast.Eq, ast.Is)):
        return Found("wrong-value", what, _tell(expected), _tell(actual)), hints(here, *nodes)
    if isinstance(how, (ast.NotEq, ast.IsNot)):
        return Found("wrong-value", what, Words(f"anything but {shown(plain(expected))}"), _tell(actual)), hints(here, *nodes)
    words = _ORDER[type(how)]
    if swapped:
        words = {"less than": "more than", "at most": "at least", "more than": "less than", "at least": "at most"}[words]
    return Found("wrong-value", what, Words(f"{words} {shown(plain(expected))}"), _tell(actual)), hints(here, *nodes)


def _rigid(node: ast.expr, value: Any) -> bool:
    """Is this something that the case names itself?"""
    return isinstance(node, (ast.Constant, ast.JoinedStr)) or (isinstance(node, ast.Name) and isinstance(value, (str, int)))


def _tell(value: Any) -> Any:
    """A value for a report; of what is no JSON only what it is."""
    if isinstance(value, (Exchange, SocketLog)):
        return value.response.status if isinstance(value, Exchange) else value.handshake.status
    return plain(value)


# -- answers of another shape ------------------------------------------------------------------------------


def of_shape(error: BaseException) -> tuple[Found, list[Hint]]:
    """What is wrong with an answer whose reading raised this."""
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
        error = error.__cause__
    what = "the answer has another shape"
    for trace in reversed(list(_traces(error))):
        here = place(trace.tb_frame, trace.tb_lasti)
        found = _shape(here, error, what) if here else None
        if here and found:
            nodes = [here.node.value] if isinstance(here.node, (ast.Assign, ast.Return)) and here.node.value else [here.node]
            return found[0], [*found[1], *hints(here, *(n for n in nodes if isinstance(n, ast.expr)))]
    return Found("unreadable", what, Words("an answer as its operation gives it")), _seen_from(error)


def _traces(error: BaseException) -> Iterator[TracebackType]:
    trace = error.__traceback__
    while trace is not None:
        if OURS in trace.tb_frame.f_code.co_filename.replace("\\", "/"):
            yield trace
        trace = trace.tb_next


def _seen_from(error: BaseException) -> list[Hint]:
    """The values that the frames hold in which it came up, the innermost first."""
    found = []
    for trace in reversed(list(_traces(error))):
        found += [(value, "") for value in reversed(list(trace.tb_frame.f_locals.values()))]
        if found:
            break
    return [hint for hint in found if isinstance(hint[0], (dict, list, str, Exchange))]


def _shape(here: Place, error: BaseException, what: str) -> tuple[Found, list[Hint]] | None:
    node = here.node
    if isinstance(node, ast.Subscript):
        value, key = here.value(node.value), here.value(node.slice)
        if value is UNKNOWN or key is UNKNOWN:
            return None
        if isinstance(value, dict):
            return Found("missing-key", what, key, sorted(map(str, value))), [(value, "")]
        if isinstance(value, (list, tuple)) and isinstance(key, int):
            count = key + 1 if key >= 0 else -key
            return Found("missing-item", what, Words(f"{count} elements at least"), plain(value)), [(value, "")]
        wanted = Words("an array" if isinstance(key, int) else "an object")
        return Found("wrong-type", what, wanted, type_name(value)), [(value, "")]
    if isinstance(node, ast.Attribute):
        value, shape = here.value(node.value), "an object" if node.attr in ("get", "items", "keys", "values") else "a string"
        return Found("wrong-type", what, Words(shape), type_name(value)), [(value, "")]
    if isinstance(node, ast.Call) and isinstance(error, StopIteration) and node.args:
        return _not_found(here, node.args[0], what)
    if isinstance(node, ast.Call) and node.args and not isinstance(error, (KeyError, IndexError)):
        value = here.value(node.args[0])
        if isinstance(node.func, ast.Attribute) and node.func.attr == "index":
            there = here.value(node.func.value)
            return Found("missing-item", what, _tell(value), ABSENT if there is UNKNOWN else _tell(there)), [(there, "")]
        if value is not UNKNOWN:
            forms = {"fromisoformat": "a time", "int": "a number", "float": "a number", "UUID": "a UUID"}
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            return Found("unreadable", what, Words(forms.get(name, "such a value")), _tell(value)), [(value, "")]
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Store):
        return Found("missing-item", what, Words(f"exactly {len(node.elts)} elements")), _seen_from(error)
    return None


def _not_found(here: Place, searched: ast.expr, what: str) -> tuple[Found, list[Hint]]:
    items = here.value(searched.generators[0].iter) if isinstance(searched, ast.GeneratorExp) else here.value(searched)
    wanted = "one that is looked for"
    if isinstance(searched, ast.GeneratorExp) and searched.generators[0].ifs:
        wanted = _wanted(here, searched.generators[0].ifs[0]) or wanted
    try:
        there = ABSENT if items is UNKNOWN else _tell(list(items))
    except TypeError:
        there = ABSENT
    return Found("missing-item", what, Words(wanted), there), [(items, "")]


def _wanted(here: Place, condition: ast.expr) -> str:
    """`c["id"] == chat.id` in words."""
    if not isinstance(condition, ast.Compare) or not isinstance(condition.ops[0], ast.Eq):
        return ""
    left, value = condition.left, here.value(condition.comparators[0])
    key = here.value(left.slice) if isinstance(left, ast.Subscript) else None
    if isinstance(left, ast.Call) and left.args:
        key = here.value(left.args[0])
    return f"one whose {key} is {shown(plain(value))}" if isinstance(key, str) and value is not UNKNOWN else ""
