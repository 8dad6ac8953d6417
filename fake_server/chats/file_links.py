"""Files of a chat: those that its messages name, at most 50 (chats.md section 13, "Linking")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_server.faulting import replaceable
from fake_server.state.records import Chat

if TYPE_CHECKING:
    from fake_server.state.store import State

MAX_FILES = 50


@replaceable
def make_room(backend: State, chat: Chat, named: set[str], wanted: int) -> None:
    """Delete the chat's oldest files until so many new ones fit; those that the message names stay."""
    old = [file_id for file_id in chat.file_ids if file_id not in named]
    for file_id in old[: max(0, len(chat.file_ids) + wanted - MAX_FILES)]:
        chat.file_ids.remove(file_id)
        backend.store.chats_of_file.pop(file_id, None)
        if backend.store.files.pop(file_id, None) is not None:
            backend.store.evicted.add(file_id)


def link_files(backend: State, chat: Chat, file_ids: list[str]) -> list[str]:
    """Link the files that one request names to the chat, all or none of the new ones; gives the answer's warnings."""
    if not file_ids or not backend.does("files.linked"):
        return []
    named = [file_id for file_id in file_ids if file_id not in chat.file_ids]
    new = list(dict.fromkeys(named))
    if backend.does("files.oldest-go"):
        make_room(backend, chat, set(file_ids), len(new))
    fits = len(chat.file_ids) + len(new) <= MAX_FILES or not backend.does("files.cap")
    if fits:
        for file_id in new:
            chat.file_ids.append(file_id)
            backend.store.chats_of_file.setdefault(file_id, []).append(chat.id)
    # A new file named twice is linked once, which the real server takes for a link refused by the cap.
    if (not fits or len(new) < len(named)) and backend.does("files.warning"):
        return [f"file linking skipped: batch of {len(file_ids)} file(s) would exceed limit of {MAX_FILES}"]
    return []
