"""An LLM whose title answers take three seconds: a proxy before the scripted LLM that holds the calls for a title."""

from __future__ import annotations

import asyncio
import contextlib
import json
from urllib.parse import urlsplit

HOLD_SECONDS = 3.0


class SlowTitles:
    """Listens on loopback while it is open; `base_url` is what a provider must be given."""

    def __init__(self, llm_base: str, seconds: float = HOLD_SECONDS) -> None:
        self._llm, self._seconds = urlsplit(llm_base), seconds
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    @property
    def base_url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._llm.path}"

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            await self._forward(reader, writer)
        writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
        body = await _body(reader, fields)
        if b"propose_title" in body and not _streams(body):
            await asyncio.sleep(self._seconds)
        up_reader, up_writer = await asyncio.open_connection(self._llm.hostname, self._llm.port or 80)
        kept = [line for line in lines[1:] if line and line.split(":")[0].lower() not in _HOP]
        sent = [lines[0], *kept, f"Host: {self._llm.netloc}", f"Content-Length: {len(body)}", "Connection: close", "", ""]
        up_writer.write("\r\n".join(sent).encode("latin-1") + body)
        try:
            while data := await up_reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            up_writer.close()


_HOP = ("host", "connection", "content-length", "transfer-encoding")


async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if fields.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(fields.get("content-length", "0")))
    pieces = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)


def _streams(body: bytes) -> bool:
    try:
        value = json.loads(body)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("stream") is True
