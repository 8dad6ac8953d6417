"""A server that is wrong now and then has failed, whichever form its fault has, though a case passes when it is played again."""

from __future__ import annotations

import asyncio

import pytest

from fake_server.faulting import Fault, named
from fake_server.serve import running_server
from tests.proof.bench import Run, cases_for, run_against

# A right and a behaviour that are off, an answer, events: every form of a fault that a MUST judges.
FAULTS = {
    "own-chats-without-the-role@every=3": ["OWN-06*"],
    "queue-runs-backwards@every=3": ["QUEUE-*"],
    "list-gives-one-too-few@every=3": ["PAGE-0*"],
    "breaks-schema-event-message@every=7": ["STREAM-04*", "PART-02*"],
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_comes_now_and_then_fails(name: str) -> None:
    async def scene(fault: Fault) -> Run:
        async with running_server(faults=[fault.name]) as server:
            return await run_against(server.target, cases_for(FAULTS[name]))

    fault = named(name)
    run = asyncio.run(scene(fault))
    assert run.ids("fail") & fault.red
    assert run.footer["exit"] == 1


def test_always_is_not_now_and_then() -> None:
    assert {named(name).when for name in FAULTS}.isdisjoint({None})
