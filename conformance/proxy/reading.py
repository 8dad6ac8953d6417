"""Copies of bytes that passed, read into exchanges and sockets."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

import httptools
import orjson
from websockets.exceptions import ProtocolError, WebSocketException
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side, State

from conformance.wire.client import Answer
from conformance.wire.exchange import ABSENT, Exchange, Frame, Request, Response, SocketLog

_MOST = 2**26  # bytes of one body that are kept
Told = Callable[[Exchange | SocketLog], None]


@dataclass(slots=True)
class _Message:
    """A request or an answer as its bytes are read."""

    t_ms: float
    line: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    def on_url(self, data: bytes) -> None:
        self.line += data

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, data: bytes) -> None:
        if len(self.body) < _MOST:
            self.body += data


class _Half:
    """One direction of a connection: messages one after the other. `done` is told each of them."""

    def __init__(self, parser: Any, done: Callable[[Any, _Message], None]) -> None:
        self._make, self._done = parser, done
        self._ready: list[_Message] = []
        self._message = _Message(0.0)
        self._parser = parser(self)
        self.raw = False  # no HTTP any more
        self.headed: _Message | None = None  # the message whose head is complete, and whose body is not

    # -- what httptools calls

    def on_message_begin(self) -> None:
        self._message = _Message(self._t_ms)

    def on_url(self, data: bytes) -> None:
        self._message.on_url(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._message.on_header(name, value)

    def on_headers_complete(self) -> None:
        self.headed = self._message

    def on_body(self, data: bytes) -> None:
        self._message.on_body(data)

    def on_message_complete(self) -> None:
        self.headed = None
        self._done(self._parser, self._message)

    def feed(self, data: bytes, t_ms: float) -> bytes:
        """Read on; gives what is no HTTP: it stands behind an upgrade. Raises httptools.HttpParserError."""
        self._t_ms = t_ms
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.raw = True
            return data[upgrade.args[0] :]
        return b""

    def again(self) -> None:
        """HTTP goes on, for an upgrade was refused; or after an answer without the body that its head speaks of."""
        self.raw, self.headed, self._parser = False, None, self._make(self)


class Conversation:
    """One connection. `told` gets each exchange when its answer is whole, and a socket when it has closed."""

    def __init__(self, ids: count[int], told: Told, actor: Callable[[dict[str, str]], str | None]) -> None:
        self._ids, self._told, self._actor = ids, told, actor
        self._asked: deque[Exchange] = deque()
        self._asks = _Half(httptools.HttpRequestParser, self._request)
        self._answers = _Half(httptools.HttpResponseParser, self._response)
        self._waiting = b""  # what a client said behind an upgrade that is not answered yet
        self._socket: _Frames | None = None
        self._broken = False  # what passes is no HTTP: it is passed on, and not read

    def read(self, asked: bool, data: bytes | None, t_ms: float) -> None:
        """Bytes from one side; None: it has closed."""
        if self._broken:
            return
        try:
            if data is None:
                if self._socket is not None:
                    self._socket.end()
                    self._socket = None
            elif self._socket is not None:
                self._socket.read(asked, data, t_ms)
            elif asked:
                self._waiting += data if self._asks.raw else self._asks.feed(data, t_ms)
            else:
                self._read_answer(data, t_ms)
        except (httptools.HttpParserError, WebSocketException, ProtocolError):
            self._broken = True

    def _read_answer(self, data: bytes, t_ms: float) -> None:
        rest = self._answers.feed(data, t_ms)
        if self._answers.headed and self._asked and self._asked[0].request.method == "HEAD":
            self._answers.on_message_complete()
            self._answers.again()
        if self._socket is not None:
            early, self._waiting = self._waiting, b""
            self._socket.read(True, early, t_ms)
            self._socket.read(False, rest, t_ms)

    def _request(self, parser: Any, message: _Message) -> None:
        path, _, query = message.line.decode("latin-1").partition("?")
        headers = dict(message.headers)
        content = bytes(message.body) or None
        body = ABSENT
        if content and headers.get("content-type", "").startswith("application/json"):
            body = _json(content)
        request = Request(
            parser.get_method().decode(),
            path,
            parse_qsl(query, keep_blank_values=True),
            headers,
            body,
            None if body is not ABSENT else content,
        )
        self._asked.append(
            Exchange(f"x{next(self._ids)}", self._actor(headers), request, Response(0), message.t_ms, case="traffic")
        )

    def _response(self, parser: Any, message: _Message) -> None:
        status = parser.get_status_code()
        if (100 <= status < 200 and status != 101) or not self._asked:
            return
        exchange = self._asked.popleft()
        headers: dict[str, str] = {}
        for name, value in message.headers:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if status == 101:
            log = SocketLog(
                exchange.id, exchange.actor, exchange.request, Response(101, headers), t_ms=exchange.t_ms, case="traffic"
            )
            self._socket = _Frames(log, self._told)
            return
        if self._asks.raw:
            self._asks.again()
            early, self._waiting = self._waiting, b""
            self._waiting = self._asks.feed(early, message.t_ms) if early else b""
        exchange.ms = round(message.t_ms - exchange.t_ms, 3)
        exchange.response = Response(status, headers, content=_plain(bytes(message.body), headers.get("content-encoding", "")))
        self._told(exchange)


def answer_of(exchange: Exchange) -> Answer:
    """The answer as a client's, for its caps and its JSON."""
    response = exchange.response
    return Answer(response.status, response.headers, response.content or b"")


def _plain(body: bytes, coding: str) -> bytes:
    if coding not in ("gzip", "deflate", "x-gzip"):
        return body
    try:
        return zlib.decompressobj(47 if coding != "deflate" else 15).decompress(body, _MOST)
    except zlib.error:
        return body


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        return ABSENT


class _Frames:
    """A WebSocket, both directions."""

    def __init__(self, log: SocketLog, told: Told) -> None:
        self._log, self._told = log, told
        self._in, self._out = Protocol(Side.CLIENT, max_size=_MOST), Protocol(Side.SERVER, max_size=_MOST)
        offered = log.handshake.headers.get("sec-websocket-extensions", "")
        if "permessage-deflate" in offered:
            ours, theirs = "client_no_context_takeover" in offered, "server_no_context_takeover" in offered
            self._in.extensions = [PerMessageDeflate(theirs, ours, 15, 15)]
            self._out.extensions = [PerMessageDeflate(ours, theirs, 15, 15)]
        self._halves: dict[bool, tuple[Opcode, bytearray]] = {}
        self._came = 0

    def read(self, asked: bool, data: bytes, t_ms: float) -> None:
        if not data:
            return
        side = self._out if asked else self._in
        if side.state is State.OPEN or side.state is State.CLOSING:
            side.receive_data(data)
        for event in side.events_received():
            self._frame(asked, event, round(t_ms - self._log.t_ms, 3))
        side.data_to_send()  # what this side would answer; the real one does

    def _frame(self, asked: bool, event: Any, t_ms: float) -> None:
        log, opcode = self._log, event.opcode
        direction: Any = "out" if asked else "in"
        if opcode is Opcode.CLOSE:
            if not log.closed_by:
                log.closed_by = "client" if asked else "server"
                log.close_code = int.from_bytes(event.data[:2], "big") if len(event.data) > 1 else 1005
                log.close_reason = bytes(event.data[2:]).decode("utf-8", "replace")
            return
        if opcode in (Opcode.PING, Opcode.PONG):
            return
        kind, whole = self._halves.pop(asked, (opcode, bytearray()))
        whole += event.data
        if not event.fin:
            self._halves[asked] = kind, whole
            return
        data = bytes(whole)
        if kind is Opcode.TEXT:
            parsed = _json(data)
            payload = data.decode("utf-8", "backslashreplace") if parsed is ABSENT else parsed
            log.frames.append(Frame(t_ms, direction, payload, "text", self._came))
        else:
            log.frames.append(Frame(t_ms, direction, data, "binary", self._came))
        self._came += 0 if asked else len(data)

    def end(self) -> None:
        if self._log.close_code is None:
            self._log.close_code = 1006
        self._told(self._log)
