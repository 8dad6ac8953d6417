"""The embedded server is a process of its own, which ends with what it was started for."""

from __future__ import annotations

import asyncio

import pytest

from conformance.run.embedded import EmbeddedFailed, embedded_target


@pytest.mark.parametrize("steps", range(1, 6))
def test_a_start_may_be_given_up_at_any_moment(steps: int) -> None:
    async def one() -> None:
        async with embedded_target():
            await asyncio.Event().wait()

    async def scene() -> None:
        tasks = [asyncio.create_task(one()) for _ in range(2)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(60):
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(error) for error in ended] == [asyncio.CancelledError] * 2

    asyncio.run(scene())


def test_a_server_that_does_not_come_up_says_why() -> None:
    async def scene() -> None:
        async with embedded_target(["no-such-fault"]):
            pass

    with pytest.raises(EmbeddedFailed, match="unknown fault 'no-such-fault'"):
        asyncio.run(scene())
