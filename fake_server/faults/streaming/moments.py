"""Snapshots that show what is over, or lack what is there, at certain moments of a turn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fake_server.faulting import Fault, declare, instead, replaces
from fake_server.state.records import Chat, Message, User


def _keeps_retry(right: Callable[..., None], chat: Chat, *more: Any) -> None:
    feeds = right.__self__._chats.get(chat.id)  # type: ignore[attr-defined]
    retry = feeds.retry if feeds is not None else None
    right(chat, *more)
    if feeds is not None:
        feeds.retry = retry


replaces("retries-outlive-their-wait", "a snapshot shows a retry until its turn ends", "Hub.part", _keeps_retry,
         red=["STREAM-138", "STREAM-140", "STREAM-144"])  # fmt: skip
declare(
    Fault(
        "retries-outlive-their-turn",
        "a snapshot shows the retry of a turn that has failed",
        frozenset(["STREAM-139", "STREAM-035"]),
        around={"Hub.status": _keeps_retry, "Hub.error": _keeps_retry},
    )
)


@instead("Hub._subscribe", red=["STREAM-142", "STREAM-078"])
def no_parts_behind_a_cursor(right: Callable[..., Any], chat: Chat, user: User, after_id: int) -> Any:
    """A snapshot with after_id has no parts."""
    feed, snapshot = right(chat, user, after_id)
    return feed, [event for event in snapshot if after_id <= 0 or event.data["type"] != "message_part"]


@instead("Hub._visible", red=["STREAM-141"])
def submitted_results_come_with_the_answer(right: Callable[[str], list[Message]], chat_id: str) -> list[Message]:
    """A snapshot has no results that a client submitted until the model has answered."""
    rows = right(chat_id)
    while rows and rows[-1].role == "tool" and rows[-1].created_by:
        rows = rows[:-1]
    return rows


@instead("Hub._subscribe", red=["STREAM-143"])
def readers_get_no_parts(right: Callable[..., Any], chat: Chat, user: User, after_id: int) -> Any:
    """A reader's snapshot has no parts."""
    feed, snapshot = right(chat, user, after_id)
    return feed, [event for event in snapshot if user.id == chat.owner_id or event.data["type"] != "message_part"]


@instead("Hub._subscribe", red=["STREAM-143"])
def readers_get_no_queue(right: Callable[..., Any], chat: Chat, user: User, after_id: int) -> Any:
    """A reader's snapshot has no queue."""
    feed, snapshot = right(chat, user, after_id)
    return feed, [event for event in snapshot if user.id == chat.owner_id or event.data["type"] != "queue_update"]


@instead("Hub.part", red=["STREAM-144"])
def text_alone_ends_a_retry(right: Callable[..., None], chat: Chat, role: str, part: Any) -> None:
    """A snapshot shows a retry until the next attempt says something."""
    (right if part["type"] == "text" else partial(_keeps_retry, right))(chat, role, part)


@instead("Hub.message", red=["STREAM-145"])
def interrupted_parts_stay(right: Callable[..., None], chat: Chat, *messages: Message) -> None:
    """A snapshot has the parts of an interrupted answer, too."""
    feeds = right.__self__._chats.get(chat.id)  # type: ignore[attr-defined]
    parts = list(feeds.parts) if feeds and any(m.role == "assistant" and m.usage is None for m in messages) else []
    right(chat, *messages)
    if feeds is not None:
        feeds.parts.extend(parts)


@instead("Hub._queue_of_snapshot", red=["STREAM-146"])
def queues_hide_behind_a_retry(right: Any, chat: Chat, after_id: int) -> Any:
    """A snapshot has no queue while a model call waits to be tried again."""
    feeds = right.__self__._chats.get(chat.id)
    return [] if feeds is not None and feeds.retry is not None else right(chat, after_id)


@instead("Hub.queue", red=["STREAM-147"])
def queues_are_told_to_the_first_reader(right: Any, chat: Chat) -> None:
    """Changes of a queue are told to the connection that has been there longest."""
    feeds = right.__self__._chats.get(chat.id)
    if feeds is not None and feeds.readers:
        everybody, feeds.readers = feeds.readers, feeds.readers[:1]
        right(chat)
        feeds.readers = everybody


@instead("Hub.message", red=["STREAM-148"])
def results_in_the_middle_are_not_told(right: Any, chat: Chat, *messages: Message) -> None:
    """Of three messages and more that are stored at once the first and the last are told."""
    right(chat, *(messages if len(messages) < 3 else (messages[0], messages[-1])))
