"""OpenAI chat completions: what openai-compat, openrouter and vercel providers speak, and openai for unknown models."""

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

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
PASSED_OPTIONS = ("temperature", "top_p", "presence_penalty", "frequency_penalty")


class ChatCompletions:
    """The wire. `native`: OpenAI itself, where a structured answer is a schema and not a tool."""

    path = "/chat/completions"

    def __init__(self, *, native: bool = False) -> None:
        self.native = native

    def headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    def body(self, prompt: Prompt) -> dict[str, Json]:
        body: dict[str, Json] = {"model": prompt.model, "messages": self._messages(prompt)}
        body["max_tokens"] = prompt.options.get("max_output_tokens") or prompt.max_tokens
        for name in PASSED_OPTIONS:
            if prompt.options.get(name) is not None:
                body[name] = prompt.options[name]
        provider_options = prompt.options.get("provider_options") or {}
        own = provider_options.get("openai" if self.native else "openaicompat") or {}
        if own.get("user"):
            body["user"] = own["user"]
        if own.get("reasoning_effort") in EFFORTS:
            body["reasoning_effort"] = own["reasoning_effort"]
        if prompt.structured is not None and self.native:
            schema = {"name": prompt.structured.name, "schema": prompt.structured.parameters, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif prompt.structured is not None:
            body["tools"], body["tool_choice"] = [_tool(prompt.structured)], "required"
        elif prompt.tools:
            body["tools"], body["tool_choice"] = [_tool(tool) for tool in prompt.tools], "auto"
        if prompt.stream:
            body["stream"], body["stream_options"] = True, {"include_usage": True}
        return body

    def _messages(self, prompt: Prompt) -> list[Json]:
        messages: list[Json] = [{"role": "system", "content": text} for text in prompt.system]
        messages.extend(_message(turn, prompt.echoes_reasoning) for turn in prompt.turns)
        return messages

    def reader(self) -> ChatReader:
        return ChatReader()

    def answer(self, body: Json) -> tuple[str, dict[str, int]]:
        try:
            message = body["choices"][0]["message"]
            calls = message.get("tool_calls") or []
            text = calls[0]["function"]["arguments"] if calls else message.get("content") or ""
        except (KeyError, IndexError, TypeError, AttributeError):
            raise ModelError("no choices in the response") from None
        return str(text), usage_counts(body.get("usage"))


def _tool(tool: Tool) -> Json:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters, "strict": False}
    return {"type": "function", "function": function}


def _message(turn: Turn, echoes_reasoning: bool) -> Json:
    if isinstance(turn, ToolTurn):
        return {"role": "tool", "tool_call_id": turn.id, "content": turn.content}
    if isinstance(turn, AssistantTurn):
        message: dict[str, Json] = {"role": "assistant"}
        if turn.text:
            message["content"] = turn.text
        if turn.reasoning and echoes_reasoning:
            message["reasoning_content"] = turn.reasoning
        if turn.calls:
            message["tool_calls"] = [
                {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in turn.calls
            ]
        return message
    if len(turn.parts) == 1 and isinstance(turn.parts[0], str):
        return {"role": "user", "content": turn.parts[0]}
    return {"role": "user", "content": [_part(part) for part in turn.parts]}


def _part(part: str | Attachment) -> Json:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    url = f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"
    if part.media_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    if part.media_type.startswith("text/") or part.media_type == "application/json":
        return {"type": "text", "text": part.data.decode("utf-8", "replace")}
    return {"type": "file", "file": {"filename": part.name, "file_data": url}}


def usage_counts(usage: Json) -> dict[str, int]:
    """Token counts of a usage object; none at all without a total."""
    if not isinstance(usage, dict) or not usage.get("total_tokens"):
        return {}
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return counts(
        input_tokens=max((usage.get("prompt_tokens") or 0) - cached, 0),
        output_tokens=usage.get("completion_tokens"),
        total_tokens=usage.get("total_tokens"),
        reasoning_tokens=reasoning,
        cache_read_tokens=cached,
    )


class _OpenCall:
    __slots__ = ("arguments", "done", "id", "name")

    def __init__(self, call_id: str, name: str) -> None:
        self.id, self.name, self.arguments, self.done = call_id, name, "", False


class ChatReader:
    """Reads `chat.completion.chunk` events."""

    def __init__(self) -> None:
        self._done = self._in_text = self._in_reasoning = False
        self._reason: Json = ""
        self._calls: dict[int, _OpenCall] = {}
        self._usage: dict[str, int] = {}

    def event(self, name: str, data: bytes) -> Iterator[Piece]:
        if self._done or not data:
            return
        if data.startswith(b"[DONE]"):
            self._done = True
            return
        try:
            chunk = loads(data)
        except ValueError as error:
            raise ModelError(f"error unmarshalling the stream: {error}") from None
        if not isinstance(chunk, dict):
            chunk = {}  # any JSON will do
        if "error" in chunk:
            raise stream_error(orjson.dumps(chunk["error"]))
        self._usage = usage_counts(chunk.get("usage"))
        for choice in chunk.get("choices") or ():
            self._reason = choice.get("finish_reason") or self._reason
            yield from self._delta(choice.get("delta") or {})

    def _delta(self, delta: dict[str, Json]) -> Iterator[Piece]:
        content, calls = delta.get("content"), delta.get("tool_calls") or ()
        if reasoning := delta.get("reasoning_content"):
            self._in_reasoning = True
            yield Reasoning(reasoning)
        if self._in_reasoning and (content or calls):
            self._in_reasoning = False
            yield ReasoningEnd()
        if content:
            self._in_text = True
            yield Text(content)
        for call in calls:
            if self._in_text:
                self._in_text = False
                yield TextEnd()
            yield from self._call(call)
        for note in delta.get("annotations") or ():
            citation = note.get("url_citation") or {}
            url, title = citation.get("url"), citation.get("title")
            if note.get("type") == "url_citation" and isinstance(url, str) and isinstance(title, str):
                yield Source(url, title)

    def _call(self, delta: dict[str, Json]) -> Iterator[Piece]:
        index, function = delta.get("index") or 0, delta.get("function") or {}
        kind = delta.get("type")
        if kind and kind != "function":
            raise ModelError("invalid response data: expected 'function' type")
        call = self._calls.get(index)
        if call is None:
            call_id = delta.get("id") or f"tool-call-{index}"
            call = self._calls[index] = _OpenCall(call_id, function.get("name") or "")
        elif call.done:
            return
        piece = function.get("arguments")
        if piece:
            call.arguments += piece
            yield CallPiece(call.id, call.name, piece)
            if is_json(call.arguments):
                call.done = True
                yield CallDone(call.id, call.name, call.arguments)
        else:
            yield CallPiece(call.id, call.name, "", shown=False)

    def end(self) -> Iterator[Piece]:
        if self._in_reasoning:
            yield ReasoningEnd()
        if self._in_text:
            yield TextEnd()
        for call in self._calls.values():
            if not call.done and not call.arguments:
                call.done = True
                yield CallDone(call.id, call.name, "{}")
        yield Usage(self._usage)
        yield Finish(runs_tools=bool(self._calls), reason=str(self._reason))
