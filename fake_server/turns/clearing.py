"""Clearing: the model forgets the conversation so far, which stays in the chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_server.faulting import replaceable
from fake_server.state.records import Chat, Part, new_id
from fake_server.turns.history import told
from fake_server.turns.store import stored

if TYPE_CHECKING:
    from fake_server.backend import Backend

TOOL = "chat_cleared"


def something_told(backend: Backend, chat: Chat) -> bool:
    """Is the model told anything but the summary or the mark that the conversation begins with?"""
    return any(message.content and message.visibility != "model" for message in told(backend, chat))


@replaceable
def clear(backend: Backend, chat: Chat) -> None:
    """Mark the place that the model is told from, with the pair of a tool's call and result that clients see."""
    call_id, now = f"{TOOL}_{new_id()}", backend.clock.now()
    call: Part = {"type": "tool-call", "tool_call_id": call_id, "tool_name": TOOL, "args": {}}
    answer: Part = {"type": "tool-result", "tool_call_id": call_id, "tool_name": TOOL, "result": {}}
    add = backend.ledger.add_message
    add(chat, "user", [], created_at=now, visibility="model")
    shown = [
        add(chat, "assistant", [stored(call)], created_at=now, visibility="user"),
        add(chat, "tool", [stored(answer)], created_at=now, visibility="user"),
    ]
    backend.hub.message(chat, *shown)
    if chat.status == "error":
        backend.ledger.set_status(chat, "waiting")
