"""What comes over one connection of a run, live: waited for by event instead of by time, frame by frame kept as evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from conformance.wire.caps import KEPT, MARGIN, fault_of, weight
from conformance.wire.exchange import ABSENT, Exchange, Frame, SocketLog
from conformance.wire.framing import Heard
from conformance.wire.http import BadAnswer, ConnectionLost, Wire
from conformance.wire.patience import kind_of
from spec.feeds import Feed as Declared

Event = dict[str, Any]
Pattern = dict[str, Any] | Callable[[Event], bool]


class Waiting(Protocol):
    """Somebody who knows when waiting has become pointless; asks at most once every `step` seconds."""

    step: float

    def ended(self) -> Awaitable[bool]: ...


class NotSeen(AssertionError):
    """An awaited event did not come before the deadline; says what was seen instead.

    `awaited` in words, `instead`: what came, one a line; `exchange`: the connection.
    """

    def __init__(
        self, message: str, exchange: Exchange | SocketLog | None = None, awaited: str = "", instead: Any = ABSENT
    ) -> None:
        super().__init__(message)
        self.exchange, self.awaited, self.instead = exchange, awaited, instead


def matches(pattern: Any, value: Any) -> bool:
    """Is `pattern` a part of `value`? Objects match by the keys that the pattern names, the rest by equality."""
    if callable(pattern):
        return bool(pattern(value))
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(k in value and matches(v, value[k]) for k, v in pattern.items())
    return bool(pattern == value)


def worded(pattern: Any) -> str:
    """A pattern for messages: a predicate is told by its docstring."""
    if isinstance(pattern, type):
        return "some value"
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


class Feed:
    """One connection over which events come: a socket (`wire.socket`) or an answer that streams (`wire.lines`).

    `events` holds all events that are JSON objects in order of arrival, `notes` what else the server says of the connection, each
    as `{"type": "ping" | "error", "data": X}`; `heard` has both with the places where they stand in the log.
    """

    what = "socket"

    def __init__(self, wire: Wire, said: SocketLog | Exchange, declared: Declared | None, deadline: float) -> None:
        self._wire, self._said, self.deadline = wire, said, deadline
        self.patience: Callable[[], Waiting] | None = None
        self.heard = Heard(declared)
        self.events: list[Event] = []
        self.notes: list[Event] = []
        self.closed = asyncio.Event()
        self._arrived = asyncio.Condition()
        self._size = 0
        self._told = False

    @property
    def frames(self) -> list[Frame]:
        """All frames so far, those of the client among them."""
        return self._said.frames if isinstance(self._said, SocketLog) else self._said.response.lines

    @property
    def fault(self) -> str:
        """Why reading stopped, or what broke the protocol; "" when nothing did."""
        return self._said.fault if isinstance(self._said, SocketLog) else self._said.response.fault

    @fault.setter
    def fault(self, text: str) -> None:
        if isinstance(self._said, SocketLog):
            self._said.fault = text
        else:
            self._said.response.fault = text

    @property
    def reset(self) -> bool:
        """Did the connection break, neither side having closed it?"""
        raise NotImplementedError

    @property
    def ending(self) -> tuple[int | None, str]:
        """Close code and reason of a socket."""
        return None, ""

    async def _hang_up(self) -> None:
        """Close from the client's side, if still open."""
        raise NotImplementedError

    # -- what comes --------------------------------------------------------------------------------------------

    def _take(self, data: bytes, kind: Literal["text", "binary"], parsed: Callable[[bytes], Any]) -> None:
        """Log a frame and take it apart. Of what is over the caps only the head is kept, and `fault` says so."""
        frame = Frame(self._wire.now_ms(), "in", ABSENT, kind, self._size)
        self._size += len(data)
        self.fault = self.fault or self._over(data, kind)
        if self.fault:
            head = data[: KEPT + MARGIN]
            frame.payload = head if kind == "binary" else head.decode("utf-8", "ignore")
            self.frames.append(frame)
            return
        frame.payload = parsed(data)
        self.frames.append(frame)
        known, noted = len(self.events), len(self.notes)
        self.heard.take(len(self.frames) - 1, frame)
        self.events.extend(event.value for event in self.heard.events[known:])
        self.notes.extend(note.value for note in self.heard.notes[noted:])
        most = self._wire.caps.socket["events"]
        if len(self.events) + len(self.notes) > most:
            self.fault = f"the {self.what} has more than {most:,} events; reading stopped"

    def _over(self, data: bytes, kind: str) -> str:
        """Over which cap this frame is; "" for all that a right server sends."""
        caps, size = self._wire.caps, weight(data)
        self._said.weight += size
        if self._size > caps.socket["bytes"]:
            return f"the {self.what} has sent more than {caps.socket['bytes']:,} bytes; reading stopped"
        if not self._wire.room.take(size, self._said.case):
            return "the frames that the cases at play hold are larger than the run may keep"
        return fault_of(data, caps.frame, "frame") if kind == "text" else ""

    async def _tell(self) -> None:
        """Those who wait look again."""
        async with self._arrived:
            self._arrived.notify_all()

    # -- waiting -----------------------------------------------------------------------------------------------

    async def until(self, pattern: Pattern, n: int = 1, *, start: int = 0, deadline: float | None = None) -> Event:
        """Wait until `n` events from index `start` on match; gives the n-th.

        Raises NotSeen at the deadline or the end, BadAnswer when the socket was over the caps, ConnectionLost when it broke.
        """
        return await self._until(self.events, pattern, n, start, deadline)

    async def until_note(self, pattern: Pattern, n: int = 1, *, deadline: float | None = None) -> Event:
        """The same for `notes`."""
        return await self._until(self.notes, pattern, n, 0, deadline)

    async def _until(self, came: list[Event], pattern: Pattern, n: int, start: int, deadline: float | None) -> Event:
        what, patience = worded(pattern), self._wire.patience
        kind = f"event {kind_of(what)}"
        wanted = patience.of(kind, deadline or self.deadline)
        wanted = wanted if self.events or self.notes else patience.of("frame", wanted)
        hits: list[Event] = []
        seen = start

        def settled() -> bool:
            nonlocal seen
            while seen < len(came) and len(hits) < n:
                seen += 1
                if matches(pattern, came[seen - 1]):
                    hits.append(came[seen - 1])
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
        if self.events or self.notes:
            patience.met("frame")
        if len(hits) >= n:
            patience.met(kind)
            return hits[n - 1]
        if self.fault:
            raise BadAnswer(f"waited for {n} x {what}; {self.fault}", self._said)
        if self.reset:
            raise ConnectionLost(f"waited for {n} x {what}; the connection broke", self._said)
        if not self.closed.is_set() and not lost:
            patience.vain(kind if self.events or self.notes else "frame", self._said.case)
        why = f"the {self.what} closed" if self.closed.is_set() else "a turn got lost" if lost else f"{wanted:g} s went by"
        instead = [brief(e) for e in came[start:][-12:]]
        awaited = what if n == 1 else f"{n} times {what}"
        text = f"waited in vain for {awaited}; {why}; seen instead: {', '.join(instead) or 'no events'}"
        raise NotSeen(text, self._said, awaited, instead)

    async def until_closed(self, deadline: float | None = None) -> tuple[int | None, str]:
        """Wait until the server closes; gives `ending`. Raises NotSeen at the deadline, BadAnswer as `until`."""
        patience = self._wire.patience
        wanted = patience.of("close", deadline or self.deadline)
        try:
            await asyncio.wait_for(self.closed.wait(), wanted)
        except TimeoutError:
            patience.vain("close", self._said.case)
            text = f"the {self.what} was still open after {wanted:g} s"
            raise NotSeen(text, self._said, "the server's close", "still open") from None
        patience.met("close")
        if self.fault:
            raise BadAnswer(self.fault, self._said)
        if self.reset:
            raise ConnectionLost(f"the connection of the {self.what} broke", self._said)
        return self.ending

    async def aclose(self) -> None:
        """Close from the client's side (if still open) and hand the log to the listeners. Takes a few seconds at most."""
        await self._hang_up()
        if not self._told:  # a case may close what its end would close
            self._told = True
            for listener in self._wire.listeners:
                listener(self._said)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        await self.aclose()
