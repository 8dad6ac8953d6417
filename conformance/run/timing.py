"""Where the time of a run goes: its phases, and in each the row of cases that ended last."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_SHOWN = 8  # cases of a row


@dataclass(slots=True)
class Phase:
    """One phase. `rows`: what each worker played one after the other, as (case, seconds)."""

    name: str
    seconds: float = 0.0
    rows: list[list[tuple[str, float]]] = field(default_factory=list)

    def longest(self) -> list[tuple[str, float]]:
        """The row that ended last."""
        return max(self.rows, key=lambda row: sum(seconds for _, seconds in row), default=[])


class Timing:
    """The phases of a run, in order. They follow each other, so that together they are its longest path."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        """A phase, as long as this lasts."""
        made, began = Phase(name), time.monotonic()
        self.phases.append(made)
        try:
            yield made
        finally:
            made.seconds = time.monotonic() - began

    def told(self, waits: Counter[str]) -> Iterable[str]:
        """What the longest path is made of, a line each. `waits`: by case, milliseconds that its requests took to be answered."""
        yield f"longest path: {sum(phase.seconds for phase in self.phases):.1f} s"
        for phase in self.phases:
            row = phase.longest()
            played = sum(len(each) for each in phase.rows)
            yield f"  {phase.seconds:6.1f} s  {phase.name}{f' ({played} cases, {len(phase.rows)} at once)' if played else ''}"
            for case, seconds in sorted(row, key=lambda one: -one[1])[:_SHOWN]:
                answers = min(waits[case] / 1000, seconds)
                yield f"    {seconds:6.1f} s  {case}, {answers:.1f} s of it until answers came"
            if len(row) > _SHOWN:
                rest = sorted(row, key=lambda one: -one[1])[_SHOWN:]
                yield f"    {sum(seconds for _, seconds in rest):6.1f} s  {len(rest)} more, one after the other"
