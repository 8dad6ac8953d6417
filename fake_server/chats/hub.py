"""Live feeds: the per-chat stream and the per-user watch feed, from publication to the bytes of a frame.

Publishing is synchronous: whoever changes state publishes in the same step, so no reader ever sees a state without its
event. Every reader has a queue of its own; order in it is the order of publication.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fake_server.chats import views
from fake_server.chats.feeds import BATCH, ChatFeeds, Event, Payload, StreamFeed
from fake_server.chats.watching import Watching
from fake_server.rules import authz
from fake_server.state.records import Chat, Message, Part, User

if TYPE_CHECKING:
    from fake_server.state.store import State

STALE_PARTS_SECONDS = 15.0  # how long parts that no message claimed outlive the last reader of an idle chat


class Hub(Watching):
    """Publishes what happens to whoever is connected."""

    def __init__(self, backend: State) -> None:
        super().__init__(backend)
        self._chats: dict[str, ChatFeeds] = {}
        self._running: set[str] = set()  # the chats that have a run

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
        self._send(feeds, event)

    def attempt(self, chat: Chat) -> None:
        """A model call begins."""

    def message(self, chat: Chat, *messages: Message) -> None:
        """Stored messages become visible, and with them those that were only deferred."""
        feeds = self._chats.get(chat.id)
        if feeds is None:
            return
        late, feeds.unannounced = feeds.unannounced, []
        for message in (*messages, *late):
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
        feeds.retry = retry
        self._send(feeds, self._event(chat.id, "retry", {"retry": retry}))

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
        for message in self._visible(chat.id):
            self._send_again(feeds, message)
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

    # -- reading ------------------------------------------------------------------------------------------------

    async def stream(self, chat: Chat, user: User, after_id: int, send: Callable[[bytes], Any]) -> None:
        """Serve one reader until it is cut off (returns) or leaves (cancelled). `send` takes the text of a frame."""
        feed, snapshot = self._subscribe(chat, user, after_id)
        owner = user.id == chat.owner_id
        try:
            if owner:
                self._mark_read(chat)
            feed.memory["owner"] = owner
            for batch in self._cut(snapshot):
                await self._send_frame("stream", feed, batch, send)
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
        if feeds.retry is not None and self.backend.does("stream.snapshot-retry"):
            snapshot.append(self._event(chat.id, "retry", {"retry": feeds.retry}))
        snapshot.extend(Event(data) for data in feeds.parts)
        snapshot.extend(self._message_event(message) for message in self._behind(shown, after_id))
        snapshot.extend(self._queue_of_snapshot(chat, after_id))
        return feed, snapshot

    def _behind(self, messages: list[Message], after_id: int) -> list[Message]:
        return [message for message in messages if message.id > after_id]

    def _queue_of_snapshot(self, chat: Chat, after_id: int) -> list[Event]:
        return [self._queue_event(chat)] if self.backend.store.queues.get(chat.id) else []

    def _cut(self, snapshot: list[Event]) -> list[list[Event]]:
        """A snapshot in frames."""
        return [snapshot[start : start + BATCH] for start in range(0, len(snapshot), BATCH)]

    async def parts(self, chat: Chat, wanted: tuple[int, int], send: Callable[[bytes], Any]) -> None:
        """Serve a reader of one attempt's parts: there is none here."""

    # -- events -------------------------------------------------------------------------------------------------

    def _open(self, chat_id: str) -> ChatFeeds:
        feeds = self._chats[chat_id] = ChatFeeds()
        return feeds

    def _event(self, chat_id: str, kind: str, payload: Payload, *, lossy: bool = False) -> Event:
        return Event({"type": kind, "chat_id": chat_id, **payload}, lossy=lossy)

    def _queue_event(self, chat: Chat) -> Event:
        queued = [views.queued_view(self.backend, entry) for entry in self.backend.store.queues.get(chat.id, ())]
        return self._event(chat.id, "queue_update", {"queued_messages": queued} if queued else {})

    def _message_event(self, message: Message) -> Event:
        return self._event(message.chat_id, "message", {"message": views.message_view(self.backend, message)})

    def _send(self, feeds: ChatFeeds, event: Event) -> None:
        for reader in feeds.readers:
            reader.put(event)

    def _send_again(self, feeds: ChatFeeds, message: Message) -> None:
        self._send(feeds, self._message_event(message))

    def _send_message(self, feeds: ChatFeeds, message: Message) -> None:
        if not feeds.readers or not self._shown(message):
            return
        event = self._message_event(message)
        for reader in feeds.readers:
            if message.id > reader.after_id and message.id > reader.snapshot_id:
                reader.put(event)

    def _visible(self, chat_id: str) -> list[Message]:
        return [message for message in self.backend.store.messages.get(chat_id, ()) if self._shown(message)]

    def _shown(self, message: Message) -> bool:
        return not message.deleted and message.visibility != "model"

    def _mark_read(self, chat: Chat) -> None:
        """Move the owner's read marker to the newest assistant message."""
        if not self.backend.does("stream.marks-read"):
            return
        for message in reversed(self.backend.store.messages.get(chat.id, [])):
            if message.role == "assistant" and not message.deleted:
                chat.read_marker = max(chat.read_marker, message.id)
                return
