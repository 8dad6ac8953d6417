"""The ledger: what is written into a chat, by orders and turns alike, and who is told of it at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fake_server.chats.hub import Hub
from fake_server.state import model_choice
from fake_server.state.records import Chat, Message, Part, QueuedMessage
from fake_server.state.store import State


class Ledger:
    """Messages and statuses of all chats. `on_status` is called at each change of a status."""

    def __init__(self, state: State, hub: Hub) -> None:
        self.state, self.hub = state, hub
        self.on_status: Callable[[Chat], None] = lambda chat: None

    def add_message(
        self,
        chat: Chat,
        role: str,
        content: list[Part],
        *,
        created_by: str | None = None,
        created_at: Any = None,
        model_config_id: str | None = None,
        usage: dict[str, int] | None = None,
        visibility: str = "both",
    ) -> Message:
        """Store a message. Publishing it is the caller's business."""
        store = self.state.store
        message = Message(
            id=store.next_message_id(),
            chat_id=chat.id,
            role=role,
            content=content,
            created_by=created_by,
            created_at=created_at or self.state.clock.now(),
            model_config_id=model_config_id or chat.last_model_config_id,
            usage=usage,
            visibility=visibility,
        )
        store.messages[chat.id].append(message)
        return message

    def set_status(self, chat: Chat, status: str, *, error: dict[str, Any] | None = None) -> None:
        """Write the status, and tell readers (always) and watchers (all but `running`)."""
        self.write_status(chat, status, error)
        self.hub.status(chat)
        if self._is_watched(status):
            self.hub.watch(chat, "status_change")

    def _is_watched(self, status: str) -> bool:
        if status == "requires_action" and not self.state.does("watch.tells-awaiting"):
            return False
        return status != "running" or not self.state.does("watch.no-running")

    def write_status(self, chat: Chat, status: str, error: dict[str, Any] | None = None) -> None:
        """Write the status without telling anybody; whatever error there was is gone."""
        chat.status = status
        if error is not None or self.state.does("status.clears-error"):
            chat.last_error = error
        if self.state.does("status.moves-chat"):
            chat.updated_at = self.state.clock.now()
        self.on_status(chat)

    def pending_calls(self, chat: Chat) -> dict[str, str]:
        """The client's tool calls of the last assistant message that have no result yet: id → tool name, in call order."""
        client_tools = {tool["name"] for tool in chat.dynamic_tools}
        answered: set[str] = set()
        for message in reversed(self.state.store.messages[chat.id]):
            if message.deleted or message.visibility == "user":
                continue
            if message.role == "assistant":
                return {
                    part["tool_call_id"]: part["tool_name"]
                    for part in message.content
                    if part["type"] == "tool-call" and part["tool_name"] in client_tools and part["tool_call_id"] not in answered
                }
            answered.update(part["tool_call_id"] for part in message.content if part["type"] == "tool-result")
        return {}

    def user_message(self, chat: Chat, author: str | None, content: list[Part], model: str, api_key_id: str | None) -> Message:
        """Store a user's message, which is the last that the chat was asked. Publishing it is the caller's business."""
        chat.last_model_config_id = model
        chat.api_key_id = api_key_id
        return self.add_message(chat, "user", content, created_by=author, model_config_id=model)

    def promote_next(self, chat: Chat) -> bool:
        """At the end of a run: the oldest queued message becomes a user message and the chat `pending`. False: no queue."""
        queue = self.state.store.queues.get(chat.id)
        if not queue:
            return False
        entry = self._next(queue)
        model = model_choice.queued_model(self.state, chat, entry.model_config_id)
        message = self.user_message(chat, entry.created_by, entry.content, model, entry.api_key_id)
        chat.last_reasoning_effort = entry.reasoning_effort or chat.last_reasoning_effort
        self.hub.message(chat, message)
        self.hub.queue(chat)
        # a real server tells of it only if the chat has not been taken up again by then
        (self.set_status if self.state.does("queue.tells-pending") else self.write_status)(chat, "pending")
        return True

    def _next(self, queue: list[QueuedMessage]) -> QueuedMessage:
        return queue.pop(next((n for n, entry in enumerate(queue) if entry.first), 0))
