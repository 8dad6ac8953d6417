"""When two objects of the API are the same: what a server may write in several ways is compared by its meaning."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conformance.checks.times import instant
from conformance.wire.exchange import ABSENT

# Objects of the user or the model: every key of theirs counts.
_FREE = frozenset({"args", "result", "labels", "output"})


def moment(text: str) -> tuple[datetime, int] | None:
    """The moment of an RFC 3339 time, to the microsecond; None if the text is no time."""
    found = instant(text)
    return found and (found[0], round(found[1] / 1000))


def difference(
    actual: Any, expected: Any, known: frozenset[str], path: str = "", free: bool = False
) -> tuple[str, Any, Any] | None:
    """The first difference as (JSON pointer, actual, expected), or None.

    Times are compared as moments. In objects of the API only the keys count that the contract knows (`known`): a server may
    show more, and more in one place than in another. In objects of the user or the model every key counts.
    """
    if isinstance(actual, dict) and isinstance(expected, dict):
        # Without a single key of the contract it is no object of the API but a map of its own keys.
        every = free or known.isdisjoint(actual.keys() | expected.keys())
        for key in [*expected, *(k for k in actual if k not in expected)]:
            if not (every or key in known):
                continue
            if key not in actual or key not in expected:
                return f"{path}/{key}", actual.get(key, ABSENT), expected.get(key, ABSENT)
            found = difference(actual[key], expected[key], known, f"{path}/{key}", free or key in _FREE)
            if found:
                return found
        return None
    if isinstance(actual, list | tuple) and type(actual) is type(expected) and len(actual) == len(expected):
        for place, (one, other) in enumerate(zip(actual, expected, strict=True)):
            found = difference(one, other, known, f"{path}/{place}", free)
            if found:
                return found
        return None
    if type(actual) is type(expected) and actual == expected:
        return None
    if isinstance(actual, str) and isinstance(expected, str) and not free:
        when = moment(actual)
        if when is not None and when == moment(expected):
            return None
    return path, actual, expected
