"""The stream of revisions that make it from stored versions of a chat: parts have numbers, and readers hear what to forget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fake_server.chats import views
from fake_server.chats.feeds import ChatFeeds, Event, Payload, StreamFeed
from fake_server.chats.hub import Hub
from fake_server.state.records import Chat, Message, Part, User

_STEPS = {"tool": 1}  # by how much a stored message of that role raises the version; 2 for others


class VersionedHub(Hub):
    """Publishes what happens to whoever is connected. Each change of a chat's history makes another version of it."""

    # -- publishing ---------------------------------------------------------------------------------------------

    def status(self, chat: Chat) -> None:
        """The chat's status may have changed."""
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        shown = views.shown_status(self.backend, chat)
        if shown == feeds.told:
            return
        if feeds.told:
            self._next_version(feeds)
        feeds.told, feeds.retry = shown, None
        self._send(feeds, self._event(chat.id, "status", {"status": {"status": shown}}))
        if shown == "running":
            self._send(feeds, self._reset(chat))

    def attempt(self, chat: Chat) -> None:
        """An attempt begins: what an earlier one has shown is void."""
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        feeds.attempt, feeds.seq = feeds.attempt + 1, 0
        feeds.parts.clear()
        self._send(feeds, self._reset(chat))

    def part(self, chat: Chat, role: str, part: Part) -> None:
        """A part of a step that is not stored yet."""
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        feeds.retry = None
        feeds.seq += 1
        said: Payload = {"role": role, "part": views.part_view(self.backend, part)}
        said |= {"history_version": feeds.version, "generation_attempt": max(feeds.attempt, 1), "seq": feeds.seq}
        event = self._event(chat.id, "message_part", {"message_part": said}, lossy=True)
        feeds.parts.append(event.data)
        feeds.recent.append(event.data)
        self._send(feeds, event)
        for reader in feeds.part_readers:
            if reader.wanted == (feeds.version, max(feeds.attempt, 1)):
                reader.put(event)

    def message(self, chat: Chat, *messages: Message) -> None:
        """Stored messages become visible."""
        if not messages:
            return
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        feeds.retry = None
        self._next_version(feeds, sum(_STEPS.get(message.role, 2) for message in messages))
        for message in messages:
            self._send_message(feeds, message)
        self._send(feeds, self._reset(chat))

    def defer(self, chat: Chat, *messages: Message) -> None:
        """Nothing waits here for another message."""
        self.message(chat, *messages)

    def error(self, chat: Chat, error: Payload) -> None:
        """The run has failed for good: told behind the status."""
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        self._send(feeds, self._event(chat.id, "error", {"error": self.backend.revision.shown("error", error)}))

    def replay(self, chat: Chat) -> None:
        """After an edit: all is to be forgotten, and every message that is left comes again."""
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        self._next_version(feeds)
        self._send(feeds, self._event(chat.id, "history_reset", {}))
        for message in self._visible(chat.id):
            self._send_again(feeds, message)
        if self._had_queue(chat) and self.backend.does("edit.tells-queue"):
            self._send(feeds, self._queue_event(chat))

    def run_started(self, chat: Chat) -> None:
        """A run begins; its first attempt tells so."""

    def drop_parts(self, chat: Chat) -> None:
        feeds = self._chats.get(chat.id)
        if feeds is not None:
            feeds.parts.clear()

    def retire(self, chat: Chat) -> None:
        """Nothing runs any more; what was counted stays."""
        self.drop_parts(chat)

    def _expire(self, chat: Chat) -> None:
        """The numbers of a chat are kept."""

    def _send_message(self, feeds: ChatFeeds, message: Message) -> None:
        """What is stored later is told whatever a reader's after_id."""
        if feeds.readers and self._shown(message):
            event = self._message_event(message)
            for reader in feeds.readers:
                if message.id > reader.snapshot_id:
                    reader.put(event)

    # -- reading ------------------------------------------------------------------------------------------------

    def _subscribe(self, chat: Chat, user: User, after_id: int) -> tuple[StreamFeed, list[Event]]:
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        feed = StreamFeed(user, after_id)
        shown = self._visible(chat.id)
        feed.snapshot_id = shown[-1].id if shown else 0
        feeds.readers.append(feed)
        status = views.shown_status(self.backend, chat)
        feeds.told = status
        edited = any(
            message.deleted and message.visibility != "model" for message in self.backend.store.messages.get(chat.id, ())
        )
        snapshot = [self._event(chat.id, "history_reset", {})] if edited else []
        snapshot.extend(self._message_event(message) for message in (shown if edited else self._behind(shown, after_id)))
        snapshot.extend([self._queue_event(chat)] if self._had_queue(chat) else [])
        snapshot.append(self._event(chat.id, "status", {"status": {"status": status}}))
        if status == "error" and chat.last_error:
            snapshot.append(self._event(chat.id, "error", {"error": self.backend.revision.shown("error", chat.last_error)}))
        if status == "requires_action" and feeds.calls:
            snapshot.append(self._event(chat.id, "action_required", {"action_required": {"tool_calls": feeds.calls}}))
        if feeds.retry is not None and self.backend.does("stream.snapshot-retry"):
            snapshot.append(self._event(chat.id, "retry", {"retry": feeds.retry}))
        snapshot.append(self._reset(chat))
        snapshot.extend(Event(data) for data in feeds.parts)
        return feed, snapshot

    def action_required(self, chat: Chat, calls: list[Payload]) -> None:
        """The client must run these tool calls."""
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        feeds.calls = calls
        super().action_required(chat, calls)

    async def parts(self, chat: Chat, wanted: tuple[int, int], send: Callable[[bytes], Any]) -> None:
        """Serve one reader of the parts of one attempt, `(history_version, generation_attempt)`, until he leaves."""
        feeds = self._chats.get(chat.id) or self._open(chat.id)
        feed = StreamFeed(self.backend.store.users[chat.owner_id], 0)
        feed.wanted = wanted
        for data in feeds.recent:
            said = data["message_part"]
            if (said["history_version"], said["generation_attempt"]) == wanted:
                feed.put(Event(data))
        feeds.part_readers.append(feed)
        try:
            while batch := await feed.take():
                await self._send_frame("parts", feed, batch, send)
        finally:
            feeds.part_readers.remove(feed)
            self._left.set()

    def _had_queue(self, chat: Chat) -> bool:
        return chat.id in self.backend.store.queues

    def _next_version(self, feeds: ChatFeeds, steps: int = 1) -> None:
        feeds.version, feeds.attempt, feeds.seq = feeds.version + steps, 0, 0
        feeds.parts.clear()

    def _reset(self, chat: Chat) -> Event:
        return self._event(chat.id, "preview_reset", {})
