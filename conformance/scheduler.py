"""Plays cases together on one event loop, the failed ones again by themselves, and the exclusive ones alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from conformance.case import CaseSpec
from conformance.context import Case
from conformance.session import Session
from conformance.verdict import FAIL, FLAKY, PASS, UNTESTABLE, WARN, Check

Done = Callable[[CaseSpec, list[Check]], None]
_LOST_TURNS = 6  # plays of a case in all while turns of its chats get lost, as they do on real servers now and then
_SERIAL_RERUNS = 12  # more failures than this are no accident; they are re-run four at a time


class Scheduler:
    """`done` is told the final checks of each case, once."""

    def __init__(self, session: Session, done: Done) -> None:
        self.session, self._done = session, done
        self.stop = False

    async def play(self, cases: Sequence[CaseSpec]) -> None:
        """Play all; returns when every case has its final checks."""
        ready = []
        for case in cases:
            blocked = self.session.blocked(case)
            if blocked:
                self._done(case, blocked)
            else:
                ready.append(case)
        together = [c for c in ready if not c.alone]
        again = await self._batch(together, self.session.options.jobs)
        again += await self._batch([c for c in ready if c.alone], 1)
        width = 1 if len(again) <= _SERIAL_RERUNS else 4
        exclusive = [pair for pair in again if pair[0].alone]
        await self._rerun([pair for pair in again if not pair[0].alone], width)
        await self._rerun(exclusive, 1)

    async def _batch(self, cases: Sequence[CaseSpec], width: int) -> list[tuple[CaseSpec, list[Check]]]:
        """Play these, `width` at once; gives those that failed with their checks."""
        failed: list[tuple[CaseSpec, list[Check]]] = []
        todo = iter(cases)

        async def worker() -> None:
            for case in todo:
                if self.stop:
                    self._done(case, [])
                    continue
                checks = await Case(self.session, case).run()
                if any(_uncertain(check) for check in checks):
                    self.session.failed_once(checks)
                    failed.append((case, checks))
                else:
                    self._done(case, checks)

        await asyncio.gather(*(worker() for _ in range(min(width, len(cases)))))
        return failed

    async def _rerun(self, pairs: list[tuple[CaseSpec, list[Check]]], width: int) -> None:
        todo = iter(pairs)

        async def worker() -> None:
            for case, first in todo:
                if case.fuzz:  # a machine has shrunk and replayed its failure already
                    self._done(case, first)
                    continue
                for attempt in range(2, _LOST_TURNS + 1):
                    play = Case(self.session, case, attempt)
                    second = await play.run()
                    again = play.disturbed or (play.lost_turns and width == 1)
                    if not again or not any(_uncertain(check) for check in second):
                        break
                self._done(case, merge(first, second))

        await asyncio.gather(*(worker() for _ in range(min(width, len(pairs)))))


def _uncertain(check: Check) -> bool:
    return check.verdict in (FAIL, WARN) or (check.verdict == UNTESTABLE and bool(check.exchanges))


def merge(first: list[Check], second: list[Check]) -> list[Check]:
    """What two plays of a case come to: failing twice is a failure, failing then passing is flaky."""
    later: dict[str, list[Check]] = {}
    for check in second:
        later.setdefault(check.requirement, []).append(check)
    out: list[Check] = []
    for check in first:
        again = later.get(check.requirement, [])
        if check.verdict in (FAIL, WARN) and again and all(c.verdict == PASS for c in again):
            if check.verdict == FAIL or check.level == "SHOULD":
                check.verdict = FLAKY
            check.reason = "failed, then passed when run again by itself"
            check.exchanges = [*check.exchanges, *(x for c in again for x in c.exchanges)]
            out.append(check)
        elif check.verdict in (FAIL, WARN):
            out += [c for c in again if c.verdict == check.verdict][:1] or [check]
        elif check.verdict == UNTESTABLE and again:
            out.append(again[0])
        else:
            out.append(check)
    seen = {id(c) for c in out}
    passed = {c.requirement for c in out}
    # what only the second play reached, or where only the second play failed
    for check in second:
        if id(check) not in seen and (check.requirement not in passed or check.verdict == FAIL):
            if check.verdict == FAIL and check.requirement in passed and not _failed_before(first, check.requirement):
                check.verdict, check.reason = FLAKY, "passed, then failed when run again by itself"
            out.append(check)
            passed.add(check.requirement)
    return out


def _failed_before(first: list[Check], requirement: str) -> bool:
    return any(c.requirement == requirement and c.verdict in (FAIL, WARN, UNTESTABLE) for c in first)
