"""A bare HTTP client: what came over the wire, chunk by chunk, and how the connection ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/chat/completions", {"stream_options": {"include_usage": True}}),
    "responses": ("/responses", {}),
    "anthropic": ("/messages", {"max_tokens": 100}),
}


@dataclass
class Answer:
    """`ended`: complete, eof (before the end), reset or malformed. `chunks` are HTTP chunks."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    ended: str = ""

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def events(self) -> list[bytes]:
        return [event + b"\n\n" for event in self.body.split(b"\n\n") if event]

    @property
    def data(self) -> list[Any]:
        """The JSON of each event, [DONE] as text."""
        lines = [line[6:] for line in self.body.split(b"\n") if line.startswith(b"data: ")]
        return [json.loads(line) if line != b"[DONE]" else "[DONE]" for line in lines]


def body_for(wire: str, prompt: str, *, stream: bool = True, **more: Any) -> dict[str, Any]:
    _, extra = REQUESTS[wire]
    key = "input" if wire == "responses" else "messages"
    body: dict[str, Any] = {"model": "fake-model", key: [{"role": "user", "content": prompt}], "stream": stream}
    return body | extra | more


class Connection:
    """One connection; `ask` sends a request and reads the answer to its end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, url: str) -> Connection:
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def send(self, path: str, body: Any, headers: dict[str, str] | None = None, method: str = "POST") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "host: x", f"content-length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        answer = Answer()
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            answer.status = int(head[0].split()[1])
            answer.headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in head[1:] if line)}
            if "content-length" in answer.headers:
                wanted = int(answer.headers["content-length"])
                while wanted > 0 and (data := await self.reader.read(wanted)):
                    answer.chunks.append(data)
                    wanted -= len(data)
                answer.ended = "eof" if wanted else "complete"
                return answer
            while True:
                size = await self.reader.readuntil(b"\r\n")
                try:
                    length = int(size, 16)
                except ValueError:
                    answer.ended = "malformed"
                    return answer
                data = (await self.reader.readexactly(length + 2))[:-2]
                if not length:
                    answer.ended = "complete"
                    return answer
                answer.chunks.append(data)
        except asyncio.IncompleteReadError:
            answer.ended = "eof"
        except ConnectionResetError:
            answer.ended = "reset"
        return answer

    async def ask(self, path: str, body: Any, headers: dict[str, str] | None = None, method: str = "POST") -> Answer:
        await self.send(path, body, headers, method)
        return await self.answer()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def ask(url: str, wire: str, prompt: str, *, chat: str = "", stream: bool = True, **more: Any) -> Answer:
    """One request on a connection of its own."""
    async with await Connection.open(url) as connection:
        headers = {"x-coder-chat-id": chat} if chat else {}
        return await connection.ask("/v1" + REQUESTS[wire][0], body_for(wire, prompt, stream=stream, **more), headers)
