"""Findings, typed: each kind has its sentence, what was expected, what was there and where. No exception of Python is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from conformance.wire.exchange import ABSENT

# Kind → its sentence. `what` is what the case looked at; `expected` and `actual` are JSON, short.
TEMPLATES = {
    "status": "{what} answered {actual}, not {expected}",
    "missing-key": "{what}: the key {expected} is missing",
    "extra-key": "{what}: the key {actual} must not be here",
    "wrong-type": "{what}: {actual} instead of {expected}",
    "wrong-value": "{what}: {actual} instead of {expected}",
    "wrong-order": "{what}: {actual} is not in the order {expected}",
    "missing-item": "{what}: {expected} is missing",
    "extra-item": "{what}: {actual} must not be here",
    "unreadable": "{what}: {actual} can't be read as {expected}",
    "missing-event": "waited in vain for {expected}; {what}",
    "extra-event": "{what}: {actual} must not come",
    "wording": "the refusal is worded differently: {actual} instead of {expected}",
    "leak": "{what}: a secret is shown",
    "not-idempotent": "{what}: the same request again gave {actual} instead of {expected}",
    "unanswered": "{what}",
    "over-limits": "{what}",
    "does-not-hold": "{what}: this does not hold",
}
KINDS = frozenset(TEMPLATES)
_LONG = 160  # characters of a value in a sentence


@dataclass(slots=True)
class Found:
    """One finding. `expected` and `actual` are JSON values, or ABSENT where there should be or is nothing.

    `pointer`: JSON pointer to the wrong place in the exchange of that id: in the answer's body, or `/frames/N…` in a socket.
    """

    kind: str
    what: str
    expected: Any = ABSENT
    actual: Any = ABSENT
    pointer: str = ""
    exchange: str = ""


def sentence(found: Found, show: Callable[[Any], str]) -> str:
    """The finding in one sentence; `show` makes a value short, without secrets."""
    expected, actual = (_placed(value, show) for value in (found.expected, found.actual))
    return TEMPLATES[found.kind].format(what=found.what, expected=expected, actual=actual)


def _placed(value: Any, show: Callable[[Any], str]) -> str:
    return "nothing" if value is ABSENT else value if isinstance(value, Words) else show(value)


class Words(str):
    """Words about a value where no value can be given: `a number`, `no message`."""


def shown(value: Any) -> str:
    """The value as JSON, short."""
    try:
        text = orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError, RecursionError):  # integers beyond 64 bits, lone surrogates
        text = str(_plain(value))
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def plain(value: Any) -> Any:
    """The value as JSON can say it: sets and tuples as lists, bytes as text, whatever else in words."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or value is ABSENT or isinstance(value, (str, bool, int, float)):
        return value
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is ABSENT:
        return "nothing"
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return type_name(value)


def type_name(value: Any) -> Words:
    """What JSON calls this."""
    names: list[tuple[Any, str]] = [
        (type(None), "null"),
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "a string"),
        ((list, tuple), "an array"),
        (dict, "an object"),
        (bytes, "bytes"),
    ]
    return Words(next((name for kind, name in names if isinstance(value, kind)), "nothing" if value is ABSENT else "something"))


def classify(expected: Any, actual: Any) -> str:
    """The kind of a finding of which only the two values are known."""
    if actual is ABSENT:
        return "missing-item" if expected is not ABSENT else "does-not-hold"
    if expected is ABSENT:
        return "extra-item"
    if isinstance(expected, list) and isinstance(actual, list):
        wanted, there = (Counter(map(repr, values)) for values in (expected, actual))
        if wanted == there:
            return "wrong-order"
        if there < wanted:
            return "missing-item"
        if wanted < there:
            return "extra-item"
    number = (int, float)
    alike = type(expected) is type(actual) or (isinstance(expected, number) and isinstance(actual, number))
    return "wrong-value" if alike or isinstance(expected, Words) else "wrong-type"
