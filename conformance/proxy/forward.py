"""Bytes from clients to a server and back, as they come. Copies go to a tap; nothing waits for it."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import cast

# (number of the connection, whether a client said it, the bytes; None: this side has closed)
Tap = Callable[[int, bool, bytes | None], None]
_HEAD = re.compile(rb"[A-Z]+ [^ \r\n]+ HTTP/1\.[01]\r\n")
_HOST = re.compile(rb"(\r\nhost:[ \t]*)[^\r\n]*", re.IGNORECASE)
_LONGEST_HEAD = 2**16  # bytes


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where to. `named`: what Host says there, if clients do not say the same."""

    host: str
    port: int
    secure: ssl.SSLContext | None = None
    named: bytes = b""


class _Side(asyncio.Protocol):
    """One of the two ends of a connection; what it reads goes to the other."""

    def __init__(self, number: int, tap: Tap, *, client: bool) -> None:
        self._number, self._tap, self._client = number, tap, client
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None
        self._early: list[bytes] = []  # what came before there was another side
        self.said_all = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._pass_on(data)
        self._tap(self._number, self._client, data)

    def _pass_on(self, data: bytes) -> None:
        if self.other is None or self.other.transport is None:
            self._early.append(data)
        else:
            self.other.transport.write(data)

    def meets(self, other: _Side) -> None:
        """There is another side now."""
        self.other, early = other, self._early
        self._early = []
        for data in early:
            self._pass_on(data)
        if self.said_all and other.transport is not None and other.transport.can_write_eof():
            other.transport.write_eof()

    def eof_received(self) -> bool:
        """This side says no more, and may still be told more."""
        self.said_all = True
        if self.other is not None and self.other.transport is not None:
            if self.other.said_all or not self.other.transport.can_write_eof():
                return False
            self.other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._tap(self._number, self._client, None)
        if self.other is not None and self.other.transport is not None:
            if exc is None:
                self.other.transport.close()
            else:
                self.other.transport.abort()


class _Client(_Side):
    """The client's end: it opens the other one."""

    def __init__(self, number: int, tap: Tap, upstream: Upstream, tasks: set[asyncio.Task[None]]) -> None:
        super().__init__(number, tap, client=True)
        self._upstream, self._tasks, self._head = upstream, tasks, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        task = asyncio.get_running_loop().create_task(self._open())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self) -> None:
        there = self._upstream
        try:
            _, other = await asyncio.get_running_loop().create_connection(
                lambda: _Side(self._number, self._tap, client=False),
                there.host,
                there.port,
                ssl=there.secure,
                server_hostname=there.host if there.secure else None,
            )
        except (OSError, ssl.SSLError):
            if self.transport is not None:
                self.transport.abort()  # as if the server itself could not be reached
            return
        other.other = self
        self.meets(other)
        if self.transport is None or self.transport.is_closing():
            assert other.transport is not None
            other.transport.close()

    def _pass_on(self, data: bytes) -> None:
        if self._upstream.named and (self._head or _HEAD.match(data)):
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0 and len(self._head) < _LONGEST_HEAD:
                return  # the rest of this head is on its way
            data, self._head = self._head, b""
            if end >= 0:
                data = _HOST.sub(rb"\g<1>" + self._upstream.named, data[:end], count=1) + data[end:]
        super()._pass_on(data)


@dataclass(slots=True)
class Forwarder:
    """A server that passes on. `port` 0: a free one."""

    upstream: Upstream
    tap: Tap
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Listen; close it to end. Raises OSError."""

        def made() -> _Client:
            return _Client(next(self._numbers), self.tap, self.upstream, self._tasks)

        return await asyncio.get_running_loop().create_server(made, host, port)
