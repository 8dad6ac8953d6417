"""Turns of early revisions that are not as they should be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fake_server.faulting import instead
from fake_server.model_calls.wires.base import Prompt
from fake_server.turns.titles import TITLE_TOKENS

LACKS = "title.of-a-tool"  # the faults of this module are ones only in revisions without it


@instead("LLMClient.complete", red=["LLM-007"])
async def titles_come_in_pieces(right: Any, llm: Any, chat: Any, model: Any, prompt: Prompt) -> Any:
    """A title is asked for by a stream first."""
    if prompt.max_tokens == TITLE_TOKENS:
        await llm.stream(chat, model, replace(prompt, stream=True), lambda piece: None)
    return await right(llm, chat, model, prompt)
