"""Anthropic Messages."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fake_server.llm.calls import Call, Message
from fake_server.llm.script import (
    Fault,
    Gate,
    HttpError,
    Raw,
    Reasoning,
    Redacted,
    Refusal,
    Source,
    StreamError,
    Text,
    ToolCall,
    Turn,
    Usage,
    Wait,
    WebSearch,
)
from fake_server.llm.wires.base import BadRequest, Ids, Json, Played, Token, Wire, error_type, sse, texts_of

_STOP = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}
_ERROR_TYPES = {"server_error": "api_error", "service_unavailable": "api_error", "billing_error": "billing_error"}


def _usage(usage: Usage | None) -> dict[str, Json]:
    """Anthropic counts cached tokens beside the input, not in it."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    cached, written = usage.cache_read or 0, usage.cache_write or 0
    body: dict[str, Json] = {"input_tokens": max(0, usage.input - cached - written), "output_tokens": usage.output}
    if usage.cache_read is not None:
        body["cache_read_input_tokens"] = cached
    if usage.cache_write is not None:
        body["cache_creation_input_tokens"] = written
    if usage.reasoning is not None:
        body["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return body


def _citation(source: Source) -> dict[str, Json]:
    return {
        "type": "web_search_result_location",
        "url": source.url,
        "title": source.title,
        "encrypted_index": "",
        "cited_text": source.cited,
    }


def _input(arguments: str) -> Json:
    """The arguments as a JSON value; text that is none stays text."""
    if not arguments:
        return {}
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


class AnthropicWire(Wire):
    name = "anthropic"
    path = "/messages"

    # -- requests

    def read(self, body: dict[str, Json], headers: list[tuple[str, str]]) -> Call:
        listed = body.get("messages")
        if not isinstance(listed, list):
            raise BadRequest("messages: Field required")
        if not isinstance(body.get("max_tokens"), int):
            raise BadRequest("max_tokens: Field required")
        messages = [Message("system", texts_of(body.get("system"), "text"))] if body.get("system") else []
        for i, message in enumerate(listed):
            messages += self._messages(message, i)
        schemas = {str(t["name"]): t.get("input_schema") or {} for t in body.get("tools") or [] if "name" in t}
        choice = body.get("tool_choice") or {}
        answer = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
        return Call(
            wire="anthropic",
            model=str(body.get("model", "")),
            stream=bool(body.get("stream")),
            messages=messages,
            tools=list(schemas),
            tool_schemas=schemas,
            schema=answer.get("schema") or {},
            forced=choice.get("type") in ("tool", "any"),
            body=body,
            headers=headers,
        )

    def _messages(self, value: Json, index: int) -> list[Message]:
        if not isinstance(value, dict) or value.get("role") not in ("user", "assistant"):
            raise BadRequest(f"messages.{index}: expected an object with the role user or assistant")
        content = value.get("content")
        texts = texts_of(content, "text")
        blocks = [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []
        if value["role"] == "assistant":
            calls = [(str(b.get("id", "")), str(b.get("name", ""))) for b in blocks if b.get("type") == "tool_use"]
            return [Message("assistant", texts, calls)]
        made = [
            Message("tool", texts_of(b.get("content"), "text"), results=[str(b.get("tool_use_id", ""))])
            for b in blocks
            if b.get("type") == "tool_result"
        ]
        # Results of tools travel in user messages; only what else stands there is the user's.
        return [*made, Message("user", texts)] if texts or not made else made

    # -- answers

    def stream(self, turn: Turn, call: Call, ids: Ids) -> Iterator[Played]:
        return _Answer(self, turn, call, ids).events()

    def whole(self, turn: Turn, call: Call, ids: Ids) -> dict[str, Json]:
        answer = _Answer(self, turn, call, ids)
        for _ in answer.events():
            pass
        usage = turn.usage_or_default
        message = {**answer.message, "content": answer.content, "usage": _usage(usage)}
        message["stop_reason"] = _stop_reason(turn)
        if usage is None:
            del message["usage"]
        return message

    # -- errors

    def error_body(self, error: HttpError) -> Json:
        kind = error_type(error)
        return {"type": "error", "error": {"type": _ERROR_TYPES.get(kind, kind), "message": error.message}}

    def stream_error(self, error: StreamError) -> bytes:
        kind = _ERROR_TYPES.get(error.type, error.type)
        return sse({"type": "error", "error": {"type": kind, "message": error.message}}, "error")


def _stop_reason(turn: Turn) -> str | None:
    reason = turn.finish_reason
    return None if reason is None else _STOP.get(reason, reason)


class _Answer:
    """One answer being written: the content blocks so far; the last one may be open."""

    def __init__(self, wire: AnthropicWire, turn: Turn, call: Call, ids: Ids) -> None:
        self._wire, self._turn, self._ids = wire, turn, ids
        self._mark: type[bytes] = Token if turn.pacing else bytes
        self._open = False
        self.content: list[dict[str, Json]] = []
        self.message: dict[str, Json] = {
            "id": ids.make("msg_") if turn.id is None else turn.id,
            "type": "message",
            "role": "assistant",
            "model": call.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }

    def events(self) -> Iterator[Played]:
        turn = self._turn
        usage = turn.usage_or_default
        if not turn.no_role:
            opening = {**self.message, "usage": {**_usage(usage), "output_tokens": 1 if usage and usage.output else 0}}
            yield sse({"type": "message_start", "message": opening}, "message_start")
        for step in turn.steps:
            match step:
                case Text(text):
                    yield from self._text(text)
                case Refusal(text):
                    yield from self._text(text)
                case Reasoning(text, signature):
                    yield from self._thinking(text, signature)
                case Redacted(data):
                    yield from self._block({"type": "redacted_thinking", "data": data})
                    yield from self._close()
                case ToolCall():
                    yield from self._tool_use(step)
                case Source():
                    yield from self._cite(step)
                case WebSearch():
                    yield from self._web_search(step)
                case StreamError():
                    yield self._wire.stream_error(step)
                    return
                case Raw(data):
                    yield data
                case Wait() | Gate() | Fault():
                    yield step
        yield from self._close()
        reason = _stop_reason(turn)
        if turn.cut or reason is None:
            return
        end: dict[str, Json] = {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}}
        if usage is not None:
            end["usage"] = _usage(usage)
        for _ in range(2 if turn.double_finish else 1):
            yield sse(end, "message_delta")
        if not turn.no_done:
            yield sse({"type": "message_stop"}, "message_stop")

    # -- blocks

    def _block(self, block: dict[str, Json]) -> Iterator[bytes]:
        yield from self._close()
        start = {"type": "content_block_start", "index": len(self.content), "content_block": block}
        yield sse(start, "content_block_start")
        self.content.append(dict(block))
        self._open = True

    def _close(self) -> Iterator[bytes]:
        if self._open:
            self._open = False
            yield sse({"type": "content_block_stop", "index": len(self.content) - 1}, "content_block_stop")

    def _delta(self, mark: type[bytes], **delta: Json) -> bytes:
        value = {"type": "content_block_delta", "index": len(self.content) - 1, "delta": delta}
        return mark(sse(value, "content_block_delta"))

    def _is_open(self, kind: str) -> bool:
        return self._open and self.content[-1]["type"] == kind

    def _text(self, text: str) -> Iterator[bytes]:
        if not self._is_open("text"):
            yield from self._block({"type": "text", "text": ""})
        self.content[-1]["text"] += text
        yield self._delta(self._mark, type="text_delta", text=text)

    def _thinking(self, text: str, signature: str | None) -> Iterator[bytes]:
        if not self._is_open("thinking"):
            yield from self._block({"type": "thinking", "thinking": "", "signature": ""})
        self.content[-1]["thinking"] += text
        yield self._delta(self._mark, type="thinking_delta", thinking=text)
        if signature is not None:
            self.content[-1]["signature"] = signature
            yield self._delta(bytes, type="signature_delta", signature=signature)
            yield from self._close()

    def _tool_use(self, step: ToolCall) -> Iterator[bytes]:
        call_id = self._ids.make("toolu_") if step.id is None else step.id
        yield from self._block({"type": "tool_use", "id": call_id, "name": step.name, "input": {}})
        for piece in step.pieces:
            yield self._delta(self._mark, type="input_json_delta", partial_json=piece)
        self.content[-1]["input"] = _input(step.arguments)
        yield from self._close()

    def _cite(self, source: Source) -> Iterator[bytes]:
        if not self._is_open("text"):
            yield from self._block({"type": "text", "text": ""})
        self.content[-1].setdefault("citations", []).append(_citation(source))
        yield self._delta(bytes, type="citations_delta", citation=_citation(source))

    def _web_search(self, step: WebSearch) -> Iterator[bytes]:
        call_id = self._ids.make("srvtoolu_") if step.id is None else step.id
        query = json.dumps({"query": step.query})
        yield from self._block({"type": "server_tool_use", "id": call_id, "name": "web_search", "input": {}})
        yield self._delta(bytes, type="input_json_delta", partial_json=query)
        self.content[-1]["input"] = {"query": step.query}
        found: Json = [
            {"type": "web_search_result", "url": s.url, "title": s.title, "encrypted_content": "", "page_age": None}
            for s in step.results
        ]
        if step.error is not None:
            found = {"type": "web_search_tool_result_error", "error_code": step.error}
        yield from self._block({"type": "web_search_tool_result", "tool_use_id": call_id, "content": found})
        yield from self._close()
