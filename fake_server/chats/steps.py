"""Steps that several orders of the life cycle are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fake_server.state.records import Chat, Message, Part

if TYPE_CHECKING:
    from fake_server.backend import Backend


class Steps:
    """What the orders share. Nothing here is refused."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def _stop(self, chat: Chat) -> None:
        """`waiting` at once; a run that is on stores what it has and then lets the queue's head in."""
        self.backend.ledger.set_status(chat, "waiting")
        self.backend.runner.interrupt(chat)

    def _told_by_cancelled(self, chat: Chat, cancelled: bool) -> None:
        """In early revisions a run that an order has cancelled tells the status, too, when it ends."""
        if cancelled and not self.backend.does("turn.ends-silently"):
            self.backend.hub.status(chat)
            self.backend.hub.watch(chat, "status_change")

    def _answer_pending(self, chat: Chat, text: str) -> list[Message]:
        """Error results for the calls that a chat in `requires_action` will never get an answer to."""
        if chat.status != "requires_action":
            return []
        stamp = self.backend.clock.now()
        return [
            self.backend.ledger.add_message(
                chat,
                "tool",
                [{"type": "tool-result", "tool_call_id": call, "tool_name": tool, "result": text, "is_error": True}],
                created_at=stamp,
            )
            for call, tool in self.backend.ledger.pending_calls(chat).items()
        ]

    def _start(
        self,
        chat: Chat,
        author: str,
        content: list[Part],
        model: str | None,
        api_key_id: str | None,
        *,
        before: list[Message] | None = None,
        of_no_model: bool = False,
    ) -> Message:
        message = self.backend.ledger.user_message(chat, author, content, model or chat.last_model_config_id, api_key_id)
        if of_no_model:
            message.model_config_id = None
        self.backend.hub.message(chat, *(before or ()), message)
        self.backend.ledger.set_status(chat, "pending")
        self.backend.runner.wake(chat)
        return message

    def _apply_options(self, chat: Chat, mcp_server_ids: Iterable[str] | None, plan_mode: str | None) -> None:
        if plan_mode is not None:
            chat.plan_mode = plan_mode
        if mcp_server_ids is not None:
            chosen = list(mcp_server_ids)
            if chosen != chat.mcp_server_ids:
                chat.mcp_server_ids = chosen
                chat.updated_at = self.backend.clock.now()
