"""A client that believes the documents: every answer and event is read into the strict models, whatever it was asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import orjson
from websockets.asyncio.client import connect

from tests.client.models import Strict

ABSENT: Any = object()
Seen = list[dict[str, Any]]
FEEDS = {"streamChat": "StreamEvent", "watchChats": "WatchEvent"}
PATIENCE = 10.0  # seconds for what must come


class Client:
    """All actors of one server. `steps` counts (operation, status), `events` (feed, kind)."""

    def __init__(self, target: dict[str, Any], strict: Strict) -> None:
        self.strict, self.organization = strict, str(target["organization_id"])
        self.model = str(target["model_config_ids"][0])
        self.llm_url = str(target["llm"]["base_url"])
        self.users = target["users"]
        self.steps: Counter[tuple[str, int]] = Counter()
        self.events: Counter[tuple[str, str]] = Counter()
        self._base = str(target["base_url"])
        self._http = httpx2.AsyncClient(base_url=self._base, timeout=PATIENCE)

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    def id(self, actor: str) -> str:
        """The id of an actor."""
        return str(self.users[actor]["id"])

    def _headers(self, actor: str | None) -> dict[str, str]:
        return {"Coder-Session-Token": str(self.users[actor]["token"])} if actor else {}

    async def call(
        self,
        actor: str | None,
        operation: str,
        body: Any = ABSENT,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        query: Any = None,
        **places: Any,
    ) -> Any:
        """One request; gives the answer's value. Raises Unexpected for what the documents do not allow."""
        return (await self.ask(actor, operation, body, content=content, headers=headers, query=query, **places))[1]

    async def ask(
        self,
        actor: str | None,
        operation: str,
        body: Any = ABSENT,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        query: Any = None,
        **places: Any,
    ) -> tuple[int, Any]:
        """Like `call`, with the status."""
        what = self.strict.docs.operations[operation]
        path = what.path
        for name, value in places.items():
            path = path.replace("{" + name + "}", str(value))
        sent = orjson.dumps(body) if body is not ABSENT else content
        shown = {"Content-Type": "application/json"} if body is not ABSENT else {}
        shown |= self._headers(actor) | (headers or {})
        answer = await self._http.request(what.method, path, params=query, content=sent, headers=shown)
        media = answer.headers.get("content-type", "").split(";")[0]
        self.steps[operation, answer.status_code] += 1
        return answer.status_code, self.strict.answer(operation, answer.status_code, media, answer.content)

    async def listen(
        self, actor: str, operation: str, until: Callable[[Seen], Any], act: Callable[[], Any] | None = None, **places: Any
    ) -> Seen:
        """Open a feed, then `act`, and read until `until(events)`; gives the events. Raises Unexpected and TimeoutError."""
        path = self.strict.docs.operations[operation].url(**places)
        seen: Seen = []
        address = self._base.replace("http", "ws", 1) + path
        async with connect(address, additional_headers=self._headers(actor), max_size=None) as socket:
            self.steps[operation, 101] += 1
            if act is not None:
                await act()
            async with asyncio.timeout(PATIENCE):
                while not until(seen):
                    frame = orjson.loads(await socket.recv())
                    for event in frame if isinstance(frame, list) else [frame]:
                        self.events[operation, self.strict.event(FEEDS[operation], event)] += 1
                        seen.append(event)
        return seen
