"""The WebSocket client of a run: records every frame, and waits for events instead of for time."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol

import orjson
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.frames import CloseCode, Opcode
from websockets.frames import Frame as WireFrame

from conformance.exchange import ABSENT, Frame, Request, Response, SocketLog
from conformance.wire.caps import KEPT, MARGIN, fault_of, weight
from conformance.wire.client import target_of, trusted
from conformance.wire.http import BadAnswer, ConnectionLost, TargetUnreachable, Wire
from conformance.wire.patience import kind_of

_CLOSING = 3.0  # seconds for the answer to a close frame
_RETRIES = (0.05, 0.2, None)  # seconds before an upgrade is asked for again whose connection broke
_BROKEN = {CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.MESSAGE_TOO_BIG}

Event = dict[str, Any]
Pattern = dict[str, Any] | Callable[[Event], bool]


class Waiting(Protocol):
    """Somebody who knows when waiting has become pointless; asks at most once every `step` seconds."""

    step: float

    def ended(self) -> Awaitable[bool]: ...


class NotSeen(AssertionError):
    """An awaited event did not come before the deadline; says what was seen instead."""


def matches(pattern: Any, value: Any) -> bool:
    """Is `pattern` a part of `value`? Objects match by the keys that the pattern names, the rest by equality."""
    if callable(pattern):
        return bool(pattern(value))
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(k in value and matches(v, value[k]) for k, v in pattern.items())
    return bool(pattern == value)


def worded(pattern: Any) -> str:
    """A pattern for messages: a predicate is told by its docstring."""
    if callable(pattern):
        return pattern.__doc__ or "such a value"
    if isinstance(pattern, dict):
        return "{" + ", ".join(f"{key}: {worded(value)}" for key, value in pattern.items()) + "}"
    return repr(pattern)


def brief(event: Event) -> str:
    """One event in a few characters, for messages."""
    kind = event.get("type") or event.get("kind") or "?"
    inner = event.get("status") or event.get("message") or event.get("message_part") or event.get("chat") or {}
    if isinstance(inner, dict):
        part = inner.get("part") or {}
        shown = inner.get("status") or inner.get("role") or ""
        text = part.get("text") or part.get("tool_name") or ""
        return f"{kind}:{shown}{' ' + repr(text[:20]) if text else ''}".rstrip(":")
    return str(kind)


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


class Socket:
    """One open (or refused) socket. `events` holds all JSON events in order of arrival, arrays flattened."""

    def __init__(self, wire: Wire, log: SocketLog, connection: _Connection | None, deadline: float) -> None:
        self._wire, self.log, self._connection = wire, log, connection
        self.deadline = deadline
        self.patience: Callable[[], Waiting] | None = None
        self.events: list[Event] = []
        self._arrived = asyncio.Condition()
        self.closed = asyncio.Event()
        self._told = False
        self._size = self._frames = 0
        self._reader = asyncio.create_task(self._read()) if connection else None
        if not connection:
            self.closed.set()

    @property
    def opened(self) -> bool:
        return self.log.handshake.status == 101

    @property
    def reset(self) -> bool:
        """Did the connection break, neither side having closed it?"""
        return self._connection is not None and self._connection.reset

    async def _read(self) -> None:
        assert self._connection is not None
        try:
            async for raw in self._connection:
                self._note("in", raw)
                async with self._arrived:
                    self._arrived.notify_all()
                if self.log.fault:
                    self._connection.transport.abort()
                    break
        except ConnectionClosed:
            pass
        finally:
            self._ended(self._connection)
            self.closed.set()
            async with self._arrived:
                self._arrived.notify_all()

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

    def _note(self, direction: Any, raw: str | bytes) -> None:
        payload: Any = raw
        if direction == "in":
            payload = self._taken(raw)
        elif isinstance(raw, str):
            payload = _parsed(raw)
        kind: Any = "text" if isinstance(raw, str) else "binary"
        self.log.frames.append(Frame(self._wire.now_ms(), direction, payload, kind))
        if direction == "in":
            batch = payload if isinstance(payload, list) else [payload]
            self.events.extend(e for e in batch if isinstance(e, dict))
            if len(self.events) > self._wire.caps.socket["events"]:
                self.log.fault = f"the socket has more than {self._wire.caps.socket['events']:,} events; reading stopped"

    def _taken(self, raw: str | bytes) -> Any:
        """The payload of a frame that came; of what is over the caps the head, and the log says so."""
        caps, text = self._wire.caps, raw.encode() if isinstance(raw, str) else raw
        self._size += len(text)
        size = weight(text)
        self.log.weight += size
        if isinstance(raw, str):
            self.log.fault = fault_of(text, caps.frame, "frame")
        if self._size > caps.socket["bytes"]:
            self.log.fault = f"the socket has sent more than {caps.socket['bytes']:,} bytes; reading stopped"
        elif not self._wire.room.take(size, self.log.case):
            self.log.fault = "the frames that the cases at play hold are larger than the run may keep"
        if self.log.fault:
            return raw[: KEPT + MARGIN]
        return _parsed(raw) if isinstance(raw, str) else raw

    async def until(self, pattern: Pattern, n: int = 1, *, start: int = 0, deadline: float | None = None) -> Event:
        """Wait until `n` events from index `start` on match; gives the n-th.

        Raises NotSeen at the deadline or the end, BadAnswer when the socket was over the caps, ConnectionLost when it broke.
        """
        what, patience = worded(pattern), self._wire.patience
        kind = f"event {kind_of(what)}"
        wanted = patience.of(kind, deadline or self.deadline)
        wanted = wanted if self.events else patience.of("frame", wanted)
        hits: list[Event] = []
        seen = start

        def settled() -> bool:
            nonlocal seen
            while seen < len(self.events) and len(hits) < n:
                seen += 1
                if matches(pattern, self.events[seen - 1]):
                    hits.append(self.events[seen - 1])
            return len(hits) >= n or self.closed.is_set()

        clock = asyncio.get_running_loop().time
        end, lost_turn, lost = clock() + wanted, self.patience() if self.patience else None, False
        while not lost and (left := end - clock()) > 0:
            try:
                async with asyncio.timeout(min(left, lost_turn.step) if lost_turn else left), self._arrived:
                    await self._arrived.wait_for(settled)
                break
            except TimeoutError:
                lost = lost_turn is not None and await lost_turn.ended()
        settled()  # asking about lost turns may have taken the rest of the time, in which it came
        if self.events:
            patience.met("frame")
        if len(hits) >= n:
            patience.met(kind)
            return hits[n - 1]
        if self.log.fault:
            raise BadAnswer(f"waited for {n} x {what}; {self.log.fault}", self.log)
        if self.reset:
            raise ConnectionLost(f"waited for {n} x {what}; the connection broke", self.log)
        if not self.closed.is_set() and not lost:
            patience.vain(kind if self.events else "frame", self.log.case)
        why = "the socket closed" if self.closed.is_set() else "a turn got lost" if lost else f"{wanted:g} s went by"
        seen_instead = ", ".join(brief(e) for e in self.events[start:][-12:]) or "no events"
        raise NotSeen(f"waited for {n} x {what}; {why}; seen instead: {seen_instead}")

    async def until_closed(self, deadline: float | None = None) -> tuple[int | None, str]:
        """Wait until the server closes; gives close code and reason. Raises NotSeen at the deadline, BadAnswer as `until`."""
        patience = self._wire.patience
        wanted = patience.of("close", deadline or self.deadline)
        try:
            await asyncio.wait_for(self.closed.wait(), wanted)
        except TimeoutError:
            patience.vain("close", self.log.case)
            raise NotSeen(f"the socket was still open after {wanted:g} s") from None
        patience.met("close")
        if self.log.fault:
            raise BadAnswer(self.log.fault, self.log)
        if self.reset:
            raise ConnectionLost("the connection of a socket broke", self.log)
        return self.log.close_code, self.log.close_reason

    async def send(self, raw: str | bytes) -> None:
        """Send one client frame; a socket that is already closing is no error here."""
        assert self._connection is not None
        self._note("out", raw)
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
        raise NotSeen("a client ping was not answered")

    async def aclose(self) -> None:
        """Close from the client's side (if still open) and hand the log to the listeners. Takes a few seconds at most."""
        if self._connection is not None:
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
            if left:
                self.log.closed_by = "client"
            if not self.log.closed_by:
                self.log.closed_by = "client"
        if not self._told:  # a case may close what its end would close
            self._told = True
            for listener in self._wire.listeners:
                listener(self.log)

    async def __aenter__(self) -> Socket:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        await self.aclose()


async def open_socket(
    wire: Wire, request: Request, *, actor: str | None, case: str = "", deadline: float = 10.0, **options: Any
) -> Socket:
    """Upgrade; a refusal is no error but a Socket whose handshake has that status, redirects among them.

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
    return Socket(wire, log, connection, deadline)


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
        "proxy": None,
        "ping_interval": None,
        "create_connection": made,
        "open_timeout": None,
    }
    if url.startswith("wss:"):
        settings["ssl"] = trusted()
    settings |= options
    async with asyncio.timeout(seconds):
        for pause in _RETRIES:
            try:
                opened = await _Connect(url, additional_headers=request.headers, **settings)
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


def _parsed(raw: str) -> Any:
    try:
        return orjson.loads(raw)
    except ValueError:
        return raw
