"""A server that is wrong now and then comes out as flaky or failed: counted, shown, red with --strict, never silent."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from fake_server.faulting import REGISTRY, Answer, Fault
from fake_server.serve import running_server
from tests.proof.bench import Run, cases_for, run_against


def _wrong_every(n: int) -> Fault:
    turns = itertools.count(1)

    def change(answer: Answer) -> None:
        if answer.status == 200 and "limit" in answer.query and next(turns) % n == 0:
            answer.body = answer.body[:-1]

    return Fault(f"wrong-every-{n}", "", frozenset({"PAGE-007"}), operations=frozenset({"listChats"}), answer=change)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_an_unsteady_server_is_never_green(n: int) -> None:
    async def scene(strict: bool) -> Run:
        fault = _wrong_every(n)
        REGISTRY[fault.name] = fault
        try:
            async with running_server(faults=[fault.name]) as server:
                return await run_against(server.target, cases_for(["PAGE-0*"]), strict=strict)
        finally:
            del REGISTRY[fault.name]

    run = asyncio.run(scene(strict=True))
    seen = [c for c in run.checks if c.verdict in ("fail", "flaky")]
    assert seen
    assert all(c.exchanges for c in seen)
    assert run.footer["exit"] == 1
