"""The three provider wires: each reads requests into calls.Call and renders turns to its own bytes."""

from __future__ import annotations

from fake_server.llm.wires.anthropic import AnthropicWire
from fake_server.llm.wires.base import Wire
from fake_server.llm.wires.chat import ChatWire
from fake_server.llm.wires.responses import ResponsesWire


def make_wires() -> list[Wire]:
    """One of each; the Responses wire remembers the responses it has given."""
    return [ChatWire(), ResponsesWire(), AnthropicWire()]
