"""WebSocket connections: an upgrade that is refused like any HTTP request, then a one-way feed with keepalive.

Run uvicorn with `ws=SocketProtocol`. The application sees an upgrade request as ordinary HTTP (so that every check and its
answer are the same as without an upgrade) whose scope has the extension `EXTENSION`; `accept(call, area)` takes the
connection over.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import http
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import orjson
from websockets.frames import Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from fake_server.rules.refusals import Refusal, refusal

if TYPE_CHECKING:
    from fake_server.http.request import Request

EXTENSION = "chat.socket"
PING_SECONDS = 15.0
EARLY_BYTES = 1 << 16
CLOSE_SECONDS = 5.0  # how long a client may take to answer a close frame
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

SendText = Callable[[bytes], Awaitable[None]]


class SocketProtocol(asyncio.Protocol):
    """One connection that asked for an upgrade: first a single HTTP request, after `take_over` a WebSocket."""

    def __init__(self, *, config: Any, server_state: Any, app_state: dict[str, Any]) -> None:
        self.config, self.app_state = config, app_state
        self.connections, self.tasks = server_state.connections, server_state.tasks
        self.loop = asyncio.get_event_loop()
        self.transport: asyncio.Transport
        self.writable = asyncio.Event()
        self.writable.set()
        self.wire: Protocol | None = None
        self.task: asyncio.Task[None] | None = None
        self.closing = False
        self._early = b""  # what the client sends before the handshake is answered
        self.does: Callable[[str], bool] = lambda behaviour: True
        self.heard: Callable[[bytes], None] | None = None  # what takes the client's data, where it may send any
        self._timers: list[asyncio.TimerHandle] = []
        self._ping: bytes | None = None
        self._pings = 0

    # -- the transport's side -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop has a class of its own
        self.transport = transport
        self.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        self._ended()
        self.writable.set()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def eof_received(self) -> None:
        self.transport.close()

    def shutdown(self) -> None:
        """The server stops."""
        self.close(1000, "")
        self._ended()
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.task is None:
            self._request(data)
        elif self.wire is not None:
            self._frames(self.wire, data)
        elif len(self._early) < EARLY_BYTES:
            self._early += data

    # -- HTTP ---------------------------------------------------------------------------------------------------

    def _request(self, head: bytes) -> None:
        lines = head.split(b"\r\n")
        method, target, _ = lines[0].split(b" ", 2)
        path, _, query = target.partition(b"?")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if colon:
                headers.append((name.strip().lower(), value.strip()))
        server, client = self.transport.get_extra_info("sockname"), self.transport.get_extra_info("peername")
        scope = {
            "type": "http",
            "asgi": {"version": self.config.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": server[:2] if server else None,
            "client": client[:2] if client else None,
            "scheme": "https" if self.transport.get_extra_info("sslcontext") else "http",
            "method": method.decode("ascii"),
            "root_path": self.config.root_path,
            "path": _unquote(path),
            "raw_path": path,
            "query_string": query,
            "headers": headers,
            "state": self.app_state.copy(),
            "extensions": {EXTENSION: self},
        }
        self.task = self.loop.create_task(self._run(scope))
        self.tasks.add(self.task)
        self.task.add_done_callback(self.tasks.discard)

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self.config.loaded_app(scope, self._receive, self._respond)
        finally:
            if self.wire is None:
                self.transport.close()

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _respond(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}".encode()]
            lines += [name + b": " + value for name, value in message["headers"]]
            self.transport.write(b"\r\n".join([*lines, b"connection: close", b"", b""]))
        else:
            self.transport.write(message.get("body", b""))

    # -- WebSocket ----------------------------------------------------------------------------------------------

    def take_over(self, key: str, does: Callable[[str], bool], subprotocol: str = "") -> None:
        """Answer 101 and speak WebSocket from now on. `does` says which behaviours a fault has turned off."""
        self.does = does
        accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        if subprotocol:
            head += f"Sec-WebSocket-Protocol: {subprotocol}\r\n".encode("latin-1")
        self.transport.write(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        self.wire = Protocol(SERVER, state=OPEN, max_size=None)
        self._later(PING_SECONDS, self._keepalive)
        if self._early:
            self.loop.call_soon(self._frames, self.wire, self._early)

    async def serve(self, run: Callable[[SendText], Awaitable[None]]) -> None:
        """Feed the client with what `run` sends, until that returns (close 1000) or the client is gone."""
        try:
            await run(self.send)
        except asyncio.CancelledError:
            if not self.closing:
                raise
        else:
            self.close(1000, "")

    async def send(self, text: bytes) -> None:
        """Send one text frame; waits while the client does not read."""
        size = len(text)
        if size < 126:
            head = bytes((0x81, size))
        elif size < 65536:
            head = b"\x81\x7e" + size.to_bytes(2, "big")
        else:
            head = b"\x81\x7f" + size.to_bytes(8, "big")
        if not self.writable.is_set():
            await self.writable.wait()
        if not self.closing:
            self.transport.write(head + text)

    def close(self, code: int, reason: str) -> None:
        """Send a close frame; the connection ends when the client answers it, or after CLOSE_SECONDS."""
        if self.wire is None or self.closing:
            return
        self.wire.send_close(code, reason)
        self._flush(self.wire)
        self._ended()
        self._later(CLOSE_SECONDS, self.transport.abort)

    def _frames(self, wire: Protocol, data: bytes) -> None:
        wire.receive_data(data)
        for frame in wire.events_received():
            opcode = getattr(frame, "opcode", None)
            if opcode in (Opcode.TEXT, Opcode.BINARY) and not self.closing:
                if self.heard is not None:
                    self.heard(bytes(getattr(frame, "data", b"")))
                elif self.does("socket.refuses-data"):
                    code = 1008 if self.does("socket.data-is-1008") else 1003
                    reason = "unexpected data message"
                    if not self.does("socket.data-is-a-policy-matter"):
                        code, reason = 1002, "Clients cannot send messages for one-way WebSockets"
                    self.close(code, reason if self.does("socket.close-reason") else "")
            elif opcode == Opcode.PONG and getattr(frame, "data", None) == self._ping:
                self._ping = None
        self._flush(wire)
        if wire.close_rcvd is not None or wire.parser_exc is not None:
            self._ended()
            self.transport.close()

    def _flush(self, wire: Protocol) -> None:
        for chunk in wire.data_to_send():
            if chunk and chunk[0] & 0x0F == Opcode.CLOSE and wire.close_rcvd_then_sent and not self.does("socket.echoes-close"):
                continue
            if chunk:
                self.transport.write(chunk)

    def _keepalive(self) -> None:
        if self.wire is None or self.closing:
            return
        if not self.does("socket.pings"):
            return
        if self._ping is not None and self.does("socket.drops-silent"):
            self.close(1001, "Ping failed")
            return
        self._pings += 1
        self._ping = self._pings.to_bytes(4, "big")
        self.wire.send_ping(self._ping)
        self._flush(self.wire)
        self._later(PING_SECONDS, self._keepalive)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._timers = [timer for timer in self._timers if timer.when() > self.loop.time()]
        self._timers.append(self.loop.call_later(seconds, call))

    def _ended(self) -> None:
        """Nothing more is sent: stop the timers and the feed."""
        self.closing = True
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        if self.task is not None and not self.task.done():
            self.task.cancel()


def _unquote(path: bytes) -> str:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(path).decode("utf-8", "replace")


def accept(call: Request, area: str) -> SocketProtocol:
    """Upgrade the connection of this call. Raises the refusal `<area>.<what>` when the handshake is wrong."""
    _check_handshake(call, area)
    connection = call.scope.get("extensions", {}).get(EXTENSION)
    if connection is None:
        raise _refused(call, area, "no-websocket-upgrade", call.header("upgrade"))
    assert isinstance(connection, SocketProtocol)
    offered = call.header("sec-websocket-protocol").split(",")[0].strip()
    does = call.backend.does
    key = call.header("sec-websocket-key").strip()
    connection.take_over(key, does, "" if does("socket.no-subprotocol") else offered)
    return connection


def _refused(call: Request, area: str, what: str, value: str, **more: Any) -> Refusal:
    refused = refusal(f"{area}.{what}", value=value, escaped=orjson.dumps(value).decode()[1:-1], **more)
    if call.backend.revision.errors[refused.key].status == 426:
        refused.headers |= {"connection": "Upgrade", "upgrade": "websocket"}
    return refused


def _check_handshake(call: Request, area: str) -> None:
    def tokens(name: str) -> list[str]:
        return [token.strip().lower() for token in call.header(name).split(",")]

    def guard(what: str, failed: bool, value: str, **more: str) -> None:
        if failed and not call.backend.faults.is_off(f"{area}.{what}"):
            raise _refused(call, area, what, value, **more)

    if "upgrade" not in tokens("connection"):
        raise _refused(call, area, "no-connection-upgrade", call.header("connection"))
    if "websocket" not in tokens("upgrade"):
        raise _refused(call, area, "no-websocket-upgrade", call.header("upgrade"))
    version = call.header("sec-websocket-version")
    guard("version", version != "13", version)
    key = call.header("sec-websocket-key")
    guard("key-missing", not key, "")
    try:
        good = len(base64.b64decode(key.strip(), validate=True)) == 16
    except (binascii.Error, ValueError):
        good = False
    guard("key-bad", not good, key)
    origin = call.header("origin")
    if origin:
        try:
            host = urlsplit(origin).netloc.rpartition("@")[2]
        except ValueError:
            host = ""
        guard("origin-bad", not host, origin)
        own = call.header("host")
        guard("origin-foreign", host.lower() != own.lower(), host, host=own)
