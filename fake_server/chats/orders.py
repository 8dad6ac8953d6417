"""What an order names: the model of a new message, and the message to edit. Raises Refusal for what is not to be had."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from fake_server.rules import authz
from fake_server.rules.refusals import refusal
from fake_server.state import model_choice
from fake_server.state.records import Chat, Message, User

if TYPE_CHECKING:
    from fake_server.state.store import State


UNKNOWN_MODEL = (
    'insert chat message: execute transaction: pq: insert or update on table "chat_messages" violates foreign key constraint '
    '"chat_messages_model_config_id_fkey"'
)


def model_for(backend: State, wanted: str | None, fallback: str, refusal_key: str) -> str:
    """The model config for a new message: the wanted one, the fallback, or the default if that one is deleted."""
    configs = backend.store.model_configs
    if wanted:
        config = configs.get(wanted)
        deleted = config is not None and config.deleted and backend.does("models.deleted-refused")
        backend.guard(refusal_key, config is None or deleted, detail=UNKNOWN_MODEL)
        return wanted
    config = configs.get(fallback)
    if config is not None and not config.enabled and backend.does("model.checked-first"):
        config = None
    if config is not None and not (config.deleted and backend.does("send.replaces-deleted-model")):
        return config.id
    default = model_choice.default_model_config(backend)
    backend.guard("send.no-model", default is None, detail="no default chat model config is available")
    return default.id if default else fallback


def message_of(backend: State, chat: Chat, caller: User, message_id: int) -> Message:
    """The visible message of this chat with that id."""
    rows = backend.store.messages[chat.id]
    at = bisect_left(rows, message_id, key=lambda m: m.id)
    found = rows[at] if at < len(rows) and rows[at].id == message_id else None
    if found is None:
        elsewhere = _chat_of(backend, message_id)
        hidden = elsewhere is not None and not authz.can(backend, caller, "read", elsewhere)
        detail = "execute transaction: get edited message: unauthorized: rbac: forbidden"
        backend.guard("edit.unreadable-chat", hidden, detail=detail)
        raise refusal("edit.not-found")
    backend.guard("edit.not-found", found.deleted)
    return found


def _chat_of(backend: State, message_id: int) -> Chat | None:
    for chat_id, rows in backend.store.messages.items():
        at = bisect_left(rows, message_id, key=lambda m: m.id)
        if at < len(rows) and rows[at].id == message_id and not rows[at].deleted:
            return backend.store.chats[chat_id]
    return None
