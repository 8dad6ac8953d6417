"""OpenAI Responses: what openai providers speak for known models, and azure."""

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

PASSED_OPTIONS = ("temperature", "top_p")


class Responses:
    """The wire. Nothing is stored at the provider: each call sends the whole conversation."""

    path = "/responses"

    def headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    def body(self, prompt: Prompt) -> dict[str, Json]:
        items: list[Json] = [{"role": "system", "content": text} for text in prompt.system]
        for turn in prompt.turns:
            items.extend(_items(turn))
        body: dict[str, Json] = {
            "model": prompt.model,
            "input": items,
            "store": False,
            "max_output_tokens": prompt.options.get("max_output_tokens") or prompt.max_tokens,
        }
        for name in PASSED_OPTIONS:
            if prompt.options.get(name) is not None:
                body[name] = prompt.options[name]
        if prompt.structured is not None:
            tool = prompt.structured
            schema = {"type": "json_schema", "name": tool.name, "schema": tool.parameters, "strict": False}
            body["text"] = {"format": schema}
        elif prompt.tools:
            body["tools"], body["tool_choice"] = [_tool(tool) for tool in prompt.tools], "auto"
        if prompt.stream:
            body["stream"] = True
        return body

    def reader(self) -> ResponsesReader:
        return ResponsesReader()

    def answer(self, body: Json) -> tuple[str, dict[str, int]]:
        items = body.get("output") if isinstance(body, dict) else None
        if not isinstance(items, list):
            raise ModelError("no output in the response")
        texts = [
            part.get("text", "")
            for item in items
            if item.get("type") == "message"
            for part in item.get("content") or ()
            if part.get("type") == "output_text"
        ]
        return "".join(texts), usage_counts(body.get("usage"))


def usage_counts(usage: Json) -> dict[str, int]:
    """Token counts of a usage object."""
    if not isinstance(usage, dict):
        return {}
    cached = (usage.get("input_tokens_details") or {}).get("cached_tokens") or 0
    return counts(
        input_tokens=max((usage.get("input_tokens") or 0) - cached, 0),
        output_tokens=usage.get("output_tokens"),
        total_tokens=usage.get("total_tokens"),
        reasoning_tokens=(usage.get("output_tokens_details") or {}).get("reasoning_tokens"),
        cache_read_tokens=cached,
    )


def _tool(tool: Tool) -> Json:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": False,
    }


def _items(turn: Turn) -> list[Json]:
    if isinstance(turn, ToolTurn):
        return [{"type": "function_call_output", "call_id": turn.id, "output": turn.content}]
    if isinstance(turn, AssistantTurn):
        items: list[Json] = []
        if turn.text:
            items.append({"role": "assistant", "content": [{"type": "output_text", "text": turn.text}]})
        items.extend(
            {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments} for call in turn.calls
        )
        return items
    return [{"role": "user", "content": [_part(part) for part in turn.parts]}]


def _part(part: str | Attachment) -> Json:
    if isinstance(part, str):
        return {"type": "input_text", "text": part}
    url = f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"
    if part.media_type.startswith("image/"):
        return {"type": "input_image", "image_url": url}
    if part.media_type.startswith("text/") or part.media_type == "application/json":
        return {"type": "input_text", "text": part.data.decode("utf-8", "replace")}
    return {"type": "input_file", "filename": part.name, "file_data": url}


class ResponsesReader:
    """Reads the events of one streamed response."""

    def __init__(self) -> None:
        self._items: dict[int, dict[str, Json]] = {}
        self._usage: dict[str, int] = {}
        self._runs_tools = False

    def event(self, name: str, data: bytes) -> Iterator[Piece]:
        if not data or data.startswith(b"[DONE]"):
            return
        try:
            event = loads(data)
        except ValueError as error:
            raise ModelError(f"error unmarshalling the stream: {error}") from None
        kind = event.get("type") or name
        if kind == "error":
            raise stream_error(data)
        if kind == "response.failed":
            raise stream_error(orjson.dumps((event.get("response") or {}).get("error")))
        index = event.get("output_index") or 0
        if kind == "response.output_item.added":
            yield from self._added(index, event["item"])
        elif kind == "response.output_text.delta" and event["delta"]:
            yield Text(event["delta"])
        elif kind == "response.function_call_arguments.delta":
            item = self._items[index]
            yield CallPiece(item["call_id"], item["name"], event["delta"])
        elif kind == "response.reasoning_summary_text.delta":
            yield Reasoning(event["delta"])
        elif kind == "response.output_text.annotation.added":
            note = event["annotation"]
            if note.get("type") == "url_citation":
                yield Source(note.get("url") or "", note.get("title") or "")
        elif kind == "response.output_item.done":
            yield from self._done(event["item"])
        elif kind in ("response.completed", "response.incomplete"):
            self._usage = usage_counts(event["response"].get("usage"))

    def _added(self, index: int, item: dict[str, Json]) -> Iterator[Piece]:
        self._items[index] = item
        if item["type"] == "function_call":
            yield CallPiece(item["call_id"], item["name"], "", shown=False)
        elif item["type"] == "reasoning":
            yield Reasoning("")
        elif item["type"] == "web_search_call":
            yield CallPiece(item["id"], "web_search", "", by_provider=True)

    def _done(self, item: dict[str, Json]) -> Iterator[Piece]:
        if item["type"] == "message":
            yield TextEnd()
        elif item["type"] == "reasoning":
            yield ReasoningEnd()
        elif item["type"] == "function_call":
            arguments = item.get("arguments") or "{}"
            if is_json(arguments):
                self._runs_tools = True
                yield CallDone(item["call_id"], item["name"], arguments)
        elif item["type"] == "web_search_call":
            yield CallDone(item["id"], "web_search", orjson.dumps(item.get("action") or {}).decode(), True)
            yield ProviderResult(item["id"], "web_search")

    def end(self) -> Iterator[Piece]:
        yield Usage(self._usage)
        yield Finish(runs_tools=self._runs_tools)
