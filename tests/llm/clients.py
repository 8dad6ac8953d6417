"""The official provider clients, each reduced to what it reports of one answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

import anthropic
import openai


@dataclass
class Reported:
    """One answer as a client understood it."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tools: list[tuple[str, str, str]] = field(default_factory=list)  # id, name, arguments
    sources: list[tuple[str, str]] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)  # signatures, redacted blocks
    finish: str | None = None
    usage: dict[str, int | None] | None = None
    deltas: int = 0  # deltas of text


class ChatClient:
    wire = "chat"
    # What the neutral finish reasons are called here.
    finishes: ClassVar[dict[str, str]] = {name: name for name in ("stop", "tool_calls", "length", "content_filter")}

    def __init__(self, base_url: str) -> None:
        self.client = openai.AsyncOpenAI(base_url=base_url, api_key="sk-test", max_retries=0)

    async def close(self) -> None:
        await self.client.close()

    def body(self, prompt: str) -> dict[str, Any]:
        return {"model": "fake-model", "messages": [{"role": "user", "content": prompt}]}

    async def ask(self, prompt: str, *, stream: bool, **more: Any) -> Reported:
        body = {**self.body(prompt), **more}
        if not stream:
            answer = await self.client.chat.completions.create(**body)
            return self._of(answer.choices[0].message, answer.choices[0].finish_reason, answer.usage)
        reported, calls = Reported(), {}
        events = await self.client.chat.completions.create(**body, stream=True, stream_options={"include_usage": True})
        async for chunk in events:
            if chunk.usage:
                assert chunk.choices == []
                reported.usage = self._usage(chunk.usage)
            for choice in chunk.choices:
                delta = choice.delta
                reported.text += delta.content or ""
                reported.deltas += bool(delta.content)
                reported.refusal += delta.refusal or ""
                reported.reasoning += getattr(delta, "reasoning_content", None) or ""
                reported.sources += self._sources(getattr(delta, "annotations", None))
                reported.finish = choice.finish_reason or reported.finish
                for call in delta.tool_calls or []:
                    if call.index not in calls:
                        assert call.type == "function" and call.id is not None
                        calls[call.index] = [call.id, call.function.name, ""]
                    else:
                        assert call.id is None and call.function.name is None  # only the first delta names the call
                    calls[call.index][2] += call.function.arguments or ""
        reported.tools = [tuple(calls[i]) for i in sorted(calls)]
        return reported

    def _of(self, message: Any, finish: str | None, usage: Any) -> Reported:
        return Reported(
            text=message.content or "",
            reasoning=getattr(message, "reasoning_content", None) or "",
            refusal=message.refusal or "",
            tools=[(c.id, c.function.name, c.function.arguments) for c in message.tool_calls or []],
            sources=self._sources([a.model_dump() for a in message.annotations or []]),
            finish=finish,
            usage=self._usage(usage) if usage else None,
        )

    @staticmethod
    def _sources(annotations: Any) -> list[tuple[str, str]]:
        return [(a["url_citation"]["url"], a["url_citation"]["title"]) for a in annotations or []]

    @staticmethod
    def _usage(usage: Any) -> dict[str, int | None]:
        prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
        return {
            "input": usage.prompt_tokens,
            "output": usage.completion_tokens,
            "cached": prompt and prompt.cached_tokens,
            "reasoning": completion and completion.reasoning_tokens,
        }


class ResponsesClient(ChatClient):
    wire = "responses"
    finishes: ClassVar[dict[str, str]] = {
        "stop": "completed",
        "tool_calls": "completed",
        "length": "incomplete: max_output_tokens",
        "content_filter": "incomplete: content_filter",
        "failed": "failed",
    }

    def body(self, prompt: str) -> dict[str, Any]:
        return {"model": "fake-model", "input": prompt}

    async def ask(self, prompt: str, *, stream: bool, **more: Any) -> Reported:
        body = {**self.body(prompt), **more}
        if not stream:
            return self._response(await self.client.responses.create(**body))
        deltas, numbers, seen = 0, [], Reported()
        final = None
        async for event in await self.client.responses.create(**body, stream=True):
            numbers.append(event.sequence_number)
            match event.type:
                case "response.output_text.delta":
                    seen.text += event.delta
                    deltas += bool(event.delta)
                case "response.reasoning_summary_text.delta":
                    seen.reasoning += event.delta
                case "response.refusal.delta":
                    seen.refusal += event.delta
                case "response.completed" | "response.incomplete" | "response.failed":
                    final = event.response
        assert numbers == list(range(len(numbers)))
        if final is None:
            return seen
        reported = self._response(final)
        # The deltas, joined, are the final items.
        assert (seen.text, seen.reasoning, seen.refusal) == (reported.text, reported.reasoning, reported.refusal)
        reported.deltas = deltas
        return reported

    def _response(self, response: Any) -> Reported:
        reported = Reported()
        details = response.incomplete_details
        reported.finish = f"{response.status}: {details.reason}" if details else response.status
        for item in response.output:
            if item.type == "message":
                for part in item.content:
                    if part.type == "refusal":
                        reported.refusal += part.refusal
                    else:
                        reported.text += part.text
                        reported.sources += [(a.url, a.title) for a in part.annotations]
            elif item.type == "reasoning":
                reported.reasoning += "".join(part.text for part in item.summary)
                reported.extras += [item.encrypted_content] if item.encrypted_content else []
            elif item.type == "function_call":
                reported.tools.append((item.call_id, item.name, item.arguments))
            elif item.type == "web_search_call":
                reported.searches.append(item.action.query)
                assert item.status in ("completed", "failed")
        usage = response.usage
        if usage:
            reported.usage = {
                "input": usage.input_tokens,
                "output": usage.output_tokens,
                "cached": usage.input_tokens_details.cached_tokens,
                "reasoning": usage.output_tokens_details.reasoning_tokens,
            }
        return reported


class AnthropicClient:
    wire = "anthropic"
    finishes: ClassVar[dict[str, str]] = {
        "stop": "end_turn",
        "tool_calls": "tool_use",
        "length": "max_tokens",
        "content_filter": "refusal",
        "pause_turn": "pause_turn",
    }

    def __init__(self, base_url: str) -> None:
        base = base_url.removesuffix("/v1")  # this client adds /v1 itself
        self.client = anthropic.AsyncAnthropic(base_url=base, api_key="sk-test", max_retries=0)

    async def close(self) -> None:
        await self.client.close()

    def body(self, prompt: str) -> dict[str, Any]:
        return {"model": "fake-model", "max_tokens": 100, "messages": [{"role": "user", "content": prompt}]}

    async def ask(self, prompt: str, *, stream: bool, **more: Any) -> Reported:
        body = {**self.body(prompt), **more}
        if not stream:
            return self._message(await self.client.messages.create(**body))
        deltas, text = 0, ""
        async with self.client.messages.stream(**body) as events:
            async for event in events:
                if event.type == "text":
                    deltas += bool(event.text)
                    text += event.text
            reported = self._message(await events.get_final_message())
        assert text == reported.text
        reported.deltas = deltas
        return reported

    def _message(self, message: Any) -> Reported:
        reported = Reported(finish=message.stop_reason)
        for block in message.content:
            match block.type:
                case "text":
                    reported.text += block.text
                    reported.sources += [(c.url, c.title) for c in block.citations or []]
                case "thinking":
                    reported.reasoning += block.thinking
                    reported.extras += [block.signature] if block.signature else []
                case "redacted_thinking":
                    reported.extras.append(block.data)
                case "tool_use":
                    reported.tools.append((block.id, block.name, json.dumps(block.input)))
                case "server_tool_use":
                    reported.searches.append(block.input["query"])
                case "web_search_tool_result":
                    if isinstance(block.content, list):
                        reported.sources += [(r.url, r.title) for r in block.content]
        usage = message.usage
        if usage:
            reported.usage = {
                "input": usage.input_tokens,
                "output": usage.output_tokens,
                "cached": usage.cache_read_input_tokens,
                "reasoning": usage.output_tokens_details and usage.output_tokens_details.thinking_tokens,
            }
        return reported


CLIENTS: dict[str, Any] = {c.wire: c for c in (ChatClient, ResponsesClient, AnthropicClient)}
