"""The queue of a chat: taking a message out of it, and running one next."""

from __future__ import annotations

from datetime import timedelta

from fake_server.chats.families import Families
from fake_server.rules.refusals import refusal
from fake_server.state import model_choice
from fake_server.state.records import Chat, Message, QueuedMessage, Token, User

INTERRUPTED_BY_PROMOTION = "Tool execution interrupted by queued message promotion"


class Queueing(Families):
    """Orders to what is queued."""

    def delete_queued(self, chat: Chat, queue_id: int) -> None:
        """Take a message out of the queue; an unknown id changes nothing but is announced all the same."""
        queue = self.backend.store.queues.get(chat.id, [])
        queue[:] = [entry for entry in queue if entry.id != queue_id]
        self.backend.hub.queue(chat)

    def promote(self, chat: Chat, caller: User, queue_id: int, token: Token | None = None) -> Message | None:
        """Run a queued message next: now on a chat that does not run, else by interrupting the run.

        Gives the message that it has become; None when that is still to come.
        """
        backend = self.backend
        backend.runner.settle(chat)
        entry = self._take(chat, queue_id)
        queue = backend.store.queues.get(chat.id, [])
        entry.created_by = caller.id
        entry.api_key_id = token.id if token else entry.api_key_id
        if not backend.does("promote.interrupts"):
            cancelled = chat.status == "running"
            backend.runner.discard(chat)
            backend.hub.queue(chat)
            model = model_choice.queued_model(backend, chat, entry.model_config_id)
            message = self._start(chat, caller.id, entry.content, model, entry.api_key_id)
            self._told_by_cancelled(chat, cancelled)
            return message
        if backend.runner.active(chat) and chat.status == "running":
            entry.created_at = queue[0].created_at - timedelta(microseconds=1) if queue else backend.clock.now()
            queue.insert(0, entry)
            backend.hub.queue(chat)
            if backend.does("promote.stops"):
                self._stop(chat)
            return None
        backend.hub.queue(chat)
        synthetic = self._answer_pending(chat, INTERRUPTED_BY_PROMOTION)
        model = model_choice.queued_model(backend, chat, entry.model_config_id)
        return self._start(chat, caller.id, entry.content, model, entry.api_key_id, before=synthetic)

    def _take(self, chat: Chat, queue_id: int) -> QueuedMessage:
        """A message out of the chat's queue."""
        queue = self.backend.store.queues.get(chat.id, [])
        entry = next((e for e in queue if e.id == queue_id), None)
        if entry is None:
            raise refusal("promote.unknown", id=queue_id, chat=chat.id)
        queue.remove(entry)
        return entry
