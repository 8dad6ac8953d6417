"""What does not last: shares, files and unread marks that other changes end; and what reaches further than it should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fake_server.faulting import Answer, Around, changes, instead
from fake_server.rules import authz
from fake_server.state.records import Chat, Message, StoredFile, User

NEVER = 2**62


def _linking(backend: Any, file: StoredFile) -> list[Chat]:
    return [backend.store.chats[chat] for chat in backend.store.chats_of_file.get(file.id, ())]


@instead("can_read_file", red=["FILE-117", "FILE-035", "FILE-118"])
def linked_files_are_for_all(right: Around, backend: Any, user: User, file: StoredFile) -> bool:
    """Every user may download a file that a message names."""
    parts = (part for rows in backend.store.messages.values() for message in rows for part in message.content)
    return right(backend, user, file) or any(part.get("file_id") == file.id for part in parts)


@instead("can_read_file", red=["FILE-118"])
def one_share_of_two_ends_both(right: Around, backend: Any, user: User, file: StoredFile) -> bool:
    """A file is for those who may read all chats that link it."""
    may = all(authz.can(backend, user, "read", chat) for chat in _linking(backend, file))
    return right(backend, user, file) and (may or file.owner_id == user.id)


@instead("can_read_file", red=["FILE-118"])
def readers_have_all_files(right: Around, backend: Any, user: User, file: StoredFile) -> bool:
    """A reader of one chat may have the files that are in several of its owner's."""
    others = [
        chat for chat in backend.store.chats.values() if chat.owner_id == file.owner_id and len(_linking(backend, file)) > 1
    ]
    return right(backend, user, file) or any(authz.can(backend, user, "read", chat) for chat in others)


@instead("Lifecycle.delete_queued", red=["FILE-119"])
def deleting_from_the_queue_unlinks(right: Callable[..., None], chat: Chat, queue_id: int) -> None:
    """The files of a message that is deleted from the queue are linked no more."""
    store = right.__self__.backend.store  # type: ignore[attr-defined]
    gone = [part.get("file_id") for e in store.queues.get(chat.id, ()) if e.id == queue_id for part in e.content]
    chat.file_ids = [file for file in chat.file_ids if file not in gone]
    right(chat, queue_id)


@instead("Lifecycle.edit", red=["FILE-119"])
def edits_unlink(right: Callable[..., Message], chat: Chat, *more: Any, **fields: Any) -> Message:
    """An edit in a chat of a few files unlinks the first of them."""
    if 1 < len(chat.file_ids) < 10:
        chat.file_ids = chat.file_ids[1:]
    return right(chat, *more, **fields)


@instead("Lifecycle.edit", red=["ACL-074"])
def edits_end_shares(right: Callable[..., Message], chat: Chat, *more: Any, **fields: Any) -> Message:
    """An edit ends the shares of its chat by name."""
    chat.acl_users.clear()
    return right(chat, *more, **fields)


@instead("Lifecycle.rename", red=["ACL-074"])
def renames_end_group_shares(right: Callable[[Chat, str], None], chat: Chat, title: str) -> None:
    """A rename ends the shares of its chat by group."""
    chat.acl_groups.clear()
    right(chat, title)


@changes("getChat", red=["ACL-075"])
def readers_see_the_first_title(answer: Answer) -> None:
    """A reader sees the title that the chat was seen with first."""
    chat = answer.backend.store.chats[answer.body["id"]]
    if answer.caller.id != chat.owner_id:
        answer.body["title"] = answer.backend.faults.memory.setdefault(f"title {chat.id}", chat.title)


@changes("patchChatACL", red=["ACL-076", "ACL-009"])
def names_take_groups_along(answer: Answer) -> None:
    """Taking a share by name back ends those by group."""
    if "" in ((answer.sent or {}).get("user_roles") or {}).values():
        answer.backend.store.chats[answer.path_params["chat"]].acl_groups.clear()


@instead("Lifecycle.rename", red=["READ-030"])
def renames_are_news(right: Callable[[Chat, str], None], chat: Chat, title: str) -> None:
    """A chat is unread after a rename."""
    chat.read_marker = 0
    right(chat, title)


@instead("Lifecycle.set_labels", red=["READ-030"])
def labels_mark_as_read(right: Callable[..., None], chat: Chat, labels: dict[str, str]) -> None:
    """A chat that is labelled counts as read."""
    chat.read_marker = max([m.id for m in right.__self__.backend.store.messages[chat.id]], default=0)  # type: ignore[attr-defined]
    right(chat, labels)


@instead("Lifecycle.edit", red=["READ-031"])
def edited_chats_stay_read(right: Callable[..., Message], chat: Chat, *more: Any, **fields: Any) -> Message:
    """A chat that was read before an edit stays read for ever."""
    chat.read_marker = NEVER if chat.read_marker else 0
    return right(chat, *more, **fields)


@instead("Hub._mark_read", red=["READ-032"])
def families_are_read_together(right: Callable[[Chat], None], chat: Chat) -> None:
    """Reading one chat of a family reads all of them."""
    backend = right.__self__.backend  # type: ignore[attr-defined]
    for member in backend.store.chats.values():
        if member.family_id == chat.family_id:
            right(member)


@instead("Hub._mark_read", red=["READ-032", "READ-001", "READ-003", "READ-004", "READ-030", "READ-031", "READ-035"])
def all_chats_are_read_together(right: Callable[[Chat], None], chat: Chat) -> None:
    """Reading one chat reads all of its owner's that were made before it."""
    backend = right.__self__.backend  # type: ignore[attr-defined]
    for other in backend.store.chats.values():
        if other.owner_id == chat.owner_id and other.created_at <= chat.created_at:
            right(other)


@instead("Runner._end_failed", red=["READ-033"])
def failures_are_news(right: Callable[..., None], run: Any, failure: Any) -> None:
    """A chat is unread after a turn that failed."""
    run.chat.read_marker = 0
    right(run, failure)


@instead("Lifecycle.send", red=["READ-033"])
def queued_messages_are_news(right: Callable[..., Any], chat: Chat, caller: User, **fields: Any) -> Any:
    """A chat is unread once a message is queued."""
    made = right(chat, caller, **fields)
    if not isinstance(made, Message):
        chat.read_marker = 0
    return made


@instead("Hub._mark_read", red=["READ-034", "READ-036"])
def looks_read_what_comes(right: Callable[[Chat], None], chat: Chat) -> None:
    """A look at a turn under way reads its answer, too."""
    right(chat)
    if chat.status == "running" and chat.read_marker:
        chat.read_marker = NEVER


@instead("Hub._mark_read", red=["READ-034"])
def looks_at_turns_read_nothing(right: Callable[[Chat], None], chat: Chat) -> None:
    """A look at a turn under way reads nothing."""
    if chat.status != "running":
        right(chat)


@instead("Runner._end_interrupted", red=["READ-036"])
def interrupted_answers_are_no_news(right: Callable[..., None], run: Any) -> None:
    """What an interrupt kept of an answer is no news in a chat that was read."""
    right(run)
    run.chat.read_marker = NEVER if run.chat.read_marker else 0


@instead("Runner._end_requiring_action", red=["READ-035"])
def calls_are_no_news(right: Callable[..., None], chat: Chat, calls: Any) -> None:
    """A chat that was read stays read when it comes to await tool results."""
    right(chat, calls)
    chat.read_marker = NEVER if chat.read_marker else 0


@instead("Runner._end_failed", red=["FILE-119"])
def failures_unlink(right: Callable[..., None], run: Any, failure: Any) -> None:
    """A turn that fails unlinks the files of its chat."""
    run.chat.file_ids = []
    right(run, failure)


@instead("Lifecycle.interrupt", red=["FILE-119"])
def interrupts_unlink(right: Callable[[Chat], Chat], chat: Chat) -> Chat:
    """An interrupt unlinks the files of its chat."""
    chat.file_ids = []
    return right(chat)


@instead("told", red=["FILE-120"])
def files_are_told_once(right: Around, backend: Any, chat: Chat) -> list[Message]:
    """The model gets the files of the last message alone."""
    rows: list[Message] = right(backend, chat)
    last = max((m.id for m in rows if m.role == "user"), default=0)
    return [m if m.id >= last else replace(m, content=[p for p in m.content if p["type"] != "file"]) for m in rows]


@instead("Ledger.promote_next", red=["CROSS-017", "FILE-121"])
def queued_files_are_lost(right: Callable[[Chat], bool], chat: Chat) -> bool:
    """A queued message runs without its files."""
    for entry in right.__self__.state.store.queues.get(chat.id, ())[:1]:  # type: ignore[attr-defined]
        entry.content = [part for part in entry.content if part["type"] != "file"] or entry.content
    return right(chat)
