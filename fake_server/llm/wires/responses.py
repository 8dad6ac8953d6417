"""OpenAI Responses."""

from __future__ import annotations

from collections import OrderedDict
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
)
from fake_server.llm.wires.base import CREATED, BadRequest, Ids, Json, Played, Token, Wire, error_type, sse, texts_of

_STORED = 4096
_OWN_ITEMS = ("function_call", "reasoning", "web_search_call", "item_reference", "custom_tool_call")
_INCOMPLETE = {"length": "max_output_tokens", "max_tokens": "max_output_tokens", "content_filter": "content_filter"}


def _usage(usage: Usage | None) -> Json:
    if usage is None:
        return None
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read or 0,
            "cache_write_tokens": usage.cache_write or 0,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.input + usage.output,
    }


def _citation(source: Source) -> dict[str, Json]:
    return {"type": "url_citation", "url": source.url, "title": source.title, "start_index": 0, "end_index": 0}


class ResponsesWire(Wire):
    name = "responses"
    path = "/responses"

    def __init__(self) -> None:
        # Stored responses: what a later request that names one continues. Bounded; the oldest are forgotten.
        self._stored: OrderedDict[str, list[Message]] = OrderedDict()

    # -- requests

    def read(self, body: dict[str, Json], headers: list[tuple[str, str]]) -> Call:
        given = body.get("input")
        if isinstance(given, str):
            given = [{"role": "user", "content": given}]
        if not isinstance(given, list):
            raise BadRequest("Missing required parameter: 'input'.")
        messages: list[Message] = []
        if isinstance(body.get("instructions"), str):
            messages.append(Message("system", [body["instructions"]]))
        previous = body.get("previous_response_id")
        if previous:
            if previous not in self._stored:
                raise BadRequest(f"Previous response with id '{previous}' not found.")
            messages += self._stored[previous]
        messages += self._messages(given)
        tools = [t for t in body.get("tools") or [] if isinstance(t, dict)]
        schemas = {str(t["name"]): t.get("parameters") or {} for t in tools if t.get("type") == "function" and "name" in t}
        answer = (body.get("text") or {}).get("format") or {}
        choice = body.get("tool_choice")
        return Call(
            wire="responses",
            model=str(body.get("model", "")),
            stream=bool(body.get("stream")),
            messages=messages,
            tools=list(schemas),
            tool_schemas=schemas,
            schema_name=str(answer.get("name", "")) if answer.get("type") == "json_schema" else "",
            schema=answer.get("schema") or {},
            forced=choice == "required" or isinstance(choice, dict),
            body=body,
            headers=headers,
        )

    def _messages(self, items: list[Json]) -> list[Message]:
        messages: list[Message] = []

        def own() -> Message:
            # All that the model said between two inputs is one answer, whatever number of items it takes.
            if not messages or messages[-1].role != "assistant":
                messages.append(Message("assistant"))
            return messages[-1]

        for i, item in enumerate(items):
            if not isinstance(item, dict):
                raise BadRequest(f"Invalid type for 'input[{i}]': expected an object.")
            kind = item.get("type", "message")
            if kind == "function_call":
                own().calls.append((str(item.get("call_id", "")), str(item.get("name", ""))))
            elif kind == "function_call_output":
                output = item.get("output")
                messages.append(Message("tool", texts_of(output, "input_text"), results=[str(item.get("call_id", ""))]))
            elif kind in _OWN_ITEMS:
                own()
            elif kind == "message":
                role = str(item.get("role", ""))
                texts = texts_of(item.get("content"), "input_text", "output_text", "text")
                if role == "assistant":
                    own().texts += texts
                else:
                    messages.append(Message("system" if role == "developer" else role, texts))
        return messages

    def _store(self, response_id: str, call: Call, turn: Turn, made: list[dict[str, Json]]) -> None:
        calls = [(str(item["call_id"]), str(item["name"])) for item in made if item["type"] == "function_call"]
        said = Message("assistant", [s.text for s in turn.steps if isinstance(s, Text)], calls)
        history = [m for m in call.messages if m.role != "system"]
        self._stored[response_id] = [*history, said]
        if len(self._stored) > _STORED:
            self._stored.popitem(last=False)

    # -- answers

    def stream(self, turn: Turn, call: Call, ids: Ids) -> Iterator[Played]:
        return _Answer(self, turn, call, ids).events()

    def whole(self, turn: Turn, call: Call, ids: Ids) -> dict[str, Json]:
        answer = _Answer(self, turn, call, ids)
        for _ in answer.events():
            pass
        return answer.response

    # -- errors

    def error_body(self, error: HttpError) -> Json:
        return {"error": {"message": error.message, "type": error_type(error), "param": None, "code": error.code}}

    def stream_error(self, error: StreamError) -> bytes:
        return self.error_event(error, 0)

    def error_event(self, error: StreamError, number: int) -> bytes:
        code = error.type if error.code is None else error.code
        value = {"type": "error", "code": code, "message": error.message, "param": None, "sequence_number": number}
        return sse(value, "error")


class _Answer:
    """One answer being written: the output items so far, and the one that is open."""

    def __init__(self, wire: ResponsesWire, turn: Turn, call: Call, ids: Ids) -> None:
        self._wire, self._turn, self._call, self._ids = wire, turn, call, ids
        self._mark: type[bytes] = Token if turn.pacing else bytes
        self._number = 0
        self._item: dict[str, Json] | None = None
        self.response: dict[str, Json] = {
            "id": ids.make("resp_") if turn.id is None else turn.id,
            "object": "response",
            "created_at": CREATED,
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "instructions": call.body.get("instructions"),
            "metadata": call.body.get("metadata") or {},
            "model": call.model,
            "output": [],
            "parallel_tool_calls": True,
            "previous_response_id": call.body.get("previous_response_id"),
            "store": bool(call.body.get("store", True)),
            "temperature": call.body.get("temperature"),
            "text": call.body.get("text") or {"format": {"type": "text"}},
            "tool_choice": call.body.get("tool_choice") or "auto",
            "tools": call.body.get("tools") or [],
            "top_p": call.body.get("top_p"),
            "usage": None,
        }

    def _event(self, kind: str, mark: type[bytes] = bytes, **members: Json) -> bytes:
        value = {"type": kind, "sequence_number": self._number, **members}
        self._number += 1
        return mark(sse(value, kind))

    @property
    def _index(self) -> int:
        return len(self.response["output"])

    def events(self) -> Iterator[Played]:
        if not self._turn.no_role:
            yield self._event("response.created", response=self.response)
            yield self._event("response.in_progress", response=self.response)
        for step in self._turn.steps:
            match step:
                case Text(text):
                    yield from self._content("output_text", text)
                case Refusal(text):
                    yield from self._content("refusal", text)
                case Reasoning(text, signature):
                    yield from self._reasoning(text, signature)
                case Redacted(data):
                    yield from self._close()
                    item = {"type": "reasoning", "id": self._ids.make("rs_"), "summary": [], "encrypted_content": data}
                    yield from self._open(item)
                    yield from self._close()
                case ToolCall():
                    yield from self._tool_call(step)
                case Source():
                    yield from self._annotate(step)
                case WebSearch():
                    yield from self._web_search(step)
                case StreamError():
                    yield self._wire.error_event(step, self._number)
                    return
                case Raw(data):
                    yield data
                case Wait() | Gate() | Fault():
                    yield step
        yield from self._close()
        if not self._turn.cut:
            yield from self._ending()

    # -- items

    def _open(self, item: dict[str, Json]) -> Iterator[bytes]:
        self._item = item
        yield self._event("response.output_item.added", output_index=self._index, item=item)

    def _close(self) -> Iterator[bytes]:
        item = self._item
        if item is None:
            return
        if item["type"] == "message":
            yield from self._close_part()
        if item["type"] == "reasoning" and item["summary"]:
            at = {"item_id": item["id"], "output_index": self._index, "summary_index": 0}
            part = item["summary"][0]
            yield self._event("response.reasoning_summary_text.done", text=part["text"], **at)
            yield self._event("response.reasoning_summary_part.done", part=part, **at)
        if "status" in item:
            item["status"] = "completed"
        yield self._event("response.output_item.done", output_index=self._index, item=item)
        self.response["output"].append(item)
        self._item = None

    def _content(self, kind: str, text: str) -> Iterator[bytes]:
        yield from self._message(kind)
        item = self._item
        assert item is not None
        part = item["content"][-1]
        at = {"item_id": item["id"], "output_index": self._index, "content_index": len(item["content"]) - 1}
        if kind == "refusal":
            part["refusal"] += text
            yield self._event("response.refusal.delta", self._mark, delta=text, **at)
        else:
            part["text"] += text
            yield self._event("response.output_text.delta", self._mark, delta=text, logprobs=[], **at)

    def _message(self, kind: str) -> Iterator[bytes]:
        """A message item with an open part of this kind."""
        if self._item is None or self._item["type"] != "message":
            yield from self._close()
            message = {"type": "message", "id": self._ids.make("msg_"), "status": "in_progress", "role": "assistant"}
            yield from self._open({**message, "content": []})
        item = self._item
        assert item is not None
        if item["content"] and item["content"][-1]["type"] == kind:
            return
        yield from self._close_part()
        part: dict[str, Json] = {"type": "refusal", "refusal": ""}
        if kind == "output_text":
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        at = {"item_id": item["id"], "output_index": self._index, "content_index": len(item["content"])}
        yield self._event("response.content_part.added", part=part, **at)
        item["content"].append(part)

    def _close_part(self) -> Iterator[bytes]:
        item = self._item
        if item is None or not item["content"]:
            return
        part = item["content"][-1]
        at = {"item_id": item["id"], "output_index": self._index, "content_index": len(item["content"]) - 1}
        if part["type"] == "refusal":
            yield self._event("response.refusal.done", refusal=part["refusal"], **at)
        else:
            yield self._event("response.output_text.done", text=part["text"], logprobs=[], **at)
        yield self._event("response.content_part.done", part=part, **at)

    def _annotate(self, source: Source) -> Iterator[bytes]:
        yield from self._message("output_text")
        item = self._item
        assert item is not None
        part = item["content"][-1]
        yield self._event(
            "response.output_text.annotation.added",
            item_id=item["id"],
            output_index=self._index,
            content_index=len(item["content"]) - 1,
            annotation_index=len(part["annotations"]),
            annotation=_citation(source),
        )
        part["annotations"].append(_citation(source))

    def _reasoning(self, text: str, signature: str | None) -> Iterator[bytes]:
        if self._item is None or self._item["type"] != "reasoning":
            yield from self._close()
            yield from self._open({"type": "reasoning", "id": self._ids.make("rs_"), "summary": []})
        item: Any = self._item
        at = {"item_id": item["id"], "output_index": self._index, "summary_index": 0}
        if not item["summary"] and text:
            item["summary"].append({"type": "summary_text", "text": ""})
            yield self._event("response.reasoning_summary_part.added", part=item["summary"][0], **at)
        if text:
            item["summary"][0]["text"] += text
            yield self._event("response.reasoning_summary_text.delta", self._mark, delta=text, **at)
        if signature is not None:
            item["encrypted_content"] = signature
            yield from self._close()

    def _tool_call(self, step: ToolCall) -> Iterator[bytes]:
        yield from self._close()
        call_id = self._ids.make("call_") if step.id is None else step.id
        item: dict[str, Json] = {
            "type": "function_call",
            "id": self._ids.make("fc_"),
            "status": "in_progress",
            "call_id": call_id,
            "name": step.name,
            "arguments": "",
        }
        yield from self._open(item)
        at = {"item_id": item["id"], "output_index": self._index}
        for piece in step.pieces:
            yield self._event("response.function_call_arguments.delta", self._mark, delta=piece, **at)
        item["arguments"] = step.arguments
        yield self._event("response.function_call_arguments.done", name=step.name, arguments=step.arguments, **at)
        yield from self._close()

    def _web_search(self, step: WebSearch) -> Iterator[bytes]:
        yield from self._close()
        action = {"type": "search", "query": step.query, "sources": [{"type": "url", "url": s.url} for s in step.results]}
        item_id = self._ids.make("ws_") if step.id is None else step.id
        item: dict[str, Json] = {"type": "web_search_call", "id": item_id, "status": "in_progress", "action": action}
        yield from self._open(item)
        at: dict[str, Json] = {"item_id": item_id, "output_index": self._index}
        yield self._event("response.web_search_call.in_progress", **at)
        yield self._event("response.web_search_call.searching", **at)
        yield self._event("response.web_search_call.completed", **at)
        yield from self._close()
        if step.error is not None:
            self.response["output"][-1]["status"] = "failed"

    # -- the end

    def _ending(self) -> Iterator[bytes]:
        turn, response = self._turn, self.response
        if turn.finish_reason is None or turn.no_done:
            return
        reason = _INCOMPLETE.get(turn.finish_reason)
        response["usage"] = _usage(turn.usage_or_default)
        if reason is not None:
            response.update(status="incomplete", incomplete_details={"reason": reason})
        elif turn.finish_reason in ("error", "failed"):
            response.update(status="failed", error={"code": "server_error", "message": "scripted failure"})
        else:
            response["status"] = "completed"
        if response["store"]:
            self._wire._store(response["id"], self._call, turn, response["output"])
        for _ in range(2 if turn.double_finish else 1):
            yield self._event(f"response.{response['status']}", response=response)
