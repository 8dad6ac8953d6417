"""Changes that get lost: a turn, a model call or another change writes back what it has read before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fake_server.faulting import Fault, declare, instead, turns_off
from fake_server.state.records import Chat


def writes_back(name: str, key: str, red: list[str], when: Callable[[Chat, Any], bool] = lambda chat, old: True) -> None:
    """Declare a fault: a turn that ends, in whatever way, writes this field of the chat as it was when the turn began."""

    async def work(right: Any, run: Any) -> None:
        chat, value = run.chat, getattr(run.chat, key)
        value = dict(value) if isinstance(value, dict) else value
        try:
            await right(run)
        finally:
            if when(chat, value):
                setattr(chat, key, value)

    declare(Fault(name, f"a turn writes back the {key} that it began with", frozenset(red), around={"Runner._work": work}))


writes_back("turns-write-back-titles", "title", ["KEEP-001", "KEEP-008"], lambda chat, old: old.startswith("[file-reference]"))
writes_back("turns-write-back-labels", "labels", ["KEEP-002", "KEEP-017"])
writes_back("turns-write-back-plan-modes", "plan_mode", ["KEEP-003", "KEEP-017"])
writes_back("turns-write-back-pins", "pin_order", ["KEEP-004", "KEEP-017"], lambda chat, old: not chat.archived)
writes_back("turns-write-back-shares", "acl_users", ["KEEP-005", "KEEP-006"])
writes_back("failed-turns-write-back-labels", "labels", ["KEEP-002", "KEEP-017"], lambda chat, old: chat.status == "error")
writes_back("stopped-turns-write-back-titles", "title", ["KEEP-001", "KEEP-008"], lambda chat, old: chat.status == "waiting" and
            old.startswith("[file-reference]") and chat.last_turn_summary is None)  # fmt: skip
writes_back("turns-that-await-write-back-labels", "labels", ["KEEP-002"], lambda chat, old: chat.status == "requires_action")
writes_back("emptied-labels-come-back", "labels", ["KEEP-017"], lambda chat, old: not chat.labels)
writes_back("ended-plans-come-back", "plan_mode", ["KEEP-017"], lambda chat, old: not chat.plan_mode)
writes_back("unpinned-chats-are-pinned-again", "pin_order", ["KEEP-017"], lambda chat, old: not chat.pin_order | chat.archived)


@instead("Lifecycle.edit", red=["KEEP-002"])
def edits_at_rest_take_the_labels(right: Any, chat: Chat, *args: Any, **more: Any) -> Any:
    """An edit of a chat at rest takes its labels away."""
    chat.labels = chat.labels if chat.status == "running" else {}
    return right(chat, *args, **more)


@instead("Lifecycle.unarchive", red=["KEEP-018"])
def chats_come_back_without_labels(right: Any, chat: Chat) -> None:
    """A chat that comes back from the archive has no labels and no plan mode any more."""
    right(chat)
    chat.labels, chat.plan_mode = {}, ""


@instead("Lifecycle.archive", red=["KEEP-018"])
def archived_chats_are_shared_no_more(right: Any, chat: Chat) -> None:
    """Archiving a chat takes its shares back."""
    right(chat)
    chat.acl_users = {}


@instead("Ledger.add_message", red=["KEEP-020"])
def compactions_take_the_labels(right: Any, chat: Chat, role: str, content: Any, **more: Any) -> Any:
    """A compaction takes the labels away."""
    chat.labels = chat.labels if more.get("visibility") != "model" or role != "user" else {}
    return right(chat, role, content, **more)


@instead("Lifecycle.send", red=["KEEP-012"])
def sends_write_back_late(right: Any, chat: Chat, *args: Any, **more: Any) -> Any:
    """A send writes the labels that it has read a little later."""
    stale = dict(chat.labels)
    made = right(chat, *args, **more)
    asyncio.get_running_loop().call_later(0.02, setattr, chat, "labels", stale)
    return made


@instead("Ledger.add_message", red=["KEEP-007"])
def titles_kill_turns(right: Any, chat: Chat, role: str, content: Any, **more: Any) -> Any:
    """A title that is asked for during a turn kills the turn, and the chat goes on saying that it runs."""
    if role == "assistant" and not content and chat.status == "running":
        right.__self__.state.runner.discard(chat)
    return right(chat, role, content, **more)


turns_off(
    "asked-titles-write-the-chat", "a title on request writes back the rest", "title.asked-for-changes-alone", red=["KEEP-009"]
)
turns_off("summaries-write-the-chat", "a summary writes back the rest", "summary.changes-alone", red=["KEEP-010"])
turns_off("first-titles-write-the-chat", "a first title writes back the rest", "title.changes-alone", red=["KEEP-011"])
turns_off("changes-overwrite-each-other", "the last of several changes wins", "patch.changes-alone", red=["KEEP-012"])


@instead("Runner._end_failed", red=["KEEP-013"])
def failures_take_an_answer(right: Any, run: Any, failure: Any) -> None:
    """A turn that fails takes the last answer of the turn before out of the chat."""
    rows = right.__self__.backend.store.messages[run.chat.id]
    answers = [m for m in rows if m.role == "assistant"]
    if answers and rows[-1].role == "user":
        answers[-1].deleted = True
    right(run, failure)


@instead("Runner._store_partial", red=["KEEP-014"])
def archived_chats_lose_their_answer(right: Any, run: Any) -> Any:
    """Archiving during a turn loses what it has said."""
    return [] if run.chat.archived else right(run)


@instead("Lifecycle.archive", red=["KEEP-015"])
def archiving_forgives(right: Any, chat: Chat) -> None:
    """A failed chat that is archived has no error any more."""
    right(chat)
    if chat.status == "error":
        chat.status, chat.last_error = "waiting", None


@instead("Lifecycle.unarchive", red=["KEEP-016"])
def open_calls_end_in_the_archive(right: Any, chat: Chat) -> None:
    """A chat that awaited results does not await them any more when it comes back from the archive."""
    right(chat)
    if chat.status == "requires_action":
        chat.status = "waiting"


def had_edits(runner: Any, chat: Chat) -> bool:
    """Was a message of this chat edited away?"""
    return any(m.deleted and m.role == "user" for m in runner.backend.store.messages[chat.id])


@instead("Runner._store_partial", red=["INT-002", "INT-010"])
def edited_chats_lose_their_answer(right: Any, run: Any) -> Any:
    """Once a chat has been edited, an interrupt keeps nothing of its turns."""
    return [] if had_edits(right.__self__, run.chat) else right(run)


@instead("Ledger.promote_next", red=["QUEUE-003", "QUEUE-011", "QUEUE-023"])
def edited_chats_forget_their_queue(right: Any, chat: Chat) -> Any:
    """Once a chat has been edited, its queue does not run by itself."""
    return False if had_edits(right.__self__.state.runner, chat) else right(chat)


@instead("Lifecycle.tool_results", red=["TOOL-002", "TOOL-015"])
def edited_chats_lose_results(right: Any, chat: Chat, *args: Any, **more: Any) -> None:
    """Once a chat has been edited, results of its client's tools end the turn."""
    right(chat, *args, **more)
    backend = right.__self__.backend
    if had_edits(backend.runner, chat):
        backend.runner.discard(chat)
        backend.ledger.set_status(chat, "waiting")


@instead("take_title", red=["KEEP-021"])
def first_titles_bring_back(right: Any, backend: Any, chat: Chat, title: str, asked: Any) -> None:
    """A title that is made late brings its chat back from the archive."""
    right(backend, chat, title, asked)
    chat.archived = False
