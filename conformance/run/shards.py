"""Shards: the cases of one run, split by what they cost, so that several machines play them; records are what is merged.

Every shard makes the whole plan by itself, from its options alone, and plays its part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.play.declaration import CaseSpec

_COSTS = Path(__file__).with_name("costs.json")


@dataclass(frozen=True, slots=True)
class Shard:
    """`number` of `of`, from 1 on."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the shards of one run have in common but the options in their headers, and the cases of each."""

    digest: dict[str, Any]
    parts: list[list[CaseSpec]]

    def line(self, shard: Shard) -> dict[str, Any]:
        """What the header of a shard's record says of it."""
        return {"number": shard.number, "plan": self.digest, "cases": sorted(case.name for case in self.parts[shard.number - 1])}


def plan(cases: Iterable[CaseSpec], shard: Shard, *, jobs: int, **common: Any) -> Plan:
    """The plan of which this is a shard; `common`: what its shards must agree in beside their cases."""
    cases = list(cases)
    digest = {"of": shard.of, "cases": len(cases), "cases_sha256": names_sha256(case.name for case in cases), **common}
    return Plan(digest, split(cases, shard.of, jobs=jobs))


def names_sha256(names: Iterable[str]) -> str:
    """One hash for a set of cases."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


def costs() -> dict[str, float]:
    """What dear cases took when they were measured, times what most take; `python -m scripts.case_costs RECORD` measures."""
    found: dict[str, float] = json.loads(_COSTS.read_text(encoding="utf-8"))
    return found


def split(cases: Iterable[CaseSpec], of: int, *, jobs: int) -> list[list[CaseSpec]]:
    """Parts of about the same cost: the dearest case first, each to the part that has least. Cases that run alone count whole."""
    known = costs()

    def cost(case: CaseSpec) -> float:
        return known.get(case.name, 1.0) / (1 if case.alone else jobs)

    parts: list[list[CaseSpec]] = [[] for _ in range(of)]
    loads = [0.0] * of
    for case in sorted(cases, key=lambda c: (-cost(c), c.name)):
        least = min(range(of), key=lambda n: (loads[n], n))
        parts[least].append(case)
        loads[least] += cost(case)
    return parts
