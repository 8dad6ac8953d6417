"""A server that refuses everything behind the preflight earns not one pass: a refusal counts only beside what is accepted."""

from __future__ import annotations

import asyncio
import re

import pytest

from fake_server.serve import running_server
from tests.hostile.proxy import Asked, Proxy
from tests.proof.bench import Run, cases_for, run_against

REFUSALS = {
    401: b'{"message":"You are signed out or your session has expired. Please sign in again to continue.","detail":"x"}',
    404: b'{"message":"Resource not found or you do not have access to this resource"}',
    500: b'{"message":"Internal error."}',
}


@pytest.mark.parametrize("status", REFUSALS)
def test_refusing_well_is_no_pass(status: int) -> None:
    body = REFUSALS[status]
    head = f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"

    async def refuse(asked: Asked) -> None:
        asked.writer.write(head.encode() + body)
        await asked.writer.drain()
        asked.writer.close()

    async def scene() -> Run:
        async with running_server() as server:
            proxy = Proxy(server.base_url, refuse, "(?!)")
            await proxy.start()
            try:
                target = server.target | {"base_url": proxy.url}
                turn = lambda *_: setattr(proxy, "_turns", re.compile("."))  # noqa: E731
                return await run_against(target, cases_for(None), on_start=turn, deadline=1)
            finally:
                await proxy.stop()

    run = asyncio.run(scene())
    assert run.ids("pass") == set()
    assert run.ids("harness-error") == set()
    assert run.footer["exit"] != 0
