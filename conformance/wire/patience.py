"""What a run learns from waiting in vain, so that a target which never says a thing is not waited for in every case."""

from __future__ import annotations

import re
from collections import defaultdict

_LESSONS = 10  # cases that waited in vain for the same kind of thing, none in between that got it
_SHORT = 0.5  # seconds; what a right server takes to say nearly anything
_ONE_OF_MANY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


def kind_of(words: str) -> str:
    """What is waited for, without the ids and numbers that differ from case to case."""
    return _ONE_OF_MANY.sub("#", words)


class Patience:
    """Seconds to wait for something: all at first, few once ten cases have waited for its kind and none got it."""

    def __init__(self) -> None:
        self._in_vain: dict[str, set[str]] = defaultdict(set)

    def of(self, kind: str, seconds: float, short: float = _SHORT) -> float:
        """How long to wait for this kind of thing. `short`: once it is known not to come."""
        return min(seconds, short) if self.is_short(kind) else seconds

    def is_short(self, kind: str) -> bool:
        return kind in self._in_vain and len(self._in_vain[kind]) >= _LESSONS

    def vain(self, kind: str, case: str) -> None:
        """This case has waited for it until the deadline."""
        self._in_vain[kind].add(case)

    def met(self, kind: str) -> None:
        """It came: whatever was learnt was wrong."""
        if kind in self._in_vain:
            del self._in_vain[kind]
