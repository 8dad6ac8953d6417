"""The WebSocket client of a run: records every frame, and waits for events instead of for time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol

import orjson
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from conformance.exchange import ABSENT, Frame, Request, Response, SocketLog
from conformance.wire.client import target_of
from conformance.wire.http import TargetUnreachable, Wire

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


class Socket:
    """One open (or refused) socket. `events` holds all JSON events in order of arrival, arrays flattened."""

    def __init__(self, wire: Wire, log: SocketLog, connection: ClientConnection | None, deadline: float) -> None:
        self._wire, self.log, self._connection = wire, log, connection
        self.deadline = deadline
        self.patience: Callable[[], Waiting] | None = None
        self.events: list[Event] = []
        self._arrived = asyncio.Condition()
        self.closed = asyncio.Event()
        self._told = False
        self._reader = asyncio.create_task(self._read()) if connection else None
        if not connection:
            self.closed.set()

    @property
    def opened(self) -> bool:
        return self.log.handshake.status == 101

    async def _read(self) -> None:
        assert self._connection is not None
        try:
            async for raw in self._connection:
                self._note("in", raw)
                async with self._arrived:
                    self._arrived.notify_all()
        except ConnectionClosed:
            pass
        finally:
            self.log.close_code = self._connection.close_code
            self.log.close_reason = self._connection.close_reason or ""
            protocol = self._connection.protocol
            self.log.closed_by = "server" if protocol.close_rcvd_then_sent in (True, None) else "client"
            self.closed.set()
            async with self._arrived:
                self._arrived.notify_all()

    def _note(self, direction: Any, raw: str | bytes) -> None:
        payload: Any = raw
        if isinstance(raw, str):
            try:
                payload = orjson.loads(raw)
            except ValueError:
                payload = raw
        kind: Any = "text" if isinstance(raw, str) else "binary"
        self.log.frames.append(Frame(self._wire.now_ms(), direction, payload, kind))
        if direction == "in":
            batch = payload if isinstance(payload, list) else [payload]
            self.events.extend(e for e in batch if isinstance(e, dict))

    async def until(self, pattern: Pattern, n: int = 1, *, start: int = 0, deadline: float | None = None) -> Event:
        """Wait until `n` events from index `start` on match; gives the n-th.

        Raises NotSeen at the deadline, at the end of the socket, and when the turn that was to bring it got lost.
        """
        wanted = deadline or self.deadline
        clock = asyncio.get_running_loop().time
        end, patience, lost = clock() + wanted, self.patience() if self.patience else None, False

        def found() -> Event | None:
            hits = [e for e in self.events[start:] if matches(pattern, e)]
            return hits[n - 1] if len(hits) >= n else None

        def settled() -> bool:
            return found() is not None or self.closed.is_set()

        while not lost and (left := end - clock()) > 0:
            try:
                async with asyncio.timeout(min(left, patience.step) if patience else left), self._arrived:
                    await self._arrived.wait_for(settled)
                break
            except TimeoutError:
                lost = patience is not None and await patience.ended()
        event = found()
        if event is None:
            why = "the socket closed" if self.closed.is_set() else "a turn got lost" if lost else f"{wanted:g} s went by"
            seen = ", ".join(brief(e) for e in self.events[start:][-12:]) or "no events"
            what = worded(pattern)
            raise NotSeen(f"waited for {n} x {what}; {why}; seen instead: {seen}")
        return event

    async def until_closed(self, deadline: float | None = None) -> tuple[int | None, str]:
        """Wait until the server closes; gives close code and reason. Raises NotSeen at the deadline."""
        wanted = deadline or self.deadline
        try:
            await asyncio.wait_for(self.closed.wait(), wanted)
        except TimeoutError:
            raise NotSeen(f"the socket was still open after {wanted:g} s") from None
        return self.log.close_code, self.log.close_reason

    async def send(self, raw: str | bytes) -> None:
        """Send one client frame; a socket that is already closing is no error here."""
        assert self._connection is not None
        self._note("out", raw)
        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(raw)

    async def ping(self) -> None:
        """Send a ping and wait for its pong. Raises NotSeen at the deadline."""
        assert self._connection is not None
        try:
            await asyncio.wait_for(await self._connection.ping(), self.deadline)
        except (TimeoutError, ConnectionClosed):
            raise NotSeen("a client ping was not answered") from None

    async def aclose(self) -> None:
        """Close from the client's side (if still open) and hand the log to the listeners."""
        if self._connection is not None:
            await self._connection.close()
            if self._reader:
                await self._reader
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
    """Upgrade; a refusal is no error but a Socket whose handshake has that status. Raises TargetUnreachable."""
    url = "ws" + wire.base_url.removeprefix("http") + target_of(request.path, request.params)
    log = SocketLog(f"w{next(wire.ids)}", actor, request, Response(0), t_ms=wire.now_ms(), case=case)
    settings: dict[str, Any] = {
        "compression": None,
        "max_size": None,
        "proxy": None,
        "ping_interval": None,
    } | options
    try:
        connection = await asyncio.wait_for(
            connect(url, additional_headers=request.headers, open_timeout=None, **settings).__aenter__(),
            max(deadline, wire.timeout),
        )
    except websockets.exceptions.InvalidStatus as refused:
        answer = refused.response
        log.handshake = Response(
            answer.status_code, {k.lower(): v for k, v in answer.headers.raw_items()}, content=bytes(answer.body or b"")
        )
        if log.handshake.media_type == "application/json":
            try:
                log.handshake.body = orjson.loads(answer.body or b"")
            except ValueError:
                log.handshake.body = ABSENT
        return Socket(wire, log, None, deadline)
    except (OSError, TimeoutError, InvalidHandshake, InvalidMessage, EOFError) as error:
        raise TargetUnreachable(f"upgrade {request.path}: {str(error) or type(error).__name__}") from error
    response = connection.response
    assert response is not None
    log.handshake = Response(response.status_code, {k.lower(): v for k, v in response.headers.raw_items()})
    return Socket(wire, log, connection, deadline)
