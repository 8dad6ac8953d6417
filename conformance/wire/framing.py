"""Frames taken apart into events, by what the profile declares of the feed: nothing else in the suite takes a frame apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from conformance.wire.exchange import ABSENT, Exchange, Frame, Response, SocketLog
from spec.feeds import ENVELOPE, LINES, Feed

DATA, PING, ERROR = "data", "ping", "error"
_ENVELOPES = (DATA, PING, ERROR)


class Unwrapped(NamedTuple):
    """What stands in one frame.

    `events`: values as they came, objects or not; `many`: they stand in an array; `place`: the pointer from the frame to where
    they stand; `note`: what the frame tells of the connection instead, as `{"type": "ping" | "error", "data": X}`; `wrong`: in
    what the frame has not the form of its feed. What can be read of such a frame is read all the same.
    """

    events: list[Any]
    many: bool = False
    place: str = ""
    note: dict[str, Any] | None = None
    wrong: str = ""

    def pointer(self, at: int) -> str:
        """From the frame to the event at this index."""
        return f"{self.place}/{at}" if self.many else self.place


@dataclass(frozen=True, slots=True)
class Event:
    """One event or note that came.

    `at`: its place among those of its connection; `frame`: the index of its frame in the log; `offset`: bytes that came over the
    connection before that frame; `pointer`: JSON pointer in the log; `type`: its kind.
    """

    at: int
    frame: int
    type: str
    value: dict[str, Any]
    pointer: str
    offset: int = 0

    @property
    def status(self) -> str:
        payload = self.value.get("status")
        return str(payload.get("status")) if isinstance(payload, dict) else ""

    @property
    def part(self) -> dict[str, Any]:
        payload = self.value.get("message_part")
        part = payload.get("part") if isinstance(payload, dict) else None
        return part if isinstance(part, dict) else {}

    @property
    def role(self) -> str:
        payload = self.value.get(self.type)
        return str(payload.get("role", "")) if isinstance(payload, dict) else ""

    @property
    def message(self) -> dict[str, Any]:
        payload = self.value.get("message")
        return payload if isinstance(payload, dict) else {}

    @property
    def chat(self) -> dict[str, Any]:
        payload = self.value.get("chat")
        return payload if isinstance(payload, dict) else {}


@dataclass(slots=True)
class Heard:
    """All that came over one connection, in its order. `first`: how many of the events the first frame with any held."""

    feed: Feed | None
    events: list[Event] = field(default_factory=list)
    notes: list[Event] = field(default_factory=list)
    first: int = 0

    def take(self, number: int, frame: Frame) -> Unwrapped:
        """Add what stands in this frame, the `number`-th of the log."""
        came = unwrap(frame, self.feed)
        where, key = f"/frames/{number}", self.feed.key if self.feed else ""
        for at, value in enumerate(came.events):
            if isinstance(value, dict):
                kind = str(value.get(key)) if key else str(value.get("type") or value.get("kind"))
                place = where + came.pointer(at)
                self.events.append(Event(len(self.events), number, kind, value, place, frame.offset))
        if came.note is not None:
            self.notes.append(Event(len(self.notes), number, str(came.note["type"]), came.note, where, frame.offset))
        self.first = self.first or len(self.events)
        return came


def heard(said: Exchange | SocketLog, feed: Feed | None) -> Heard:
    """What came over this connection."""
    out = Heard(feed)
    for number, frame in incoming(said):
        out.take(number, frame)
    return out


def incoming(said: Exchange | SocketLog) -> Iterator[tuple[int, Frame]]:
    """The data frames that came, each with its index in the log; of an answer that is no JSON its lines."""
    for number, frame in enumerate(said.frames if isinstance(said, SocketLog) else _lines_of(said.response)):
        if frame.direction == "in" and frame.kind in ("text", "binary"):
            yield number, frame


def _lines_of(response: Response) -> list[Frame]:
    if response.lines or response.media_type == "application/json":
        return response.lines
    return lines(response.content or b"")


def unwrap(frame: Frame, feed: Feed | None) -> Unwrapped:
    """What stands in this frame. Of a feed that nothing is declared of (None) a frame is an array of events or one event."""
    if frame.kind != "text":
        return Unwrapped([], wrong="the frame is not text")
    payload = frame.payload
    if payload is ABSENT:  # the record kept only its head
        return Unwrapped([])
    if feed is None:
        return _bare(payload)
    if feed.framing == LINES:
        return _line(payload, feed)
    if feed.framing == ENVELOPE:
        return _envelope(payload, feed)
    came = _bare(payload)
    wrong = _wrong(payload, feed)
    return came._replace(wrong=wrong) if wrong else came


def values(payload: Any, feed: Feed | None) -> list[Any]:
    """The events of a text frame with this payload; where it holds a note, that."""
    came = unwrap(Frame(0.0, "in", payload), feed)
    return came.events if came.note is None else [came.note]


def _bare(payload: Any, place: str = "") -> Unwrapped:
    return Unwrapped(payload, True, place) if isinstance(payload, list) else Unwrapped([payload], False, place)


def _wrong(payload: Any, feed: Feed, what: str = "the frame") -> str:
    """In what this is neither the array nor the object that it should be; what an object holds is not looked at."""
    if feed.many:
        good = isinstance(payload, list) and 1 <= len(payload) <= feed.most
        return "" if good else f"{what} is no JSON array of 1 to {feed.most} events"
    return "" if isinstance(payload, dict) else f"{what} is no JSON object"


def _envelope(payload: Any, feed: Feed) -> Unwrapped:
    kind = payload.get("type") if isinstance(payload, dict) else None
    if kind not in _ENVELOPES or payload.keys() != {"type", "data"}:
        # without its envelope, or in another one
        return _bare(payload)._replace(wrong=f"the frame is no object of type and data, the type one of {', '.join(_ENVELOPES)}")
    if kind != DATA:
        return Unwrapped([], note=payload)
    came, wrong = _bare(payload["data"], "/data"), _wrong(payload["data"], feed, "the data of the frame")
    return came._replace(wrong=wrong) if wrong else came


def _line(payload: Any, feed: Feed) -> Unwrapped:
    if isinstance(payload, list):
        return Unwrapped([{feed.key: payload[0], "data": payload[1]}])
    if isinstance(payload, str) and payload.startswith("{") and payload.endswith("\n"):
        try:
            return Unwrapped([], note={"type": ERROR, "data": orjson.loads(payload)})
        except ValueError:
            pass
    return Unwrapped([], wrong="the line is neither K:JSON nor a JSON object, with a newline at its end")


# -- lines -------------------------------------------------------------------------------------------------


def line(raw: bytes) -> Any:
    """The payload of a frame that is this line, its newline included: `[K, value]` for `K:JSON`, else the text itself."""
    if raw[1:2] == b":" and raw.endswith(b"\n"):
        try:
            return [chr(raw[0]), orjson.loads(raw[2:])]
        except ValueError:
            pass
    return raw.decode("utf-8", "backslashreplace")


def lines(content: bytes) -> list[Frame]:
    """The lines of a body as frames whose times are not known; the last one may lack its newline."""
    out, offset = [], 0
    *ended, rest = content.split(b"\n")
    for raw in [*(piece + b"\n" for piece in ended), *([rest] if rest else [])]:
        out.append(Frame(0.0, "in", line(raw), offset=offset))
        offset += len(raw)
    return out
