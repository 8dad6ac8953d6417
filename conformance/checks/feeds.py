"""What came over a socket, in a form that rules about order can ask."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from conformance.checks.asked import Asked, plain_uuid
from conformance.wire.exchange import SocketLog
from conformance.wire.framing import Event, heard
from spec.feeds import Feed
from spec.tables import StreamOrder

_ABSENT = object()


@dataclass(slots=True)
class Told:
    """All events of one connection in the order they came, and the `order` that the profile declares for them.

    `snapshot` is how many of them its first frame held.
    """

    log: SocketLog
    chat: str
    after_id: int
    order: StreamOrder
    events: list[Event]
    snapshot: int

    def of(self, *types: str) -> list[Event]:
        return [event for event in self.events if event.type in types]

    @property
    def live(self) -> list[Event]:
        return self.events[self.snapshot :]


def told_of(asked: Asked, feed: Feed, order: StreamOrder) -> Told | None:
    """What an opened socket told; None if it was refused or reading stopped."""
    log = asked.said
    if not isinstance(log, SocketLog) or log.handshake.status != 101 or log.fault:
        return None
    after, came = asked.one("after_id"), heard(log, feed)
    after_id = int(after) if after.lstrip("+-").isdigit() else 0
    return Told(log, plain_uuid(asked.path.get("chat", "")), after_id, order, came.events, came.first)


def args_of(text: str) -> Any:
    """The JSON value of joined argument pieces; a marker that equals nothing if they are none."""
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return _ABSENT


def texts(parts: list[dict[str, Any]], kind: str) -> str:
    """The texts of these parts of that type, joined."""
    return "".join(str(part.get("text", "")) for part in parts if part.get("type") == kind)
