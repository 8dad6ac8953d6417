"""The watch feed of a user, and how events of any feed become the text of frames."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fake_server.chats import views
from fake_server.chats.feeds import Event, Feed, Payload, encode
from fake_server.state.records import Chat, User

if TYPE_CHECKING:
    from fake_server.state.store import State

WATCH_LIMIT = 8_000  # bytes from which a watch event is dropped
SLOW_SECONDS = 0.01  # what a frame is held back when a variation asks for slow frames


class Watching:
    """The watchers of all users."""

    def __init__(self, backend: State) -> None:
        self.backend = backend
        self._watchers: dict[str, list[Feed]] = {}
        self._left = asyncio.Event()  # set whenever a reader of any feed has left

    def watch(self, chat: Chat, kind: str, **extra: Any) -> None:
        """Tell the owner's watchers. An event of 8000 bytes or more is lost, as on the real server."""
        watchers = self._watchers_of(chat, kind)
        if not watchers:
            return
        event = Event({"kind": kind, "chat": views.watched_view(self.backend, chat), **extra})
        if len(event.raw) >= WATCH_LIMIT:
            return
        for watcher in watchers:
            watcher.put(event)

    def _watchers_of(self, chat: Chat, kind: str) -> list[Feed]:
        return self._watchers.get(chat.owner_id, [])

    async def watching(self, user: User, send: Callable[[bytes], Any]) -> None:
        """Serve one watcher until it is cut off (returns) or leaves (cancelled)."""
        feed = self._watch_feed(user)
        try:
            if not self.backend.does("watch.starts-silent"):
                await send(self._framed(b"null", b"ping"))
            while batch := await feed.take():
                for event in batch:
                    await self._send_frame("watch", feed, [event], send)
        finally:
            left = [reader for reader in self._watchers[user.id] if reader is not feed]
            if left:
                self._watchers[user.id] = left
            else:
                del self._watchers[user.id]
            self._left.set()

    def _watch_feed(self, user: User) -> Feed:
        feed = Feed()
        self._watchers.setdefault(user.id, []).append(feed)
        return feed

    async def _send_frame(self, socket: str, feed: Feed, batch: list[Event], send: Callable[[bytes], Any]) -> None:
        if not self.backend.faults.active:
            raw = [event.raw for event in batch]
            await send(self._framed(raw[0] if socket == "watch" else b"[" + b",".join(raw) + b"]"))
            return
        feed.memory.setdefault("profile", self.backend.revision.name)
        changed = self.backend.faults.change_events(socket, [event.data for event in batch], feed.memory)
        if not self.backend.does("stream.prompt"):
            await asyncio.sleep(SLOW_SECONDS)
        for frame in self._frames(socket, changed):
            await send(self._framed(encode(frame)))

    def _frames(self, socket: str, events: list[Payload]) -> list[Any]:
        """What the frames hold in which these events are sent."""
        if socket == "watch":
            return list(events)
        return [events] * bool(events) if self.backend.does("stream.batches") else [[event] for event in events]

    def _framed(self, data: bytes, kind: bytes = b"data") -> bytes:
        """The text of a frame: the data by itself, or in early revisions in an envelope that says what it is."""
        if self.backend.does("feeds.bare"):
            return data + b"\n"
        return b'{"type":"' + kind + b'","data":' + data + b"}\n"
