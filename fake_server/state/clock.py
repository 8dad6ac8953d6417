"""A clock that only moves when a test says so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from fake_server.state.store import Clock


class ManualClock(Clock):
    """Starts at a fixed time; `advance` moves it and wakes every sleeper whose time has come, in order."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()
        self._count = 0

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        done = asyncio.get_running_loop().create_future()
        self._count += 1
        entry = (self._now + timedelta(seconds=seconds), self._count, done)
        self._sleepers.append(entry)
        self._arrived.set()
        try:
            await done
        finally:
            if entry in self._sleepers:
                self._sleepers.remove(entry)

    async def sleeper(self) -> float:
        """Wait until somebody sleeps, and say for how many seconds the first of them still does."""
        while not self._sleepers:
            self._arrived.clear()
            await self._arrived.wait()
        return (min(self._sleepers)[0] - self._now).total_seconds()

    def advance(self, seconds: float) -> None:
        """Move on; sleepers whose time has come go on."""
        self._now += timedelta(seconds=seconds)
        for entry in sorted(self._sleepers):
            if entry[0] <= self._now:
                self._sleepers.remove(entry)
                entry[2].set_result(None)
