"""Feeds of envelopes and what they tell that are not as they should be."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, answers, frames, replaces, turns_off

LACKS = "access.by-organization"  # the faults of this module are ones only in revisions without it

Event = dict[str, Any]
Memory = dict[str, Any]

turns_off(
    "frames-without-envelope",
    "a frame holds its data with no envelope around",
    "feeds.bare",
    red=["STREAM-107", "WATCH-076", "SCHEMA-frame-streamChat", "SCHEMA-frame-watchChats", "WATCH-075"],
)
turns_off("watch-greets-nobody", "the watch feed sends no ping when it is opened", "watch.starts-silent", red=["WATCH-075"])
turns_off(
    "client-data-breaks-a-policy",
    "data of a client are closed as a policy violation",
    "socket.data-is-a-policy-matter",
    red=["STREAM-110"],
)
turns_off("late-readers-hear-of-the-wait", "a snapshot tells of the retry under way", "stream.snapshot-retry", red=["STREAM-112"])
replaces(
    "edits-send-only-the-new",
    "an edit does not stream what remains",
    "Hub._send_again",
    lambda right, feeds, message: None,
    red=["STREAM-113"],
)
turns_off(
    "the-archive-ends-turns", "archiving ends the turn under way", "archive.rests", "archive.stops-runs", red=["STREAM-114"]
)
turns_off(
    "watch-tells-whole-chats",
    "a watch event has the whole chat",
    "watch.whole-chats",
    red=["WATCH-078", "WATCH-080", "WATCH-081"],
)
turns_off("watch-tells-whole-families", "archiving tells of each chat of a family", "watch.family", red=["WATCH-079"])
turns_off("titles-by-hand", "a title in a PATCH is taken", "patch.renames", red=["WATCH-082"])


@answers("streamGit", "streamDesktop", red=["STREAM-115", "STREAM-011"])
def nothing_to_watch_is_not_found(answer: Answer) -> None:
    """The feeds of a chat without a workspace are not found."""
    if answer.status == 400:
        answer.status, answer.body = 404, {"message": "Resource not found or you do not have access to this resource"}


@frames("stream", red=["STREAM-108", "SCHEMA-frame-streamChat"])
def a_ping_before_errors(batch: list[Event], memory: Memory) -> list[Event]:
    """A type of event that no client knows comes before an error."""
    return [
        e for each in batch for e in ([{"type": "ping", "chat_id": each["chat_id"]}] if each["type"] == "error" else []) + [each]
    ]


@frames("stream", red=["STREAM-109", "SCHEMA-event-status", "STREAM-112"])
def errors_are_paused(batch: list[Event], memory: Memory) -> list[Event]:
    """A status that no client knows comes before an error."""
    paused = [{"type": "status", "chat_id": e["chat_id"], "status": {"status": "paused"}} for e in batch if e["type"] == "error"]
    return [*paused, *batch]


@frames("stream", red=["STREAM-117", "SCHEMA-event-queue_update", "STREAM-062", "STREAM-066"])
def empty_queues_are_shown(batch: list[Event], memory: Memory) -> list[Event]:
    """The queue_update of an empty queue has an empty list."""
    return [{"queued_messages": [], **e} if e["type"] == "queue_update" else e for e in batch]


@frames("watch", red=["WATCH-077", "SCHEMA-frame-watchChats"])
def failures_are_announced(batch: list[Event], memory: Memory) -> list[Event]:
    """A chat that fails is told once more, by a kind of its own."""
    failed = [e for e in batch if e["kind"] == "status_change" and e["chat"]["status"] == "error"]
    return [*batch, *({**e, "kind": "failed"} for e in failed)]


@frames("stream", red=["EVENT-027"])
def errors_have_kinds(batch: list[Event], memory: Memory) -> list[Event]:
    """An error event tells a kind."""
    return [{**e, "error": {**e["error"], "kind": "generic"}} if e["type"] == "error" else e for e in batch]


@frames("stream", red=["EVENT-028"])
def retries_have_providers(batch: list[Event], memory: Memory) -> list[Event]:
    """A retry event names the provider."""
    return [{**e, "retry": {**e["retry"], "provider": "openai-compat"}} if e["type"] == "retry" else e for e in batch]


@frames("watch", red=["EVENT-029"])
def watch_lists_no_calls(batch: list[Event], memory: Memory) -> list[Event]:
    """A watch event has tool_calls."""
    return [{**e, "tool_calls": []} for e in batch]
