"""The wire of Anthropic's messages: how a model is asked on it, and how what it streams is read.

What goes wrong here breaks the reading off, other than on the wire of chat completions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fake_server.answers.prompt import CannotBeTold
from fake_server.answers.reading import BrokenOff, CallPiece, CallStart, Finished, Piece, Started, Text, Thought
from fake_server.model_calls.wires.base import Events, loads

Json = Any


def check(messages: list[dict[str, Json]]) -> None:
    """What this wire can't tell. Raises CannotBeTold."""
    for message in messages:
        if message["role"] not in ("user", "assistant", "system"):
            raise CannotBeTold(f"unsupported message role encountered: {message['role']}")
        if message["role"] == "user" and any(part["type"] == "tool-invocation" for part in message.get("parts", ())):
            raise CannotBeTold(f"user message part has type tool-invocation (ID: {message['id']})")
        for attachment in message.get("experimental_attachments", ()):
            if not attachment["url"].startswith("data:"):
                raise CannotBeTold(f"invalid attachment URL: {attachment['url']}")
    if sum(message["role"] == "system" for message in messages) > 1:
        raise CannotBeTold("multiple system messages found")


def of_messages(body: dict[str, Json]) -> dict[str, Json]:
    """A request of chat completions as one of messages."""
    system: list[Json] = []
    messages: list[dict[str, Json]] = []
    for message in body["messages"]:
        if message["role"] == "system":
            system = system or [{"type": "text", "text": message["content"]}]
            continue
        role, blocks = _blocks(message)
        if not blocks:
            continue
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    tools = [
        {
            "name": tool["function"]["name"],
            "description": tool["function"]["description"],
            "input_schema": tool["function"]["parameters"],
        }
        for tool in body["tools"]
    ]
    return {**body, "messages": messages, "system": system, "tools": tools}


def _blocks(message: dict[str, Json]) -> tuple[str, list[Json]]:
    if message["role"] == "tool":
        block = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}
        return "user", [block]
    blocks = [_block(block) for block in message.get("content", ()) if block["type"] == "text" or "image_url" in block]
    for call in message.get("tool_calls", ()):
        function = call["function"]
        given = json.loads(function["arguments"])
        blocks.append({"type": "tool_use", "id": call["id"], "name": function["name"], "input": given or {}})
    return message["role"], blocks


def _block(block: dict[str, Json]) -> dict[str, Json]:
    """A text, or a picture, whose address holds it."""
    if block["type"] == "text":
        return block
    media_type, _, data = block["image_url"]["url"].removeprefix("data:").partition(";base64,")
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


class MessagesReading:
    """Reads one answer; see reading.Reading for what its attributes say."""

    def __init__(self) -> None:
        self.ended = self.finished = False
        self.reason = "error"
        self.usage: dict[str, int | None] = {"promptTokens": None, "completionTokens": None}
        self._events = Events()
        self._call = ""

    def broken(self) -> None:
        """The connection has broken. Raises BrokenOff."""
        raise BrokenOff

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces that these bytes complete. Raises BrokenOff."""
        for name, event in self._events.feed(data):
            try:
                value = loads(event)
            except ValueError:
                raise BrokenOff from None
            if name == "error":
                raise BrokenOff
            yield from self._event(name, value)

    def _event(self, name: str, value: dict[str, Json]) -> Iterator[Piece]:
        if name == "message_start":
            yield Started(value["message"]["id"])
        elif name == "content_block_start" and value["content_block"]["type"] == "tool_use":
            self._call = value["content_block"]["id"]
            yield CallStart(self._call, value["content_block"]["name"])
        elif name == "content_block_delta":
            yield from self._delta(value["delta"])
        elif name == "message_delta":
            tools = value["delta"]["stop_reason"] == "tool_use"
            self.reason = "tool-calls" if tools else "stop"
            self.usage["completionTokens"] = (value.get("usage") or {}).get("output_tokens") if tools else None
        elif name == "message_stop":
            self.finished = True
            yield Finished(self.reason, self.usage["completionTokens"])

    def _delta(self, delta: dict[str, Json]) -> Iterator[Piece]:
        if delta["type"] == "text_delta":
            yield Text(delta["text"])
        elif delta["type"] == "thinking_delta":
            yield Thought(delta["thinking"])
        elif delta["type"] == "input_json_delta":
            yield CallPiece(self._call, delta["partial_json"])
