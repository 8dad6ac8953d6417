"""Two runs at once on one server: neither disturbs the other, and both take back what is theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import spec
from conformance.provision import Order
from conformance.run.whole import RunConfig
from fake_server.serve import running_server
from tests.provision.state import seen
from tests.provision.test_round_trip import judged

# Cases that make users, providers, models and tool servers, and that look at lists.
GLOBS = ["PROV-0[0-5]*", "MODEL-00*", "MCP-00*", "CREATE-001", "PAGE-00*", "ROLE-00*"]


@pytest.mark.parametrize("profile", spec.profiles())
def test_two_runs_at_once(profile: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with running_server(profile=profile, bare=True) as server:
            before = await seen(server)
            orders = [
                Order(server.base_url, server.token("root"), "ADMIN", manifest=tmp_path / f"{n}.manifest", changes=False)
                for n in range(2)
            ]
            runs = await asyncio.gather(
                *(judged(server, RunConfig(provision=order, config_changes=False), GLOBS) for order in orders)
            )
            for run in runs:
                assert run.session is not None
                red = [
                    (c.requirement, c.case, c.message or c.reason)
                    for c in run.session.checks
                    if c.verdict not in ("pass", "not-applicable")
                ]
                assert (run.exit_status, red) == (0, [])
            assert runs[0].footer["counts"] == runs[1].footer["counts"] and runs[0].footer["counts"]["pass"] > 15
            assert await seen(server) == before

    asyncio.run(scene())
