"""Turns of several steps that lose some of them, and chats that do not go on as they should."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Fault, declare, instead, turns_off
from fake_server.state.records import Chat


def of_turn(rows: list[Any]) -> list[Any]:
    """The messages after the newest user message."""
    last = max((i for i, m in enumerate(rows) if m.role == "user"), default=-1)
    return rows[last + 1 :]


@instead("Lifecycle.edit", red=["TURN-001"])
def edits_keep_the_old_model(right: Any, chat: Chat, *args: Any, **more: Any) -> Any:
    """An edit runs on the model of the edited message, whatever known one it names."""
    known = more.get("model_config_id") in right.__self__.backend.store.model_configs
    return right(chat, *args, **(more | {"model_config_id": None} if known else more))


@instead("Lifecycle.edit", red=["TURN-002"])
def summaries_outlive_edits(right: Any, chat: Chat, *args: Any, **more: Any) -> Any:
    """The summary of a compaction stays when what it sums up is edited."""
    made = right(chat, *args, **more)
    for message in right.__self__.backend.store.messages[chat.id]:
        if message.role == "user" and message.visibility == "model":
            message.deleted = False
    return made


@instead("Runner._end_failed", red=["TURN-003"])
def failures_take_the_turn(right: Any, run: Any, failure: Any) -> None:
    """A turn that fails keeps none of its steps."""
    for message in of_turn(right.__self__.backend.store.messages[run.chat.id]):
        message.deleted = True
    right(run, failure)


@instead("Hub.retry", red=["TURN-004"])
def retries_take_the_turn(right: Any, chat: Chat, payload: Any) -> None:
    """A model call that is tried again forgets the steps before it."""
    for message in of_turn(right.__self__.backend.store.messages[chat.id]):
        message.deleted = True
    right(chat, payload)


@instead("Ledger.pending_calls", red=["TURN-005"])
def ids_of_calls_are_answered_once(right: Any, chat: Chat) -> Any:
    """A call with the id of one that was answered before is not awaited."""
    rows = right.__self__.state.store.messages[chat.id]
    answered = {p["tool_call_id"] for m in rows for p in m.content if p["type"] == "tool-result"}
    return {call: tool for call, tool in right(chat).items() if call not in answered}


@instead("Runner._store_partial", red=["TURN-006"])
def interrupted_tools_take_their_step(right: Any, run: Any) -> Any:
    """An interrupt while a tool runs keeps nothing of the step."""
    return [] if run.step is not None and run.step.calls and run.step.runs_tools else right(run)


@instead("Runner._end_failed", red=["TURN-007"])
def failed_messages_are_forgotten(right: Any, run: Any, failure: Any) -> None:
    """The model never gets a message whose turn has failed."""
    rows = right.__self__.backend.store.messages[run.chat.id]
    if rows[-1].role == "user" and rows[-1].visibility == "both":
        rows[-1].visibility = "user"
    right(run, failure)


@instead("Lifecycle.send", red=["TURN-008"])
def repeated_messages_are_one(right: Any, chat: Chat, caller: Any, **more: Any) -> Any:
    """A message that is queued already is not queued again."""
    waiting = right.__self__.backend.store.queues.get(chat.id, [])
    again = next((entry for entry in waiting if entry.content == more["content"]), None)
    return again or right(chat, caller, **more)


turns_off("turns-end-after-twenty-steps", "a turn is cut after twenty model calls", "turn.any-length", red=["TURN-009"])


@instead("Lifecycle.interrupt", red=["TURN-010"])
def second_interrupts_repeat_the_answer(right: Any, chat: Chat) -> Any:
    """An interrupt of a chat that was interrupted stores its partial answer again."""
    rows = right.__self__.backend.store.messages[chat.id]
    last = rows[-1]
    if chat.status == "waiting" and last.role == "assistant" and last.usage is None:
        right.__self__.backend.ledger.add_message(chat, "assistant", last.content)
    return right(chat)


@instead("Lifecycle.edit", red=["TURN-011"])
def edits_of_runs_cut_one_message(right: Any, chat: Chat, caller: Any, message_id: int, **more: Any) -> Any:
    """An edit during a turn leaves the answers that came after the edited message."""
    rows = right.__self__.backend.store.messages[chat.id]
    kept = [m for m in rows if not m.deleted and m.role == "assistant" and m.id > message_id] if chat.status == "running" else []
    made = right(chat, caller, message_id, **more)
    for message in kept:
        message.deleted = False
    return made


turns_off("compactions-end-turns", "a turn is over with its compaction", "compaction.goes-on", red=["TURN-012"])


@instead("Runner._end_failed", red=["TURN-013"])
def failed_steps_are_forgotten(right: Any, run: Any, failure: Any) -> None:
    """The model never gets the steps of a turn that has failed."""
    for message in of_turn(right.__self__.backend.store.messages[run.chat.id]):
        message.visibility = "user"
    right(run, failure)


@instead("told", red=["TURN-014", "TURN-015"])
def models_go_on_from_the_first_summary(right: Any, backend: Any, chat: Chat) -> Any:
    """After a second compaction the model still gets everything from the first summary on."""
    rows = [m for m in backend.store.messages[chat.id] if not m.deleted and m.role != "system" and m.visibility != "user"]
    return rows[next((i for i, m in enumerate(rows) if m.visibility == "model"), 0) :]


@instead("Lifecycle.edit", red=["TURN-015"])
def edits_drop_every_summary(right: Any, chat: Chat, *args: Any, **more: Any) -> Any:
    """An edit drops the summaries of its chat, whatever it edits."""
    made = right(chat, *args, **more)
    for message in right.__self__.backend.store.messages[chat.id]:
        message.deleted = message.deleted or (message.role == "user" and message.visibility == "model")
    return made


def _keep_thoughts(right: Any, backend: Any, run: Any) -> None:
    parts = run.step.partial() if run.step else []
    backend.faults.memory[f"thought {run.chat.id}"] = [part for part in parts if part["type"] == "reasoning"]
    right(backend, run)


def _with_thoughts(right: Any, backend: Any, run: Any) -> Any:
    step = right(backend, run)
    step.parts.extend(backend.faults.memory.pop(f"thought {run.chat.id}", []))
    return step


declare(
    Fault(
        "failed-thoughts-are-kept",
        "what a failed attempt has thought stays in the answer",
        frozenset(["TURN-004"]),
        around={"drop_failed": _keep_thoughts, "begin_step": _with_thoughts},
    )
)


@instead("run_here", red=["TURN-016"])
async def one_failure_fails_all(right: Any, backend: Any, run: Any, step: Any, calls: list[int]) -> None:
    """If one call of a step fails, all of them do."""
    await right(backend, run, step, calls)
    if any(result.get("is_error") for result in step.results.values()):
        for result in step.results.values():
            result["is_error"] = True


@instead("run_tools", red=["TURN-017"])
async def plan_mode_acts_at_once(right: Any, backend: Any, run: Any, step: Any) -> Any:
    """Plan mode that is set during a model call takes the client's tools away from it."""
    run.chat.planning = run.chat.plan_mode == "plan"
    return await right(backend, run, step)
