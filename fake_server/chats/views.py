"""State records as they go over the wire (chats.md section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fake_server.rules.validate import NIL_UUID
from fake_server.state.records import Chat, Message, Part, QueuedMessage, StoredFile

if TYPE_CHECKING:
    from fake_server.state.store import State

Json = dict[str, Any]

# Keys that every part has, whatever its type.
PART_DEFAULTS: Json = {
    "text": "",
    "mcp_server_config_id": None,
    "url": "",
    "media_type": "",
    "file_id": None,
    "file_name": "",
    "start_line": 0,
    "end_line": 0,
    "content": "",
    "context_file_path": "",
    "context_file_agent_id": None,
    "skill_name": "",
}


def stamp(time: datetime) -> str:
    """A time in RFC 3339, UTC, with as many decimals as it has."""
    text = time.isoformat()
    return (text[:26].rstrip("0") if time.microsecond else text[:19]) + "Z"


def part_view(backend: State, part: Part) -> Json:
    """A message part: its own keys, and every key that all parts have."""
    return backend.revision.shown("part", {"type": part["type"], **PART_DEFAULTS, **part})


def message_view(backend: State, message: Message) -> Json:
    """A stored message; `content` and `usage` are left out when there is none."""
    view: Json = {"id": message.id, "chat_id": message.chat_id}
    if message.created_by:
        view["created_by"] = message.created_by
    if message.model_config_id:
        view["model_config_id"] = message.model_config_id
    view["created_at"] = stamp(message.created_at)
    view["role"] = message.role
    if message.content:
        view["content"] = [part_view(backend, p) for p in message.content]
    if message.usage:
        view["usage"] = message.usage
    return view


def queued_view(backend: State, queued: QueuedMessage) -> Json:
    """A message that waits in the queue."""
    view: Json = {"id": queued.id, "chat_id": queued.chat_id}
    if queued.model_config_id:
        view["model_config_id"] = queued.model_config_id
    view["content"] = [part_view(backend, p) for p in queued.content]
    view["created_at"] = stamp(queued.created_at)
    return backend.revision.shown("queued message", view)


def file_view(backend: State, file: StoredFile) -> Json:
    """A file as a chat lists it: metadata only."""
    view = {
        "id": file.id,
        "owner_id": file.owner_id,
        "organization_id": file.organization_id,
        "name": file.name,
        "mime_type": file.media_type,
        "created_at": stamp(file.created_at),
        "size_bytes": len(file.data),
    }
    return backend.revision.shown("file", view)


def shown_status(backend: State, chat: Chat) -> str:
    """The status as clients see it: in later revisions a turn that has been ordered runs."""
    return "running" if chat.status == "pending" and backend.does("turn.begins-with-order") else chat.status


def is_shared(backend: State, chat: Chat) -> bool:
    """Has the root of the family anybody to read it?"""
    root = backend.store.chats.get(chat.family_id, chat)
    return any(root.acl_users.values()) or any(root.acl_groups.values())


def empty_diff_status(chat: Chat) -> Json:
    """What is known of a chat's changes when nothing is."""
    return {
        "chat_id": chat.id,
        "pull_request_title": "",
        "pull_request_draft": False,
        "changes_requested": False,
        "additions": 0,
        "deletions": 0,
        "changed_files": 0,
    }


def is_unread(backend: State, chat: Chat) -> bool:
    """Is there an assistant message that the owner has not seen? Hidden ones count, edited-away ones do not."""
    for message in reversed(backend.store.messages.get(chat.id, ())):
        if message.id <= chat.read_marker:
            return False
        if message.role == "assistant" and not (message.deleted and backend.does("unread.passes-over-deleted")):
            return True
    return False


def chat_view(
    backend: State,
    chat: Chat,
    *,
    diff_status: bool = False,
    files: bool = False,
    unread: bool = False,
    children: Iterable[Chat] = (),
    warnings: list[str] | None = None,
) -> Json:
    """A chat. Plain (the default) it is what watch events and most answers carry.

    `diff_status`: with the (empty) status of its changes; `files`: with linked files, if any; `unread`: with the real
    `has_unread`, else false; `children`: embedded, each with diff status and real unread state.
    """
    owner = backend.store.users[chat.owner_id]
    view: Json = {"id": chat.id, "organization_id": chat.organization_id, "owner_id": chat.owner_id}
    view["owner_username"] = owner.username
    if owner.name:
        view["owner_name"] = owner.name
    if chat.workspace_id:
        view["workspace_id"] = chat.workspace_id
    if chat.parent_chat_id:
        view["parent_chat_id"] = chat.parent_chat_id
    view["root_chat_id"] = chat.root_chat_id or chat.id
    view["last_model_config_id"] = chat.last_model_config_id
    view["title"] = chat.title
    view["status"] = shown_status(backend, chat)
    if chat.plan_mode:
        view["plan_mode"] = chat.plan_mode
    if not backend.does("error.structured"):
        view["last_error"] = chat.last_error["message"] if chat.last_error else None
    elif chat.last_error:
        view["last_error"] = chat.last_error
    view["last_turn_summary"] = chat.last_turn_summary
    view["summary"], view["shared"] = chat.summary, is_shared(backend, chat)
    if chat.last_reasoning_effort:
        view["last_reasoning_effort"] = chat.last_reasoning_effort
    if diff_status:
        view["diff_status"] = empty_diff_status(chat)
    view["created_at"] = stamp(chat.created_at)
    view["updated_at"] = stamp(chat.updated_at)
    view["archived"] = chat.archived
    view["pin_order"] = chat.pin_order
    view["mcp_server_ids"] = chat.mcp_server_ids
    view["labels"] = chat.labels
    if files and chat.file_ids:
        known = backend.store.files
        view["files"] = [file_view(backend, f) for f in sorted((known[i] for i in chat.file_ids), key=lambda f: f.created_at)]
    view["has_unread"] = unread and is_unread(backend, chat)
    if warnings:
        view["warnings"] = warnings
    view["client_type"] = chat.client_type
    view["children"] = [chat_view(backend, child, diff_status=True, unread=True) for child in children]
    return backend.revision.shown("chat", view)


def watched_view(backend: State, chat: Chat) -> Json:
    """A chat as a watch event has it: in early revisions only in part, the rest is empty."""
    view = chat_view(backend, chat)
    if backend.does("watch.whole-chats"):
        return view
    return view | {"last_model_config_id": NIL_UUID, "last_error": None, "archived": False, "mcp_server_ids": None}
