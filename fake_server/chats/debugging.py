"""Debug runs: what was said to the model and what came back, kept for owners who have debug logging on.

A run is a turn (`chat_turn`), a title (`title_generation`), a turn's label (`quickgen`) or a compaction; each call of the
model in it is a step, tried as often as its failures allow. Nothing here can fail a turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fake_server.chats.views import stamp
from fake_server.model_calls.wires.base import AssistantTurn, Prompt, ToolTurn, UserTurn
from fake_server.state import settings
from fake_server.state.records import Chat, Message, ModelConfig, new_id

if TYPE_CHECKING:
    from fake_server.model_calls.client import Model
    from fake_server.state.store import State

MAX_LISTED = 100
LABEL_RUNES = 200
COUNTS = ("input_tokens", "output_tokens", "total_tokens", "reasoning_tokens", "cache_creation_tokens", "cache_read_tokens")
IN_PROGRESS, COMPLETED, ERROR, INTERRUPTED = "in_progress", "completed", "error", "interrupted"


@dataclass(slots=True)
class DebugRun:
    """A run as the API shows it (`view`), and its steps."""

    backend: State
    view: dict[str, Any]
    steps: list[dict[str, Any]] = field(default_factory=list)

    def step(self, operation: str, model: Model, prompt: Prompt) -> DebugStep:
        """A call of the model begins."""
        now = stamp(self.backend.clock.now())
        numbered = len(self.steps) + 1 if self.backend.does("debug.numbers-steps") else 1
        view: dict[str, Any] = {"id": new_id(), "run_id": self.view["id"], "chat_id": self.view["chat_id"]}
        view |= {"step_number": numbered, "operation": operation, "status": IN_PROGRESS}
        view |= {key: self.view[key] for key in ("history_tip_message_id",) if key in self.view}
        view |= {"normalized_request": _request(prompt), "attempts": [], "metadata": {}, "started_at": now, "updated_at": now}
        self.steps.append(view)
        call = {"method": "POST", "url": model.address, "path": urlsplit(model.address).path}
        return DebugStep(self.backend, view, call)

    def end(self, status: str) -> None:
        """The run is over; the first end counts."""
        if "finished_at" in self.view:
            return
        for step in self.steps:
            if step["status"] == IN_PROGRESS:
                _finish(self.backend, step, status)
        _finish(self.backend, self.view, status if self.backend.does(f"debug.status-{status}") else COMPLETED)
        self.view["summary"] = {**self.view["summary"], **_totals(self.steps)}


@dataclass(slots=True)
class DebugStep:
    """One call of the model in a run."""

    backend: State
    view: dict[str, Any]
    call: dict[str, str]

    def failed(self, text: str, status: int | None) -> None:
        """This attempt failed; another one may follow."""
        self._attempt(status)
        _finish(self.backend, self.view, ERROR)
        self.view["error"] = {"message": text, "type": "provider_error"}

    def answered(self, content: list[Any], counts: dict[str, int]) -> None:
        """The model has answered."""
        self._attempt(200)
        self.view.pop("error", None)
        usage = {name: counts.get(name, 0) for name in COUNTS}
        self.view["usage"] = usage
        self.view["normalized_response"] = {"content": list(content), "finish_reason": "stop", "usage": usage}
        _finish(self.backend, self.view, COMPLETED)

    def _attempt(self, status: int | None) -> None:
        said = {
            "number": len(self.view["attempts"]) + 1,
            "status": "completed" if status else "failed",
            **self.call,
            "duration_ms": 0,
        }
        self.view["attempts"].append(said | ({"response_status": status} if status else {}))


class NoStep(DebugStep):
    """Keeps nothing."""

    def __init__(self) -> None:
        pass

    def failed(self, text: str, status: int | None) -> None:
        """Nobody wants to know."""

    def answered(self, content: list[Any], counts: dict[str, int]) -> None:
        """Nobody wants to know."""


class NoRun(DebugRun):
    """Keeps nothing: debug logging is off for the owner."""

    def __init__(self) -> None:
        pass

    def step(self, operation: str, model: Model, prompt: Prompt) -> DebugStep:
        """Nobody wants to know."""
        return NoStep()

    def end(self, status: str) -> None:
        """Nobody wants to know."""


def begin(
    backend: State,
    chat: Chat,
    kind: str,
    config: ModelConfig | None,
    label: str,
    *,
    trigger: int = 0,
    of_turn: bool = False,
    names_config: bool = True,
) -> DebugRun:
    """A run begins, if debug logging is on for the chat's owner. `trigger`: the user message that it is for, 0 for none."""
    wanted = settings.records_debug_runs(backend, backend.store.users[chat.owner_id]) and backend.does(f"debug.{kind}")
    if not wanted and backend.does("debug.only-when-on"):
        return NoRun()
    now, tip = stamp(backend.clock.now()), _tip(backend.store.messages[chat.id])
    view: dict[str, Any] = {"id": new_id(), "chat_id": chat.id}
    if of_turn:
        view |= {"root_chat_id": chat.root_chat_id} if chat.root_chat_id else {}
        view |= {"parent_chat_id": chat.parent_chat_id} if chat.parent_chat_id else {}
    if config is not None and names_config:
        view["model_config_id"] = config.id
    view |= {"trigger_message_id": trigger} if trigger else {}
    view |= {"history_tip_message_id": tip} if tip else {}
    view |= {"kind": kind, "status": IN_PROGRESS}
    if config is not None:
        view |= {"provider": config.provider_type, "model": config.model}
    words = " ".join(label.split())
    shown = words if len(words) <= LABEL_RUNES else words[: LABEL_RUNES - 1] + "…"
    view |= {"summary": {"first_message": shown} if shown else {}, "started_at": now, "updated_at": now}
    run = DebugRun(backend, view)
    backend.store.debug_runs.setdefault(chat.id, []).append(run)
    return run


def begin_turn(backend: State, chat: Chat, config: ModelConfig) -> DebugRun:
    """The run of a turn: it is for the last user message."""
    asked = next((m for m in reversed(backend.store.messages[chat.id]) if m.role == "user" and not m.deleted), None)
    said = "".join(part["text"] for part in asked.content if part["type"] == "text") if asked else ""
    return begin(backend, chat, "chat_turn", config, said, trigger=asked.id if asked else 0, of_turn=True)


def _tip(messages: list[Message]) -> int:
    return next((m.id for m in reversed(messages) if not m.deleted), 0)


def _finish(backend: State, view: dict[str, Any], status: str) -> None:
    view["status"] = status
    view["updated_at"] = view["finished_at"] = stamp(backend.clock.now())


def _totals(steps: list[dict[str, Any]]) -> dict[str, Any]:
    used = [step.get("usage", {}) for step in steps]
    total = {name: sum(counts.get(name, 0) for counts in used) for name in COUNTS}
    shown: dict[str, Any] = {"step_count": len(steps)}
    shown |= {"total_input_tokens": total["input_tokens"], "total_output_tokens": total["output_tokens"]}
    more = ("reasoning_tokens", "cache_creation_tokens", "cache_read_tokens")
    shown |= {f"total_{name}": total[name] for name in more if total[name]}
    if any(step["status"] == ERROR for step in steps):
        shown["has_error"] = True
    paths = [a["path"] for step in steps for a in step["attempts"] if a["status"] == "completed"]
    return shown | ({"endpoint_label": f"POST {paths[0]}"} if paths else {})


def _request(prompt: Prompt) -> dict[str, Any]:
    """What was asked, without the spelling of any provider."""
    messages = [{"role": "system", "parts": [_text(text)]} for text in prompt.system]
    for turn in prompt.turns:
        match turn:
            case UserTurn():
                parts = [_text(p) if isinstance(p, str) else {"type": "file", "media_type": p.media_type} for p in turn.parts]
                messages.append({"role": "user", "parts": parts})
            case AssistantTurn():
                calls = [
                    {"type": "tool-call", "tool_call_id": c.id, "tool_name": c.name, "arguments": c.arguments} for c in turn.calls
                ]
                messages.append({"role": "assistant", "parts": [*([_text(turn.text)] if turn.text else []), *calls]})
            case ToolTurn():
                messages.append(
                    {"role": "tool", "parts": [{"type": "tool-result", "tool_call_id": turn.id, "result": turn.content}]}
                )
    tools = [{"type": "function", "name": tool.name, "description": tool.description} for tool in prompt.tools]
    shown: dict[str, Any] = {
        "messages": messages,
        "options": {"max_output_tokens": prompt.max_tokens},
        "provider_option_count": 0,
    }
    return shown | ({"tools": tools} if tools else {})


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "text_length": len(text)}
