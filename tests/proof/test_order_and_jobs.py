"""Verdicts do not depend on the order of the cases, nor on how many are played at once."""

from __future__ import annotations

import asyncio

import pytest

from fake_server.serve import running_server
from tests.proof.bench import Run, run_against


@pytest.mark.parametrize(("jobs", "seed"), [(1, 11), (64, 13)])
def test_the_verdicts_are_the_same(jobs: int, seed: int) -> None:
    async def scene() -> Run:
        async with running_server() as server:
            return await run_against(server.target, jobs=jobs, seed=seed, shuffle=True, deadline=10)

    run = asyncio.run(scene())
    wrong = {r: (v, run.why(r)) for r, v in run.verdicts.items() if v not in ("pass", "not-applicable")}
    assert wrong == {}
