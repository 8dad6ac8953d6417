"""Verdicts do not depend on the order of the cases, nor on how many are played at once.

Here they are played one by one; many at once in a drawn order are played in test_needs.py, sixteen in all other runs.
"""

from __future__ import annotations

import asyncio

from fake_server.serve import running_server
from tests.proof.bench import Run, run_against


def test_one_by_one_the_verdicts_are_the_same() -> None:
    async def scene() -> Run:
        async with running_server() as server:
            return await run_against(server.target, jobs=1, seed=11, shuffle=True, deadline=10)

    run = asyncio.run(scene())
    wrong = {r: (v, run.why(r)) for r, v in run.verdicts.items() if v not in ("pass", "not-applicable")}
    assert wrong == {}
