"""Writing a finished step into the chat: one assistant message, and a tool message for each result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fake_server.faulting import replaceable
from fake_server.model_calls.client import Model
from fake_server.state import usage
from fake_server.state.records import Chat, Message, Part
from fake_server.turns.step import Step
from fake_server.turns.tools import client_tools

if TYPE_CHECKING:
    from fake_server.backend import Backend
    from fake_server.turns.run import Run


def jsonb(value: Any) -> Any:
    """A JSON value as the real server's database gives it back: keys ordered by length, then by bytes."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: jsonb(value[key]) for key in keys}
    if isinstance(value, list):
        return [jsonb(item) for item in value]
    return value


def stored(part: Part, *, drop_time: bool = False) -> Part:
    """A live part as it is stored."""
    kept = {key: jsonb(value) if key in ("args", "result") else value for key, value in part.items()}
    if drop_time and part["type"] in ("tool-call", "tool-result"):
        kept.pop("created_at", None)
    return kept


def store_step(backend: Backend, run: Run, step: Step, model: Model, *, requires_action: bool) -> None:
    """Store and publish what a model call and its tools gave. An answer without content stores nothing."""
    chat, ledger = run.chat, backend.ledger
    if step.stored:
        store_results(backend, run, step, model)
        return
    content = [stored(part, drop_time=requires_action) for part in [*step.final(), *step.attached]]
    if not content:
        return
    now = backend.clock.now()
    counts = {**step.counts, "context_limit": model.config.context_limit}
    made = {"created_at": now, "model_config_id": model.config.id}
    rows = [store_answer(backend, chat, content, made | {"usage": counts})]
    usage.record(backend, chat, model.config, rows[0].id, step.counts, runtime_ms=step.runtime_ms)
    for position in sorted(step.results, reverse=not backend.does("tools.results-in-order")):
        part = stored(step.results[position], drop_time=requires_action)
        rows.append(ledger.add_message(chat, "tool", [part], created_at=now, model_config_id=model.config.id))
    backend.hub.message(chat, *rows)


def store_said(backend: Backend, run: Run, step: Step, model: Model) -> None:
    """Store and publish what a model call gave, before its tools run."""
    chat, step.stored = run.chat, True
    content = [stored(part) for part in step.final()]
    if not content:
        return
    counts = {**step.counts, "context_limit": model.config.context_limit}
    row = store_answer(
        backend, chat, content, {"created_at": backend.clock.now(), "model_config_id": model.config.id, "usage": counts}
    )
    usage.record(backend, chat, model.config, row.id, step.counts, runtime_ms=step.runtime_ms)
    backend.hub.message(chat, row)


def store_results(backend: Backend, run: Run, step: Step, model: Model) -> None:
    """Store and publish what the tools of a stored answer gave."""
    now, rows = backend.clock.now(), []
    for position in sorted(step.results, reverse=not backend.does("tools.results-in-order")):
        part = stored(step.results[position])
        rows.append(backend.ledger.add_message(run.chat, "tool", [part], created_at=now, model_config_id=model.config.id))
    if step.attached:
        parts = [stored(part) for part in step.attached]
        rows.append(backend.ledger.add_message(run.chat, "assistant", parts, created_at=now, model_config_id=model.config.id))
    backend.hub.message(run.chat, *rows)


@replaceable
def store_answer(backend: Backend, chat: Chat, content: list[Part], made: dict[str, Any]) -> Message:
    """Store what the model has said. `made`: what else is stored with it."""
    return backend.ledger.add_message(chat, "assistant", content, **made)


def waiting_calls(backend: Backend, chat: Chat, step: Step) -> list[dict[str, str]]:
    """The calls of this step that the client must run, with the arguments as the model wrote them, or as they are stored."""
    tools = client_tools(backend, chat)
    told = (lambda text: text) if not backend.does("calls.told-as-stored") else _as_stored
    return [
        {"tool_call_id": call.id, "tool_name": call.name, "args": told(call.arguments)}
        for call in step.calls
        if call.name in tools
    ]


def _as_stored(arguments: str) -> str:
    """JSON as a database writes it: short keys first, one blank behind each colon and comma."""

    def ordered(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: ordered(value[key]) for key in sorted(value, key=lambda key: (len(key.encode()), key.encode()))}
        return [ordered(item) for item in value] if isinstance(value, list) else value

    try:
        return json.dumps(ordered(json.loads(arguments)), ensure_ascii=False)
    except ValueError:
        return arguments
