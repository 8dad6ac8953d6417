"""What the model is told of a chat: its stored messages as neutral turns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from fake_server.faulting import replaceable
from fake_server.model_calls.wires.base import AssistantTurn, Attachment, CallMade, ToolTurn, Turn, UserTurn
from fake_server.state.records import Chat, Message, Part
from fake_server.turns.titles import reference_text

if TYPE_CHECKING:
    from fake_server.state.store import State

_ODD = re.compile(r"[^a-zA-Z0-9_-]")
UNANSWERED = "tool call was interrupted before it produced a result"


@replaceable
def turns(backend: State, chat: Chat) -> list[Turn]:
    """The conversation for the next model call: all that the model may see, every call with exactly one answer.

    After a compaction it begins with the latest summary.
    """
    built: list[Turn] = []
    open_calls: dict[str, str] = {}
    for message in told(backend, chat):
        if message.role == "tool":
            for part in message.content:
                if open_calls.pop(part["tool_call_id"], None) is not None:
                    built.append(_result(part))
            continue
        built.extend(_unanswered(open_calls))
        if message.role == "user":
            built.append(UserTurn([_shown(backend, part) for part in message.content]))
        else:
            turn = _assistant(backend, message)
            if turn.text or turn.calls:
                built.append(turn)
                open_calls = {call.id: call.name for call in turn.calls}
    built.extend(_unanswered(open_calls))
    if not backend.does("llm.keeps-call-ids"):
        _with_plain_ids(built)
    return built


@replaceable
def told(backend: State, chat: Chat) -> list[Message]:
    """The messages that the model may see, from the latest summary on."""
    rows = [m for m in backend.store.messages[chat.id] if not m.deleted and m.role != "system" and m.visibility != "user"]
    rows = rows[max((i for i, m in enumerate(rows) if m.visibility == "model"), default=0) :]
    return rows if not rows or rows[0].content else rows[1:]  # what was cleared has nothing in its place


def _with_plain_ids(built: list[Turn]) -> None:
    """Early revisions keep no odd characters in the ids of calls of earlier turns."""
    last = max((i for i, turn in enumerate(built) if isinstance(turn, UserTurn)), default=0)
    for turn in built[:last]:
        if isinstance(turn, ToolTurn):
            turn.id = _ODD.sub("_", turn.id)
        elif isinstance(turn, AssistantTurn):
            for call in turn.calls:
                call.id = _ODD.sub("_", call.id)


def _unanswered(calls: dict[str, str]) -> list[Turn]:
    answers: list[Turn] = [ToolTurn(call, name, UNANSWERED, is_error=True) for call, name in calls.items()]
    calls.clear()
    return answers


def _result(part: Part) -> ToolTurn:
    result = part.get("result")
    text = orjson.dumps(result).decode() if result is not None else "{}"
    if part.get("is_error") and isinstance(result, dict):
        text = str(result.get("error", text))
    return ToolTurn(part["tool_call_id"], part.get("tool_name", ""), text, bool(part.get("is_error")))


def _assistant(backend: State, message: Message) -> AssistantTurn:
    turn, seen = AssistantTurn(), set()
    for part in message.content:
        if part["type"] == "text":
            turn.text += part["text"]
        elif part["type"] == "reasoning":
            turn.reasoning += part["text"]
        elif part["type"] == "tool-call" and not part.get("provider_executed") and part["tool_call_id"] not in seen:
            seen.add(part["tool_call_id"])
            arguments = orjson.dumps(part.get("args", {})).decode()
            turn.calls.append(CallMade(part["tool_call_id"], part.get("tool_name", ""), arguments))
    return turn


def _shown(backend: State, part: Part) -> str | Attachment:
    if part["type"] == "file":
        file = backend.store.files.get(part["file_id"])
        return Attachment(file.media_type, file.name, file.data) if file else f"[missing file {part['file_id']}]"
    if part["type"] == "file-reference":
        whole = backend.does("llm.gets-whole-references")
        return reference_text(part if whole else part | {"content": part.get("content", "").strip()})
    return str(part.get("text", ""))
