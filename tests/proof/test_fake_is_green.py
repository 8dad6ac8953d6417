"""The fake server of each profile: every requirement in scope is judged and passes. The default one's: test_needs.py."""

from __future__ import annotations

import asyncio

import pytest

import spec
from fake_server.serve import running_server
from tests.proof.bench import Run, run_against, telling


@pytest.mark.parametrize("profile", [name for name in spec.profiles() if name != spec.DEFAULT])
def test_every_requirement_in_scope_is_judged_and_passes(profile: str) -> None:
    cases = telling(profile, 3)

    async def scene() -> Run:
        async with running_server(profile=profile) as server:
            return await run_against(server.target, cases)

    run = asyncio.run(scene())
    wrong = {r: (v, run.why(r)) for r, v in run.told(cases).items() if v not in ("pass", "not-applicable")}
    assert wrong == {} and len(run.ids("pass")) > len(spec.load(profile).requirements) / 6
    assert cases or run.footer["exit"] == 0


def test_what_the_suite_does_not_judge_says_why() -> None:
    rows = spec.load(spec.DEFAULT).requirements.values()
    excluded = [r for r in rows if r.excluded]
    assert all(len(r.excluded) > 10 for r in excluded)
    assert len(excluded) <= 0.05 * len(rows)
