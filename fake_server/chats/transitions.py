"""The life cycle of revisions in which the state of a chat says which orders it takes: others are refused with 409."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_server.chats.lifecycle import INTERRUPTED_BY_USER, Lifecycle
from fake_server.chats.queueing import INTERRUPTED_BY_PROMOTION
from fake_server.rules.refusals import refusal
from fake_server.state import model_choice
from fake_server.state.records import Chat, Message, Token, User

if TYPE_CHECKING:
    from fake_server.state.store import State

INTERRUPTED_BY_MESSAGE = "Tool execution interrupted by user message"
_LETTERS = {"pending": "R", "running": "R", "interrupting": "I", "requires_action": "A", "error": "E", "waiting": "W"}
RUNS = ("pending", "running")
ACTIVE = (*RUNS, "interrupting", "requires_action")


def state_of(backend: State, chat: Chat) -> str:
    """The state as refusals name it: X for an archived chat, a letter for the status, and whether there is a queue."""
    letter = _LETTERS[chat.status]
    queue = "" if letter == "W" else str(int(bool(backend.store.queues.get(chat.id))))
    return ("X" if chat.archived else "") + letter + queue


class Transitions(Lifecycle):
    """What may be ordered of a chat, as far as states decide."""

    # -- messages -----------------------------------------------------------------------------------------------

    def _queued(self, chat: Chat, busy_behavior: str) -> None:
        """A message was queued: the failed chat takes up its queue, a busy one is stopped if that was asked for."""
        backend = self.backend
        if chat.status == "error":
            backend.ledger.promote_next(chat)
            backend.runner.wake(chat)
            return
        backend.hub.queue(chat)
        if busy_behavior == "interrupt" and chat.status == "requires_action":
            self._go_on_without(chat, INTERRUPTED_BY_MESSAGE)
        elif busy_behavior == "interrupt" and chat.status in RUNS:
            self._stop(chat)
        elif chat.status in RUNS:
            backend.hub.watch(chat, "status_change")

    def _go_on_without(self, chat: Chat, text: str) -> list[Message]:
        """The calls that wait for the client get error results, and the turn goes on."""
        rows = self._answer_pending(chat, text)
        self.backend.hub.message(chat, *rows)
        self.backend.ledger.set_status(chat, "pending")
        self.backend.runner.wake(chat)
        return rows

    def _go_on(self, chat: Chat) -> None:
        self.backend.ledger.set_status(chat, "pending")
        self.backend.runner.wake(chat)

    # -- the queue ----------------------------------------------------------------------------------------------

    def delete_queued(self, chat: Chat, queue_id: int) -> None:
        """Take a message out of the queue."""
        queue = self.backend.store.queues.get(chat.id)
        self.backend.guard("queue.empty-delete", chat.archived or not queue, state=state_of(self.backend, chat))
        self.backend.guard("queue.unknown", all(entry.id != queue_id for entry in queue or ()))
        super().delete_queued(chat, queue_id)

    def promote(self, chat: Chat, caller: User, queue_id: int, token: Token | None = None) -> Message | None:
        """Run a queued message next: now on a chat that does not run, else by stopping the run; until then it keeps its place."""
        backend = self.backend
        queue = backend.store.queues.get(chat.id, [])
        backend.guard("queue.empty-promote", not queue, state=state_of(backend, chat))
        entry = next((e for e in queue if e.id == queue_id), None)
        if entry is None:
            raise refusal("queue.unknown")
        entry.created_by = caller.id
        entry.api_key_id = token.id if token else entry.api_key_id
        if chat.status in (*RUNS, "interrupting"):
            for each in queue:
                each.first = each is entry
            if chat.status in RUNS and backend.does("promote.stops"):
                self._stop(chat)
            return None
        queue.remove(entry)
        synthetic = self._answer_pending(chat, INTERRUPTED_BY_PROMOTION)
        model = model_choice.queued_model(backend, chat, entry.model_config_id)
        message = backend.ledger.user_message(chat, caller.id, entry.content, model, entry.api_key_id)
        backend.hub.message(chat, *synthetic, message)
        backend.hub.queue(chat)
        backend.ledger.set_status(chat, "pending")
        backend.runner.wake(chat)
        return message

    # -- stop and go --------------------------------------------------------------------------------------------

    def _stop(self, chat: Chat) -> None:
        self.backend.ledger.set_status(chat, "interrupting")
        self.backend.runner.interrupt(chat)

    def interrupt(self, chat: Chat) -> Chat:
        """Stop what runs; a chat that waits for its client goes on without it."""
        allowed = chat.status in (*RUNS, "requires_action") and not chat.archived
        self.backend.guard("interrupt.at-rest", not allowed, state=state_of(self.backend, chat))
        if chat.status == "requires_action":
            self._go_on_without(chat, INTERRUPTED_BY_USER)
        elif chat.status in RUNS:
            self._stop(chat)
        return chat

    def archive(self, chat: Chat) -> None:
        """Archive a root with its descendants, none of which may be active."""
        active = next((member for member in self.family(chat) if member.status in ACTIVE), None)
        self.backend.guard("patch.archive-active", active is not None, state=state_of(self.backend, active or chat))
        super().archive(chat)
