"""How much of a target's answers is read and kept: caps from the profile's table, so that no target fills the memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

KEPT = 2**16  # bytes of what is over a cap
MARGIN = 1024  # bytes more, so that nothing secret is cut in two before it is masked
_VALUE = 64  # bytes that a JSON value takes in memory, about
_OPENING = (b"[", b"{")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps of one profile; bytes and counts as tables/caps.yaml has them."""

    answer: dict[str, int] = field(default_factory=lambda: {"bytes": 2**23, "values": 400_000, "depth": 64, "headers": 16_384})
    file: dict[str, Any] = field(default_factory=lambda: {"path": "/files/", "bytes": 2**24})
    frame: dict[str, int] = field(default_factory=lambda: {"bytes": 2**22, "values": 100_000, "depth": 64})
    socket: dict[str, int] = field(default_factory=lambda: {"bytes": 2**24, "frames": 8000, "events": 8000, "pings": 1000})
    run: dict[str, int] = field(default_factory=lambda: {"bytes": 160 * 2**20})

    def of_headers(self, headers: dict[str, str]) -> str:
        """Why these headers are too much; "" for all that a right server sends."""
        size = sum(len(name) + len(value) for name, value in headers.items())
        most = self.answer["headers"]
        return f"the headers are larger than {most:,} bytes" if size > most else ""

    def of_answer(self, path: str) -> int:
        """Bytes that are read of the answer to a request of this path."""
        return int(self.file["bytes"]) if self.file["path"] in path else self.answer["bytes"]


def values_in(text: bytes) -> int:
    """How many separators this JSON has: an upper bound of its values, known without parsing it."""
    return text.count(b",") + text.count(b"[") + text.count(b"{") + text.count(b":")


def weight(text: bytes) -> int:
    """Bytes that this JSON takes in memory with what it is parsed into, about."""
    return len(text) + _VALUE * values_in(text)


def fault_of(text: bytes, caps: dict[str, int], what: str) -> str:
    """Why this JSON text is not parsed: too many values or nested too deep; "" for all that a right server sends."""
    opening = text.count(b"[") + text.count(b"{")
    if opening <= caps["depth"]:
        return ""
    if opening + text.count(b",") + text.count(b":") > caps["values"]:
        return f"the {what} has more than {caps['values']:,} values"
    if _deepest(text) <= caps["depth"] or _deepest(_outside_strings(text)) <= caps["depth"]:
        return ""
    return f"the {what} is nested deeper than {caps['depth']} levels"


def _deepest(text: bytes) -> int:
    brackets = text.translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _outside_strings(text: bytes) -> bytes:
    """The text without what stands in quotes."""
    plain = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(plain.split(b'"')[::2])


class Room:
    """The memory that the answers of a run may take together, by who holds them (a case, by name)."""

    def __init__(self, size: int) -> None:
        self.free = size
        self._held: dict[str, int] = defaultdict(int)

    def take(self, size: int, holder: str = "") -> bool:
        """Is there room for this? It is taken then."""
        if size > self.free:
            return False
        self.free -= size
        self._held[holder] += size
        return True

    def give(self, size: int, holder: str = "") -> None:
        """Some of it is free again."""
        size = min(size, self._held[holder])
        self.free += size
        self._held[holder] -= size

    def leave(self, holder: str) -> int:
        """The holder has gone; gives what it held."""
        held = self._held.pop(holder, 0)
        self.free += held
        return held
