"""Times in query parameters: RFC 3339, and what is said of a text that is none (config.md section 8)."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

LAYOUT = "2006-01-02T15:04:05Z07:00"


class BadDate(ValueError):
    """Not a time; the text says where reading it failed, in the real server's words."""


def _quoted(text: str) -> str:
    out = []
    for c in text:
        if c in '"\\':
            out.append("\\" + c)
        elif c < " " or not c.isascii():
            out.append("".join(f"\\x{byte:02x}" for byte in c.encode()))
        else:
            out.append(c)
    return '"' + "".join(out) + '"'


@dataclass(slots=True)
class _Reader:
    whole: str
    rest: str = field(init=False)

    def __post_init__(self) -> None:
        self.rest = self.whole

    def bad(self, element: str, rest: str | None = None) -> BadDate:
        shown = self.rest if rest is None else rest
        layout = _quoted(LAYOUT)
        return BadDate(f"parsing time {_quoted(self.whole)} as {layout}: cannot parse {_quoted(shown)} as {_quoted(element)}")

    def refused(self, why: str) -> BadDate:
        return BadDate(f"parsing time {_quoted(self.whole)}: {why}")

    def literal(self, mark: str) -> None:
        if not self.rest.startswith(mark):
            raise self.bad(mark)
        self.rest = self.rest[1:]

    def digits(self, element: str, count: int, *, at_least: int = 0) -> int:
        """A number of `count` digits (or at least `at_least`, if fewer are there)."""
        size = 0
        while size < count and size < len(self.rest) and self.rest[size] in "0123456789":
            size += 1
        if size < (at_least or count):
            raise self.bad(element)
        value, self.rest = int(self.rest[:size]), self.rest[size:]
        return value

    def in_range(self, value: int, low: int, high: int, what: str) -> int:
        if not low <= value <= high:
            raise self.refused(f"{what} out of range")
        return value

    def fraction(self) -> int:
        """Microseconds of a fraction behind `.` or `,`, if there is one."""
        size = 1
        if len(self.rest) < 2 or self.rest[0] not in ".," or self.rest[1] not in "0123456789":
            return 0
        while size < len(self.rest) and self.rest[size] in "0123456789":
            size += 1
        digits, self.rest = self.rest[1:size], self.rest[size:]
        return int(digits[:6].ljust(6, "0"))

    def zone(self) -> timedelta:
        if self.rest.startswith("Z"):
            self.rest = self.rest[1:]
            return timedelta(0)
        text = self.rest
        if len(text) < 6 or text[3] != ":" or text[0] not in "+-" or not (text[1:3] + text[4:6]).isdecimal():
            raise self.bad("Z07:00")
        hours = self.in_range(int(text[1:3]), 0, 24, "time zone offset hour")
        minutes = self.in_range(int(text[4:6]), 0, 60, "time zone offset minute")
        self.rest = text[6:]
        offset = timedelta(hours=hours, minutes=minutes)
        return offset if text[0] == "+" else -offset


def parse_date(text: str) -> datetime:
    """The time in UTC. Raises BadDate."""
    reader = _Reader(text)
    year = reader.digits("2006", 4)
    reader.literal("-")
    month = reader.in_range(reader.digits("01", 2), 1, 12, "month")
    reader.literal("-")
    day = reader.digits("02", 2)
    reader.literal("T")
    hour = reader.in_range(reader.digits("15", 2, at_least=1), 0, 23, "hour")
    reader.literal(":")
    minute = reader.in_range(reader.digits("04", 2), 0, 59, "minute")
    reader.literal(":")
    second = reader.in_range(reader.digits("05", 2), 0, 59, "second")
    micros = reader.fraction()
    offset = reader.zone()
    if reader.rest:
        raise reader.refused(f"extra text: {_quoted(reader.rest)}")
    if not 1 <= day <= monthrange(year or 4, month)[1]:
        raise reader.refused("day out of range")
    try:
        return datetime(year, month, day, hour, minute, second, micros, UTC) - offset
    except (ValueError, OverflowError):  # the year 0, or before it: nothing is that old
        return datetime.min.replace(tzinfo=UTC)
