"""OpenAI chat completions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    _Unset,
)
from fake_server.llm.wires.base import CREATED, BadRequest, Ids, Json, Played, Token, Wire, dumps, error_type, sse, texts_of


def usage_body(usage: Usage) -> dict[str, Json]:
    body: dict[str, Json] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }
    if usage.cache_read is not None:
        body["prompt_tokens_details"] = {"cached_tokens": usage.cache_read}
    if usage.reasoning is not None:
        body["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return body


def _annotation(source: Source) -> dict[str, Json]:
    citation = {"url": source.url, "title": source.title, "start_index": 0, "end_index": 0}
    return {"type": "url_citation", "url_citation": citation}


class ChatWire(Wire):
    name = "chat"
    path = "/chat/completions"

    # -- requests

    def read(self, body: dict[str, Json], headers: list[tuple[str, str]]) -> Call:
        listed = body.get("messages")
        if not isinstance(listed, list):
            raise BadRequest("Missing required parameter: 'messages'.")
        schemas: dict[str, Any] = {}
        for tool in body.get("tools") or []:
            function = tool.get("function") if isinstance(tool, dict) else None
            if isinstance(function, dict):
                schemas[str(function.get("name"))] = function.get("parameters") or {}
        schema = (body.get("response_format") or {}).get("json_schema") or {}
        choice = body.get("tool_choice")
        return Call(
            wire="chat",
            model=str(body.get("model", "")),
            stream=bool(body.get("stream")),
            messages=[self._message(m, i) for i, m in enumerate(listed)],
            tools=list(schemas),
            tool_schemas=schemas,
            schema_name=str(schema.get("name", "")),
            schema=schema.get("schema") or {},
            forced=choice == "required" or isinstance(choice, dict),
            include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
            body=body,
            headers=headers,
        )

    def _message(self, value: Json, index: int) -> Message:
        if not isinstance(value, dict) or not isinstance(value.get("role"), str):
            raise BadRequest(f"Invalid value for 'messages[{index}]': expected an object with a role.")
        sent: str = value["role"]
        role = {"developer": "system", "function": "tool"}.get(sent, sent)
        calls = [
            (str(c.get("id", "")), str((c.get("function") or {}).get("name", "")))
            for c in value.get("tool_calls") or []
            if isinstance(c, dict)
        ]
        results = [str(value.get("tool_call_id", ""))] if role == "tool" else []
        return Message(role, texts_of(value.get("content"), "text"), calls, results)

    # -- streams

    def stream(self, turn: Turn, call: Call, ids: Ids) -> Iterator[Played]:
        opening = {
            "id": ids.make("chatcmpl-") if turn.id is None else turn.id,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": call.model,
        }
        # The members that never change are written once; a chunk then costs one string join.
        before = b"data: " + dumps(opening)[:-1] + b',"choices":[{"index":0,"delta":'
        after = b',"finish_reason":null}]}\n\n'

        mark: type[bytes] = Token if turn.pacing else bytes

        def chunk(delta: Json) -> bytes:
            return mark(before + dumps(delta) + after)

        if not turn.no_role:
            yield bytes(chunk({"role": "assistant", "content": ""}))
        index = 0
        before_text, after_text = before + b'{"content":', b"}" + after
        for step in turn.steps:
            if type(step) is Text:  # nearly all steps of a long answer: kept short
                yield mark(before_text + dumps(step.text) + after_text)
                continue
            match step:
                case Reasoning(text):
                    yield chunk({"reasoning_content": text})
                case ToolCall(call_id, name, _, pieces):
                    call_id = ids.make("call_") if call_id is None else call_id
                    start = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
                    yield chunk({"tool_calls": [start]})
                    for piece in pieces:
                        yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
                    index += 1
                case Refusal(text):
                    yield chunk({"refusal": text})
                case Source():
                    yield chunk({"annotations": [_annotation(step)]})
                case WebSearch(_, _, results):
                    for source in results:
                        yield chunk({"annotations": [_annotation(source)]})
                case StreamError():
                    yield self.stream_error(step)
                    return
                case Raw(data):
                    yield data
                case Wait() | Gate() | Fault():
                    yield step
                case Redacted():
                    pass
        if turn.cut:
            return
        yield from self._ending(turn, call, opening)

    def _ending(self, turn: Turn, call: Call, opening: dict[str, Json]) -> Iterator[bytes]:
        usage = turn.usage_or_default
        trailing = call.include_usage if turn.usage_chunk is None else turn.usage_chunk
        if turn.finish_reason is not None:
            finish: dict[str, Json] = {
                **opening,
                "choices": [{"index": 0, "delta": {}, "finish_reason": turn.finish_reason}],
            }
            if usage is not None and not trailing and not isinstance(turn.usage, _Unset):
                finish["usage"] = usage_body(usage)
            for _ in range(2 if turn.double_finish else 1):
                yield sse(finish)
        if trailing and usage is not None:
            yield sse({**opening, "choices": [], "usage": usage_body(usage)})
        if not turn.no_done:
            yield b"data: [DONE]\n\n"

    # -- answers that are not streams

    def whole(self, turn: Turn, call: Call, ids: Ids) -> dict[str, Json]:
        steps = turn.steps
        message: dict[str, Json] = {
            "role": "assistant",
            "content": "".join(s.text for s in steps if isinstance(s, Text)) or None,
            "refusal": "".join(s.text for s in steps if isinstance(s, Refusal)) or None,
        }
        reasoning = "".join(s.text for s in steps if isinstance(s, Reasoning))
        if reasoning:
            message["reasoning_content"] = reasoning
        calls = [s for s in steps if isinstance(s, ToolCall)]
        if calls:
            message["tool_calls"] = [
                {
                    "id": ids.make("call_") if c.id is None else c.id,
                    "type": "function",
                    "function": {"name": c.name, "arguments": c.arguments},
                }
                for c in calls
            ]
        sources = [s for s in steps if isinstance(s, Source)]
        sources += [source for s in steps if isinstance(s, WebSearch) for source in s.results]
        if sources:
            message["annotations"] = [_annotation(source) for source in sources]
        body: dict[str, Json] = {
            "id": ids.make("chatcmpl-") if turn.id is None else turn.id,
            "object": "chat.completion",
            "created": CREATED,
            "model": call.model,
            "choices": [{"index": 0, "message": message, "finish_reason": turn.finish_reason}],
        }
        usage = turn.usage_or_default
        if usage is not None:
            body["usage"] = usage_body(usage)
        return body

    # -- errors

    def error_body(self, error: HttpError) -> Json:
        return {"error": {"message": error.message, "type": error_type(error), "param": None, "code": error.code}}

    def stream_error(self, error: StreamError) -> bytes:
        value: dict[str, Json] = {"message": error.message, "type": error.type}
        if error.code is not None:
            value["code"] = error.code
        return sse({"error": value})
