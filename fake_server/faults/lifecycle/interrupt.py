"""Wrong interrupts."""

from __future__ import annotations

import itertools
from typing import Any

from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.model_calls.classify import Failure
from fake_server.state.records import Chat, Message, Part
from fake_server.turns.history import UNANSWERED
from fake_server.turns.run import Run


@changes("interruptChat", red=["INT-001"])
def interrupted_chats_still_run(answer: Answer) -> None:
    """An interrupt of a running chat answers status running."""
    if answer.backend.runner.active(answer.backend.store.chats[answer.path_params["chat"]]):
        answer.body["status"] = "running"


@changes("listMessages", red=["INT-002", "MSG-013", "PART-024", "STREAM-071"])
def partial_answers_have_usage(answer: Answer) -> None:
    """A partial answer shows usage."""
    for message in answer.body["messages"]:
        if message["role"] == "assistant":
            message.setdefault("usage", {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, "context_limit": 1000})


@instead("Runner._store_partial", red=["INT-003", "INT-012"])
def interrupts_store_empty_answers(right: Any, run: Run) -> list[Message]:
    """Nothing said is stored too."""
    rows: list[Message] = right(run)
    return rows or [right.__self__.backend.ledger.add_message(run.chat, "assistant", [{"type": "text", "text": ""}])]


@instead("Runner._store_partial", red=["INT-004"])
def interrupts_leave_calls_open(right: Any, run: Run) -> list[Message]:
    """No results for open calls."""
    rows: list[Message] = right(run)
    for row in rows:
        row.deleted = row.content[0].get("result") == {"error": UNANSWERED}
    return [row for row in rows if not row.deleted]


replaces(
    "interrupts-forget-reasoning",
    "reasoning is dropped",
    "Runner._partial",
    lambda right, step: [part for part in right(step) if part["type"] != "reasoning"],
    red=["INT-005"],
)


@instead("Runner._partial", red=["INT-002"])
def interrupts_trim_answers(right: Any, step: Any) -> list[Part]:
    """What is kept loses the blanks around it."""
    return [part | {"text": part["text"].strip()} if part["type"] == "text" else part for part in right(step)]


@instead("Runner._store_partial", red=["INT-006", "INT-004"])
def interrupts_drop_steps(right: Any, run: Run) -> list[Message]:
    """The steps before are dropped."""
    stored: list[Message] = right(run)
    rows = [m for m in right.__self__.backend.store.messages[run.chat.id] if not m.deleted]
    asked = max(i for i, m in enumerate(rows) if m.role == "user")
    for message in rows[asked + 1 : -1] if run.stopping else ():
        message.deleted = True
    return stored


@instead("Lifecycle.interrupt", red=["INT-007", "STREAM-006", "STREAM-028", "STREAM-069", "STREAM-081", "STREAM-084"])
def interrupts_add_to_idle_chats(right: Any, chat: Chat) -> Chat:
    """An idle chat gets a message."""
    right.__self__.backend.runner.settle(chat)
    if chat.status == "waiting":
        right.__self__.backend.ledger.add_message(chat, "assistant", [{"type": "text", "text": ""}])
    right(chat)
    return chat


@instead("Lifecycle.interrupt", red=["INT-008"])
def interrupts_move_no_idle_chat(right: Any, chat: Chat) -> Chat:
    """Updated_at of an idle chat stays."""
    right.__self__.backend.runner.settle(chat)
    idle, since = chat.status == "waiting", chat.updated_at
    right(chat)
    chat.updated_at = since if idle else chat.updated_at
    return chat


replaces(
    "interrupts-keep-the-queue-waiting",
    "the queue does not go on",
    "Runner._rest_interrupted",
    lambda right, run: right.__self__.backend.ledger.set_status(run.chat, "waiting"),
    red=["INT-010", "QUEUE-012", "QUEUE-013", "QUEUE-017", "QUEUE-018", "USAGE-033"],
)
replaces(
    "interrupts-leave-client-calls",
    "no made-up results",
    "Lifecycle._answer_pending",
    lambda right, chat, text: [],
    red=["INT-011", "TOOL-014", "PART-014"],
)


@instead("Runner._rest_interrupted", red=["INT-012"])
def interrupted_retries_fail(right: Any, run: Run) -> None:
    """An interrupt before a retry is an error."""
    if run.failures:
        error = Failure("generic", False, "interrupted").payload
        right.__self__.backend.ledger.set_status(run.chat, "error", error=error)
    else:
        right(run)


turns_off("interrupts-read-their-body", "a broken body of an interrupt is refused", "interrupt.ignores-body", red=["INT-013"])


@answers("interruptChat", red=["INT-014"])
def archived_chats_are_not_interrupted(answer: Answer) -> None:
    """An interrupt of an archived chat is refused."""
    if answer.status == 200 and answer.body["archived"]:
        answer.status, answer.body = 400, {"message": "The chat is archived."}


turns_off("interrupts-keep-the-label", "a summary is never cleared by them", "interrupt.clears-label", red=["INT-015"])


@changes("listMessages", red=["INT-016", "INT-010", "MSG-013", "QUEUE-012", "QUEUE-013", "QUEUE-017", "QUEUE-018"])
def partial_answers_grow(answer: Answer) -> None:
    """A partial answer goes on growing: it is longer once the next message is there."""
    shown = answer.body["messages"]
    for after, message in itertools.pairwise(shown):
        if message["role"] == "assistant" and "usage" not in message and after["role"] == "user":
            message["content"][-1]["text"] += " late"
