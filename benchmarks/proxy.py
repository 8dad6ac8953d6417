"""What the proxy adds to an answer: `python -m benchmarks.proxy`.

One client asks a reference server for a chat, in turns directly and by way of `chat-conformance proxy`, one request at a time.
Printed: the median and the 95th percentile of both in milliseconds, and their differences.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator

import aiohttp

from conformance.run.embedded import embedded_target
from conformance.run.target import Target

ROUNDS = 600
WARM = 50


@contextlib.asynccontextmanager
async def proxied(target: Target) -> AsyncIterator[str]:
    """The address of a proxy in front of this server."""
    words = ("proxy", "--upstream", target.base_url, "--port", "0", "--profile", target.profile)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "conformance.cli", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    said = (await process.stdout.readline()).decode()
    found = re.search(r"proxy: (\S+) ->", said)
    assert found, said
    rest = asyncio.create_task(process.stdout.read())  # a line for each exchange, which nobody reads here
    try:
        yield found[1]
    finally:
        process.send_signal(signal.SIGINT)
        await rest
        await process.wait()


async def main() -> None:
    async with embedded_target() as target, proxied(target) as proxy, aiohttp.ClientSession() as client:
        headers = {"Coder-Session-Token": target.tokens()["alice"]}
        body = {"organization_id": target.organization_id, "content": [{"type": "text", "text": "Hello there"}]}
        path = "/api/experimental/chats"
        async with client.post(target.base_url + path, json=body, headers=headers) as made:
            path += f"/{(await made.json())['id']}"
        taken: dict[str, list[float]] = {target.base_url: [], proxy: []}
        for _ in range(WARM + ROUNDS):
            for address, times in taken.items():
                began = time.perf_counter()
                async with client.get(address + path, headers=headers) as answer:
                    await answer.read()
                times.append(1000 * (time.perf_counter() - began))
    rows = {}
    for name, times in zip(("directly", "by the proxy"), taken.values(), strict=True):
        kept = times[WARM:]
        rows[name] = statistics.median(kept), statistics.quantiles(kept, n=20)[-1]
        print(f"{name:13} median {rows[name][0]:.2f} ms, 95 % within {rows[name][1]:.2f} ms")
    added = [there - here for here, there in zip(*rows.values(), strict=True)]
    print(f"{'added':13} median {added[0]:.2f} ms, 95 % {added[1]:.2f} ms")


if __name__ == "__main__":
    asyncio.run(main())
