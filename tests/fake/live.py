"""An open socket of the fake server: its events as they come, and waiting for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.fake.served import API, Served

Event = dict[str, Any]


class Live:
    """`events` in the order of arrival, `frames` as they came (stream: lists, watch: objects)."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[Event] = []
        self.frames: list[Any] = []
        self.seen = 0  # where the last `until` stopped

    async def _more(self) -> None:
        text = await self.socket.recv()
        assert isinstance(text, str)
        frame = json.loads(text)
        self.frames.append(frame)
        self.events.extend(frame if isinstance(frame, list) else [frame])

    async def until(self, found: Callable[[Event], bool], n: int = 1, seconds: float = 10) -> list[Event]:
        """Read until n events since the last `until` match; gives all events since then, up to the last match."""
        start, count = self.seen, 0
        async with asyncio.timeout(seconds):
            while True:
                while self.seen < len(self.events):
                    event = self.events[self.seen]
                    self.seen += 1
                    count += found(event)
                    if count == n:
                        return self.events[start : self.seen]
                await self._more()

    async def status(self, status: str, n: int = 2) -> list[Event]:
        """Read until this status has come n times."""
        return await self.until(lambda event: event.get("status") == {"status": status}, n)

    async def quiet(self, seconds: float = 0.2) -> list[Event]:
        """What comes until nothing has come for so long."""
        start = self.seen
        with contextlib.suppress(TimeoutError):
            while True:
                await asyncio.wait_for(self._more(), seconds)
        self.seen = len(self.events)
        return self.events[start:]


@contextlib.asynccontextmanager
async def opened(served: Served, actor: str, path: str, **more: Any) -> AsyncIterator[Live]:
    """A socket of /api/experimental/chats<path> as this actor."""
    url = served.server.base_url.replace("http", "ws", 1) + API + path
    headers = {"Coder-Session-Token": served.tokens[actor], **more.pop("headers", {})}
    async with connect(url, additional_headers=headers, max_size=None, max_queue=None, **more) as socket:
        yield Live(socket)


def kinds(events: list[Event]) -> list[str]:
    """Events in short: `status:x`, `part:text`, `message:role`, or the type."""
    short = []
    for event in events:
        match event["type"]:
            case "status":
                short.append(f"status:{event['status']['status']}")
            case "message_part":
                short.append(f"part:{event['message_part']['part']['type']}")
            case "message":
                short.append(f"message:{event['message']['role']}")
            case other:
                short.append(other)
    return short


def texts(events: list[Event]) -> list[str]:
    """The texts of all live text parts."""
    parts = [event["message_part"]["part"] for event in events if event["type"] == "message_part"]
    return [part["text"] for part in parts if part["type"] == "text"]
