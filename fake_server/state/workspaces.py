"""Workspaces, as far as chats need them: bound to a chat, asked for by id, and a few files. Off unless asked for at the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.chats.file_links import MAX_FILES, link_files
from fake_server.rules import authz
from fake_server.rules.sniff import sniff
from fake_server.state.records import Chat, Part, StoredFile, User, Workspace

if TYPE_CHECKING:
    from fake_server.state.store import State

FILE_TOOLS = ("read_file", "write_file", "attach_file")


def offered(backend: State) -> bool:
    """Was the server started with workspaces?"""
    return bool(backend.options.get("workspaces"))


def seed(backend: State) -> None:
    """Two workspaces of Alice's."""
    alice = next(user for user in backend.store.users.values() if user.username == "alice")
    for _ in range(2):
        made = Workspace(alice.id, backend.store.organization_id)
        backend.store.workspaces[made.id] = made


def usable(backend: State, user: User, workspace_id: str) -> bool:
    """May the user bind a chat to this workspace? Only its owner and the site owner may enter it."""
    found = backend.store.workspaces.get(workspace_id)
    return found is not None and (found.owner_id == user.id or authz.is_site_owner(user))


def newest_chats(backend: State, user: User, workspace_ids: list[str]) -> dict[str, str]:
    """Workspace id → the most recently changed chat bound to it that is not archived and that the user may read."""
    does = backend.does
    found: dict[str, Chat] = {}
    for chat in backend.store.chats.values():
        bound = chat.workspace_id
        if bound not in workspace_ids or (chat.archived and does("by-workspace.leaves-out-archived")):
            continue
        if not authz.can(backend, user, "read", chat):
            continue
        if bound not in found or (chat.updated_at > found[bound].updated_at) == does("by-workspace.newest"):
            found[bound] = chat
    return {bound: found[bound].id for bound in dict.fromkeys(workspace_ids) if bound in found}


class CannotRun(Exception):
    """The workspace could not do what a tool asked for; the text is the tool's error."""


def run_file_tool(backend: State, chat: Chat, name: str, args: dict[str, Any]) -> tuple[dict[str, Any], list[Part]]:
    """What a file tool gives in the chat's workspace, and the file parts that the answer gets. Raises CannotRun."""
    place, path = backend.store.workspaces[chat.workspace_id or ""], args["path"].strip()
    if not path:
        raise CannotRun("path is required")
    if name == "write_file":
        place.files[path] = args["content"].encode()
        return {"ok": True}, []
    if path not in place.files:
        raise CannotRun(f"open {path}: no such file or directory")
    data = place.files[path]
    if name == "read_file":
        return {"content": data.decode(), "total_lines": data.count(b"\n") + 1}, []
    return _attached(backend, chat, path, data)


def _attached(backend: State, chat: Chat, path: str, data: bytes) -> tuple[dict[str, Any], list[Part]]:
    if not data:
        raise CannotRun("attachment is empty")
    if len(chat.file_ids) >= MAX_FILES:
        raise CannotRun(f"chat already has the maximum of {MAX_FILES} linked files")
    name = path.rstrip("/").rpartition("/")[2]
    file = StoredFile(chat.owner_id, chat.organization_id, name, sniff(data, name), data)
    backend.store.files[file.id] = file
    if backend.does("files.of-tools-linked"):
        link_files(backend, chat, [file.id])
    shown = {"file_id": file.id, "name": name, "media_type": file.media_type}
    part: Part = {"type": "file", "media_type": file.media_type, "name": name, "file_id": file.id}
    return {"ok": True, "path": path, **shown, "size": len(data)}, [part]
