"""The wire of a replay: raw HTTP requests and raw sockets, so that a recorded request goes out as it was recorded."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from conformance.wire.access import Access
from conformance.wire.caps import Caps
from conformance.wire.client import Answer, HttpClient, NoAnswer
from conformance.wire.framing import values
from spec.feeds import Feed

REQUEST_SECONDS = 30.0
_CAPS = Caps()
_FRAME = 200  # bytes that a frame takes beside its data, so that empty ones count too


class Unreachable(Exception):
    """The server gave no answer: refused, hung up, or silent past the deadline."""


class Wire:
    """One server. Close it with `close`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        parts = urlsplit(self.base_url)
        self.host = parts.netloc
        self._client = HttpClient(timeout=REQUEST_SECONDS)

    async def close(self) -> None:
        await self._client.aclose()

    async def request(
        self, method: str, target: str, *, headers: dict[str, str] | None = None, content: bytes | None = None
    ) -> Answer:
        """Send one request. Raises Unreachable."""
        return await self._answer(method, self.base_url + target, headers, content)

    async def get(self, url: str, headers: dict[str, str] | None = None) -> Answer:
        """GET some other address, such as the scripted LLM's control address. Raises Unreachable."""
        return await self._answer("GET", url, headers, None)

    async def request_at(
        self, method: str, url: str, headers: dict[str, str] | None = None, content: bytes | None = None
    ) -> Answer:
        """The same with another method. Raises Unreachable."""
        return await self._answer(method, url, headers, content)

    async def open_answer(
        self, method: str, target: str, headers: dict[str, str], content: bytes | None
    ) -> aiohttp.ClientResponse:
        """Send one request; gives its answer when the headers have come, to be read and closed. Raises NoAnswer."""
        return await self._client.open(method, self.base_url + target, headers, content, REQUEST_SECONDS)

    async def _answer(self, method: str, url: str, headers: dict[str, str] | None, content: bytes | None) -> Answer:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                answer = await self._client.request(method, url, headers=headers, content=content)
        except (NoAnswer, TimeoutError) as error:
            raise Unreachable(f"{type(error).__name__} {error}".strip()) from error
        if answer.cut:
            raise Unreachable(f"the answer is larger than {answer.cut:,} bytes; reading stopped")
        return answer

    async def open(
        self, target: str, headers: list[tuple[str, str]], *, feed: Feed | None = None, answer_pings: bool = True
    ) -> Socket | Answer:
        """Open a WebSocket over which `feed` comes; the Answer if the upgrade is refused. Raises Unreachable."""
        parts = urlsplit(self.base_url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=Access().trusted() if secure else None)
        except (OSError, TimeoutError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        uri = f"{'wss' if secure else 'ws'}://{parts.netloc}/"
        protocol = ClientProtocol(parse_uri(uri), max_size=_CAPS.frame["bytes"])
        request = protocol.connect()
        request.path = target
        for name, value in headers:
            request.headers[name] = value
        protocol.send_request(request)
        socket = Socket(protocol, reader, writer, answer_pings, feed)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await socket.handshake()
        except (OSError, TimeoutError, EOFError) as error:
            socket.abort()
            raise Unreachable(str(error) or type(error).__name__) from error


@dataclass(slots=True)
class Socket:
    """One WebSocket. `events` gathers what came: events, and what else the server says of the connection."""

    protocol: ClientProtocol
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answer_pings: bool
    feed: Feed | None = None
    events: list[Any] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    pings: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # when each event came
    opened: float = 0.0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _pieces: list[bytes] = field(default_factory=list)
    _size: int = 0
    _task: asyncio.Task[None] | None = None

    async def handshake(self) -> Socket | Answer:
        await self._flush()
        while True:
            events = self.protocol.events_received()
            for at, event in enumerate(events):
                if isinstance(event, Response):
                    return self._shaken(event, events[at + 1 :])  # the first frames may come with the answer
            if self.protocol.handshake_exc is not None:
                raise EOFError(f"no HTTP answer: {self.protocol.handshake_exc}")
            data = await self.reader.read(65536)
            if data:
                self.protocol.receive_data(data)
            else:
                self.protocol.receive_eof()

    def _shaken(self, response: Response, first: list[Any]) -> Socket | Answer:
        if self.protocol.handshake_exc is not None:
            self.abort()
            headers = {name.lower(): value for name, value in response.headers.raw_items()}
            return Answer(response.status_code, headers, bytes(response.body or b""))
        self.opened = time.monotonic()
        self._take(first)
        self._task = asyncio.create_task(self._pump())
        return self

    async def _flush(self, *, drop: bool = False) -> None:
        for data in self.protocol.data_to_send():
            if data and not drop:
                self.writer.write(data)
        await self.writer.drain()

    async def _pump(self) -> None:
        try:
            while True:
                self._take(self.protocol.events_received())
                await self._flush(drop=not self.answer_pings and self.protocol.close_rcvd is None)
                if self.protocol.close_rcvd is not None:
                    break
                if self._size > _CAPS.socket["bytes"] or len(self.events) > _CAPS.socket["events"]:
                    self.problems.append("the socket sends without end; reading stopped")
                    break
                data = await self.reader.read(65536)
                if not data:
                    self.protocol.receive_eof()
                    break
                self.protocol.receive_data(data)
        except (OSError, EOFError, ProtocolError) as error:
            self.problems.append(f"connection broke: {error or type(error).__name__}")
        finally:
            self.closed.set()
            self._news.set()
            self.writer.close()

    def _take(self, frames: list[Any]) -> None:
        for frame in frames:
            if not isinstance(frame, Frame):
                continue
            if frame.opcode is Opcode.PING:
                self.pings.append(1000 * (time.monotonic() - self.opened))
            elif frame.opcode in (Opcode.TEXT, Opcode.CONT, Opcode.BINARY):
                self._pieces.append(bytes(frame.data))
                self._size += len(frame.data) + _FRAME
                if frame.fin:
                    self._message(b"".join(self._pieces))
                    self._pieces.clear()

    def _message(self, data: bytes) -> None:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            value = {"not JSON": data.decode("utf-8", "replace")}
        came = values(value, self.feed)
        self.events.extend(came)
        self.times.extend([time.monotonic()] * len(came))
        self._news.set()

    async def until(
        self, satisfied: Callable[[], bool], quiet: float, deadline: float, last: Callable[[], float] = lambda: 0.0
    ) -> bool:
        """Wait until `satisfied` and then until nothing came for `quiet` seconds; False at the deadline (seconds).

        `last` tells when (monotonic time) the last event came that counts; 0 for none.
        """
        start = time.monotonic()
        at_once = satisfied()
        while not satisfied():
            if self.closed.is_set():
                return False
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), max(0.0, start + deadline - time.monotonic()))
            except TimeoutError:
                return satisfied()
        # What had come before may be old: then the silence counts from now on.
        since = start if at_once else 0.0
        while not self.closed.is_set() and (left := max(since, last()) + quiet - time.monotonic()) > 0:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                continue
        return True

    async def send(self, form: dict[str, Any]) -> None:
        """A recorded client frame: text, binary (hex), ping or close."""
        try:
            self._put(form)
            await self._flush()
        except (InvalidState, OSError) as error:
            self.problems.append(f"a client frame could not be sent: {error}")

    def _put(self, form: dict[str, Any]) -> None:
        if "text" in form:
            self.protocol.send_text(form["text"].encode())
        elif "binary" in form:
            self.protocol.send_binary(bytes.fromhex(form["binary"]))
        elif "ping" in form:
            self.protocol.send_ping(str(form["ping"] or "").encode())
        else:
            close = form.get("close") or {}
            self.protocol.send_close(close.get("code", 1000), close.get("reason", ""))

    async def finish(self, seconds: float = 5.0) -> None:
        """Close from this side and wait for the other."""
        if not self.closed.is_set() and self.protocol.close_sent is None:
            try:
                self.protocol.send_close(1000)
                await self._flush()
            except (OSError, ProtocolError):
                self.abort()
        try:
            await asyncio.wait_for(self.closed.wait(), seconds)
        except TimeoutError:
            self.problems.append("the server did not answer the close frame")
            self.abort()

    def abort(self) -> None:
        if self._task:
            self._task.cancel()
        self.writer.transport.abort()
        self.closed.set()
