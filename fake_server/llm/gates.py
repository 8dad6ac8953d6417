"""Gates: places in a script where the stream waits until a test lets it go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Deadline(TimeoutError):
    """Something that a test waited for did not happen in time; the message says what."""


class Changes:
    """Wakes everybody who waits for a condition whenever something changes."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def until(self, ready: Callable[[], bool], seconds: float, problem: Callable[[], str]) -> None:
        """Return as soon as `ready()` is true. Raises Deadline with `problem()` after that many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not ready():
                    await self._event.wait()
        except TimeoutError:
            raise Deadline(problem()) from None


@dataclass(slots=True)
class GateState:
    """How often streams reached the gate, hung up while they waited at it, and how many wait now."""

    name: str
    changes: Changes
    open: bool = False
    reached: int = 0
    waiting: int = 0
    hung_up: int = 0
    expired: int = 0

    def view(self) -> dict[str, Any]:
        names = ("name", "open", "reached", "waiting", "hung_up", "expired")
        return {name: getattr(self, name) for name in names}


class Gates:
    """All gates by name. A gate opened before it is reached stays open; names are free, one chat one name."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._gates: dict[str, GateState] = {}

    def get(self, name: str) -> GateState:
        gate = self._gates.get(name)
        if gate is None:
            gate = self._gates[name] = GateState(name, Changes())
        return gate

    def all(self) -> list[GateState]:
        return list(self._gates.values())

    def open(self, name: str) -> GateState:
        """Let everything through that waits at the gate or will reach it."""
        gate = self.get(name)
        gate.open = True
        gate.changes.notify()
        return gate

    def reset(self) -> None:
        """Open and forget every gate."""
        for name in list(self._gates):
            self.open(name)
        self._gates.clear()

    async def wait_reached(self, name: str, n: int = 1, seconds: float = 10.0) -> GateState:
        """Wait until streams have reached the gate n times. Raises Deadline."""
        gate = self.get(name)
        message = f"gate {name!r} was reached {{}} of {n} times within {seconds:g} s"
        await gate.changes.until(lambda: gate.reached >= n, seconds, lambda: message.format(gate.reached))
        return gate

    async def wait_hangup(self, name: str, n: int = 1, seconds: float = 10.0) -> GateState:
        """Wait until n clients have hung up while their stream waited at the gate. Raises Deadline."""
        gate = self.get(name)
        message = f"{{}} of {n} clients hung up at gate {name!r} within {seconds:g} s"
        await gate.changes.until(lambda: gate.hung_up >= n, seconds, lambda: message.format(gate.hung_up))
        return gate

    async def pass_through(self, name: str, seconds: float | None) -> None:
        """A stream arrives here: go on when the gate opens. Raises Deadline when nobody opens it."""
        gate = self.get(name)
        limit = self.seconds if seconds is None else seconds
        gate.reached += 1
        gate.waiting += 1
        gate.changes.notify()
        problem = f"gate {name!r} was not opened within {limit:g} s"
        try:
            await gate.changes.until(lambda: gate.open, limit, lambda: problem)
        except asyncio.CancelledError:
            gate.hung_up += 1
            raise
        except Deadline:
            gate.expired += 1
            raise
        finally:
            gate.waiting -= 1
            gate.changes.notify()
