"""The server's own small model calls: one structured answer, not streamed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fake_server.chats.debugging import DebugRun
from fake_server.model_calls.classify import ModelError
from fake_server.model_calls.client import Model
from fake_server.model_calls.wires.base import Prompt, Tool, UserTurn, loads
from fake_server.state import model_choice
from fake_server.state.records import Chat, ModelConfig

if TYPE_CHECKING:
    from fake_server.backend import Backend


def helper_model(backend: Backend, chat: Chat, config: ModelConfig | None) -> Model:
    """The model for a helper call. Raises ModelError when it can't be used."""
    provider = model_choice.provider_of(backend, config) if config is not None and config.enabled else None
    if config is None or provider is None:
        raise ModelError("no model is available")
    return Model(config, provider, model_choice.api_key(backend, chat.owner_id, provider) or "")


async def ask(
    backend: Backend,
    chat: Chat,
    config: ModelConfig | None,
    tool: Tool,
    texts: list[str],
    *,
    max_tokens: int,
    debug: DebugRun,
) -> tuple[dict[str, Any], dict[str, int]]:
    """Let the model fill in the one tool, as a debug run of its own. Gives its arguments and the usage. Raises ModelError."""
    try:
        answer = await _ask(backend, chat, config, tool, texts, max_tokens, debug)
    except ModelError:
        debug.end("error")
        raise
    except asyncio.CancelledError:
        debug.end("interrupted")
        raise
    debug.end("completed")
    return answer


async def _ask(
    backend: Backend,
    chat: Chat,
    config: ModelConfig | None,
    tool: Tool,
    texts: list[str],
    max_tokens: int,
    debug: DebugRun,
) -> tuple[dict[str, Any], dict[str, int]]:
    model = helper_model(backend, chat, config)
    turns = [UserTurn([text]) for text in texts]
    prompt = Prompt(
        model=model.config.model,
        system=[f"{tool.description} Answer with the tool {tool.name} only."],
        turns=list(turns),
        stream=False,
        max_tokens=max_tokens,
        structured=tool,
    )
    if tool.name.endswith("label") and not backend.does("llm.labels-at-once"):
        await backend.runner.llm.stream(chat, model, replace(prompt, stream=True), lambda piece: None)
    step = debug.step("generate", model, prompt)
    try:
        text, usage = await backend.runner.llm.complete(chat, model, prompt)
    except ModelError as error:
        step.failed(error.text, error.status)
        raise
    step.answered([{"type": "text", "text": text}], usage)
    try:
        values = loads(text)
    except ValueError as error:
        raise ModelError(f"failed to parse generated object: {error}") from None
    if not isinstance(values, dict):
        raise ModelError("failed to parse generated object: not an object")
    return values, usage
