"""Compaction: when a step has used too much of the model's context, the history is replaced by a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_server.faulting import replaceable
from fake_server.model_calls.classify import ModelError
from fake_server.model_calls.client import Model
from fake_server.model_calls.wires.base import Prompt, UserTurn
from fake_server.state import settings
from fake_server.state.records import Chat, Part
from fake_server.turns.clearing import TOOL as CLEARED
from fake_server.turns.history import turns
from fake_server.turns.step import Step
from fake_server.turns.store import stored

if TYPE_CHECKING:
    from fake_server.backend import Backend
    from fake_server.turns.run import Run

TOOL = "chat_summarized"
AUTOMATIC, MANUAL = "automatic", "manual"
CONTEXT = ("input_tokens", "cache_read_tokens", "cache_creation_tokens")
ROUNDS = 3  # after so many compactions of a run a further one is its last act
ASK = "Summarise the conversation so far, so that you can go on from the summary alone."
PREFIX = "Summary of the earlier conversation:\n"


async def after_step(backend: Backend, run: Run, step: Step, model: Model) -> bool:
    """Summarise if the step just stored has used too much. True: the run goes on from the summary."""
    if not backend.does("compaction.after-steps"):
        return False
    if not exceeds(backend, run, context_used(backend, step), model):
        return False
    if not await summarise(backend, run, model, context_used(backend, step), AUTOMATIC):
        return False
    return run.compactions <= ROUNDS and backend.does("compaction.goes-on")


async def before_step(backend: Backend, run: Run, model: Model) -> None:
    """Summarise if the last stored answer had used too much, in revisions that look then."""
    used = stored_use(backend, run.chat)
    if not backend.does("compaction.after-steps") and exceeds(backend, run, used, model):
        await summarise(backend, run, model, used, AUTOMATIC)


def stored_use(backend: Backend, chat: Chat) -> int:
    """How many tokens of context the last stored answer took; 0 behind a summary."""
    for message in reversed(backend.store.messages[chat.id]):
        if message.deleted or message.role != "assistant":
            continue
        counts = message.usage or {}
        return sum(counts.get(name, 0) for name in CONTEXT)
    return 0


def exceeds(backend: Backend, run: Run, used: int, model: Model) -> bool:
    """Is it time for a summary, with so many tokens used?"""
    chat = run.chat
    limit = model.config.context_limit
    threshold = settings.compaction_threshold(backend, backend.store.users[chat.owner_id], model.config)
    least = backend.bound("compaction.at-threshold", threshold * limit)
    acts = threshold < 100 or not backend.does("compaction.never-at-100")
    too_much = limit > 0 and acts and used * 100 >= least
    return too_much and run.compactions <= ROUNDS


def has_something(backend: Backend, chat: Chat) -> bool:
    """Has the model said anything since the latest summary?"""
    for message in reversed(backend.store.messages[chat.id]):
        if message.deleted or message.role != "assistant":
            continue
        return not any(part.get("tool_name") in (TOOL, CLEARED) for part in message.content)
    return False


async def summarise(backend: Backend, run: Run, model: Model, used: int, source: str) -> bool:
    """Replace the history by a summary. False: the model gave none."""
    chat = run.chat
    limit = model.config.context_limit
    threshold = settings.compaction_threshold(backend, backend.store.users[chat.owner_id], model.config)
    backend.hub.attempt(chat)
    run.compactions += 1
    call_id = f"{TOOL}_{run.compaction_id}"
    call: Part = {"type": "tool-call", "tool_call_id": call_id, "tool_name": TOOL}
    backend.hub.part(chat, "assistant", call)
    prompt = Prompt(
        model=model.config.model,
        system=settings.system_messages(backend, chat, backend.store.users[chat.owner_id]),
        turns=[*turns(backend, chat), UserTurn([ASK])],
        stream=False,
        options=model.config.model_config or {},
    )
    try:
        summary, _ = await backend.runner.llm.complete(chat, model, prompt)
    except ModelError:
        return False
    if not summary.strip():
        return False
    result = {
        "context_limit_tokens": limit,
        "context_tokens": used,
        "source": source,
        "summary": summary,
        "threshold_percent": threshold,
        "usage_percent": used * 100 // limit if used * 100 % limit == 0 else used * 100 / limit,
    }
    answer: Part = {"type": "tool-result", "tool_call_id": call_id, "tool_name": TOOL, "result": result}
    args = {"source": source, "threshold_percent": threshold if backend.does("compaction.tells-threshold") else 0}
    now, add = backend.clock.now(), backend.ledger.add_message
    config = model.config.id
    hidden: Part = {"type": "text", "text": PREFIX + summary}
    add(chat, "user", [hidden], created_at=now, model_config_id=config, visibility="model")
    shown = [
        add(chat, "assistant", [stored(call | {"args": args})], created_at=now, model_config_id=config, visibility="user"),
        add(chat, "tool", [stored(answer)], created_at=now, model_config_id=config, visibility="user"),
    ]
    backend.hub.message(chat, *shown)
    if backend.does("compaction.after-steps"):
        backend.hub.part(chat, "tool", answer)
    return True


@replaceable
def context_used(backend: Backend, step: Step) -> int:
    """How many tokens of the model's context the step has taken."""
    return sum(step.counts.get(name, 0) for name in CONTEXT)
