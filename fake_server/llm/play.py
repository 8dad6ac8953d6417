"""Play a rendered turn onto a connection: pauses, gates, pacing and wire faults, exact to the byte."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from functools import lru_cache

from fake_server.llm.gates import Deadline, Gates
from fake_server.llm.http import Reply, frame, head_bytes
from fake_server.llm.journal import Entry
from fake_server.llm.script import Fault, Gate, Pacing, StreamError, Turn, Wait
from fake_server.llm.wires.base import Played, Token, Wire

BATCH = 16 << 10
HANG_SECONDS = 30.0


class Ended(Exception):
    """A fault ended the answer; the reason goes into the journal."""


@lru_cache(maxsize=4096)
def _size_line(size: int) -> bytes:
    return b"%x\r\n" % size


def _chunk_end(data: bytes) -> int:
    """Where to split data inside of a character of several bytes; in the middle when it has none."""
    at = next((i + 1 for i, byte in enumerate(data) if byte >= 0xC0), 0)
    return at or len(data) // 2


class Player:
    """Writes one answer. `entry` is kept up to date with what was sent; `outcome` tells how it ended."""

    def __init__(self, reply: Reply, gates: Gates, entry: Entry, turn: Turn, rng: random.Random) -> None:
        self._reply, self._gates, self._entry, self._turn, self._rng = reply, gates, entry, turn, rng
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._framed = True
        self._once: list[str] = []  # faults for the next event
        self._drip = next((f for f in turn.faults if f.kind == "drip"), None)
        self._at_byte = sorted((f for f in turn.faults if f.at_byte is not None), key=lambda f: f.at_byte or 0)
        self._after_chunk = sorted((f for f in turn.faults if f.after_chunk is not None), key=lambda f: f.after_chunk or 0)
        self._due = 0.0

    # -- whole answers

    async def stream(self, events: Iterator[Played], wire_error: Wire) -> None:
        """Send a head and the events as chunks. Raises Ended when a fault or a gate ended it early."""
        content_type = next((f.value for f in self._turn.faults if f.kind == "content_type"), "text/event-stream")
        headers = [("content-type", content_type), ("cache-control", "no-cache"), ("transfer-encoding", "chunked")]
        await self._before("headers")
        await self._head(200, headers)
        await self._before("first_chunk")
        await self._passed_places()
        if not self._turn.empty:
            await self._events(events, wire_error)
        if self._turn.cut:
            await self._flush()
            self._reply.cut()
            raise Ended("cut")
        self._pending.append(b"0\r\n\r\n")
        await self._flush()
        self._reply.end()

    async def _events(self, events: Iterator[Played], wire: Wire) -> None:
        # Without faults and pacing an event costs no call: long answers are nearly all such events.
        plain = not (self._turn.pacing or self._at_byte or self._after_chunk or self._drip)
        entry, pending = self._entry, self._pending
        for item in events:
            if plain and not self._once and isinstance(item, bytes):
                if item:
                    size = len(item)
                    pending += (_size_line(size), item, b"\r\n")
                    entry.bytes += size
                    entry.chunks += 1
                    self._pending_size += size
                    if self._pending_size >= BATCH:
                        await self._flush()
                        await asyncio.sleep(0)  # other streams, and the news that the client hung up, get their turn
            elif isinstance(item, bytes):
                await self._event(item)
            else:
                await self._pause(item, wire)

    async def whole(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
        """Send a whole body with its length, faults included."""
        self._framed = False
        wrong = next((f for f in self._turn.faults if f.kind == "wrong_length"), None)
        length = len(body) + (wrong.bytes if wrong else 0)
        content_type = next((f.value for f in self._turn.faults if f.kind == "content_type"), "")
        headers = [(n, content_type if content_type and n == "content-type" else v) for n, v in headers]
        await self._before("headers")
        await self._head(status, [*headers, ("content-length", str(length))])
        await self._before("first_chunk")
        await self._passed_places()
        for at in range(0, len(body), BATCH):
            await self._event(body[at : at + BATCH])
        await self._flush()
        if wrong or self._turn.cut:
            self._reply.cut()
            raise Ended("wrong length" if wrong else "cut")
        self._reply.end()

    async def pauses(self, turn: Turn) -> None:
        """Before an answer that is not a stream: wait as long as its steps wait. Raises Deadline at a closed gate."""
        if turn.pacing:
            await asyncio.sleep(turn.pacing.first_ms / 1000)
        for step in turn.steps:
            if isinstance(step, Wait):
                await asyncio.sleep(step.ms / 1000)
            elif isinstance(step, Gate):
                await self._gates.pass_through(step.name, step.seconds)

    # -- pieces

    async def _head(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._entry.status = status
        data = head_bytes(status, headers)
        slow = next((f for f in self._turn.faults if f.kind == "slow_headers"), None)
        if slow is None:
            self._pending.append(data)  # goes out with the first bytes of the body
            return
        for i in range(0, len(data), slow.bytes):
            self._reply.raw(data[i : i + slow.bytes])
            await asyncio.sleep(slow.ms / 1000)

    async def _before(self, place: str) -> None:
        for fault in self._turn.faults:
            if fault.before == place:
                await self._apply(fault)

    async def _event(self, data: bytes) -> None:
        if isinstance(data, Token) and self._turn.pacing:
            await self._pace(self._turn.pacing)
        if self._once:
            await self._spoiled(data)
        elif self._at_byte or self._after_chunk or self._drip:
            await self._placed(data)
        else:
            self._send(data)
            self._entry.chunks += 1
        if self._pending_size >= BATCH:
            await self._flush()

    def _send(self, data: bytes) -> None:
        if data:
            self._pending.append(frame(data) if self._framed else data)
            self._pending_size += len(data)
            self._entry.bytes += len(data)

    async def _flush(self) -> None:
        if self._pending:
            self._reply.raw(b"".join(self._pending))
            self._pending.clear()
            self._pending_size = 0
        await self._reply.drain()

    async def _placed(self, data: bytes) -> None:
        """Send an event up to the next place where a fault belongs, do the fault, send the rest."""
        while self._at_byte and (self._at_byte[0].at_byte or 0) < self._entry.bytes + len(data):
            fault = self._at_byte.pop(0)
            cut = (fault.at_byte or 0) - self._entry.bytes
            await self._dripped(data[:cut])
            data = data[cut:]
            await self._apply(fault)
        await self._dripped(data)
        self._entry.chunks += 1
        await self._passed_places()

    async def _passed_places(self) -> None:
        while self._at_byte and (self._at_byte[0].at_byte or 0) <= self._entry.bytes:
            await self._apply(self._at_byte.pop(0))
        while self._after_chunk and (self._after_chunk[0].after_chunk or 0) <= self._entry.chunks:
            await self._apply(self._after_chunk.pop(0))

    async def _dripped(self, data: bytes) -> None:
        if self._drip is None:
            self._send(data)
            return
        for i in range(0, len(data), self._drip.bytes):
            self._send(data[i : i + self._drip.bytes])
            await self._flush()
            await asyncio.sleep(self._drip.ms / 1000)

    async def _pace(self, pacing: Pacing) -> None:
        await self._flush()
        loop = asyncio.get_running_loop()
        gap = 1 / pacing.tokens_per_second if pacing.tokens_per_second else 0.0
        if not self._due:
            self._due, gap = loop.time(), pacing.first_ms / 1000
        # A schedule, not a sum of sleeps: lateness of one token does not add up.
        self._due += gap * (1 + pacing.jitter * self._rng.uniform(-1, 1))
        await asyncio.sleep(max(0.0, self._due - loop.time()))

    async def _pause(self, item: Wait | Gate | Fault, wire: Wire) -> None:
        await self._flush()
        if isinstance(item, Wait):
            await asyncio.sleep(item.ms / 1000)
        elif isinstance(item, Fault):
            await self._apply(item)
        else:
            try:
                await self._gates.pass_through(item.name, item.seconds)
            except Deadline as problem:
                self._entry.problems.append(str(problem))
                self._send(wire.stream_error(StreamError(str(problem), "scripted_llm_error", "gate_not_opened")))
                await self._flush()
                self._reply.end(b"0\r\n\r\n")
                raise Ended(str(problem)) from None
        if self._due:
            self._due = asyncio.get_running_loop().time()  # the time spent here is not owed to the pacing

    # -- faults

    async def _apply(self, fault: Fault) -> None:
        await self._flush()
        match fault.kind:
            case "cut":
                self._reply.cut()
                raise Ended("cut")
            case "reset":
                await self._reply.reset()
                raise Ended("reset")
            case "half_close":
                await self._reply.half_close()
                raise Ended("half closed")
            case "hang":
                await asyncio.sleep(HANG_SECONDS if fault.seconds is None else fault.seconds)
                self._reply.cut()
                raise Ended("hung, then cut")
            case "malformed_chunk":
                self._reply.raw(b"zz\r\nnot a chunk\r\n")
                await self._flush()
                self._reply.cut()
                raise Ended("malformed chunk")
            case "split_utf8" | "bad_utf8" | "truncated_event" | "duplicate_event":
                self._once.append(fault.kind)
            case "bad_json":
                self._send(b'data: {"id": nope\n\n')
            case "empty_event":
                self._send(b"data:\n\n")
            case "comment":
                self._send(b": " + (fault.value or "keep-alive").encode() + b"\n\n")
            case _:
                pass  # drip, content_type, slow_headers, wrong_length shape the whole answer

    async def _spoiled(self, data: bytes) -> None:
        """Send an event that a fault before it was meant for."""
        kind = self._once.pop(0)
        at = _chunk_end(data)
        if kind == "split_utf8":
            self._send(data[:at])
            await self._flush()
            await asyncio.sleep(0.005)  # so that the halves don't share a TCP segment
            self._send(data[at:])
        elif kind == "bad_utf8":
            self._send(data[:at] + b"\xff" + data[at:])
        elif kind == "truncated_event":
            self._send(data[: len(data) // 2])
            await self._flush()
            self._reply.cut()
            raise Ended("truncated event")
        else:
            self._send(data)
            self._send(data)
        self._entry.chunks += 1
