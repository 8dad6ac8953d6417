"""A fake server for the administration's tests: started once a module, asked over HTTP by actor."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx

from fake_server.serve import RunningServer, running_server

CHATS = "/api/experimental/chats"
SECONDS = 15


@dataclass(slots=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


class Admin:
    """One running server. `ask` sends a request as an actor (a seeded name, a token, or None for nobody)."""

    def __init__(self, runner: asyncio.Runner, server: RunningServer) -> None:
        self._runner, self.server, self.backend = runner, server, server.backend
        self.users = server.target["users"]

    def ask(self, actor: str | None, method: str, path: str, body: Any = None, *, content: bytes | None = None) -> Answer:
        return self._runner.run(self._ask(actor, method, path, body, content))

    async def _ask(self, actor: str | None, method: str, path: str, body: Any, content: bytes | None) -> Answer:
        token = self.users[actor]["token"] if actor in self.users else actor
        headers = {"Coder-Session-Token": token} if token else {}
        async with httpx.AsyncClient(base_url=self.server.base_url, timeout=SECONDS, trust_env=False) as client:
            sent = {"json": body} if body is not None else {"content": content} if content is not None else {}
            answer = await client.request(method, path, headers=headers, **sent)
        is_json = answer.headers.get("content-type", "").startswith("application/json") and answer.content
        return Answer(answer.status_code, answer.json() if is_json else answer.text, dict(answer.headers))


@contextlib.contextmanager
def started(**options: Any) -> Iterator[Admin]:
    """A server of its own, stopped at the end."""
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        server = runner.run(stack.enter_async_context(running_server(**options)))
        try:
            yield Admin(runner, server)
        finally:
            runner.run(stack.aclose())
