"""Streams and the watch feed, where they follow stored versions."""

from __future__ import annotations

from typing import Any

from fake_server.chats.feeds import ChatFeeds
from fake_server.faulting import Fault, declare, frames, instead, turns_off
from fake_server.state.records import Chat

LACKS = "error.before-status"  # the faults of this module are ones only in revisions without it

Event = dict[str, Any]
Memory = dict[str, Any]


def is_first(memory: Memory) -> bool:
    """Is this the first batch of the connection?"""
    memory["nth"] = memory.get("nth", 0) + 1
    return bool(memory["nth"] == 1)


def _without(batch: list[Event], *kinds: str) -> list[Event]:
    return [event for event in batch if event["type"] not in kinds]


def _only(batch: list[Event], kind: str) -> list[Event]:
    return [event for event in batch if event["type"] == kind]


@frames("stream", red=["STREAM-246", "STREAM-247"])
def failures_before_the_status(batch: list[Event], memory: Memory) -> list[Event]:
    """A first batch tells of an error before it tells the status."""
    if not is_first(memory) or not _only(batch, "error"):
        return batch
    return [e for event in batch if event["type"] != "error" for e in (_only(batch, "error") if event["type"] == "status" else [])
            + [event]]  # fmt: skip


@frames("stream", red=["STREAM-247"])
def queues_before_messages(batch: list[Event], memory: Memory) -> list[Event]:
    """A first batch begins with the queue."""
    return [*_only(batch, "queue_update"), *_without(batch, "queue_update")] if is_first(memory) else batch


@frames("stream", red=["STREAM-248", "MSG-013"])
def stored_messages_lose_their_time(batch: list[Event], memory: Memory) -> list[Event]:
    """The first message of a first batch is older than it is."""
    for event in _only(batch, "message")[:1] if is_first(memory) else []:
        old = event | {"message": event["message"] | {"created_at": "2020-01-01T00:00:00Z"}}
        batch = [old if e is event else e for e in batch]
    return batch


@frames("stream", red=["STREAM-250"])
def edits_reset_nothing(batch: list[Event], memory: Memory) -> list[Event]:
    """After an edit nothing says that what was seen is to be forgotten."""
    return _without(batch, "history_reset")


@instead("Hub.attempt", red=["STREAM-251"])
def parts_are_counted_from_two(right: Any, chat: Chat) -> None:
    """The first part of an attempt has number two."""
    right(chat)
    right.__self__._chats[chat.id].seq = 1


def _keeping(right: Any, chat: Chat, *told: Any) -> None:
    feeds = right.__self__._chats.get(chat.id)
    kept = list(feeds.parts) if feeds else []
    right(chat, *told)
    right.__self__._chats[chat.id].parts.extend(kept)


declare(
    Fault(
        "snapshots-keep-failed-parts",
        "the parts of failed attempts stay in first batches",
        frozenset(["STREAM-083"]),
        around={"Hub.attempt": _keeping, "Hub.retry": _keeping},
    )
)


def _keeping_version(right: Any, feeds: ChatFeeds, steps: int = 1) -> None:
    kept = list(feeds.parts)
    right(feeds, steps)
    feeds.parts.extend(kept)


declare(
    Fault(
        "first-batches-keep-stored-parts",
        "parts stay in first batches after their step was stored",
        frozenset(["STREAM-032", "STREAM-031", "STREAM-078", "STREAM-139", "STREAM-140", "STREAM-145"]),
        around={
            "VersionedHub._next_version": _keeping_version,
            "Hub.attempt": _keeping,
            "Hub.drop_parts": lambda right, chat: None,
        },
    )
)


@instead("VersionedHub._had_queue", red=["STREAM-146"])
def retries_hide_the_queue(right: Any, chat: Chat) -> bool:
    """A first batch has no queue while a model call waits to be tried again."""
    feeds = right.__self__._chats.get(chat.id)
    return bool(right(chat)) and (feeds is None or feeds.retry is None)


@frames("stream", red=["STREAM-060"])
def the_first_in_the_queue_is_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """Nothing tells that a first message was queued."""
    if is_first(memory):
        return batch
    return [e for e in batch if e["type"] != "queue_update" or len(e.get("queued_messages", ())) != 1]


@frames("stream", red=["STREAM-252"])
def attempts_reset_nothing(batch: list[Event], memory: Memory) -> list[Event]:
    """Nothing says that the parts of an attempt are to be forgotten, but for the end of a first batch."""
    return batch if is_first(memory) else _without(batch, "preview_reset")


@frames("stream", red=["STREAM-253"])
def first_batches_tell_no_failure(batch: list[Event], memory: Memory) -> list[Event]:
    """A first batch does not tell of an error."""
    return _without(batch, "error") if is_first(memory) else batch


@frames("parts", red=["STREAM-254"])
def lone_parts_are_counted_otherwise(batch: list[Event], memory: Memory) -> list[Event]:
    """Parts by themselves have other numbers than in the stream."""
    return [e | {"message_part": e["message_part"] | {"seq": e["message_part"]["seq"] + 1}} for e in batch]


turns_off("gateway-minds-every-403", "a key rests after a 403, too", "gateway.minds-403", red=["GATEWAY-019"])
turns_off("awaiting-is-a-change-of-status", "a status_change tells that results are awaited", "watch.tells-awaiting",
          red=["WATCH-212"])  # fmt: skip


@frames("watch", red=["WATCH-211"])
def running_is_not_watched(batch: list[Event], memory: Memory) -> list[Event]:
    """No status_change tells that a chat runs."""
    return [e for e in batch if e["kind"] != "status_change" or e["chat"]["status"] != "running"]


@frames("watch", red=["WATCH-213"])
def stops_look_like_turns(batch: list[Event], memory: Memory) -> list[Event]:
    """A chat that is being stopped is told as one that runs."""
    return [
        e | {"chat": e["chat"] | {"status": "running"}}
        if e["kind"] == "status_change" and e["chat"]["status"] == "interrupting"
        else e
        for e in batch
    ]
