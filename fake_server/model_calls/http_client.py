"""A lean HTTP/1.1 client for model calls: keep-alive, streamed answers, and exact word of how a connection failed.

A general client costs more per call than a whole scripted turn, and hides whether a body ended or was cut.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from functools import cache
from typing import cast
from urllib.parse import urlsplit

import httptools

CONNECT_SECONDS = 30.0
KEPT = 64  # idle connections kept for one address
HIGH_WATER = 1 << 20  # unread bytes of a body at which the connection is no longer read


class TransportError(Exception):
    """The connection failed; the text says how, in the words that the classification looks for."""


class Answer:
    """An HTTP answer: `status` and `headers` (lower-case names) are there, the body is read with `chunks` or `read`."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.status = connection.parser.get_status_code()
        self.headers = connection.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises TransportError if the connection breaks before its end."""
        connection = self._connection
        while True:
            while connection.body:
                chunk = connection.body.popleft()
                connection.unread -= len(chunk)
                yield chunk
            if connection.complete:
                connection.release()
                return
            if connection.lost is not None:
                raise connection.lost
            await connection.more()

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    def close(self) -> None:
        """Hang up, unless the body was read to its end."""
        self._connection.abandon()


class _Connection(asyncio.Protocol):
    def __init__(self, pool: deque[_Connection]) -> None:
        self.pool = pool
        self.transport: asyncio.Transport
        self.parser: httptools.HttpResponseParser
        self.lost: TransportError | None = None
        self.used = 0
        self._wake: asyncio.Future[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.headers: dict[str, str] = {}
        self.body: deque[bytes] = deque()
        self.unread = 0
        self.started = self.complete = self.paused = self.reusable = False

    # -- asyncio ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports don't derive from asyncio's

    def data_received(self, data: bytes) -> None:
        if self.complete:  # bytes after the answer: the connection can't be used again
            self.lost = TransportError("malformed HTTP response")
            self.transport.abort()
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.lost = TransportError(f"net/http: malformed HTTP response: {error}")
            self.transport.abort()
        if self.unread > HIGH_WATER and not self.paused:
            self.paused = True
            self.transport.pause_reading()
        self._notify()

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self.pool:
            self.pool.remove(self)
        until_close = self.started and "content-length" not in self.headers and "transfer-encoding" not in self.headers
        if until_close and exc is None:
            self.complete = True
        if self.lost is None:
            reset = isinstance(exc, ConnectionError)
            self.lost = TransportError("read: connection reset by peer" if reset else "unexpected EOF")
        self._notify()

    # -- httptools ----------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.started = True

    def on_body(self, body: bytes) -> None:
        self.body.append(body)
        self.unread += len(body)

    def on_message_complete(self) -> None:
        self.complete = True
        self.reusable = self.parser.should_keep_alive()  # the parser forgets it with the end of the message

    # -- use ----------------------------------------------------------------------------------------------------

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def more(self) -> None:
        """Wait until something has come or the connection is lost."""
        if self.paused:
            self.paused = False
            self.transport.resume_reading()
        self._wake = asyncio.get_running_loop().create_future()
        await self._wake

    async def exchange(self, request: bytes) -> Answer:
        self._reset()
        self.used += 1
        self.transport.write(request)
        while not self.started:
            if self.lost is not None:
                raise self.lost
            await self.more()
        return Answer(self)

    def release(self) -> None:
        alive = self.lost is None and not self.transport.is_closing()
        if alive and self.reusable and len(self.pool) < KEPT:
            self.pool.append(self)
        else:
            self.transport.abort()

    def abandon(self) -> None:
        if self not in self.pool:
            self.transport.abort()


class Client:
    """All connections to model providers of one fake server."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str, int], deque[_Connection]] = {}

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Send a POST and wait for the head of its answer. Raises TransportError."""
        parts = urlsplit(url)
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise TransportError(f"invalid port in {url!r}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TransportError(f"unsupported protocol scheme {parts.scheme!r}")
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {target} HTTP/1.1", f"host: {parts.netloc.rpartition('@')[2]}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        request = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
        address = (parts.scheme, parts.hostname, port)
        while True:
            connection = await self._connect(address)
            try:
                return await connection.exchange(request)
            except TransportError:
                # An idle connection that the provider had closed in the meantime says nothing about this call.
                if connection.used == 1 or connection.started:
                    raise
            except BaseException:
                connection.abandon()
                raise

    async def _connect(self, address: tuple[str, str, int]) -> _Connection:
        scheme, host, port = address
        pool = self._idle.setdefault(address, deque())
        while pool:
            connection = pool.pop()
            if not connection.transport.is_closing():
                return connection
        loop = asyncio.get_running_loop()
        context = _tls() if scheme == "https" else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(lambda: _Connection(pool), host, port, ssl=context)
        except TimeoutError:
            raise TransportError("dial tcp: i/o timeout") from None
        except ConnectionRefusedError:
            raise TransportError("dial tcp: connect: connection refused") from None
        except OSError as error:
            raise TransportError(f"dial tcp: {type(error).__name__}: {error.strerror or error}") from None
        return connection

    def close(self) -> None:
        """Hang up all idle connections."""
        for pool in self._idle.values():
            for connection in list(pool):
                connection.transport.abort()
            pool.clear()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
