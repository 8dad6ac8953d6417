"""Live feeds: the per-chat stream and the per-user watch feed, from publication to the bytes of a frame.

Publishing is synchronous: whoever changes state publishes in the same step, so no reader ever sees a state without its
event. Every reader has a queue of its own; order in it is the order of publication.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import orjson

from fake_server.chats import views
from fake_server.rules import authz
from fake_server.state.records import Chat, Message, Part, User

if TYPE_CHECKING:
    from fake_server.state.store import State

Payload = dict[str, Any]

BATCH = 256  # events in one frame of the stream
BUFFERED_PARTS = 10_000  # parts of an unpersisted step that a new connection still gets
WATCH_LIMIT = 8_000  # bytes from which a watch event is dropped
# What may wait for one slow reader: lossy events (parts) beyond this are dropped, beyond DURABLE the stream is closed.
LOSSY_EVENTS, LOSSY_BYTES, DURABLE_EVENTS = 20_000, 32 << 20, 4_096
SLOW_SECONDS = 0.01  # what a frame is held back when a variation asks for slow frames
STALE_PARTS_SECONDS = 15.0  # how long parts that no message claimed outlive the last reader of an idle chat


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


class ChatFeeds:
    """What the hub keeps for a chat that has readers or a running step."""

    def __init__(self) -> None:
        self.readers: list[StreamFeed] = []
        self.parts: deque[Payload] = deque(maxlen=BUFFERED_PARTS)
        self.retry: Payload | None = None
        self.unannounced: list[Message] = []  # stored, to be sent with the next message
        self.expiring = False


class Hub:
    """Publishes what happens to whoever is connected."""

    def __init__(self, backend: State) -> None:
        self.backend = backend
        self._chats: dict[str, ChatFeeds] = {}
        self._watchers: dict[str, list[Feed]] = {}
        self._running: set[str] = set()  # the chats that have a run
        self._left = asyncio.Event()  # set whenever a reader has left

    # -- publishing: stream -------------------------------------------------------------------------------------

    def status(self, chat: Chat) -> None:
        """The chat's status has changed. Every reader sees it twice, once for each feed of the real server."""
        feeds = self._chats.get(chat.id)
        if feeds is None:
            return
        if chat.status != "running":
            feeds.retry = None
        event = self._event(chat.id, "status", {"status": {"status": chat.status}})
        for _ in range(2 if self.backend.does("stream.status-twice") else 1):
            self._send(feeds, event)

    def part(self, chat: Chat, role: str, part: Part) -> None:
        """A part of a step that is not stored yet."""
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        feeds.retry = None
        payload = {"message_part": {"role": role, "part": views.part_view(self.backend, part)}}
        event = self._event(chat.id, "message_part", payload, lossy=True)
        feeds.parts.append(event.data)
        if len(feeds.parts) > 100 and not self.backend.does("stream.keeps-parts"):
            feeds.parts.popleft()
        if self.backend.does("stream.parts-to-all"):
            self._send(feeds, event)
        elif feeds.readers:
            feeds.readers[-1].put(event)

    def message(self, chat: Chat, *messages: Message) -> None:
        """Stored messages become visible, and with them those that were only deferred."""
        feeds = self._chats.get(chat.id)
        if feeds is None:
            return
        late, feeds.unannounced = feeds.unannounced, []
        for message in (*messages, *late):
            for _ in range(1 if self.backend.does("stream.message-once") else 2):
                self._send_message(feeds, message)
            if message.role == "assistant" and self.backend.does("stream.parts-claimed"):
                feeds.parts.clear()

    def defer(self, chat: Chat, *messages: Message) -> None:
        """Stored messages that readers get only with the next published one."""
        feeds = self._chats.get(chat.id)
        if feeds is not None and feeds.readers:
            feeds.unannounced.extend(messages)

    def queue(self, chat: Chat) -> None:
        """The queue has changed (or may have)."""
        feeds = self._chats.get(chat.id)
        if feeds is None or not feeds.readers:
            return
        event = self._queue_event(chat)
        for reader in feeds.readers:
            # The one event that is withheld from a reader who has lost access (stream-verified.md 1.8).
            if authz.can(self.backend, reader.user, "read", chat):
                reader.put(event)

    def retry(self, chat: Chat, retry: Payload) -> None:
        """A model call failed and will be repeated; the parts it gave are void."""
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        retry = self.backend.revision.shown("retry", retry)
        if self.backend.does("retry.clears-parts"):
            feeds.parts.clear()
        if feeds.retry is None or self.backend.does("stream.snapshot-latest-retry"):
            feeds.retry = retry
        event = self._event(chat.id, "retry", {"retry": retry})
        for reader in feeds.readers if self.backend.does("stream.retries-to-all") else feeds.readers[:1]:
            reader.put(event)

    def error(self, chat: Chat, error: Payload) -> None:
        """The run has failed for good."""
        feeds = self._chats.get(chat.id)
        if feeds is not None:
            feeds.retry = None
            error = self.backend.revision.shown("error", error)
            self._send(feeds, self._event(chat.id, "error", {"error": error}))

    def action_required(self, chat: Chat, calls: list[Payload]) -> None:
        """The client must run these tool calls. Never repeated, never in a snapshot."""
        feeds = self._chats.get(chat.id)
        if feeds is not None:
            self._send(feeds, self._event(chat.id, "action_required", {"action_required": {"tool_calls": calls}}))

    def replay(self, chat: Chat) -> None:
        """After an edit: every remaining visible message again, whatever the reader's after_id."""
        feeds = self._chats.get(chat.id)
        if feeds is None:
            return
        feeds.unannounced.clear()
        for message in self._visible(chat.id) if self.backend.does("edit.replays") else ():
            event = self._message_event(message)
            for reader in feeds.readers:
                if self.backend.does("stream.replay-ignores-after-id") or message.id > reader.after_id:
                    reader.put(event)
        if self.backend.does("edit.tells-queue"):
            self._send(feeds, self._queue_event(chat))

    def run_taken(self, chat: Chat) -> None:
        """The chat has a run from now on."""
        self._running.add(chat.id)

    def run_gone(self, chat: Chat) -> None:
        """It has none any more."""
        self._running.discard(chat.id)

    def run_started(self, chat: Chat) -> None:
        """A run begins: what an earlier one left unclaimed is gone."""
        feeds = self._chats.get(chat.id)
        if feeds is not None:
            feeds.parts.clear()

    def drop_parts(self, chat: Chat) -> None:
        """The step's parts will never be stored."""
        self.run_started(chat)

    def retire(self, chat: Chat) -> None:
        """Nothing runs any more: forget the chat's feeds once nobody reads them; parts that nothing claimed, later."""
        feeds = self._chats.get(chat.id)
        if feeds is not None and not self.backend.does("stream.keeps-unclaimed-parts"):
            feeds.parts.clear()
        if feeds is None or feeds.readers:
            return
        if not feeds.parts:
            del self._chats[chat.id]
        elif not feeds.expiring:
            feeds.expiring = True
            asyncio.get_running_loop().call_later(STALE_PARTS_SECONDS, self._expire, chat)

    def _expire(self, chat: Chat) -> None:
        feeds = self._chats.get(chat.id)
        if feeds is None:
            return
        feeds.expiring = False
        if not feeds.readers and chat.id not in self._running:
            del self._chats[chat.id]

    # -- publishing: watch --------------------------------------------------------------------------------------

    def watch(self, chat: Chat, kind: str, **extra: Any) -> None:
        """Tell the owner's watchers. An event of 8000 bytes or more is lost, as on the real server."""
        watchers = self._watchers.get(chat.owner_id, [])
        if not self.backend.does("watch.owner-only"):
            watchers = [watcher for feeds in self._watchers.values() for watcher in feeds]
        if not self.backend.does("watch.not-for-admins"):
            admins = [u.id for u in self.backend.store.users.values() if "owner" in u.site_roles and u.id != chat.owner_id]
            watchers = watchers + [feed for admin in admins for feed in self._watchers.get(admin, ())]
        if kind == "title_change" and chat.archived and not self.backend.does("watch.archived-to-all"):
            watchers = watchers[-1:]
        if not watchers:
            return
        event = Event({"kind": kind, "chat": views.watched_view(self.backend, chat), **extra})
        if len(event.raw) >= WATCH_LIMIT:
            return
        for watcher in watchers:
            watcher.put(event)

    # -- reading ------------------------------------------------------------------------------------------------

    async def stream(self, chat: Chat, user: User, after_id: int, send: Callable[[bytes], Any]) -> None:
        """Serve one reader until it is cut off (returns) or leaves (cancelled). `send` takes the text of a frame."""
        feed, snapshot = self._subscribe(chat, user, after_id)
        owner = user.id == chat.owner_id
        try:
            if owner or not self.backend.does("stream.marks-read-owner-only"):
                self._mark_read(chat)
            feed.memory["owner"] = owner
            size = BATCH if self.backend.does("stream.cuts-frames") else len(snapshot)
            for start in range(0, len(snapshot), size):
                await self._send_frame("stream", feed, snapshot[start : start + size], send)
            while batch := await feed.take():
                await self._send_frame("stream", feed, batch, send)
            dropped = {"message": "dropped messages", "retryable": False}
            await self._send_frame("stream", feed, [self._event(chat.id, "error", {"error": dropped})], send)
        finally:
            feeds = self._chats.get(chat.id)
            if feeds is not None:
                feeds.readers = [reader for reader in feeds.readers if reader is not feed]
                if chat.id not in self._running:
                    self.retire(chat)
            if owner and self.backend.does("stream.marks-read-on-close"):
                self._mark_read(chat)
            self._left.set()

    async def watching(self, user: User, send: Callable[[bytes], Any]) -> None:
        """Serve one watcher until it is cut off (returns) or leaves (cancelled)."""
        feed = Feed()
        self._watchers.setdefault(user.id, []).append(feed)
        if not self.backend.does("watch.no-snapshot"):
            for chat in [c for c in self.backend.store.chats.values() if c.owner_id == user.id]:
                feed.put(Event({"kind": "status_change", "chat": views.chat_view(self.backend, chat)}))
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

    def readers(self) -> int:
        """How many sockets are being served."""
        return sum(len(feeds.readers) for feeds in self._chats.values()) + sum(map(len, self._watchers.values()))

    async def until_nobody_reads(self) -> None:
        """Wait until every socket is gone."""
        while self.readers():
            self._left.clear()
            await self._left.wait()

    def _subscribe(self, chat: Chat, user: User, after_id: int) -> tuple[StreamFeed, list[Event]]:
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        feed = StreamFeed(user, after_id)
        shown = self._visible(chat.id)
        feed.snapshot_id = shown[-1].id if shown else 0
        feeds.readers.append(feed)
        snapshot = [self._event(chat.id, "status", {"status": {"status": chat.status}})]
        does = self.backend.does
        if feeds.retry is not None and does("stream.snapshot-retry"):
            snapshot.append(self._event(chat.id, "retry", {"retry": feeds.retry}))
        snapshot.extend(Event(data) for data in feeds.parts)
        if not does("stream.snapshot-after-id"):
            after_id = 0
        after_id -= 0 if does("stream.after-id-is-exclusive") else 1
        snapshot.extend(self._message_event(message) for message in shown if message.id > after_id)
        with_queue = does("stream.snapshot-queue") and (feed.after_id <= 0 or does("stream.snapshot-queue-after-id"))
        if self.backend.store.queues.get(chat.id) and with_queue:
            snapshot.append(self._queue_event(chat))
        return feed, snapshot

    async def _send_frame(self, socket: str, feed: Feed, batch: list[Event], send: Callable[[bytes], Any]) -> None:
        if not self.backend.faults.active:
            raw = [event.raw for event in batch]
            await send(self._framed(raw[0] if socket == "watch" else b"[" + b",".join(raw) + b"]"))
            return
        changed = self.backend.faults.change_events(socket, [event.data for event in batch], feed.memory)
        if not self.backend.does("stream.prompt"):
            await asyncio.sleep(SLOW_SECONDS)
        if socket == "watch":
            frames = [encode(event if self.backend.does("watch.objects") else [event]) for event in changed]
        elif not self.backend.does("stream.arrays"):
            frames = [encode(event) for event in changed]
        elif self.backend.does("stream.batches"):
            frames = [encode(changed)] if changed else []
        else:
            frames = [encode([event]) for event in changed]
        for frame in frames:
            await send(self._framed(frame))

    def _framed(self, data: bytes, kind: bytes = b"data") -> bytes:
        """The text of a frame: the data by itself, or in early revisions in an envelope that says what it is."""
        if self.backend.does("feeds.bare"):
            return data + b"\n"
        return b'{"type":"' + kind + b'","data":' + data + b"}\n"

    # -- events -------------------------------------------------------------------------------------------------

    def _open(self, chat_id: str) -> ChatFeeds:
        feeds = self._chats[chat_id] = ChatFeeds()
        return feeds

    def _event(self, chat_id: str, kind: str, payload: Payload, *, lossy: bool = False) -> Event:
        return Event({"type": kind, "chat_id": chat_id, **payload}, lossy=lossy)

    def _queue_event(self, chat: Chat) -> Event:
        queued = [views.queued_view(self.backend, entry) for entry in self.backend.store.queues.get(chat.id, ())]
        if not queued and self.backend.does("stream.empty-queue-omits-key"):
            return self._event(chat.id, "queue_update", {})
        return self._event(chat.id, "queue_update", {"queued_messages": queued})

    def _message_event(self, message: Message) -> Event:
        return self._event(message.chat_id, "message", {"message": views.message_view(self.backend, message)})

    def _send(self, feeds: ChatFeeds, event: Event) -> None:
        for reader in feeds.readers:
            reader.put(event)

    def _send_message(self, feeds: ChatFeeds, message: Message) -> None:
        if message.deleted or not feeds.readers or (message.visibility == "model" and self.backend.does("stream.hides-hidden")):
            return
        event = self._message_event(message)
        for reader in feeds.readers if self.backend.does("stream.every-reader") else feeds.readers[:1]:
            if message.id > reader.after_id and message.id > reader.snapshot_id:
                reader.put(event)

    def _visible(self, chat_id: str) -> list[Message]:
        rows: Iterable[Message] = self.backend.store.messages.get(chat_id, ())
        hides = self.backend.does("stream.hides-hidden")
        gone = self.backend.does("stream.hides-replaced")
        return [row for row in rows if not (row.deleted and gone) and not (row.visibility == "model" and hides)]

    def _mark_read(self, chat: Chat) -> None:
        """Move the owner's read marker to the newest assistant message."""
        if not self.backend.does("stream.marks-read"):
            return
        for message in reversed(self.backend.store.messages.get(chat.id, [])):
            if message.role == "assistant" and not message.deleted:
                chat.read_marker = max(chat.read_marker, message.id)
                if not self.backend.does("stream.keeps-place"):
                    chat.updated_at = self.backend.clock.now()
                return
