"""The advisor: a tool by which the model asks another model for advice; its answer is streamed as the tool's result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.faulting import replaceable
from fake_server.model_calls import retry
from fake_server.model_calls.classify import ModelError, classify
from fake_server.model_calls.helpers import helper_model
from fake_server.model_calls.wires.base import CallDone, Piece, Prompt, Text, UserTurn
from fake_server.state import model_choice, settings
from fake_server.state.records import Part
from fake_server.turns.history import turns
from fake_server.turns.tools import ToolError

if TYPE_CHECKING:
    from fake_server.backend import Backend
    from fake_server.turns.run import Run

# What a call beside the advisor, and the advisor beside another call, are answered with.
TOGETHER = (
    "this tool was skipped because advisor must run alone in its batch. Retry your tool calls without advisor, "
    "or call advisor separately first.",
    "advisor must be called alone, without other tools in the same batch. Retry with only the advisor call.",
)
GUIDANCE = "You advise another model. Answer its question briefly."


@replaceable
async def run_advisor(backend: Backend, run: Run, call: CallDone, args: dict[str, Any]) -> dict[str, Any]:
    """Advice on a question, as often in a run as the deployment allows. Raises ToolError."""
    question = args["question"].strip()
    if not question:
        raise ToolError("question is required")
    config = settings.setting(backend, "advisor")
    limit = config.get("max_uses_per_run") or 0
    if limit and run.advisor_uses >= backend.bound("advisor.limit", limit):
        return {"type": "limit_reached", "remaining_uses": 0}
    run.advisor_uses += 1
    chat = run.chat
    own = config.get("model_config_id") if backend.does("advisor.own-model") else None
    wanted = model_choice.live_config(backend, own) or model_choice.turn_model(backend, chat)
    said: list[str] = []

    def show(**what: Any) -> None:
        part: Part = {"type": "tool-result", "tool_call_id": call.id, "tool_name": call.name, **what}
        backend.hub.part(chat, "tool", part)

    def take(piece: Piece) -> None:
        if isinstance(piece, Text):
            said.append(piece.text)
            show(result_delta=piece.text)

    attempt = 0
    while True:
        attempt += 1
        try:
            model = helper_model(backend, chat, wanted)
            prompt = Prompt(
                model=model.config.model,
                system=[GUIDANCE],
                turns=[*turns(backend, chat), UserTurn([question])],
                max_tokens=config.get("max_output_tokens") or 32_000,
            )
            await backend.runner.llm.stream(chat, model, prompt, take)
            break
        except ModelError as error:
            failure = classify(backend.revision.error_rules, error, "")
            if not failure.retryable or attempt >= retry.max_attempts(backend.revision.error_rules):
                raise ToolError(failure.message) from None
            wait = retry.delay_ms(backend.revision.error_rules, attempt, error.hint_ms)
        if said:
            said.clear()
            show(result_reset=True)
        await backend.clock.sleep(wait / 1000)
    remaining = max(limit - run.advisor_uses, 0)
    name = f"{model.provider.type}/{model.config.model}"
    return {"type": "advice", "advice": "".join(said), "advisor_model": name, "remaining_uses": remaining}
