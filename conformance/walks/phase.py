"""All walks of a run: the fixed ones, then fresh ones drawn from the seed, in lanes side by side; what differs is made small."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.play.case import Case
from conformance.play.verdict import Unmet
from conformance.run.session import Session
from conformance.walks.coverage import Coverage
from conformance.walks.differ import AREAS, Found
from conformance.walks.fixed import FIXED
from conformance.walks.pair import Astray
from conformance.walks.sides import Side, same_default
from conformance.walks.steps import Step
from conformance.walks.walker import Walker
from conformance.wire.http import TargetUnreachable

_LOOK_EVERY = 4  # steps, between two looks at the sockets


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is walked: lanes side by side, walks of each (0: until the time is up) and their steps, and what making a
    difference small may take, in walks. `seconds`: after which no further walk is begun; 0: none."""

    lanes: int
    walks: int
    steps: int
    shrinks: int
    patience: float  # seconds for making one difference small
    seconds: float = 0.0
    slow: bool = False


QUICK = Effort(3, 1, 10, 10, 120.0)
DEEP_SECONDS = 60.0


def effort(fuzz: str, seconds: float) -> Effort:
    """That of a run with these options."""
    return Effort(4, 0, 25, 24, 60.0, seconds or DEEP_SECONDS, slow=True) if fuzz == "deep" else QUICK


@dataclass(slots=True)
class Difference:
    """Something that came again: the shortest steps to it, what was found there, and the transcript's rows."""

    found: list[Found]
    steps: list[Step]
    head: dict[str, Any]
    rows: list[dict[str, Any]]
    exchanges: list[Any]
    plays: int = 1  # how often it was played
    again: int = 1  # how often it came


@dataclass(slots=True)
class Outcome:
    """What the walks of a run came to."""

    walks: int = 0
    steps: int = 0
    raced: int = 0
    vanished: list[str] = field(default_factory=list)  # differences that did not come again
    astray: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    words: dict[str, tuple[Found, list[Step], list[Any]]] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=lambda: dict.fromkeys(AREAS, 0))
    excused: dict[str, int] = field(default_factory=dict)
    exchanges: dict[str, Any] = field(default_factory=dict)  # one of each area


class Phase:
    """Plays the walks of one run. `twin`: a session with the reference."""

    def __init__(self, t: Case, twin: Session, how: Effort, reached: Coverage) -> None:
        self.t, self.twin, self.how, self.reached = t, twin, how, reached
        self.outcome = Outcome()
        self._serial = 0
        self._end = time.monotonic() + how.seconds if how.seconds else float("inf")

    async def play(self) -> Outcome:
        """Play all. Raises Unmet where no walk can be begun."""
        await same_default(self.t, self.twin)
        lanes = [self._lane(number) for number in range(self.how.lanes)]
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(lane)
        if not self.outcome.walks:
            raise Unmet(f"no walk could be begun: {'; '.join(self.outcome.astray[:2])}")
        return self.outcome

    async def _lane(self, lane: int) -> None:
        # of its own, so that the same seed gives the same walks; where time decides they aren't the same anyway
        reached = Coverage(self.t.session.profile) if not self.how.seconds else self.reached
        seed = self.t.session.options.seed
        for steps in FIXED[lane :: self.how.lanes]:
            await self._one(steps, None, reached)
        number = 0
        while self._goes_on(number):
            await self._one((), random.Random(f"{seed} {lane} {number}"), reached)
            number += 1

    def _goes_on(self, number: int) -> bool:
        if self.t.session.ended or time.monotonic() > self._end or len(self.outcome.differences) >= 8:
            return False
        return number < self.how.walks or self.how.walks == 0

    async def _one(self, steps: Sequence[Step], rng: random.Random | None, reached: Coverage) -> None:
        """One walk; a difference in it is played again, made small, and entered."""
        if self.t.session.ended or len(self.outcome.astray) > 20 + self.outcome.walks:
            return
        walker = await self._walk(steps, rng, reached)
        if walker is None:
            return
        self._enter(walker)
        if walker.walk.found:
            await self._pursue(walker)

    def _enter(self, walker: Walker) -> None:
        out, walk = self.outcome, walker.walk
        out.walks, out.steps, out.raced = out.walks + 1, out.steps + len(walk.steps), out.raced + walk.raced
        for area, count in walker.differ.compared.items():
            out.compared[area] += count
            if count and walker.target.t.exchanges:
                out.exchanges[area] = walker.target.t.exchanges[-1]
        for name, count in walker.differ.excused.items():
            out.excused[name] = out.excused.get(name, 0) + count
        for found in walker.words:
            out.words.setdefault(found.what.partition("(")[0] + found.pointer, (found, walk.steps, _around(walker, found)))

    async def _walk(
        self, steps: Sequence[Step], rng: random.Random | None, reached: Coverage | None, *, hasty: bool = False
    ) -> Walker | None:
        """Take these steps, or those drawn; None when the walk went astray. `hasty`: what differs is known to be no delay."""
        self._serial += 1
        tag, digits = f"{self.t.session.run_id}-{_letters(self._serial)}", f"{int(self.t.session.run_id, 16)}{self._serial:04}"
        sides = (
            Side(self.t.session, self.t.spec, tag, digits, self.reached),
            Side(self.twin, self.t.spec, tag, digits, reached),
        )
        walker = Walker(*sides, reached)
        walker.hasty = hasty
        try:
            await walker.begin()
            if await _taken(walker, steps, rng, self.how):
                await walker.finish()
        except (Astray, Unmet, TargetUnreachable) as error:
            self.outcome.astray.append(f"{tag}: {error}")
            return None
        finally:
            for side in sides:
                with contextlib.suppress(Exception):
                    await side.end()
        return walker

    async def _pursue(self, walker: Walker) -> None:
        """Play a walk with a difference again, and with fewer steps as long as it comes again."""
        first, best = walker, None
        places = {found.place for found in first.walk.found}
        plays = came = 0
        steps: list[Step] = list(first.walk.steps)
        end = time.monotonic() + self.how.patience

        async def again(tried: list[Step]) -> Walker | None:
            nonlocal plays, came
            plays += 1
            other = await self._walk(tried, None, None, hasty=came > 0)
            if other is None or not places & {f.place for f in other.walk.found}:
                return None
            came += 1
            return other

        for _ in range(2):
            best = best or await again(steps)
        if best is None:
            self.outcome.vanished.append(_worded(first.walk.found[0], steps))
            return
        steps = list(best.walk.steps)
        size = max(1, len(steps) // 2)
        while plays < self.how.shrinks and time.monotonic() < end and not self.t.session.ended:
            start, shorter = 0, False
            while start < len(steps) and plays < self.how.shrinks and time.monotonic() < end:
                tried = steps[:start] + steps[start + size :]
                other = await again(tried) if tried else None
                if other is None:
                    start += size
                else:
                    best, steps, shorter = other, list(other.walk.steps), True
            if size == 1 and not shorter:
                break
            size = max(1, size // 2)
        self.outcome.differences.append(
            Difference(best.walk.found, steps, head_of(best), best.rows, _around(best, best.walk.found[0]), plays + 1, came + 1)
        )


async def _taken(walker: Walker, steps: Sequence[Step], rng: random.Random | None, how: Effort) -> bool:
    """Take the steps, or as many as wanted are drawn; False when a difference has ended the walk."""
    count = len(steps) if rng is None else how.steps
    for number in range(count):
        step = steps[number] if rng is None else walker.draw(rng, number, how.slow)
        if not await walker.take(step):
            return False
        if number % _LOOK_EVERY == _LOOK_EVERY - 1 and not await walker.look(whole=how.seconds > 0 and number % 8 == 7):
            return False
    return True


def _around(walker: Walker, found: Found) -> list[Any]:
    """The exchanges that a finding is shown with."""
    said = walker.target.t.exchanges
    exact = [x for x in said if x.id == found.exchange]
    return exact or said[-3:]


def _letters(number: int) -> str:
    """A word for a number: letters alone, so that a replay may make a new one of the same form."""
    out = ""
    for _ in range(6):
        number, digit = divmod(number, 26)
        out = chr(97 + digit) + out
    return out


def _worded(found: Found, steps: Sequence[Step]) -> str:
    return f"{found.what} {found.pointer or '/'}: {found.actual!r} instead of {found.expected!r} after {worded(steps)}"


def worded(steps: Sequence[Step]) -> str:
    """The steps on one line."""
    return "; ".join(str(step) for step in steps)


def head_of(walker: Walker) -> dict[str, Any]:
    """The first row of a walk's transcript."""
    twin, roles = walker.twin, walker.twin.t.chat_roles
    users = {f"{name}w": {"org_roles": list(roles)} if roles else {} for name in ("alice", "bob")}
    return {
        "about": f"A walk: {worded(walker.walk.steps)}",
        "profile": twin.t.session.profile.name,
        "needs": ["scripted-llm"],
        "env": {
            "org": twin.t.session.target.organization_id,
            "ids": {f"{name}w": actor.id for name, actor in twin.people.items() if name != "root"},
            "model_configs": [twin.ids["model"]],
        },
        "fresh": {"tag": twin.tag},
        "users": users,
    }
