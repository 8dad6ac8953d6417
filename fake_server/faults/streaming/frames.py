"""Frames and snapshots of the stream that are not as they should be."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import frames, instead, replaces, turns_off
from fake_server.state.records import Chat, Message, Part

Event = dict[str, Any]
Memory = dict[str, Any]


def first(memory: Memory) -> bool:
    """Is this the first batch of the connection, i.e. its snapshot?"""
    memory["batches"] = memory.get("batches", 0) + 1
    return bool(memory["batches"] == 1)


def status_of(batch: list[Event]) -> str:
    """The first status of the batch."""
    return next((str(e["status"]["status"]) for e in batch if e["type"] == "status"), "")


replaces(
    "frames-hold-one-event",
    "a frame holds one event instead of an array",
    "Hub._frames",
    lambda right, socket, events: events,
    red=["STREAM-013", "SCHEMA-frame-streamChat"],
)
replaces(
    "snapshot-in-one-frame",
    "a snapshot is one frame, however long",
    "Hub._cut",
    lambda right, snapshot: [snapshot],
    red=["STREAM-014", "SCHEMA-frame-streamChat"],
)


@frames("stream", red=["STREAM-015", "SCHEMA-event-message_part"])
def parts_name_no_chat(batch: list[Event], memory: Memory) -> list[Event]:
    """A part does not say which chat it belongs to."""
    return [{k: v for k, v in e.items() if k != "chat_id"} if e["type"] == "message_part" else e for e in batch]


@frames(
    "stream",
    red=[
        "STREAM-016",
        "SCHEMA-event-retry",
        "EVENT-002",
        "RETRY-001",
        "RETRY-002",
        "RETRY-003",
        "RETRY-004",
        "RETRY-005",
        "RETRY-006",
        "RETRY-007",
        "RETRY-008",
        "RETRY-009",
        "RETRY-017",
        "RETRY-021",
    ],
)
def errors_stand_under_data(batch: list[Event], memory: Memory) -> list[Event]:
    """A retry has its payload under the key error."""
    return [{"type": "retry", "chat_id": e["chat_id"], "error": e["retry"]} if e["type"] == "retry" else e for e in batch]


@frames("stream", red=["STREAM-017", "SCHEMA-frame-streamChat"])
def keepalive_events(batch: list[Event], memory: Memory) -> list[Event]:
    """A keepalive event comes with a call for the client."""
    extra = [{"type": "ping", "chat_id": e["chat_id"]} for e in batch if e["type"] == "action_required"]
    return batch + extra


@frames("stream", red=["STREAM-018", "SCHEMA-event-status"])
def an_eighth_status(batch: list[Event], memory: Memory) -> list[Event]:
    """A status that no client knows comes before an error."""
    out: list[Event] = []
    for event in batch:
        if event["type"] == "error":
            out.append({"type": "status", "chat_id": event["chat_id"], "status": {"status": "failing"}})
        out.append(event)
    return out


@frames("stream", red=["STREAM-024", "STREAM-026", "STREAM-029"])
def status_comes_last(batch: list[Event], memory: Memory) -> list[Event]:
    """The status stands at the end of the snapshot."""
    return batch[1:] + batch[:1] if first(memory) else batch


@frames("stream", red=["STREAM-025"])
def snapshot_knows_no_rest(batch: list[Event], memory: Memory) -> list[Event]:
    """The snapshot of a chat at rest shows it as pending."""
    if first(memory) and status_of(batch) == "waiting":
        return [{**event, "status": {"status": "pending"}} if event["type"] == "status" else event for event in batch]
    return batch


@frames("stream", red=["STREAM-026"])
def parts_behind_messages(batch: list[Event], memory: Memory) -> list[Event]:
    """The parts of the present step stand behind the messages of the snapshot."""
    if not first(memory):
        return batch
    return sorted(batch, key=lambda e: ("status", "retry", "message", "message_part", "queue_update").index(e["type"]))


@frames("stream", red=["STREAM-027", "MSG-013"])
def snapshot_without_usage(batch: list[Event], memory: Memory) -> list[Event]:
    """The messages of a snapshot have no usage."""
    if not first(memory):
        return batch
    plain = {"message": lambda m: {k: v for k, v in m.items() if k != "usage"}}
    return [e | {"message": plain["message"](e["message"])} if e["type"] == "message" else e for e in batch]


@frames("stream", red=["STREAM-029", "STREAM-141"])
def queue_newest_first(batch: list[Event], memory: Memory) -> list[Event]:
    """The queue in the snapshot is listed newest first."""
    if not first(memory):
        return batch
    return [e | {"queued_messages": e["queued_messages"][::-1]} if "queued_messages" in e else e for e in batch]


replaces(
    "no-queue-in-snapshots",
    "a snapshot has no queue",
    "Hub._queue_of_snapshot",
    lambda right, chat, after_id: [],
    red=["STREAM-029", "STREAM-026", "STREAM-141", "STREAM-143"],
)


@frames("stream", red=["STREAM-030", "SCHEMA-frame-streamChat", "STREAM-014", "STREAM-067", "STREAM-069", "STREAM-141"])
def queue_in_every_snapshot(batch: list[Event], memory: Memory) -> list[Event]:
    """A snapshot has a queue_update when there is no queue, too."""
    if first(memory) and not any(e["type"] == "queue_update" for e in batch):
        return [*batch, {"type": "queue_update", "chat_id": batch[0]["chat_id"]}]
    return batch


@frames("stream", red=["STREAM-031", "STREAM-078", "STREAM-142"])
def only_the_last_part(batch: list[Event], memory: Memory) -> list[Event]:
    """A snapshot has but the last part of the present step."""
    kept = [e for e in batch if e["type"] == "message_part"][-1:]
    return [e for e in batch if e["type"] != "message_part" or e in kept] if first(memory) else batch


turns_off(
    "parts-stay-after-storage",
    "parts stay in snapshots after their step was stored",
    "stream.parts-claimed",
    red=["STREAM-032", "STREAM-031", "STREAM-067", "STREAM-069", "STREAM-078", "STREAM-139", "STREAM-140", "STREAM-145"],
)


@frames("stream", red=["STREAM-033", "SCHEMA-event-action_required", "STREAM-253"])
def calls_in_snapshots(batch: list[Event], memory: Memory) -> list[Event]:
    """The snapshot of a chat in requires_action has an action_required event."""
    if first(memory) and status_of(batch) == "requires_action":
        return [*batch, {"type": "action_required", "chat_id": batch[0]["chat_id"], "action_required": {"tool_calls": []}}]
    return batch


@frames("stream", red=["STREAM-034"])
def errors_in_snapshots(batch: list[Event], memory: Memory) -> list[Event]:
    """The snapshot of a chat in error has an error event."""
    if first(memory) and status_of(batch) == "error":
        error = {"message": "The chat failed.", "retryable": False, "kind": "generic"}
        return [*batch, {"type": "error", "chat_id": batch[0]["chat_id"], "error": error}]
    return batch


turns_off(
    "no-retry-in-snapshots",
    "a snapshot has no retry",
    "stream.snapshot-retry",
    red=["STREAM-035"],
)
replaces(
    "system-prompts-are-streamed",
    "messages for the model alone are streamed",
    "Hub._shown",
    lambda right, message: not message.deleted,
    red=[
        "STREAM-036",
        "STREAM-006",
        "STREAM-010",
        "STREAM-027",
        "STREAM-037",
        "STREAM-047",
        "STREAM-065",
        "STREAM-067",
        "STREAM-068",
        "STREAM-069",
        "STREAM-078",
        "STREAM-081",
        "STREAM-141",
    ],
)


@frames("stream", red=["STREAM-037", "STREAM-006", "STREAM-010", "STREAM-028", "STREAM-084"])
def first_message_is_late(batch: list[Event], memory: Memory) -> list[Event]:
    """A snapshot that begins with a message of a few words is without that."""
    mine = [e for e in batch if e["type"] == "message"]
    if not first(memory) or not mine or len(str(mine[0]["message"]["content"][0].get("text"))) > 20:
        return batch
    return [e for e in batch if e is not mine[0]]


@instead("Hub._visible", red=["STREAM-081", "STREAM-065"])
def removed_messages_are_shown(right: Any, chat_id: str) -> list[Message]:
    """Snapshots show what an edit removed."""
    return [m for m in right.__self__.backend.store.messages.get(chat_id, ()) if m.visibility != "model"]


@instead("Hub.part", red=["STREAM-031"])
def short_memory(right: Any, chat: Chat, role: str, part: Part) -> None:
    """A snapshot has the last hundred parts of the step."""
    right(chat, role, part)
    parts = right.__self__._chats[chat.id].parts
    while len(parts) > 100:
        parts.popleft()


@frames("stream", red=["STREAM-031"])
def snapshots_lose_an_event(batch: list[Event], memory: Memory) -> list[Event]:
    """The event behind a full frame of the snapshot is lost."""
    if first(memory):
        memory["full"] = len(batch) == 256
        return batch
    return batch[1:] if memory.pop("full", False) else batch


replaces(
    "no-queue-on-reconnect",
    "a snapshot with after_id has no queue",
    "Hub._queue_of_snapshot",
    lambda right, chat, after_id: [] if after_id > 0 else right(chat, after_id),
    red=["STREAM-029"],
)
