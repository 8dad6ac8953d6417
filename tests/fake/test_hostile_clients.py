"""What clients do wrong on purpose costs the server nothing: right refusals, no trace in answers, no state and no memory lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import httpx2
import websockets

from conformance.run.embedded import embedded_target
from conformance.run.target import Target

CHATS = "/api/experimental/chats"
ROUNDS, SOCKETS = 3, 500
GROWTH = 24 * 2**20  # bytes; one upload that is kept would be as much


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _child() -> int:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    return next(int(pid) for pid in children if b"fake_server" in Path(f"/proc/{pid}/cmdline").read_bytes())


async def _requests(client: httpx2.AsyncClient, organization: str) -> None:
    upload = f"{CHATS}/files?organization={organization}"
    for sent, status in (
        ({"url": CHATS, "content": b"{broken", "headers": {"content-type": "application/json"}}, 400),
        ({"url": CHATS, "content": b"[" * 200_000}, 400),
        ({"url": CHATS, "content": b'{"content":"' + b"x" * 300_000}, 400),
        ({"url": upload, "content": b"x" * 20_000_000, "headers": {"content-type": "text/plain"}}, 413),
        ({"url": upload, "content": b"MZ", "headers": {"content-type": "application/x-msdownload"}}, 400),
        ({"url": f"{CHATS}/no-uuid/messages", "content": b"\xff\xfe"}, 400),
    ):
        with contextlib.suppress(httpx2.ReadError, httpx2.WriteError):  # the rest of a body that nobody reads
            answer = await client.post(**sent)  # type: ignore[arg-type]
            assert answer.status_code == status, answer.text
            assert isinstance(answer.json()["message"], str)
            assert "Traceback" not in answer.text and ".py" not in answer.text


async def _sockets(target: Target, url: str) -> None:
    headers = {"Coder-Session-Token": target.users["alice"].token}

    async def one(number: int) -> None:
        async with websockets.connect(url, additional_headers=headers, close_timeout=0.1, max_size=None) as socket:
            await socket.recv()
            if number % 10 == 0:
                await socket.send("what a server-only socket does not take")
                with contextlib.suppress(websockets.ConnectionClosed):
                    async for _ in socket:
                        pass
                assert socket.close_code == 1008
            assert socket.transport is not None
            socket.transport.abort()

    for first in range(0, SOCKETS, 50):
        await asyncio.gather(*(one(number) for number in range(first, first + 50)))


def test_memory_and_state_are_as_before() -> None:
    async def scene() -> None:
        async with (
            embedded_target() as target,
            httpx2.AsyncClient(
                base_url=target.base_url, headers={"Coder-Session-Token": target.users["alice"].token}, timeout=30
            ) as client,
        ):
            body = {"organization_id": target.organization_id, "content": [{"type": "text", "text": "Hello there"}]}
            chat = (await client.post(CHATS, json=body)).json()["id"]
            url = f"{target.base_url.replace('http', 'ws', 1)}{CHATS}/{chat}/stream"
            used = []
            for _ in range(ROUNDS):
                await _requests(client, target.organization_id)
                await _sockets(target, url)
                used.append(_resident(_child()))
            assert used[-1] - used[0] < GROWTH, used
            assert [c["id"] for c in (await client.get(CHATS)).json()] == [chat]
            assert (await client.get(f"{CHATS}/{chat}")).json()["status"] == "waiting"

    asyncio.run(scene())
