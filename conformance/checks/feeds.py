"""What came over a socket, in a form that rules about order can ask."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from conformance.checks.asked import Asked, plain_uuid
from conformance.exchange import SocketLog
from spec.tables import StreamOrder

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its place in the log, the number of its frame, its type (or kind), the event itself."""

    at: int
    frame: int
    type: str
    value: dict[str, Any]

    @property
    def pointer(self) -> str:
        return f"/frames/{self.frame}"

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
class Feed:
    """All events of one connection in the order they came, and the `order` that the profile declares for them.

    `snapshot` is how many of them its first frame held.
    """

    log: SocketLog
    chat: str
    after_id: int
    order: StreamOrder
    events: list[Event] = field(default_factory=list)
    snapshot: int = 0

    def of(self, *types: str) -> list[Event]:
        return [event for event in self.events if event.type in types]

    @property
    def live(self) -> list[Event]:
        return self.events[self.snapshot :]


def feed_of(asked: Asked, key: str, order: StreamOrder) -> Feed | None:
    """The feed of an opened socket; None if it was refused or reading stopped. `key` tells events apart: type or kind."""
    log = asked.said
    if not isinstance(log, SocketLog) or log.handshake.status != 101 or log.fault:
        return None
    after = asked.one("after_id")
    feed = Feed(log, plain_uuid(asked.path.get("chat", "")), int(after) if after.lstrip("+-").isdigit() else 0, order)
    for number, frame in enumerate(log.frames):
        if frame.direction != "in" or frame.kind != "text":
            continue
        for value in frame.payload if isinstance(frame.payload, list) else [frame.payload]:
            if isinstance(value, dict):
                feed.events.append(Event(len(feed.events), number, str(value.get(key)), value))
        if not feed.snapshot:
            feed.snapshot = len(feed.events)
    return feed


def args_of(text: str) -> Any:
    """The JSON value of joined argument pieces; a marker that equals nothing if they are none."""
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return _ABSENT


def texts(parts: list[dict[str, Any]], kind: str) -> str:
    """The texts of these parts of that type, joined."""
    return "".join(str(part.get("text", "")) for part in parts if part.get("type") == kind)
