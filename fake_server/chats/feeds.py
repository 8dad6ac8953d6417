"""What waits for the readers of live feeds: events, encoded once, and a queue for each reader."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import orjson

from fake_server.state.records import Message, User

Payload = dict[str, Any]

BATCH = 256  # events in one frame of the stream
BUFFERED_PARTS = 10_000  # parts of an unpersisted step that a new connection still gets
# What may wait for one slow reader: lossy events (parts) beyond this are dropped, beyond DURABLE the stream is closed.
LOSSY_EVENTS, LOSSY_BYTES, DURABLE_EVENTS = 20_000, 32 << 20, 4_096


def encode(value: Any) -> bytes:
    """JSON as the real server writes it: compact, with HTML characters escaped."""
    raw = orjson.dumps(value)
    for plain, escaped in ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026")):
        if plain in raw:
            raw = raw.replace(plain, escaped)
    return raw.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


class Event:
    """One event, encoded once however many readers there are."""

    __slots__ = ("_raw", "data", "lossy")

    def __init__(self, data: Payload, *, lossy: bool = False) -> None:
        self.data, self.lossy = data, lossy
        self._raw: bytes | None = None

    @property
    def raw(self) -> bytes:
        if self._raw is None:
            self._raw = encode(self.data)
        return self._raw


class Feed:
    """The queue of one connected reader. `memory` belongs to the frame faults of this connection."""

    def __init__(self) -> None:
        self.memory: dict[str, Any] = {}
        self.overflowed = False
        self._events: deque[Event] = deque()
        self._ready = asyncio.Event()
        self._lossy = self._lossy_bytes = 0

    def put(self, event: Event) -> None:
        """Queue an event; a reader that has fallen far behind loses parts, or is cut off."""
        if self.overflowed:
            return None
        if event.lossy:
            if self._lossy >= LOSSY_EVENTS or self._lossy_bytes >= LOSSY_BYTES:
                return None
            self._lossy += 1
            self._lossy_bytes += len(event.raw)
        elif len(self._events) - self._lossy >= DURABLE_EVENTS:
            self.overflowed = True
            return self._ready.set()
        self._events.append(event)
        return self._ready.set()

    async def take(self) -> list[Event]:
        """Wait for events, then everything that is queued, up to one frame. Empty once cut off and drained."""
        while not self._events:
            if self.overflowed:
                return []
            self._ready.clear()
            await self._ready.wait()
        batch: list[Event] = []
        while self._events and len(batch) < BATCH:
            event = self._events.popleft()
            if event.lossy:
                self._lossy -= 1
                self._lossy_bytes -= len(event.raw)
            batch.append(event)
        return batch


class StreamFeed(Feed):
    """A reader of one chat: messages up to `after_id`, and those of its snapshot, are not sent again."""

    def __init__(self, user: User, after_id: int) -> None:
        super().__init__()
        self.user, self.after_id = user, after_id
        self.snapshot_id = 0
        self.wanted = (0, 0)  # of a reader of parts alone: history version, attempt


class ChatFeeds:
    """What the hub keeps for a chat that has readers or a running step."""

    def __init__(self) -> None:
        self.readers: list[StreamFeed] = []
        self.parts: deque[Payload] = deque(maxlen=BUFFERED_PARTS)
        self.retry: Payload | None = None
        self.unannounced: list[Message] = []  # stored, to be sent with the next message
        self.expiring = False
        # of revisions that number what they show
        self.told = ""  # the status told last
        self.version, self.attempt, self.seq = 1, 0, 0
        self.calls: list[Payload] = []  # that the client must run
        self.recent: deque[Payload] = deque(maxlen=BUFFERED_PARTS)  # parts, those of ended attempts too
        self.part_readers: list[StreamFeed] = []
