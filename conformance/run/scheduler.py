"""Plays cases together on one event loop, the failed ones again by themselves, and the exclusive ones alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

from conformance.play.case import Case
from conformance.play.declaration import CaseSpec
from conformance.play.routing import GATEWAY
from conformance.play.verdict import Check
from conformance.run.plays import Play, Plays
from conformance.run.session import Session
from conformance.run.timing import Phase, Timing

Done = Callable[[CaseSpec, list[Check]], None]
_SERIAL_RERUNS = 12  # more failures than this are no accident; they are re-run four at a time


class Scheduler:
    """`done` is told the final checks of each case, once."""

    def __init__(self, session: Session, done: Done) -> None:
        self.session, self._done = session, done
        self.stop = False  # start no further case
        self.timing = Timing()
        self._begun: dict[str, tuple[CaseSpec, Plays]] = {}  # played at least once, without final checks yet
        self._workers: set[asyncio.Task[None]] = set()
        self.aborted = False

    async def play(self, cases: Sequence[CaseSpec]) -> None:
        """Play all; returns when every case has its final checks, or soon after `abort`."""
        ready = []
        for case in cases:
            blocked = self.session.blocked(case)
            if blocked:
                self._done(case, blocked)
            else:
                ready.append(case)
        try:
            again = []
            for group in self._groups([c for c in ready if not c.alone]):
                again += await self._batch("played together", group, self._width())
            again += await self._batch("played alone", [c for c in ready if c.alone], 1)
            width = 1 if len(again) <= _SERIAL_RERUNS else min(4, self._width())
            await self._rerun([c for c in again if not c.alone], width)
            await self._rerun([c for c in again if c.alone], 1)
        finally:
            if self.stop:
                self._conclude_the_begun()

    def _width(self) -> int:
        """How many cases may run at once: no more than turns may, where the revision has a bound; one place is kept free."""
        jobs = self.session.options.jobs
        bounds = self.session.profile.table("limits")
        return max(1, min(jobs, bounds["turns.at-once"]["max"] - 1)) if "turns.at-once" in bounds else jobs

    def _groups(self, cases: list[CaseSpec]) -> list[list[CaseSpec]]:
        """Which cases may run together: all, but for those that change AI providers where a gateway makes the calls.

        A change of any provider makes a gateway start anew, and some seconds later it ends whatever still streams.
        """
        if self.session.routing.way != GATEWAY:
            return [cases]
        rows = self.session.profile.requirements
        needs = {c.name: {need for r in c.requirements for need in rows[r].needs} | {*c.needs} for c in cases}
        # walks make models alone, and need a gateway that stays
        changing = [c for c in cases if "model-admin" in needs[c.name] and self.session.areas(c) != {"diff"}]
        return [[c for c in cases if c not in changing], changing]

    def abort(self) -> None:
        """Break off what is under way: nothing more is played."""
        self.stop = self.aborted = True
        for worker in self._workers:
            worker.cancel()

    async def _batch(self, phase: str, cases: Sequence[CaseSpec], width: int) -> list[CaseSpec]:
        """Play these, `width` at once; gives those to be played again."""
        failed: list[CaseSpec] = []
        least = self.session.options.repeat

        async def one(case: CaseSpec) -> None:
            plays = Plays(self.session.races.excusing(self.session.areas(case)), self.session.options.allow_intermittent)
            self._begun[case.name] = case, plays
            await self._once(case, plays)
            # a state machine has shrunk and replayed its failure already
            if plays.wants_more(least) and (not case.fuzz or least > 1 or plays.plays[-1].broken):
                self.session.failed_once(plays.plays[0].checks)
                failed.append(case)
            else:
                self._finish(case)

        await self._together(phase, cases, width, one)
        return failed

    async def _rerun(self, cases: Sequence[CaseSpec], width: int) -> None:
        async def one(case: CaseSpec) -> None:
            _, plays = self._begun[case.name]
            while plays.wants_more(self.session.options.repeat) and not self.stop:
                await self._once(case, plays)
            self._finish(case)

        await self._together("played again", cases, width, one)

    async def _once(self, case: CaseSpec, plays: Plays) -> None:
        play = Case(self.session, case, len(plays.plays) + 1)
        self.session.playing[case.name] = time.monotonic()
        try:
            checks = await play.run()
        finally:
            del self.session.playing[case.name]
        plays.plays.append(Play(checks, frozenset(play.signs), play.broken, self.session.wire.now_ms(), play.unanswered))

    def _finish(self, case: CaseSpec) -> None:
        _, plays = self._begun.pop(case.name)
        self._done(case, plays.conclude())

    def _conclude_the_begun(self) -> None:
        """What was seen before a run was broken off counts, unless it may be the end's own doing."""
        for case, plays in list(self._begun.values()):
            plays.plays = [p for p in plays.plays if not p.broken and not self.session.in_doubt(p.ended_ms)]
            if plays.plays and not any(p.signs for p in plays.plays):
                self._done(case, plays.conclude())
        self._begun.clear()

    async def _together(
        self, phase: str, cases: Sequence[CaseSpec], width: int, one: Callable[[CaseSpec], Awaitable[None]]
    ) -> None:
        if cases:
            with self.timing.phase(phase) as timed:
                await self._in_rows(timed, iter(cases), width, one)

    async def _in_rows(
        self, timed: Phase, todo: Iterator[CaseSpec], width: int, one: Callable[[CaseSpec], Awaitable[None]]
    ) -> None:
        async def worker() -> None:
            timed.rows.append(row := [])
            for case in todo:
                if self.stop:
                    return
                began = time.monotonic()
                await one(case)
                row.append((case.name, time.monotonic() - began))

        workers = [asyncio.create_task(worker()) for _ in range(width)]
        self._workers.update(workers)
        try:
            await asyncio.gather(*workers)
        except asyncio.CancelledError:
            if not self.aborted:
                raise
            await asyncio.gather(*workers, return_exceptions=True)
        finally:
            self._workers.difference_update(workers)
