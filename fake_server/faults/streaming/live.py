"""Turns that are told wrongly while they go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fake_server.faulting import frames, instead
from fake_server.faults.streaming.frames import Event, Memory, first
from fake_server.model_calls.classify import ModelError
from fake_server.model_calls.wires.base import Finish, Usage
from fake_server.state.records import Chat, Message


def is_part(event: Event, kind: str = "") -> bool:
    return bool(event["type"] == "message_part" and kind in ("", event["message_part"]["part"]["type"]))


def with_part(event: Event, **fields: Any) -> Event:
    """The event with another part."""
    shown = event["message_part"]
    return event | {"message_part": shown | {"part": shown["part"] | fields}}


def of_role(event: Event, role: str) -> bool:
    return bool(event["type"] == "message" and event["message"]["role"] == role)


def is_status(event: Event, status: str) -> bool:
    return bool(event["type"] == "status" and event["status"]["status"] == status)


@frames("stream", red=["STREAM-038"])
def running_after_the_first_part(batch: list[Event], memory: Memory) -> list[Event]:
    """The running status comes after the first part of the turn."""
    if first(memory):
        return batch
    held = memory.setdefault("held", [])
    out: list[Event] = []
    for event in batch:
        if is_status(event, "running"):
            held.append(event)
            continue
        out.append(event)
        if event["type"] not in ("status", "queue_update", "preview_reset") and not of_role(event, "user"):
            out.extend(held)
            held.clear()
    return out


@frames("stream", red=["STREAM-086", "RACE-002"])
def no_pending(batch: list[Event], memory: Memory) -> list[Event]:
    """The status pending is not streamed."""
    return batch if first(memory) else [e for e in batch if not is_status(e, "pending")]


@frames("stream", red=["STREAM-040", "STREAM-039", "STREAM-061", "STREAM-065"])
def question_after_the_answer(batch: list[Event], memory: Memory) -> list[Event]:
    """The user's message comes after the first message that answers it."""
    if first(memory):
        return batch
    held = memory.setdefault("held", [])
    out: list[Event] = []
    for event in batch:
        if of_role(event, "user"):
            held.append(event)
            continue
        out.append(event)
        if of_role(event, "assistant") or event["type"] in ("error", "queue_update"):
            out.extend(held)
            held.clear()
    return out


@frames("stream", red=["STREAM-041"])
def a_part_after_the_end(batch: list[Event], memory: Memory) -> list[Event]:
    """An empty part follows the end of a turn."""
    memory["part"] = next((e for e in reversed(batch) if is_part(e, "text")), memory.get("part"))
    if first(memory) or memory["part"] is None or not any(is_status(e, "waiting") for e in batch):
        return batch
    return [*batch, with_part(memory["part"], text="")]


@frames("stream", red=["STREAM-042", "STREAM-044"])
def reasoning_out_of_order(batch: list[Event], memory: Memory) -> list[Event]:
    """The pieces of reasoning that wait for a frame come in reverse."""
    mine = [e for e in batch if is_part(e, "reasoning")][::-1]
    return [mine.pop(0) if is_part(e, "reasoning") else e for e in batch]


@frames("stream", red=["STREAM-043", "PART-023", "STREAM-031", "ROUND-008", "STREAM-142", "ROUND-036"])
def pieces_are_trimmed(batch: list[Event], memory: Memory) -> list[Event]:
    """Blanks at the ends of pieces of text are lost."""
    return [with_part(e, text=e["message_part"]["part"]["text"].strip()) if is_part(e, "text") else e for e in batch]


@frames("stream", red=["STREAM-044"])
def reasoning_is_trimmed(batch: list[Event], memory: Memory) -> list[Event]:
    """Blanks at the ends of pieces of reasoning are lost."""
    return [with_part(e, text=e["message_part"]["part"]["text"].strip()) if is_part(e, "reasoning") else e for e in batch]


@frames("stream", red=["STREAM-046"])
def last_piece_is_held_back(batch: list[Event], memory: Memory) -> list[Event]:
    """A piece of text is sent when something comes behind it."""
    if first(memory):
        return batch
    waiting = [*memory.pop("held", []), *batch]
    if is_part(waiting[-1], "text"):
        memory["held"] = [waiting.pop()]
    return waiting


@instead(
    "Hub._send_message", red=["STREAM-047", "STREAM-039", "STREAM-052", "STREAM-072", "STREAM-078", "SEND-028", "STREAM-043"]
)
def messages_come_twice(right: Any, feeds: Any, message: Message) -> None:
    """Every message is streamed twice."""
    right(feeds, message)
    right(feeds, message)


@frames("stream", red=["STREAM-048"])
def late_running(batch: list[Event], memory: Memory) -> list[Event]:
    """A copy of the status running comes after the end of the turn."""
    done = [e for e in batch if is_status(e, "waiting")]
    if first(memory) or not done or not memory.get("tools"):
        memory["tools"] = memory.get("tools") or any(is_part(e, "tool-result") for e in batch)
        return batch
    return [*batch, {**done[0], "status": {"status": "running"}}]


@instead("Hub._send_message", red=["STREAM-049", "STREAM-047", "STREAM-057", "STREAM-058"])
def first_reader_only(right: Any, feeds: Any, message: Message) -> None:
    """Messages reach but the first reader."""
    readers, feeds.readers = feeds.readers, feeds.readers[:1]
    right(feeds, message)
    feeds.readers = readers


@frames("stream", red=["STREAM-050"])
def results_from_the_assistant(batch: list[Event], memory: Memory) -> list[Event]:
    """The parts of tool results have role assistant."""
    return [e | {"message_part": e["message_part"] | {"role": "assistant"}} if is_part(e, "tool-result") else e for e in batch]


@frames("stream", red=["STREAM-051"])
def results_out_of_order(batch: list[Event], memory: Memory) -> list[Event]:
    """The parts of tool results come in reverse."""
    mine = [e for e in batch if is_part(e, "tool-result")][::-1]
    return [mine.pop(0) if is_part(e, "tool-result") else e for e in batch]


@frames("stream", red=["STREAM-052"])
def tool_messages_out_of_order(batch: list[Event], memory: Memory) -> list[Event]:
    """The tool messages of a step come in reverse."""
    mine = [e for e in batch if of_role(e, "tool")][::-1]
    return batch if first(memory) else [mine.pop(0) if of_role(e, "tool") else e for e in batch]


@frames("stream", red=["STREAM-053", "PART-009"])
def pieces_of_calls_name_functions(batch: list[Event], memory: Memory) -> list[Event]:
    """A piece of a call names the tool with a prefix."""
    return [
        with_part(e, tool_name="functions." + e["message_part"]["part"]["tool_name"])
        if is_part(e, "tool-call") and "args_delta" in e["message_part"]["part"]
        else e
        for e in batch
    ]


@frames("stream", red=["STREAM-054"])
def pieces_of_arguments_pile_up(batch: list[Event], memory: Memory) -> list[Event]:
    """Each piece of the arguments repeats the pieces before it."""
    out = []
    for event in batch:
        part = event["message_part"]["part"] if is_part(event, "tool-call") else {}
        if "args_delta" in part:
            key = part["tool_call_id"]
            memory[key] = memory.get(key, "") + part["args_delta"]
            event = with_part(event, args_delta=memory[key])
        out.append(event)
    return out


@instead("LLMClient.stream", red=["STREAM-055"])
async def empty_answers_fail(right: Any, client: Any, chat: Chat, model: Any, prompt: Any, take: Any) -> None:
    """An empty answer of the model is an error."""
    said: list[Any] = []

    def heard(piece: Any) -> None:
        said.extend(() if isinstance(piece, Usage) else [piece])
        if isinstance(piece, Finish) and len(said) == 1:
            raise ModelError("the answer is empty")
        take(piece)

    await right(client, chat, model, prompt, heard)


@instead("LLMClient.stream", red=["STREAM-056", "TOOL-020"])
async def filtered_answers_fail(right: Any, client: Any, chat: Chat, model: Any, prompt: Any, take: Any) -> None:
    """An answer that was filtered is an error."""

    def heard(piece: Any) -> None:
        if isinstance(piece, Finish) and piece.reason == "content_filter":
            raise ModelError("the answer was filtered")
        take(piece)

    await right(client, chat, model, prompt, heard)


@instead("LLMClient._chunks", red=["STREAM-059"])
async def comments_fail(right: Any, client: Any, answer: Any) -> AsyncIterator[bytes]:
    """A comment in the model's stream is an error."""
    async for chunk in right(client, answer):
        if chunk.startswith(b":"):
            raise ModelError("a line that is no event")
        yield chunk


@instead("Hub._send", red=["STREAM-057"])
def retries_reach_the_first_reader(right: Any, feeds: Any, event: Any) -> None:
    """A retry reaches but the first reader."""
    if event.data["type"] != "retry":
        right(feeds, event)
    elif feeds.readers:
        feeds.readers[0].put(event)


@frames("stream", red=["STREAM-058"])
def readers_get_no_answers(batch: list[Event], memory: Memory) -> list[Event]:
    """A reader who is not the owner gets no answers live."""
    return batch if first(memory) or memory["owner"] else [e for e in batch if not of_role(e, "assistant")]


@instead("Hub._send", red=["STREAM-082"])
def parts_for_the_newest(right: Any, feeds: Any, event: Any) -> None:
    """Parts reach but the newest connection."""
    if event.data["type"] != "message_part":
        right(feeds, event)
    elif feeds.readers:
        feeds.readers[-1].put(event)
