"""Anthropic Messages: what anthropic (and bedrock) providers speak."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import orjson

from fake_server.model_calls.classify import ModelError
from fake_server.model_calls.wires.base import (
    AssistantTurn,
    Attachment,
    CallDone,
    CallPiece,
    Finish,
    Json,
    Piece,
    Prompt,
    ProviderResult,
    Reasoning,
    ReasoningEnd,
    Source,
    Text,
    TextEnd,
    Tool,
    ToolTurn,
    Turn,
    Usage,
    counts,
    is_json,
    loads,
    stream_error,
)

VERSION = "2023-06-01"
PASSED_OPTIONS = ("temperature", "top_p", "top_k")


class Messages:
    """The wire."""

    path = "/v1/messages"

    def headers(self, key: str) -> dict[str, str]:
        return {"x-api-key": key, "anthropic-version": VERSION}

    def body(self, prompt: Prompt) -> dict[str, Json]:
        body: dict[str, Json] = {
            "model": prompt.model,
            "max_tokens": prompt.options.get("max_output_tokens") or prompt.max_tokens,
            "messages": _messages(prompt.turns),
        }
        if prompt.system:
            body["system"] = [{"type": "text", "text": text} for text in prompt.system]
        for name in PASSED_OPTIONS:
            if prompt.options.get(name) is not None:
                body[name] = prompt.options[name]
        if prompt.structured is not None:
            body["tools"] = [_tool(prompt.structured)]
            body["tool_choice"] = {"type": "tool", "name": prompt.structured.name}
        elif prompt.tools:
            body["tools"] = [_tool(tool) for tool in prompt.tools]
            body["tool_choice"] = {"type": "auto"}
        if prompt.stream:
            body["stream"] = True
        return body

    def reader(self) -> MessagesReader:
        return MessagesReader()

    def answer(self, body: Json) -> tuple[str, dict[str, int]]:
        blocks = body.get("content") if isinstance(body, dict) else None
        if not isinstance(blocks, list):
            raise ModelError("no content in the response")
        used = usage_counts(body.get("usage") or {})
        for block in blocks:
            if block.get("type") == "tool_use":
                return orjson.dumps(block.get("input")).decode(), used
        return "".join(block.get("text", "") for block in blocks if block.get("type") == "text"), used


def usage_counts(usage: dict[str, Json]) -> dict[str, int]:
    """Token counts of a usage object; here input is without the cached ones already."""
    read, written = usage.get("input_tokens") or 0, usage.get("output_tokens") or 0
    return counts(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written,
        cache_creation_tokens=usage.get("cache_creation_input_tokens"),
        cache_read_tokens=usage.get("cache_read_input_tokens"),
    )


def _tool(tool: Tool) -> Json:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}


def _messages(turns: list[Turn]) -> list[Json]:
    """The conversation; neighbours of one role become one message, as the API wants it."""
    messages: list[Json] = []
    for turn in turns:
        role, blocks = _blocks(turn)
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"].extend(blocks)
        else:
            messages.append({"role": role, "content": blocks})
    return messages


def _blocks(turn: Turn) -> tuple[str, list[Json]]:
    if isinstance(turn, ToolTurn):
        block = {"type": "tool_result", "tool_use_id": turn.id, "content": turn.content, "is_error": turn.is_error}
        return "user", [block]
    if isinstance(turn, AssistantTurn):
        blocks: list[Json] = [{"type": "text", "text": turn.text}] if turn.text else []
        for call in turn.calls:
            given = loads(call.arguments)
            given = given if isinstance(given, dict) else {}
            blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": given})
        return "assistant", blocks
    return "user", [_part(part) for part in turn.parts]


def _part(part: str | Attachment) -> Json:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part.media_type.startswith("text/") or part.media_type == "application/json":
        return {"type": "text", "text": part.data.decode("utf-8", "replace")}
    kind = "image" if part.media_type.startswith("image/") else "document"
    data = base64.b64encode(part.data).decode()
    return {"type": kind, "source": {"type": "base64", "media_type": part.media_type, "data": data}}


class MessagesReader:
    """Reads the events of one streamed message."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Json]] = {}
        self._arguments: dict[int, str] = {}
        self._usage: dict[str, Json] = {}
        self._stop_reason = ""

    def event(self, name: str, data: bytes) -> Iterator[Piece]:
        if not name or not data or name == "ping":
            return
        if name == "error":
            raise stream_error(data)
        try:
            event = loads(data)
        except ValueError as error:
            raise ModelError(f"error unmarshalling the stream: {error}") from None
        if name == "message_start":
            self._note_usage(event["message"].get("usage"))
        elif name == "message_delta":
            self._stop_reason = event["delta"].get("stop_reason") or self._stop_reason
            self._note_usage(event.get("usage"))
        elif name == "content_block_start":
            yield from self._start(event["index"], event["content_block"])
        elif name == "content_block_delta":
            yield from self._delta(event["index"], event["delta"])
        elif name == "content_block_stop":
            yield from self._stop(event["index"])

    def _note_usage(self, usage: dict[str, Json] | None) -> None:
        self._usage.update({name: count for name, count in (usage or {}).items() if count is not None})

    def _start(self, index: int, block: dict[str, Json]) -> Iterator[Piece]:
        self._blocks[index] = block
        kind = block["type"]
        if kind == "text" and block.get("text"):
            yield Text(block["text"])
        elif kind == "redacted_thinking" or (kind == "thinking" and block.get("thinking")):
            yield Reasoning(block.get("thinking") or "")
        elif kind in ("tool_use", "server_tool_use"):
            self._arguments[index] = ""
            yield CallPiece(block["id"], block["name"], "", kind == "server_tool_use", shown=False)
        elif kind == "web_search_tool_result":
            yield ProviderResult(block["tool_use_id"], "web_search")
            found = block.get("content")
            for hit in found if isinstance(found, list) else ():
                if hit.get("url"):
                    yield Source(hit["url"], hit.get("title") or "", id=hit["url"])

    def _delta(self, index: int, delta: dict[str, Json]) -> Iterator[Piece]:
        kind = delta["type"]
        if kind == "text_delta" and delta["text"]:
            yield Text(delta["text"])
        elif kind == "thinking_delta":
            yield Reasoning(delta["thinking"])
        elif kind == "signature_delta":
            yield Reasoning("")
        elif kind == "input_json_delta":
            self._arguments[index] += delta["partial_json"]
            block = self._blocks[index]
            yield CallPiece(block["id"], block["name"], "", block["type"] == "server_tool_use")

    def _stop(self, index: int) -> Iterator[Piece]:
        block = self._blocks.get(index) or {}
        kind = block.get("type")
        if kind == "text":
            yield TextEnd()
        elif kind in ("thinking", "redacted_thinking"):
            yield ReasoningEnd()
        elif kind in ("tool_use", "server_tool_use"):
            arguments = self._arguments.pop(index) or "{}"
            if is_json(arguments):
                yield CallDone(block["id"], block["name"], arguments, kind == "server_tool_use")

    def end(self) -> Iterator[Piece]:
        yield Usage(usage_counts(self._usage))
        yield Finish(runs_tools=self._stop_reason == "tool_use")
