"""The HTTP client of a run: every request is answered by an `Exchange` and handed to the listeners."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from conformance.exchange import ABSENT, Exchange, Request, Response
from conformance.wire.client import HttpClient, NoAnswer, target_of

Params = Iterable[tuple[str, str]]
_LARGE = 2**18  # bytes of a body that a server may refuse before it has come
_PATIENCE = 3  # windows of the limiter that a request waits out


class TargetUnreachable(Exception):
    """The target did not answer: connection refused, cut, or silent until the deadline."""


class Wire:
    """Connections to one target. `listeners` see each exchange as soon as it is complete."""

    def __init__(self, base_url: str, *, timeout: float = 30.0, connections: int = 64, max_rps: float = 0) -> None:
        self.base_url = base_url.rstrip("/")
        self.started = time.monotonic()
        self.listeners: list[Callable[[Any], None]] = []
        self.ids = itertools.count(1)
        self.timeout = timeout
        self.max_rps = max_rps
        self._next_slot = 0.0
        self.limited = 0  # answers of the rate limiter that were waited out
        self._client = HttpClient(timeout=timeout, connections=connections)

    async def aclose(self) -> None:
        await self._client.aclose()

    def now_ms(self) -> float:
        """Milliseconds since the run began."""
        return round((time.monotonic() - self.started) * 1000, 3)

    async def send(
        self, request: Request, *, actor: str | None, case: str = "", timeout: float | None = None, patient: bool = False
    ) -> Exchange:
        """Send one request. Raises TargetUnreachable when there is no answer before the deadline.

        `patient`: an answer of the server's rate limiter is waited out, so that a limit is no verdict on what was asked.
        """
        for _ in range(_PATIENCE if patient else 0):
            exchange = await self._send(request, actor, case, timeout)
            wait = _limited(exchange.response)
            if not wait:
                return exchange
            self.limited += 1
            await asyncio.sleep(wait)  # the one event that can only be waited for by the clock: the limiter's window
        return await self._send(request, actor, case, timeout)

    async def _send(self, request: Request, actor: str | None, case: str, timeout: float | None) -> Exchange:
        await self._pace()
        began = self.now_ms()
        content = request.content if request.body is ABSENT else _encode(request.body)
        headers = dict(request.headers)
        if request.body is not ABSENT:
            headers.setdefault("content-type", "application/json")
        url = self.base_url + target_of(request.path, request.params)
        for last in (False, False, True) if len(content or b"") > _LARGE else (True,):
            try:
                answer = await self._client.request(request.method, url, headers=headers, content=content, timeout=timeout)
                break
            except NoAnswer as error:
                if error.cut and not last:
                    continue  # it refused unread what is too large, and hung up before its answer could be read
                raise TargetUnreachable(f"{request.method} {request.path}: {error}") from error
        response = Response(answer.status, answer.headers, content=answer.content)
        if response.media_type == "application/json":
            response.body = _decode(answer.content)
        exchange = Exchange(
            id=f"x{next(self.ids)}",
            actor=actor,
            request=Request(request.method, request.path, list(request.params), headers, request.body, request.content),
            response=response,
            t_ms=began,
            ms=round(self.now_ms() - began, 3),
            case=case,
        )
        for listener in self.listeners:
            listener(exchange)
        return exchange

    async def _pace(self) -> None:
        if not self.max_rps:
            return
        now = time.monotonic()
        self._next_slot = max(now, self._next_slot + 1 / self.max_rps)
        await asyncio.sleep(self._next_slot - now)


def _limited(response: Response) -> float:
    """Seconds until the server's rate limiter lets requests pass again; 0 when this answer is not the limiter's."""
    if response.status != 429 or "x-ratelimit-limit" not in response.headers:
        return 0
    after = response.headers.get("retry-after", "")
    return min(float(after), 61.0) if after.isdigit() else 10.0


def _encode(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # integers beyond 64 bits, lone surrogates
        import json

        return json.dumps(body).encode()


def _decode(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        return ABSENT
