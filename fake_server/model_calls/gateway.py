"""The gateway between chats and their providers: it picks a key, words errors anew, and reads streams before it passes them on.

The real server puts it in front of every model call unless it is told not to; here it is off unless asked for
(`CODER_CHAT_AI_GATEWAY_ROUTING_ENABLED=true`). Only chat completions are read anew; the other wires get the keys alone.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from fake_server.model_calls.classify import ModelError, http_error
from fake_server.model_calls.http_client import Answer, Client, TransportError
from fake_server.model_calls.wires.base import Events, loads
from fake_server.state.records import Provider

if TYPE_CHECKING:
    from fake_server.state.store import State

REST_SECONDS = 60.0  # of a key whose provider did not say how long
NEVER = math.inf
OWN_KEY_TRIES = 3
_PASSING = (408, 409, 429)  # and all from 500 on: tried again at once with a user's own key


@dataclass(slots=True)
class Refusal:
    """What the gateway answers instead of the provider: `body` as text, `headers` with lower-case names."""

    status: int
    body: str
    headers: dict[str, str]


@dataclass(slots=True)
class Nothing:
    """The connection broke before an answer began: the gateway sends an empty stream, as if the model had said nothing."""


class Gateway:
    """Keys of all providers, each with the time from which it may be used again; a change of any provider forgets them."""

    def __init__(self, backend: State, http: Client) -> None:
        self.backend, self.http = backend, http
        self._resting: dict[tuple[str, str], float] = {}  # (provider id, key) → time
        self._refused: set[tuple[str, str]] = set()  # of these, those that providers have refused

    def _does(self, behaviour: str) -> bool:
        return self.backend.does(f"gateway.{behaviour}")

    def reload(self) -> None:
        """A provider was made, changed or deleted: every key may be used again."""
        if self._does("reloads"):
            self._resting.clear()
            self._refused.clear()

    async def post(
        self, provider: Provider, own: str | None, url: str, headers: Callable[[str], dict[str, str]], body: bytes
    ) -> Answer | Refusal | Nothing:
        """Make the call with the user's `own` key, or with the first of the provider's that does not rest.

        `headers` gives the request's headers for a key. A refusal has a status of 400 or more. Raises TransportError.
        """
        keys = [str(key["secret"]) for key in provider.api_keys]
        if own is not None and not self._does("leaves-own-keys"):
            keys, own = [own], None
        if own is not None or not keys:
            if not own and not self._does("calls-without-key"):
                return self._no_key(provider, ["none"])
            return await self._with_own_key(url, headers(own or ""), body)
        for key in keys if self._does("next-key") else keys[:1]:
            if self._rests(provider, key):
                continue
            answer = await self._send(url, headers(key), body)
            if not isinstance(answer, Answer) or answer.status < 400:
                return answer
            if not self._marked(provider, key, answer):
                return await self._reworded(answer)
            await answer.read()
        return self._no_key(provider, keys)

    async def _send(self, url: str, headers: dict[str, str], body: bytes) -> Answer | Refusal | Nothing:
        try:
            return await self.http.post(url, headers, body)
        except TransportError as error:
            if _lost(str(error)) or "EOF" in str(error):
                return Nothing()
            if not self._does("answers-for-closed-ports"):
                raise
            return _refusal(502, {"message": f"unknown stream error: {error}", "type": "error", "code": "error"})

    async def _with_own_key(self, url: str, headers: dict[str, str], body: bytes) -> Answer | Refusal | Nothing:
        """Nobody but its owner knows the key: it is never rested, and what passes is tried again a few times at once."""
        for left in range(OWN_KEY_TRIES - 1, -1, -1):
            answer = await self._send(url, headers, body)
            if isinstance(answer, Nothing) or answer.status < 400:
                return answer
            passing = answer.status in _PASSING or answer.status >= 500
            if not left or not passing:
                break
            if isinstance(answer, Answer):
                await answer.read()
            await self.backend.clock.sleep(0.5)
        return await self._reworded(answer) if isinstance(answer, Answer) else answer

    # -- keys -------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self.backend.clock.now().timestamp()

    def _rests(self, provider: Provider, key: str) -> bool:
        until = self._resting.get((provider.id, key), 0.0)
        return until > self._now() and self._does("minds-refusals" if until == NEVER else "minds-rest")

    def _marked(self, provider: Provider, key: str, answer: Answer) -> bool:
        """Does this answer speak against the key? Then it rests, for a while or until providers change."""
        place = (provider.id, key)
        if answer.status == 401 or (answer.status == 403 and self._does("minds-403")):
            self._resting[place] = NEVER if self._does("rests-for-ever") else self._now() + REST_SECONDS
            self._refused.add(place)
            return True
        if answer.status == 429:
            usual = float(self.backend.options.get("gateway-cooldown", REST_SECONDS if self._does("rests-a-minute") else 30))
            until = self._now() + (self._asked_seconds(answer) or usual)
            self._resting[place] = max(until, self._resting.get(place, 0.0))
            return True
        return False

    def _asked_seconds(self, answer: Answer) -> float:
        """How long the provider asks to wait: retry-after-ms, else whole seconds of Retry-After; 0: it does not say."""
        millis = _number(answer.headers.get("retry-after-ms"), float)
        if millis > 0 and self._does("prefers-ms"):
            return millis / 1000
        if not self._does("hears-seconds"):
            return 0.0
        whole = self._does("whole-seconds")
        return max(0.0, _number(answer.headers.get("retry-after"), int if whole else float))

    def _no_key(self, provider: Provider, keys: list[str]) -> Refusal:
        until = min(self._resting.get((provider.id, key), 0.0) for key in keys)
        refused = all((provider.id, key) in self._refused for key in keys) and not self._does("rests-for-ever")
        if until == NEVER or refused:
            status = 502 if self._does("answers-itself") else 401
            return _refusal(status, {"message": "all configured keys failed authentication", **_SERVER})
        wait = max(0.0, until - self._now())
        text = f"all configured keys are rate-limited (retry after {_duration(wait)})"
        return _refusal(429, {"message": text, "type": "rate_limit_error", "code": "rate_limit_exceeded"}, wait)

    async def _reworded(self, answer: Answer) -> Refusal | Nothing:
        """The provider's error in the gateway's own form: message, type and code are kept, all else is lost."""
        raw = (await answer.read()).decode("utf-8", "replace")
        try:
            body = loads(raw)
        except ValueError:
            body = None
        error = body.get("error") if isinstance(body, dict) else None
        if _lost(orjson.dumps(error).decode()) and self._does("takes-words-for-losses"):
            return Nothing()
        if not self._does("own-body"):
            return Refusal(answer.status, raw.strip(), answer.headers)
        kept = {k: str(v) for k, v in error.items() if isinstance(v, (str, int, float))} if isinstance(error, dict) else {}
        return _refusal(answer.status, kept, self._asked_seconds(answer))

    # -- streams ----------------------------------------------------------------------------------------------

    async def events(self, answer: Answer, heard: Callable[[], None]) -> AsyncIterator[tuple[str, bytes]]:
        """The events of a streamed chat completion as they are passed on. Raises ModelError for what is not.

        `heard` is called whenever the provider has sent something.
        """
        events, begun, done = Events(blank=self._does("trips-over-comments")), False, False
        ends, finished = self._does("takes-any-end"), False
        try:
            async for chunk in answer.chunks():
                heard()
                for name, data in events.feed(chunk):
                    done = done or data.startswith(b"[DONE]")
                    ends = ends or b'"usage"' in data
                    finished = finished or b'"finish_reason":"' in data.replace(b" ", b"")
                    if done:
                        continue
                    self._check(data, begun)
                    begun = True
                    yield name, data
        except TransportError as error:
            if _lost(str(error)) and self._does("hides-resets"):
                return
            raise self._broken(str(error), begun) from None
        if not ends:
            raise self._broken("no usage", begun)
        if not (finished or self._does("takes-unfinished")):
            raise ModelError("unexpected EOF")

    def _check(self, data: bytes, begun: bool) -> None:
        if not data:
            raise self._broken("unexpected end of JSON input", begun)
        try:
            chunk = loads(data)
        except ValueError as error:
            raise self._broken(str(error), begun) from None
        if isinstance(chunk, dict) and "error" in chunk:
            raise self._broken(f"received error while streaming: {orjson.dumps(chunk['error']).decode()}", begun)

    def _broken(self, text: str, begun: bool) -> ModelError:
        """Behind the first chunk an error is an event of the stream; before it, an answer of its own."""
        said = f"unknown stream error: {text}"
        if begun or not self._does("answers-early-errors"):
            return ModelError(f"received error while streaming: {said}", detail="" if self._does("keeps-early-details") else said)
        return http_error(502, said, detail=said, hint_ms=0.0)


_SERVER = {"type": "api_error", "code": "server_error"}


def _refusal(status: int, error: dict[str, Any], wait: float = 0.0) -> Refusal:
    """An error in the gateway's own form."""
    shown = {name: error.get(name, "") for name in ("code", "message", "param", "type")}
    headers = {"content-type": "application/json"} | ({"retry-after": str(math.ceil(wait))} if wait > 0 else {})
    return Refusal(status, orjson.dumps({"error": shown}).decode(), headers)


def _lost(text: str) -> bool:
    """Was the connection lost? The gateway looks at the words alone, also at those of the provider."""
    return "connection reset by peer" in text or "broken pipe" in text


def _number(text: str | None, kind: type[int] | type[float]) -> float:
    try:
        value = float(kind((text or "").strip()))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def _duration(seconds: float) -> str:
    """A span as the real server spells it: 1m0s, 2.5s."""
    minutes, rest = divmod(round(seconds, 6), 60)
    shown = f"{rest:.6f}".rstrip("0").rstrip(".")
    return f"{int(minutes)}m{shown}s" if minutes else f"{shown}s"
