"""Two runs at once on one server: neither disturbs the other, and both take back what is theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import spec
from conformance.provision import Order, ProvisionFailed
from conformance.run.whole import RunConfig
from fake_server.serve import running_server
from tests.provision.state import seen
from tests.provision.test_round_trip import judged

# Cases that make users, providers, models and tool servers, and that look at lists.
GLOBS = ["PROV-0[0-5]*", "MODEL-00*", "MCP-00*", "CREATE-001", "PAGE-00*", "ROLE-00*", "LCHAT-0*", "LMSG-00*"]
ONE_OF_EACH = {"experimental-2026-03"}  # there is one provider of each type at most, and one type alone will do


@pytest.mark.parametrize("profile", spec.profiles())
def test_two_runs_at_once(profile: str, tmp_path: Path) -> None:
    """Where the server has room for one alone, the other says so, and nothing of it is left."""

    async def scene() -> None:
        async with running_server(profile=profile, bare=True) as server:
            before = await seen(server)
            orders = [
                Order(server.base_url, server.token("root"), "ADMIN", manifest=tmp_path / f"{n}.manifest", changes=False)
                for n in range(2)
            ]
            ended = await asyncio.gather(
                *(judged(server, RunConfig(provision=order, config_changes=False), GLOBS) for order in orders),
                return_exceptions=True,
            )
            refused = [str(one) for one in ended if isinstance(one, ProvisionFailed)]
            runs = [one for one in ended if not isinstance(one, BaseException)]
            assert (len(runs), len(refused)) == ((1, 1) if profile in ONE_OF_EACH else (2, 0)), ended
            assert all("one of each at most" in text for text in refused)
            for run in runs:
                assert run.session is not None
                red = [
                    (c.requirement, c.case, c.message or c.reason)
                    for c in run.session.checks
                    if c.verdict not in ("pass", "not-applicable")
                ]
                assert (run.exit_status, red) == (0, [])
                assert run.footer["counts"] == runs[0].footer["counts"] and run.footer["counts"]["pass"] > 15
            assert await seen(server) == before

    asyncio.run(scene())
