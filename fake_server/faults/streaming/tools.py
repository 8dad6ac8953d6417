"""Interrupts and client tools that the stream tells wrongly."""

from __future__ import annotations

import asyncio
from typing import Any

from fake_server.faulting import frames, instead, replaces
from fake_server.state.records import Chat
from fake_server.turns.run import Run
from fake_server.turns.toolset import EVERY

Event = dict[str, Any]


@frames("stream", red=["STREAM-070", "STREAM-068", "STREAM-079"])
def interrupts_without_status(batch: list[Event], memory: Event) -> list[Event]:
    """The status waiting is not streamed when no answer was stored whole."""
    out = []
    for event in batch:
        if event["type"] == "message" and event["message"]["role"] == "assistant" and "usage" in event["message"]:
            memory["answered"] = True
        waiting = event["type"] == "status" and event["status"]["status"] == "waiting"
        if not waiting or memory.get("answered") or not memory.get("live"):
            out.append(event)
    memory["live"] = True
    return out


replaces(
    "partial-answers-untold",
    "what an interrupt keeps is not streamed",
    "Runner._keep_partial",
    lambda right, run: right.__self__._store_partial(run),
    red=["STREAM-071"],
)


@instead("Runner._keep_partial", red=["STREAM-072"])
def partial_answers_late(right: Any, run: Run) -> None:
    """It comes after the next message."""
    rows = right.__self__._store_partial(run)
    asyncio.get_running_loop().call_soon(right.__self__.backend.hub.message, run.chat, *rows)


def with_calls(batch: list[Event], **fields: Any) -> list[Event]:
    """The batch with other fields in the calls of its action_required; None leaves a field out."""
    made = []
    for event in batch:
        if event["type"] == "action_required":
            calls = [call | fields for call in event["action_required"]["tool_calls"]]
            kept = [{k: v for k, v in call.items() if v is not None} for call in calls]
            event = event | {"action_required": {"tool_calls": kept}}
        made.append(event)
    return made


@frames("stream", red=["STREAM-073"])
def actions_required_twice(batch: list[Event], memory: Event) -> list[Event]:
    """action_required comes twice."""
    return [copy for event in batch for copy in [event] * (2 if event["type"] == "action_required" else 1)]


@frames("stream", red=["STREAM-074", "EVENT-003", "SCHEMA-event-action_required"])
def actions_without_tools(batch: list[Event], memory: Event) -> list[Event]:
    """action_required does not name the tools."""
    return with_calls(batch, tool_name=None)


@frames("stream", red=["STREAM-075", "WATCH-028"])
def actions_with_tidy_arguments(batch: list[Event], memory: Event) -> list[Event]:
    """args in action_required are written anew."""
    return with_calls(batch, args='{"b":1,"a":2}')


@frames("stream", red=["STREAM-076"])
def results_are_not_streamed(batch: list[Event], memory: Event) -> list[Event]:
    """The results of the client's tools are not streamed."""
    return [
        e for e in batch
        if not (e["type"] == "message" and e["message"]["role"] == "tool" and e["message"]["content"][0]["tool_name"] not in EVERY)
    ]  # fmt: skip


@frames("stream", red=["STREAM-077"])
def no_running_after_results(batch: list[Event], memory: Event) -> list[Event]:
    """After tool results no running status is streamed."""
    out = []
    for event in batch:
        asked = memory.get("asked") and event["type"] == "status" and event["status"]["status"] == "running"
        memory["asked"] = memory.get("asked") or event["type"] == "action_required"
        if not asked:
            out.append(event)
    return out


@instead("Runner._tell_calls", red=["STREAM-073", "WATCH-019"])
def calls_are_told_once(right: Any, chat: Chat, calls: Any) -> None:
    """Action_required comes but once a chat."""
    if not any(m.role == "tool" and m.created_by for m in right.__self__.backend.store.messages[chat.id]):
        right(chat, calls)
