"""When a fault that comes now and then comes: every N-th time that it could show, or by chance.

`NAME@every=3`, `NAME@chance=0.1` and `NAME@chance=0.1,seed=7` name a fault that is there and when it comes. What counts is the
times it would have made a difference: a guard that would have refused, a behaviour that was asked for, an answer or a batch of
events that came out otherwise. All users, chats and operations share one count.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

_FORM = re.compile(r"every=(?P<every>[1-9]\d{0,5})|chance=(?P<chance>0?\.\d{1,6}|1)(,seed=(?P<seed>\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every `every`-th time; or, where that is 0, with the probability `chance`, drawn by `seed`."""

    every: int = 0
    chance: float = 0.0
    seed: int = 1


def parse(name: str) -> tuple[str, Schedule | None]:
    """The name of the fault itself, and when it comes (None: always). Raises KeyError for a form that there is not."""
    base, at, form = name.partition("@")
    if not at:
        return name, None
    found = _FORM.fullmatch(form)
    if found is None:
        raise KeyError(name)
    if found["every"]:
        return base, Schedule(every=int(found["every"]))
    return base, Schedule(chance=float(found["chance"]), seed=int(found["seed"] or 1))


class Occasions:
    """Counts the occasions of one fault, and says at each whether it comes."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._count = 0
        self._dice = random.Random(schedule.seed)

    def due(self) -> bool:
        """One more occasion: does the fault come this time?"""
        self._count += 1
        if self._schedule.every:
            return self._count % self._schedule.every == 0
        return self._dice.random() < self._schedule.chance
