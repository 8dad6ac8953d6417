"""A fake server in the test's own process, and a client that speaks for its actors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import httpx2

from fake_server.faulting import REGISTRY, Fault
from fake_server.serve import RunningServer, running_server

API = "/api/experimental/chats"


class Served:
    """`await served.call("alice", "GET", "")` speaks to `/api/experimental/chats`; other paths start with `/api`."""

    def __init__(self, server: RunningServer, http: httpx2.AsyncClient) -> None:
        self.server, self.http, self.backend = server, http, server.backend
        self.tokens = {name: user["token"] for name, user in server.target["users"].items()}
        self.ids = {name: user["id"] for name, user in server.target["users"].items()}
        self.organization = server.target["organization_id"]

    async def call(self, actor: str | None, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = dict(more.pop("headers", {}))
        if actor:
            headers["Coder-Session-Token"] = self.tokens[actor]
        url = path if path.startswith("/api") else API + path
        return await self.http.request(method, url, headers=headers, **more)

    async def create(self, actor: str = "alice", text: str = "Hello there", **fields: Any) -> dict[str, Any]:
        """A new chat, whose first turn may still run."""
        body = {"organization_id": self.organization, "content": [{"type": "text", "text": text}], **fields}
        answer = await self.call(actor, "POST", "", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def idle(self, chat_id: str) -> None:
        """Wait until nothing of the chat runs any more."""
        await self.backend.runner.until_idle(self.backend.store.chats[chat_id])


@contextlib.asynccontextmanager
async def served(faults: Iterable[str] = (), options: dict[str, Any] | None = None, **more: Any) -> AsyncIterator[Served]:
    async with (
        running_server(faults, options, **more) as server,
        httpx2.AsyncClient(base_url=server.base_url, timeout=10) as http,
    ):
        yield Served(server, http)


def scene(play: Callable[[Served], Awaitable[None]], **more: Any) -> None:
    """Run `play(served)` against a server of its own, with a deadline."""

    async def run() -> None:
        async with asyncio.timeout(30), served(**more) as here:
            await play(here)

    asyncio.run(run())


@contextlib.contextmanager
def temporary_fault(**fields: Any) -> Any:
    """A fault that exists only inside the block; gives its name."""
    fault = Fault(**{"name": "only-in-this-test", "doc": "", "red": frozenset(), **fields})
    REGISTRY[fault.name] = fault
    try:
        yield fault.name
    finally:
        del REGISTRY[fault.name]
