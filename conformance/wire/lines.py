"""The answer to a request that streams line by line: read, recorded and waited for as a socket is."""

from __future__ import annotations

import asyncio

import aiohttp

from conformance.wire import framing
from conformance.wire.caps import KEPT, MARGIN
from conformance.wire.client import NoAnswer, headers_of, target_of
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.feed import Feed
from conformance.wire.http import Wire
from spec.feeds import Feed as Declared

JSON = "application/json"


class Lines(Feed):
    """One answer whose lines are events. Refused requests are answered at once: `opened` is False then, and all is read."""

    what = "answer"

    def __init__(self, wire: Wire, exchange: Exchange, answer: aiohttp.ClientResponse | None, deadline: float, feed: Declared):
        super().__init__(wire, exchange, feed, deadline)
        self.exchange, self._answer, self._broke = exchange, answer, False
        self._body = bytearray()
        self._reader = asyncio.create_task(self._read(answer)) if answer is not None else None
        if answer is None:
            self.closed.set()

    @property
    def opened(self) -> bool:
        return self._answer is not None

    @property
    def reset(self) -> bool:
        return self._broke

    async def _read(self, answer: aiohttp.ClientResponse) -> None:
        rest = bytearray()  # of a line that has not ended yet
        try:
            async for chunk in answer.content.iter_any():
                *ended, last = chunk.split(b"\n")
                for piece in ended:
                    self._line(bytes(rest) + piece + b"\n")
                    rest.clear()
                rest += last
                if len(rest) > self._wire.caps.frame["bytes"]:
                    self._line(bytes(rest))
                await self._tell()
                if self.fault:
                    break
            if rest and not self.fault:
                self._line(bytes(rest))
        except aiohttp.ClientPayloadError as error:
            # of a chunked answer only the words of the error tell how the connection ended
            self._broke = isinstance(error.__cause__, ConnectionError) or "ConnectionResetError" in str(error)
            if not self._broke:
                self.fault = self.fault or "the answer broke off before its end"
        except (aiohttp.ClientError, OSError):
            self._broke = True
        finally:
            if self.fault:
                answer.close()
            self._ended()
            self.closed.set()
            await self._tell()

    def _line(self, raw: bytes) -> None:
        if self.fault:
            return
        caps = self._wire.caps
        self._body += raw
        self._take(raw, "text", framing.line)
        if self.fault:
            return
        if len(raw) > caps.frame["bytes"]:
            self.fault = f"a line is larger than {caps.frame['bytes']:,} bytes; reading stopped"
        elif len(self.frames) > caps.socket["frames"]:
            self.fault = f"the answer has more than {caps.socket['frames']:,} lines; reading stopped"

    def _ended(self) -> None:
        response = self.exchange.response
        response.content = bytes(self._body[: KEPT + MARGIN] if self.fault else self._body)

    async def _hang_up(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.cancel()  # what of a line has come by now is not the server's to end
            await asyncio.wait([self._reader])
        if self._answer is not None:
            self._answer.close()
        self.exchange.ms = self.exchange.ms or round(self._wire.now_ms() - self.exchange.t_ms, 3)


async def open_lines(
    wire: Wire, request: Request, declared: Declared, *, actor: str | None, case: str = "", deadline: float = 10.0
) -> Lines:
    """Send one request whose answer streams. An answer with another status than 200, or of JSON, is no stream: it is read whole.

    Raises ConnectionLost when the connection broke, TargetUnreachable when no answer began before the deadline.
    """
    exchange, content = await wire.begin(request, actor, case)
    url = wire.base_url + target_of(request.path, request.params)
    seconds = wire.patience.of("answer", max(deadline, wire.timeout), 5.0)
    try:
        answer = await wire.client.open(request.method, url, exchange.request.headers, content, seconds)
    except NoAnswer as error:
        raise wire.unanswered(exchange, error) from error
    wire.patience.met("answer")
    media = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    headers = headers_of(answer)
    if answer.status == 200 and media != JSON and not wire.caps.of_headers(headers):
        exchange.response = Response(answer.status, headers)
        return Lines(wire, exchange, answer, deadline, declared)
    try:
        whole = await wire.client.whole(answer, wire.caps.of_answer(request.path), seconds)
    except NoAnswer as error:
        raise wire.unanswered(exchange, error) from error
    wire.understand(exchange, whole)
    return Lines(wire, exchange, None, deadline, declared)
