"""A small HTTP/1.1 server that gives its handler every byte of the answer: chunk framing, TCP reset, half close.

Neither uvicorn nor Starlette lets an application write a broken answer, and broken answers are half of what a scripted
LLM is for. Requests are parsed by httptools; one handler call answers one request; connections are kept alive.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import httptools
import orjson

from fake_server.llm.gates import Changes

log = logging.getLogger("fake_server.llm")


MAX_BODY = 64 << 20


def read_json(body: bytes) -> Any:
    """JSON of a request; lone surrogates, which orjson refuses, are let through."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


@dataclass(slots=True)
class Request:
    """One request. Header names are lower case, in the order they came."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first header of that lower-case name, or an empty text."""
        return next((value for key, value in self.headers if key == name), "")

    def param(self, name: str) -> str:
        """The first query parameter of that name, or an empty text."""
        return next((value for key, value in self.query if key == name), "")


def head_bytes(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Status line and header lines with the empty line after them."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Overloaded" if status == 529 else "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}\r\n", *(f"{name}: {value}\r\n" for name, value in headers), "\r\n"]
    return "".join(lines).encode("latin-1", "replace")


def frame(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Reply:
    """The answer to one request. After `end`, `cut`, `reset` or `half_close` nothing more is written."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.started = False
        self.over = False

    @property
    def gone(self) -> bool:
        """Has the client hung up?"""
        return self._connection.lost

    def raw(self, data: bytes) -> None:
        """Write bytes as they are, outside of any framing."""
        self.started = True
        if not self.over and not self._connection.lost:
            self._connection.transport.write(data)

    def head(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        self.raw(head_bytes(status, headers))

    async def drain(self) -> None:
        """Wait until the client has taken enough of what was written."""
        await self._connection.writable.wait()

    async def flushed(self) -> None:
        """Wait until every byte has left this process (a reset would otherwise throw some away)."""
        transport = self._connection.transport
        while not self._connection.lost and transport.get_write_buffer_size():
            transport.set_write_buffer_limits(0)
            await self._connection.writable.wait()
            await asyncio.sleep(0)
        transport.set_write_buffer_limits()

    def end(self, last: bytes = b"") -> None:
        """The answer is complete; the connection may carry the next request."""
        if last:
            self.raw(last)
        self.over = True

    def cut(self) -> None:
        """Close the connection (FIN) where it stands."""
        self.over = True
        self._connection.close()

    async def reset(self) -> None:
        """Reset the connection (RST) after what was written has left."""
        await self.flushed()
        self.over = True
        sock = self._connection.transport.get_extra_info("socket")
        if sock is not None and not self._connection.lost:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.transport.abort()

    async def half_close(self) -> None:
        """Send FIN but go on reading, until the client closes."""
        await self.flushed()
        if not self._connection.lost:
            self._connection.transport.write_eof()
        self.over = True
        await self._connection.closed.wait()

    def json(self, status: int, body: object, headers: Iterable[tuple[str, str]] = ()) -> None:
        """A whole JSON answer."""
        self.whole(status, orjson.dumps(body), [("content-type", "application/json"), *headers])

    def whole(self, status: int, body: bytes, headers: Iterable[tuple[str, str]]) -> None:
        """A whole answer with its length."""
        self.raw(head_bytes(status, [*headers, ("content-length", str(len(body)))]) + body)
        self.end()


Handler = Callable[[Request, Reply], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One client connection: parses requests, runs the handler for one after the other."""

    transport: asyncio.Transport

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._size = 0
        self.lost = False
        self.writable = asyncio.Event()
        self.writable.set()
        self.closed = asyncio.Event()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as problem:
            if self._task is None:
                self.transport.write(head_bytes(400, [("connection", "close"), ("content-length", "0")]))
            log.debug("bad HTTP: %s", problem)
            self.close()

    def eof_received(self) -> bool:
        return False  # a client that closes and one that only stops sending look alike: both count as hung up

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.writable.set()
        self.closed.set()
        self._server.connections.discard(self)
        self._server.changes.notify()
        if self._task is not None:
            self._task.cancel()

    # -- httptools callbacks

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if any(n == "expect" and v.lower() == "100-continue" for n, v in self._headers):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= MAX_BODY:
            self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._target.partition(b"?")
        request = Request(
            method=self._parser.get_method().decode(),
            path=unquote(path.decode("latin-1")),
            query=parse_qsl(query.decode("latin-1"), keep_blank_values=True),
            headers=self._headers,
            body=b"".join(self._body) if self._size <= MAX_BODY else b"",
        )
        self._waiting.append((request, self._parser.should_keep_alive()))
        self._target, self._headers, self._body, self._size = b"", [], [], 0
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer_all())

    # -- answering

    async def _answer_all(self) -> None:
        try:
            while self._waiting and not self.lost:
                request, keep_alive = self._waiting.popleft()
                reply = Reply(self)
                try:
                    await self._server.handler(request, reply)
                except asyncio.CancelledError:
                    raise
                except Exception:
                    log.exception("%s %s", request.method, request.path)
                    if not reply.started:
                        reply.json(500, {"error": {"message": "the scripted LLM failed; see its log", "type": "server_error"}})
                if not reply.over or not keep_alive:
                    self.close()
                    return
        finally:
            self._task = None

    def close(self) -> None:
        if not self.lost:
            self.transport.close()

    async def abort(self) -> None:
        """Drop the connection and wait for its handler to end."""
        task = self._task
        self.transport.abort()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class HttpServer:
    """Listens on one address and gives each request to `handler`."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.connections: set[Connection] = set()
        self.changes = Changes()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; gives the port (a free one for 0). Raises OSError when the address can't be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port, backlog=2048)
        return int(self._server.sockets[0].getsockname()[1])

    async def idle(self, seconds: float) -> None:
        """Wait until no client is connected. Raises Deadline."""
        left = self.connections
        await self.changes.until(lambda: not left, seconds, lambda: f"{len(left)} clients still connected after {seconds:g} s")

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self.connections):
            await connection.abort()
