"""The WebSocket client of a run: every frame is recorded, and what stands in it can be waited for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any, Literal

import orjson
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.frames import CloseCode, Opcode
from websockets.frames import Frame as WireFrame

from conformance.wire.caps import fault_of
from conformance.wire.client import target_of
from conformance.wire.exchange import ABSENT, Frame, Request, Response, SocketLog
from conformance.wire.feed import Event, Feed, NotSeen, Pattern, Waiting, brief, matches, worded
from conformance.wire.http import ConnectionLost, TargetUnreachable, Wire
from spec.feeds import Feed as Declared

__all__ = ["Event", "NotSeen", "Pattern", "Socket", "Waiting", "brief", "matches", "open_socket", "worded"]

_CLOSING = 3.0  # seconds for the answer to a close frame
_RETRIES = (0.05, 0.2, None)  # seconds before an upgrade is asked for again whose connection broke
_BROKEN = {CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.MESSAGE_TOO_BIG}


class _Connection(ClientConnection):
    """Counts what the protocol answers or gathers by itself, so that a flood of it ends somewhere."""

    frames_left = pings_left = 0
    flood = ""  # of what there was too much
    reset = False  # the connection broke, neither side having closed it

    def process_event(self, event: Any) -> None:
        if isinstance(event, WireFrame):
            if event.opcode is Opcode.PING:
                self.pings_left -= 1
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self.frames_left -= 1
            if self.pings_left < 0 or self.frames_left < 0:
                self.flood = self.flood or ("pings" if self.pings_left < 0 else "frames")
                self.transport.abort()
                return
        super().process_event(event)

    def send_data(self) -> None:
        super().send_data()
        sent = self.protocol.close_sent
        if sent is not None and sent.code in _BROKEN and self.protocol.close_rcvd is None:
            # whoever breaks the protocol is told so, and not waited for
            self.transport.close()
            self.loop.call_later(1.0, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self.reset = isinstance(exc, ConnectionError)
        super().connection_lost(exc)


class _Connect(connect):
    """A redirect of the upgrade is a refusal: what the request carries is for this server alone."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Socket(Feed):
    """One open (or refused) socket. Of one whose operation declares no feed a frame is an array of events, or one event."""

    def __init__(
        self, wire: Wire, log: SocketLog, connection: _Connection | None, deadline: float, declared: Declared | None = None
    ) -> None:
        super().__init__(wire, log, declared, deadline)
        self.log, self._connection = log, connection
        self._reader = asyncio.create_task(self._read()) if connection else None
        if not connection:
            self.closed.set()

    @property
    def opened(self) -> bool:
        return self.log.handshake.status == 101

    @property
    def reset(self) -> bool:
        return self._connection is not None and self._connection.reset

    @property
    def ending(self) -> tuple[int | None, str]:
        return self.log.close_code, self.log.close_reason

    async def _read(self) -> None:
        assert self._connection is not None
        try:
            async for raw in self._connection:
                if isinstance(raw, str):
                    self._take(raw.encode(), "text", _parsed)
                else:
                    self._take(raw, "binary", bytes)
                await self._tell()
                if self.log.fault:
                    self._connection.transport.abort()
                    break
        except ConnectionClosed:
            pass
        finally:
            self._ended(self._connection)
            self.closed.set()
            await self._tell()

    def _ended(self, connection: _Connection) -> None:
        log, protocol, caps = self.log, connection.protocol, self._wire.caps
        log.close_code = connection.close_code
        log.close_reason = connection.close_reason or ""
        log.closed_by = "server" if protocol.close_rcvd_then_sent in (True, None) else "client"
        sent = protocol.close_sent
        if log.fault:
            log.closed_by = "client"
        elif connection.flood:
            log.fault = f"the socket has more than {caps.socket[connection.flood]:,} {connection.flood}; reading stopped"
        elif sent is not None and protocol.close_rcvd is None and sent.code == CloseCode.MESSAGE_TOO_BIG:
            log.fault = f"a frame is larger than {caps.frame['bytes']:,} bytes; reading stopped"
        elif sent is not None and protocol.close_rcvd is None and sent.code in _BROKEN:
            log.fault = f"what came is no WebSocket frame: {sent.reason or CloseCode(sent.code).name}"

    async def send(self, raw: str | bytes) -> None:
        """Send one client frame; a socket that is already closing is no error here."""
        assert self._connection is not None
        kind: Literal["text", "binary"] = "text" if isinstance(raw, str) else "binary"
        payload = _parsed(raw.encode()) if isinstance(raw, str) else raw
        self.log.frames.append(Frame(self._wire.now_ms(), "out", payload, kind))
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(self.deadline):
                await self._connection.send(raw)

    async def ping(self) -> None:
        """Send a ping and wait for its pong. Raises NotSeen at the deadline."""
        assert self._connection is not None
        patience = self._wire.patience
        try:
            async with asyncio.timeout(patience.of("pong", self.deadline)):
                await (await self._connection.ping())
        except TimeoutError:
            patience.vain("pong", self.log.case)
        except ConnectionClosed:
            if self.reset:
                raise ConnectionLost("the connection of a socket broke", self.log) from None
        else:
            patience.met("pong")
            return
        raise NotSeen("a client ping was not answered", self.log, "the answer to a client's ping", "no answer")

    async def _hang_up(self) -> None:
        if self._connection is None:
            return
        patience, left = self._wire.patience, False
        try:
            async with asyncio.timeout(patience.of("closing", min(_CLOSING, self.deadline))):
                await self._connection.close()
            patience.met("closing")
        except TimeoutError:
            patience.vain("closing", self.log.case)
            self._connection.transport.abort()
            left = True
        if self._reader:
            await self._reader
        if left or not self.log.closed_by:
            self.log.closed_by = "client"


async def open_socket(
    wire: Wire,
    request: Request,
    *,
    actor: str | None,
    case: str = "",
    deadline: float = 10.0,
    declared: Declared | None = None,
    **options: Any,
) -> Socket:
    """Upgrade; a refusal is no error but a Socket whose handshake has that status, redirects among them.

    `declared`: the feed that the profile declares for this operation.

    Raises ConnectionLost when the connection broke, TargetUnreachable when there is no HTTP answer before the deadline.
    """
    log = SocketLog(f"w{next(wire.ids)}", actor, request, Response(0), t_ms=wire.now_ms(), case=case)
    try:
        connection = await _upgraded(wire, request, options, wire.patience.of("answer", max(deadline, wire.timeout), 5.0))
    except websockets.exceptions.InvalidStatus as refused:
        answer = refused.response
        headers = {k.lower(): v for k, v in answer.headers.raw_items()}
        log.handshake = Response(answer.status_code, headers, content=bytes(answer.body or b""))
        if log.handshake.media_type == "application/json":
            log.handshake.fault = fault_of(log.handshake.content or b"", wire.caps.answer, "answer")
            with contextlib.suppress(ValueError):
                log.handshake.body = ABSENT if log.handshake.fault else orjson.loads(answer.body or b"")
        return Socket(wire, log, None, deadline)
    except (OSError, TimeoutError, InvalidHandshake, EOFError, ValueError) as error:
        log.error = str(error) or type(error).__name__
        if isinstance(error, TimeoutError):
            log.error = "no answer to the upgrade before the deadline"
            wire.patience.vain("answer", case)
        for listener in wire.listeners:
            listener(log)
        lost = _is_lost(error)
        text = f"upgrade {request.path}: {log.error}"
        raise ConnectionLost(text, log) if lost else TargetUnreachable(text, log) from error
    response = connection.response
    assert response is not None
    log.handshake = Response(response.status_code, {k.lower(): v for k, v in response.headers.raw_items()})
    return Socket(wire, log, connection, deadline, declared)


async def _upgraded(wire: Wire, request: Request, options: dict[str, Any], seconds: float) -> _Connection:
    """An open connection; asked for again when it broke before there was an answer. Raises what `connect` raises."""
    url = "ws" + wire.base_url.removeprefix("http") + target_of(request.path, request.params)

    def made(*args: Any, **kwargs: Any) -> _Connection:
        connection = _Connection(*args, **kwargs)
        connection.frames_left, connection.pings_left = wire.caps.socket["frames"], wire.caps.socket["pings"]
        return connection

    settings: dict[str, Any] = {
        "compression": None,
        "max_queue": 4,  # frames; each may be large
        "max_size": wire.caps.frame["bytes"],
        "proxy": wire.access.proxy_of(url),
        "ping_interval": None,
        "create_connection": made,
        "open_timeout": None,
    }
    if url.startswith("wss:"):
        settings["ssl"] = wire.access.trusted()
    settings |= options
    async with asyncio.timeout(seconds):
        for pause in _RETRIES:
            try:
                opened = await _Connect(url, additional_headers=wire.access.with_headers(request.headers), **settings)
                break
            except (OSError, InvalidMessage, EOFError) as error:
                if pause is None or not _is_lost(error):
                    raise
                await asyncio.sleep(pause)
    assert isinstance(opened, _Connection)
    return opened


def _is_lost(error: BaseException) -> bool:
    """Did the connection break, or could it not be made, so that there was no answer at all?"""
    if isinstance(error, InvalidMessage):
        return isinstance(error.__cause__, EOFError | ConnectionError)
    return isinstance(error, OSError | EOFError) and not isinstance(error, TimeoutError | ssl.SSLError)


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        return data.decode("utf-8", "backslashreplace")
