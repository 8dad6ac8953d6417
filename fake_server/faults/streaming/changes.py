"""Changes that the stream tells of wrongly, or tells of at all."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, changes, frames, instead, replaces, turns_off
from fake_server.faults.streaming.frames import Event, Memory, first
from fake_server.state.records import Chat, Message


@changes("listMessages", red=["STREAM-045", "MSG-013", "ROUND-008"])
def long_answers_are_cut(answer: Answer) -> None:
    """The text of an answer is stored up to 3000 characters."""
    for message in answer.body["messages"]:
        for part in message.get("content", []) if message["role"] == "assistant" else ():
            part["text"] = part["text"][:3000]


@changes("sendMessage", red=["STREAM-060"])
def queued_sends_are_pending(answer: Answer) -> None:
    """A queued send streams a pending status."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    if answer.body.get("queued") and chat.status == "running":
        chat.status = "pending"
        answer.backend.hub.status(chat)
        chat.status = "running"


@frames("stream", red=["STREAM-061"])
def queue_before_the_message(batch: list[Event], memory: Memory) -> list[Event]:
    """The queue shrinks before the message that was taken up is streamed."""
    out = list(batch)
    for i in range(0 if first(memory) else len(out) - 1):
        if out[i]["type"] == "message" and out[i + 1]["type"] == "queue_update" and out[i]["message"]["role"] == "user":
            out[i], out[i + 1] = out[i + 1], out[i]
    return out


@instead("Hub._queue_event", red=["STREAM-062", "STREAM-066", "SCHEMA-event-queue_update"])
def empty_queue_is_an_array(right: Any, chat: Chat) -> Any:
    """An emptied queue is told with an empty array."""
    event = right(chat)
    event.data.setdefault("queued_messages", [])
    return event


def queue_of(event: Event) -> list[int]:
    return [entry["id"] for entry in event.get("queued_messages", [])]


@frames("stream", red=["STREAM-063"])
def shorter_queues_are_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """A message that leaves a queue where others wait is not told."""
    out = []
    for event in batch:
        if event["type"] == "queue_update":
            before, memory["queue"] = memory.get("queue", []), queue_of(event)
            if 0 < len(memory["queue"]) < len(before):
                continue
        out.append(event)
    return out


@frames("stream", red=["STREAM-064"])
def same_queues_are_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """A queue_update that changes nothing is not sent."""
    out = []
    for event in batch:
        if event["type"] == "queue_update":
            before, memory["queue"] = memory.get("queue"), queue_of(event)
            if before and before == memory["queue"]:
                continue
        out.append(event)
    return out


replaces(
    "edits-replay-nothing",
    "an edit streams no messages again",
    "Hub._send_again",
    lambda right, feeds, message: None,
    red=["STREAM-065"],
)


@instead("Hub._send_again", red=["STREAM-065"])
def replays_heed_after_id(right: Any, feeds: Any, message: Message) -> None:
    """An edit's replay leaves out ids below after_id."""
    for reader in feeds.readers:
        if message.id > reader.after_id:
            reader.put(right.__self__._message_event(message))


turns_off("edits-tell-no-queue", "an edit streams no queue_update", "edit.tells-queue", red=["STREAM-066"])


@changes("patchChat", red=["STREAM-067"])
def archiving_is_streamed(answer: Answer) -> None:
    """Archiving streams the queue."""
    if answer.sent.get("archived"):
        answer.backend.hub.queue(answer.backend.store.chats[answer.path_params["chat"]])


@changes("patchChat", red=["STREAM-069"])
def labels_are_streamed(answer: Answer) -> None:
    """New labels stream the queue."""
    if answer.sent.get("labels"):
        answer.backend.hub.queue(answer.backend.store.chats[answer.path_params["chat"]])


turns_off("archived-chats-run-on", "archiving stops nothing", "archive.stops-runs", red=["STREAM-068", "ARCH-008"])
