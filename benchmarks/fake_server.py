"""How fast the fake server answers: `python -m benchmarks.fake_server`, as ratios to a bare Starlette route in the same run.

Both servers run in processes of their own; one client with 16 connections asks them in turn, round by round. Printed: requests
a second (GET chat, list of 50, page of 50 messages), the same with many other chats on the server, events a second through
one stream, how 200 streams at once are served, and memory per 1,000 chats.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import time
from pathlib import Path
from statistics import median

import httpx2 as httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import CaseSpec
from conformance.run.embedded import embedded_target
from conformance.run.session import Options, Session
from conformance.run.target import Target
from fixtures.scripts import gate, script, text

ROUNDS, CONNECTIONS = 5, 16
GOAL = 0.6


def _bare(port: int) -> None:
    body = json.dumps({"id": "x" * 36, "title": "hello", "labels": {}, "children": []}).encode()

    async def answer(request: Request) -> Response:
        return Response(body, media_type="application/json")

    app = Starlette(routes=[Route("/", answer)])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


async def rate(client: httpx.AsyncClient, url: str, headers: dict[str, str], n: int) -> float:
    """Requests a second of `n` requests over all connections."""
    left = iter(range(n))

    async def worker() -> None:
        for _ in left:
            (await client.get(url, headers=headers)).raise_for_status()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
    return n / (time.perf_counter() - began)


async def ratios(bare: str, paths: dict[str, str], headers: dict[str, str], n: int) -> dict[str, float]:
    """The median ratio to the bare route, round by round so that a drifting machine drifts for both."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=60) as client:
        found: dict[str, list[float]] = {name: [] for name in paths}
        for _ in range(ROUNDS):
            for name, url in paths.items():
                found[name].append(await rate(client, url, headers, n) / await rate(client, bare, {}, n))
    return {name: median(values) for name, values in found.items()}


def _nothing(session: Session) -> Case:
    async def function(t: Case) -> None: ...

    return Case(session, CaseSpec("benchmark", function, ()))


async def streamed(t: Case, parts: int, readers: int) -> float:
    """Events a second that reach all readers of one long turn; raises if a part is lost."""
    hold = t.unique("gate")
    one = text("x" * parts, pieces=parts)
    chat = await t.new_chat(script(gate(hold), one))
    await t.llm.reached(hold)
    sockets = await asyncio.gather(*(chat.stream() for _ in range(readers)))
    began = time.perf_counter()
    await t.llm.open(hold)
    for stream in sockets:
        await stream.until({"type": "message", "message": {"role": "assistant"}}, deadline=120)
    seconds = time.perf_counter() - began
    for stream in sockets:
        seen = sum(len(e["message_part"]["part"]["text"]) for e in stream.events if e["type"] == "message_part")
        assert seen == parts, f"{parts - seen} of {parts} parts were lost"
    return parts * readers / seconds


def resident(pid: int) -> int:
    """Resident memory of a process in kilobytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


async def measure(target: Target, bare: str, n: int) -> None:
    session = Session(target, Options(deadline=30))
    t = _nothing(session)
    headers = {"Coder-Session-Token": target.users["alice"].token}
    api = f"{target.base_url}{t.alice.chats_path}"
    chats = await asyncio.gather(*(t.chat("hello", by=t.bob) for _ in range(50)))
    talk: Chat = await t.chat("hello")
    for _ in range(25):
        await talk.turn("more")
    bobs = {"Coder-Session-Token": target.users["bob"].token}
    paths = {"GET chat": f"{api}/{talk.id}", "page of 50 messages": f"{api}/{talk.id}/messages"}
    for name, ratio in (await ratios(bare, paths, headers, n)).items():
        goal = f" (goal {GOAL})" if name == "GET chat" else ""
        print(f"{name:<36} {ratio:.2f} x the bare route{goal}")
    before = (await ratios(bare, {"list": f"{api}?limit=50"}, bobs, n // 4))["list"]
    print(f"{'list of 50':<36} {before:.2f} x the bare route")
    print(f"{'one stream, 10,000 parts':<36} {await streamed(t, 10_000, 1):,.0f} events/s, none lost")
    print(f"{'200 streams at once, 100 parts':<36} {await streamed(t, 100, 200):,.0f} events/s over all, none lost")
    pid = _pid_of(target.base_url)
    start = resident(pid)
    many = 2_000
    waiting = iter(range(many))

    async def more() -> None:
        for _ in waiting:
            await t.new_chat("hello")

    await asyncio.gather(*(more() for _ in range(CONNECTIONS)))
    after = (await ratios(bare, {"list": f"{api}?limit=50"}, bobs, n // 4))["list"]
    print(f"{f'list of 50 beside {many:,} other chats':<36} {after / before:.2f} x the list without them")
    print(f"{'memory per 1,000 chats of 2 messages':<36} {(resident(pid) - start) / many * 1000 / 1024:.1f} MB")
    await session.wire.aclose()
    await session.control.aclose()
    del chats


def _pid_of(base_url: str) -> int:
    """The process that listens at this address, by the kernel's table of sockets."""
    port = int(base_url.rsplit(":", 1)[1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]]
    inode = next(row[9] for row in rows if int(row[1].split(":")[1], 16) == port and row[3] == "0A")
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(link.readlink().name == f"socket:[{inode}]" for link in folder.iterdir()):
                return int(folder.parent.name)
        except OSError:
            continue
    raise RuntimeError("the server's process was not found")


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fake_server")
    parser.add_argument("-n", type=int, default=2_000, help="requests of one round")
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    bare = multiprocessing.get_context("spawn").Process(target=_bare, args=(port,), daemon=True)
    bare.start()
    try:
        async with embedded_target() as target:
            await measure(target, f"http://127.0.0.1:{port}/", options.n)
    finally:
        bare.terminate()


if __name__ == "__main__":
    asyncio.run(main())
