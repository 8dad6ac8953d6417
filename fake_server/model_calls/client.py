"""Calls of the model behind a chat: which wire, which address and key, and what comes back as pieces."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import orjson

from fake_server.faulting import replaceable
from fake_server.model_calls import retry
from fake_server.model_calls.classify import ModelError, http_error
from fake_server.model_calls.gateway import Gateway, Nothing, Refusal
from fake_server.model_calls.http_client import Answer, Client, TransportError
from fake_server.model_calls.wires.base import CallDone, Events, Piece, Prompt, Reader, Wire, loads
from fake_server.model_calls.wires.chat_completions import ChatCompletions
from fake_server.model_calls.wires.messages import Messages
from fake_server.model_calls.wires.responses import Responses
from fake_server.state import model_choice
from fake_server.state.records import Chat, ModelConfig, Provider

if TYPE_CHECKING:
    from fake_server.state.store import State

_FIRST_VALUE = json.JSONDecoder()
USER_AGENT = "coder-agents/v2.33.0-fake (linux/amd64)"
RESPONSES_MODELS = ("gpt-4", "gpt-5", "gpt-3.5-turbo", "o1", "o3", "o4-mini", "gpt-oss-120b", "chatgpt-4o-latest")


@dataclass(slots=True)
class Model:
    """A model that a chat may call: its config, provider, and the key that goes with the call."""

    config: ModelConfig
    provider: Provider
    key: str

    @property
    def wire(self) -> Wire:
        """The provider's API for this model."""
        return wire_of(self.provider.type, self.config.model)

    @property
    def address(self) -> str:
        """Where a call goes."""
        base = self.provider.base_url.rstrip("/")
        return (base.removesuffix("/v1") if self.wire.path.startswith("/v1/") else base) + self.wire.path


def wire_of(provider_type: str, model: str) -> Wire:
    """Which API a provider of this type speaks for this model (direct mode)."""
    known = model.startswith(RESPONSES_MODELS) or "computer-use" in model
    if provider_type == "azure" or (provider_type == "openai" and known):
        return Responses()
    if provider_type in ("anthropic", "bedrock"):
        return Messages()
    return ChatCompletions(native=provider_type == "openai")


BAD_DATA = "invalid response data: "


class LLMClient:
    """Makes model calls for chats, over real HTTP."""

    def __init__(self, backend: State) -> None:
        self.backend = backend
        self.http = Client()
        self.gateway = Gateway(backend, self.http)

    @replaceable
    async def stream(self, chat: Chat, model: Model, prompt: Prompt, take: Callable[[Piece], None]) -> None:
        """Hand each piece of one streamed answer to `take` as it comes; the last is Finish. Raises ModelError."""
        silence, loop = retry.silence_seconds(self.backend.revision.error_rules), asyncio.get_running_loop()
        answer: Answer | Nothing | None = None
        try:
            async with asyncio.timeout(silence) as guard:
                answer = await self._post(chat, model, prompt)
                reader = model.wire.reader()
                async for name, data in self._events(model, answer, lambda: guard.reschedule(loop.time() + silence)):
                    for piece in self._pieces(reader, name, data):
                        take(piece)
                for piece in reader.end():
                    if isinstance(piece, CallDone) and not self.backend.does("llm.runs-calls-without-arguments"):
                        continue
                    take(piece)
        except ModelError as error:
            if error.text.startswith(BAD_DATA) and not self.backend.does("gateway.keeps-early-details"):
                error.detail = f"invalid provider response: {error.text.removeprefix(BAD_DATA)}."
            raise
        except TransportError as error:
            raise ModelError(str(error)) from None
        except TimeoutError:
            raise ModelError("the provider sent nothing", signal="silence") from None
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            raise ModelError(f"error unmarshalling the stream: {error}") from None
        finally:
            if isinstance(answer, Answer) and self.backend.does("llm.hangs-up"):
                answer.close()

    async def _events(
        self, model: Model, answer: Answer | Nothing, heard: Callable[[], None]
    ) -> AsyncIterator[tuple[str, bytes]]:
        """Name and data of each event of the answer; `heard` is called whenever something has come."""
        if isinstance(answer, Nothing):
            return
        if model_choice.through_gateway(self.backend) and isinstance(model.wire, ChatCompletions):
            async for event in self.gateway.events(answer, heard):
                yield event
            return
        events = Events()
        async for chunk in self._chunks(answer):
            heard()
            for event in events.feed(chunk):
                yield event

    @replaceable
    def _chunks(self, answer: Answer) -> AsyncIterator[bytes]:
        return answer.chunks()

    @replaceable
    def _pieces(self, reader: Reader, name: str, data: bytes) -> Iterable[Piece]:
        """What an event says."""
        return reader.event(name, data)

    @replaceable
    async def complete(self, chat: Chat, model: Model, prompt: Prompt) -> tuple[str, dict[str, int]]:
        """The text of one whole answer and its usage. Raises ModelError."""
        answer: Answer | Nothing | None = None
        try:
            answer = await self._post(chat, model, prompt)
            body = await answer.read() if isinstance(answer, Answer) else b""
        except TransportError as error:
            raise ModelError(str(error)) from None
        finally:
            if isinstance(answer, Answer):
                answer.close()
        try:
            return model.wire.answer(loads(body))
        except ValueError as error:
            raise ModelError(f"error parsing the response: {error}") from None

    async def _post(self, chat: Chat, model: Model, prompt: Prompt) -> Answer | Nothing:
        """Send the call; an answer that is not a success becomes a ModelError."""
        wire, provider = model.wire, model.provider
        body = wire.body(prompt)
        self.backend.store.requests[chat.family_id] = self.backend.store.requests.get(chat.family_id, 0) + 1
        answer: Answer | Refusal | Nothing
        if model_choice.through_gateway(self.backend):
            if prompt.stream and isinstance(wire, ChatCompletions):
                body["n"] = 1
            own = None if any(key["secret"] == model.key for key in provider.api_keys) else model.key
            answer = await self.gateway.post(
                provider, own, model.address, lambda key: self._headers(chat, wire, key, prompt), orjson.dumps(body)
            )
        else:
            answer = await self.http.post(model.address, self._headers(chat, wire, model.key, prompt), orjson.dumps(body))
        if isinstance(answer, Nothing) or 200 <= answer.status < 300:
            return cast("Answer | Nothing", answer)
        if isinstance(answer, Refusal):  # its stream ends behind the error, though it never began
            raw = answer.body + ("data: [DONE]" if prompt.stream and isinstance(wire, ChatCompletions) else "")
        else:
            raw = (await answer.read()).decode("utf-8", "replace").strip()
        raise self._refused(answer.status, answer.headers, raw)

    def _headers(self, chat: Chat, wire: Wire, key: str, prompt: Prompt) -> dict[str, str]:
        headers = {
            "user-agent": USER_AGENT,
            "accept": "application/json",
            "content-type": "application/json",
            **wire.headers(key),
        }
        if self.backend.does("llm.names-owner"):
            headers["x-coder-owner-id"] = chat.owner_id
        if self.backend.does("llm.names-chat"):
            headers["x-coder-chat-id"] = chat.family_id
        if chat.family_id != chat.id and self.backend.does("llm.names-sub-agent"):
            headers["x-coder-subchat-id"] = chat.id
        if chat.workspace_id:
            headers["x-coder-workspace-id"] = chat.workspace_id
        return headers

    @replaceable
    def _refused(self, status: int, headers: dict[str, str], raw: str) -> ModelError:
        """The error of an answer with this status, these headers and this body."""
        said = provider_message(raw) or raw
        return http_error(status, said, detail=said, hint_ms=self._wish_ms(headers))

    @replaceable
    def _wish_ms(self, headers: dict[str, str]) -> float:
        """What the provider wishes the next attempt to wait, in milliseconds; 0 for nothing."""
        return retry.hint_ms(headers, self.backend.clock.now())


def provider_message(raw: str) -> str:
    """`error.message` of an error body, or nothing. What stands behind the JSON does not matter."""
    try:
        body = _FIRST_VALUE.raw_decode(raw)[0]
    except ValueError:
        return ""
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return message if isinstance(message, str) else ""
