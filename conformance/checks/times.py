"""Times as they stand in JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

CLOCKS = timedelta(seconds=1)  # created_at is the database's, updated_at the time when a worker began to look
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[datetime, int] | None:
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    try:
        whole = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
    except ValueError:
        return None
    return whole, int((found[2] or "0")[:9].ljust(9, "0"))


def precedes(one: Any, other: Any) -> bool | None:
    """Is the time `one` before the time `other` by more than clocks differ? None if either is no RFC 3339 time."""
    first, second = instant(one), instant(other)
    if first is None or second is None:
        return None
    return (first[0] + CLOCKS, first[1]) < second


def instant(value: Any) -> tuple[datetime, int] | None:
    """A point in time that can be compared, to the nanosecond; None if the value is no RFC 3339 time."""
    return _parse(value) if isinstance(value, str) else None


_NEVER = (datetime.min.replace(tzinfo=UTC), 0)


def moment(value: Any) -> tuple[datetime, int]:
    """`instant` to sort by: what is no time comes first. Texts don't sort as times do: zeros at the end are left out."""
    return instant(value) or _NEVER
