"""A proxy in front of a right server that turns hostile in one named way, where a request's path says so."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import socket
import ssl
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

MIB = 2**20
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
_REFUSAL = b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n"
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(slots=True)
class Asked:
    """A request on its way: where it came from, its bytes, its key if it is an upgrade."""

    path: str
    method: str
    head: bytes
    body: bytes
    key: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    proxy: Proxy


Behaviour = Callable[[Asked], Awaitable[None]]
ANSWERS: dict[str, Behaviour] = {}
SOCKETS: dict[str, Behaviour] = {}


async def pour(asked: Asked, head: bytes, chunk: bytes, times: int = 2**40) -> None:
    """The head, and the chunk again and again until nobody takes it any more."""
    asked.writer.write(head + b"connection: close\r\n\r\n")
    for _ in range(times):
        if asked.writer.is_closing():
            break
        asked.writer.write(chunk)
        await asked.writer.drain()


def answer(name: str) -> Callable[[Behaviour], Behaviour]:
    def enter(behaviour: Behaviour) -> Behaviour:
        ANSWERS[name] = behaviour
        return behaviour

    return enter


def _whole(name: str, body: bytes, head: bytes = HEAD) -> None:
    async def behave(asked: Asked) -> None:
        await pour(asked, head + b"content-length: %d\r\n" % len(body), body, 1)

    ANSWERS[name] = behave


@cache
def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    spaces = b" " * MIB
    return b"".join(packer.compress(spaces) for _ in range(size // MIB)) + packer.flush()


@answer("endless-body")
async def endless_body(asked: Asked) -> None:
    await pour(asked, HEAD, b" " * MIB)


@answer("endless-text")
async def endless_text(asked: Asked) -> None:
    await pour(asked, b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n", b"x" * MIB)


@answer("gzip-bomb")
async def gzip_bomb(asked: Asked) -> None:
    await pour(asked, HEAD + b"content-encoding: gzip\r\n", _bomb(256 * MIB), 1)


@answer("json-of-300-mb")
async def json_of_300_mb(asked: Asked) -> None:
    await pour(asked, HEAD + b"content-length: %d\r\n" % (300 * MIB), b'{"a":[1,2,3]},  ' * 65536, 300)


_PAGE = b'{"messages":[%s],"queued_messages":[],"has_more":false}'
_whole("millions-of-values", b"[" + b"[]," * 2_000_000 + b"[]]")
_whole("four-mb-at-a-time", _PAGE % (b'"' + b"x" * (4 * MIB) + b'"'))
_whole("nested-300-deep", _PAGE % (b"[" * 300 + b"]" * 300))
_whole("nested-1000-deep", _PAGE % (b"[" * 1000 + b"]" * 1000))
_whole("nested-100000-deep", b"[" * 100_000)
_whole("nested-objects", b'{"messages":' * 500 + b"1" + b"}" * 500)
_whole("no-objects", b'[1,"x",null,[[]],2.5,true]')
_whole("a-string", b'"messages"')
_whole("null", b"null")
_whole("rows-that-are-none", b'{"messages":[1,null,"x",[]],"prompts":[null],"queued_messages":7,"has_more":"x"}')
_whole("rows-without-keys", b'{"messages":[{},{}],"prompts":[{}],"queued_messages":[{}],"has_more":false}')
_whole("a-number-of-5000-digits", _PAGE % (b'{"id":' + b"1" * 5000 + b"}"))
_whole("half-a-surrogate-pair", _PAGE % b'{"id":1,"content":[{"type":"text","text":"\\ud800"}]}')
_whole("bad-utf-8", _PAGE % b'"\xff\xfe\xc3("')
_whole("no-json", b"{broken")
_whole("status-000", b"{}", b"HTTP/1.1 000 Nothing\r\ncontent-type: application/json\r\n")
_whole("status-099", b"{}", b"HTTP/1.1 099 Little\r\ncontent-type: application/json\r\n")
_whole("no-status", b"", b"HTTP/1.1 what\r\n")
_whole("odd-429", b'["x"]', _REFUSAL + "x-ratelimit-limit: ²\r\nretry-after: ²\r\n".encode())
_whole("429-for-ever", b"[]", _REFUSAL + b"x-ratelimit-limit: 5\r\nretry-after: 1\r\n")
_whole("429-for-ages", b"[]", _REFUSAL + b"x-ratelimit-limit: 5\r\nretry-after: %s\r\n" % (b"9" * 400))
_whole("no-gzip", b"{}", HEAD + b"content-encoding: gzip\r\n")
_whole("two-lengths", b"{}", HEAD + b"content-length: 7\r\n")
_whole("huge-headers", b"{}", HEAD + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 60_000) for n in range(100)))


@answer("cut-in-the-body")
async def cut_in_the_body(asked: Asked) -> None:
    await pour(asked, HEAD + b"content-length: 1000\r\n", b"{", 1)
    _reset(asked)


@answer("redirect")
async def redirect(asked: Asked) -> None:
    place = f"location: {asked.proxy.elsewhere}{asked.path}\r\ncontent-length: 0\r\n"
    await pour(asked, b"HTTP/1.1 302 Found\r\n" + place.encode(), b"", 1)


def _reset(asked: Asked) -> None:
    sock: socket.socket = asked.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    asked.writer.transport.abort()


# -- sockets --


def frame(data: bytes, opcode: int = 1, *, fin: bool = True, claims: int | None = None) -> bytes:
    """A frame from a server. `claims`: the length that it names, if that is not its own."""
    first, size = (0x80 if fin else 0) | opcode, len(data) if claims is None else claims
    if size < 126:
        return bytes([first, size]) + data
    return bytes([first, 126 if size < 65536 else 127]) + size.to_bytes(2 if size < 65536 else 8, "big") + data


async def _drained(asked: Asked) -> None:
    """Read what the client says until it hangs up."""
    while await asked.reader.read(MIB):
        pass


def opened(name: str) -> Callable[[Behaviour], Behaviour]:
    """A behaviour after a right handshake."""

    def enter(behaviour: Behaviour) -> Behaviour:
        async def behave(asked: Asked) -> None:
            accept = base64.b64encode(hashlib.sha1((asked.key + _GUID).encode()).digest()).decode()
            head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            asked.writer.write(f"{head}sec-websocket-accept: {accept}\r\n\r\n".encode())
            await behaviour(asked)

        SOCKETS[name] = behave
        return behaviour

    return enter


def _saying(name: str, *frames: bytes) -> None:
    async def behave(asked: Asked) -> None:
        for raw in frames:
            asked.writer.write(raw)
            await asked.writer.drain()
        await _drained(asked)

    opened(name)(behave)


def _flooding(name: str, raw: bytes, first: bytes = b"") -> None:
    async def behave(asked: Asked) -> None:
        asked.writer.write(first)
        while not asked.writer.is_closing():
            asked.writer.write(raw)
            await asked.writer.drain()

    opened(name)(behave)


_saying("silent")
_saying("no-json-frames", frame(b"hello"), frame(b"{broken"), frame(b""))
_saying("frames-of-bad-utf-8", frame(b"\xff\xfe"))
_saying("reserved-opcode", frame(b"x", 5))
_ODD = (b'[1,null,"x",[],{}]', b'{"type":7}', b'[{"type":"status"},{"type":"status","status":3}]')
_saying("odd-events", *(frame(data) for data in _ODD))
_saying("unknown-status", frame(b'[{"type":"status","status":{"status":"dreaming"}}]'))
_saying("frames-nested-deep", frame(b"[" * 500 + b"]" * 500))
_saying("binary-frames", frame(b"\x00\x01", 2))
_saying("frame-of-100-mb", frame(b"x" * MIB, claims=100 * MIB), *[b"x" * MIB] * 99)
_saying("frame-of-8-exabytes", frame(b"x", claims=2**63 - 1))
_flooding("endless-frames", frame(b'[{"type":"status","status":{"status":"running"}}]') * 1000)
_flooding("endless-large-frames", frame(b'["' + b"x" * (3 * MIB) + b'"]'))
_flooding("endless-fragments", frame(b"x" * 1000, 0, fin=False) * 100, frame(b'"', fin=False))
_flooding("endless-empty-fragments", frame(b"", 0, fin=False) * 10_000, frame(b"", fin=False))
_flooding("ping-flood", frame(b"", 9) * 10_000)


@opened("closes-badly")
async def closes_badly(asked: Asked) -> None:
    await asked.writer.drain()
    _reset(asked)


async def _redirected(asked: Asked) -> None:
    place = f"location: {asked.proxy.elsewhere.replace('http', 'ws')}{asked.path}\r\ncontent-length: 0\r\n"
    await pour(asked, b"HTTP/1.1 302 Found\r\n" + place.encode(), b"", 1)


SOCKETS["redirected-upgrade"] = _redirected

# -- the proxy --


class Proxy:
    """Passes everything on to `upstream`, but for what `turns` (a pattern of "METHOD path") names: that meets `behaviour`.

    With `every` only each so-manieth of these requests does. `elsewhere` is where its redirects lead.
    """

    def __init__(
        self,
        upstream: str,
        behaviour: Behaviour,
        turns: str,
        *,
        every: int = 1,
        host: str = "127.0.0.1",
        elsewhere: str = "",
        secure: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._behaviour, self._turns, self._every = behaviour, re.compile(turns), every
        self._host, self.elsewhere, self._secure = host, elsewhere, secure
        self.heard = self.met = 0  # requests in all, and those that met the behaviour
        self.port = self._named = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._secure)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # closed transports let go in the next round

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heard += 1
        method, path, _ = head.decode("latin-1").split(" ", 2)
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        key = re.search(rb"(?i)\r\nsec-websocket-key: *(\S+)", head)
        asked = Asked(path, method, head, body, key[1].decode() if key else "", reader, writer, self)
        if self._turns.search(f"{method} {path}"):
            self._named += 1
            if self._named % self._every == 0:
                self.met += 1
                await self._behaviour(asked)
                return
        await self._pass_on(asked)

    async def _pass_on(self, asked: Asked) -> None:
        reader, writer = await asyncio.open_connection(*self._upstream)
        head = asked.head
        if not asked.key:
            head = re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", head[:-2]) + b"connection: close\r\n\r\n"
        writer.write(head + asked.body)
        there = asyncio.create_task(_copy(asked.reader, writer))
        try:
            await _copy(reader, asked.writer)
        finally:
            there.cancel()
            await asyncio.gather(there, return_exceptions=True)
            writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()  # TLS has no half of it


async def reset(asked: Asked) -> None:
    """Break the connection before there is an answer."""
    _reset(asked)
