"""The HTTP client of a run: every request is answered by an `Exchange` and handed to the listeners."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from conformance.wire.access import NO_PROXY, Access
from conformance.wire.caps import KEPT, MARGIN, Caps, Room, fault_of, weight
from conformance.wire.client import Answer, HttpClient, NoAnswer, target_of
from conformance.wire.exchange import ABSENT, Exchange, Request, Response, SocketLog
from conformance.wire.patience import Patience

Params = Iterable[tuple[str, str]]
_LARGE = 2**18  # bytes of a body that a server may refuse before it has come
_PATIENCE = 3  # windows of the limiter that a request waits out
_PAUSES = (0.05, 0.2)  # seconds before a request is sent again whose connection broke
_SLOW = 5.0  # seconds for an exchange once the target is known to leave requests unanswered
_NUMBER = re.compile(r"[0-9]{1,9}")


class TargetUnreachable(Exception):
    """The target did not answer: connection refused, cut, malformed, or not whole before the deadline."""

    def __init__(self, message: str, exchange: Exchange | SocketLog | None = None) -> None:
        super().__init__(message)
        self.exchange = exchange


class ConnectionLost(TargetUnreachable):
    """The connection could not be made, or broke before there was an answer: no judgement, the case is played again.

    `sent`: the request may have been read, and acted on. What could be sent again without harm has been, in vain.
    """

    def __init__(self, message: str, exchange: Exchange | SocketLog | None = None, *, sent: bool = True) -> None:
        super().__init__(message, exchange)
        self.sent = sent


class BadAnswer(AssertionError):
    """There was an answer, and no client can read it: larger than the caps of the profile, or nested deeper."""

    def __init__(self, message: str, exchange: Exchange | SocketLog) -> None:
        super().__init__(message)
        self.exchange = exchange


class Wire:
    """Connections to one target. `listeners` see each exchange as soon as it is complete."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 30.0,
        connections: int = 64,
        max_rps: float = 0,
        caps: Caps | None = None,
        access: Access | None = None,
    ) -> None:
        self.access = access or Access(proxy=NO_PROXY)
        self.caps = caps or Caps()
        self.room = Room(self.caps.run["bytes"])
        self.patience = Patience()
        self.base_url = base_url.rstrip("/")
        self.started = time.monotonic()
        self.listeners: list[Callable[[Any], None]] = []
        self.ids = itertools.count(1)
        self.timeout = timeout
        self.max_rps = max_rps
        self._next_slot = 0.0
        self._never_let_pass: set[str] = set()  # cases that have waited out windows in vain
        self.limited = 0  # answers of the rate limiter that were waited out
        self.limited_ms = 0.0  # how long requests have waited for it, all in all
        self._held: dict[str | None, float] = {}  # by user: until when the limiter lets nothing of theirs pass
        self.client = HttpClient(timeout=timeout, connections=connections, room=self.room, access=self.access)

    async def aclose(self) -> None:
        await self.client.aclose()

    def now_ms(self) -> float:
        """Milliseconds since the run began."""
        return round((time.monotonic() - self.started) * 1000, 3)

    async def send(
        self, request: Request, *, actor: str | None, case: str = "", timeout: float | None = None, patient: bool = False
    ) -> Exchange:
        """Send one request. `timeout`: seconds for the whole exchange.

        `patient`: an answer of the server's rate limiter is waited out, so that a limit is no verdict on what was asked.
        Raises ConnectionLost when the connection broke, TargetUnreachable when there is no whole HTTP answer before the
        deadline, BadAnswer when the answer is over the caps of the profile.
        """
        if patient and case not in self._never_let_pass and not self.patience.is_short("limiter"):
            wait = max(0.0, self._held.get(actor, 0.0) - time.monotonic())
            self.limited_ms += 1000 * wait
            await asyncio.sleep(wait)
        exchange = await self._send(request, actor, case, timeout)
        for _ in range(_PATIENCE if patient else 0):
            wait = _limited(exchange.response)
            if not wait or case in self._never_let_pass or self.patience.is_short("limiter"):
                return exchange
            self.limited += 1
            self.limited_ms += 1000 * wait
            self._held[actor] = time.monotonic() + wait  # what else this user asks for would only be refused, too
            await asyncio.sleep(wait)  # the one event that can only be waited for by the clock: the limiter's window
            exchange = await self._send(request, actor, case, timeout)
            if not _limited(exchange.response):
                self.patience.met("limiter")
                return exchange
            self.patience.vain("limiter", case)
        if patient:
            self._never_let_pass.add(case)
        return exchange

    async def begin(self, request: Request, actor: str | None, case: str) -> tuple[Exchange, bytes | None]:
        """An exchange that is about to be sent, and the bytes of its body; waits where requests may not come too fast."""
        await self._pace()
        headers = dict(request.headers)
        if request.body is not ABSENT:
            headers.setdefault("content-type", "application/json")
        exchange = Exchange(
            id=f"x{next(self.ids)}",
            actor=actor,
            request=Request(request.method, request.path, list(request.params), headers, request.body, request.content),
            response=Response(0),
            t_ms=self.now_ms(),
            case=case,
        )
        return exchange, request.content if request.body is ABSENT else _encode(request.body)

    async def _send(self, request: Request, actor: str | None, case: str, timeout: float | None) -> Exchange:
        exchange, content = await self.begin(request, actor, case)
        try:
            answer = await self._answer(exchange.request, content, timeout or self.patience.of("answer", self.timeout, _SLOW))
        except NoAnswer as error:
            raise self.unanswered(exchange, error) from error
        self.patience.met("answer")
        self.understand(exchange, answer)
        self._tell(exchange)
        if exchange.response.fault:
            raise BadAnswer(f"{request.method} {request.path}: {exchange.response.fault}", exchange)
        return exchange

    def understand(self, exchange: Exchange, answer: Answer) -> None:
        """Enter what came into the exchange: parsed, or with a fault where that is over the caps of the profile."""
        response = exchange.response = Response(answer.status, answer.headers, content=answer.content)
        response.fault = self.caps.of_headers(answer.headers)
        if response.fault:
            response.headers, response.content = {}, b""
        elif answer.cut:
            response.fault = f"the answer is larger than {answer.cut:,} bytes; reading stopped"
        elif response.media_type == "application/json":
            response.fault = fault_of(answer.content, self.caps.answer, "answer")
            exchange.weight = weight(answer.content)
            if not response.fault and not self.room.take(exchange.weight, exchange.case):
                response.fault = "the answers that the cases at play hold are larger than the run may keep"
            if response.fault:
                response.content = answer.content[: KEPT + MARGIN]
            else:
                response.body = _decode(answer.content)
        else:
            exchange.weight = len(answer.content)
            self.room.take(exchange.weight, exchange.case)

    async def _answer(self, request: Request, content: bytes | None, seconds: float) -> Answer:
        """The answer; what is lost with its connection is asked for again where that does no harm. Raises NoAnswer."""
        url = self.base_url + target_of(request.path, request.params)
        most = self.caps.of_answer(request.path)
        # a server may refuse unread what is too large, and hang up before its answer can be read
        harmless = request.method in ("GET", "HEAD") or len(content or b"") > _LARGE
        for pause in (*_PAUSES, None):
            try:
                return await self.client.request(
                    request.method, url, headers=request.headers, content=content, timeout=seconds, most=most
                )
            except NoAnswer as error:
                if pause is None or not error.cut or (error.sent and not harmless):
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    def unanswered(self, exchange: Exchange, error: NoAnswer) -> TargetUnreachable:
        """What to raise; listeners are told of the exchange."""
        exchange.error = str(error)
        self._tell(exchange)
        if error.slow:
            self.patience.vain("answer", exchange.case)
        text = f"{exchange.request.method} {exchange.request.path}: {error}"
        return ConnectionLost(text, exchange, sent=error.sent) if error.cut else TargetUnreachable(text, exchange)

    def _tell(self, exchange: Exchange) -> None:
        exchange.ms = round(self.now_ms() - exchange.t_ms, 3)
        for listener in self.listeners:
            listener(exchange)

    async def _pace(self) -> None:
        if not self.max_rps:
            return
        now = time.monotonic()
        self._next_slot = max(now, self._next_slot + 1 / self.max_rps)
        await asyncio.sleep(self._next_slot - now)


def _limited(response: Response) -> float:
    """Seconds until the server's rate limiter lets requests pass again; 0 when this answer is not the limiter's."""
    if response.status != 429 or not _NUMBER.fullmatch(response.headers.get("x-ratelimit-limit", "")):
        return 0
    after = response.headers.get("retry-after", "")
    if after and not _NUMBER.fullmatch(after):
        return 0
    return min(float(after), 61.0) if after else 10.0


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
