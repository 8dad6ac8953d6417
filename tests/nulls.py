"""Null servers: each answers in a way that is no chat server's. Not one check may pass against any of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return first, headers, body


def _answering(make: Callable[[str, dict[str, str], bytes], tuple[int, str, bytes]]) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                status, media, body = make(*await _request(reader))
                head = f"HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        writer.close()

    return handle


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


def _noise(first: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
    """What fits the schema of the path and is the same for everybody."""
    method, path, _ = first.split(" ", 2)
    chat = "11111111-1111-4111-8111-111111111111"
    stamp = "2026-01-01T00:00:00Z"
    view: dict[str, Any] = {
        "id": chat, "organization_id": chat, "owner_id": chat, "owner_username": "x", "root_chat_id": chat,
        "last_model_config_id": chat, "title": "x", "status": "waiting", "last_turn_summary": None, "created_at": stamp,
        "updated_at": stamp, "archived": False, "pin_order": 0, "mcp_server_ids": [], "labels": {}, "has_unread": False,
        "client_type": "api", "children": [],
    }  # fmt: skip
    path = path.split("?")[0]
    if path.endswith("/chats"):
        answer: Any = view if method == "POST" else []
        return (201 if method == "POST" else 200), "application/json", json.dumps(answer).encode()
    if path.endswith("/messages"):
        return 200, "application/json", json.dumps({"messages": [], "queued_messages": [], "has_more": False}).encode()
    if method == "PATCH":
        return 204, "application/json", b""
    return 200, "application/json", json.dumps(view).encode()


async def _drop_sockets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Upgrades every socket and drops it; answers all else with noise."""
    import base64
    import hashlib

    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            first, headers, body = await _request(reader)
            if headers.get("upgrade", "").lower() == "websocket":
                digest = hashlib.sha1((headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
                accept = base64.b64encode(digest).decode()
                head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                writer.write(f"{head}sec-websocket-accept: {accept}\r\n\r\n".encode())
                break
            status, media, answer = _noise(first, headers, body)
            writer.write(
                f"HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {len(answer)}\r\n\r\n".encode() + answer
            )
            await writer.drain()
    writer.close()


HANDLERS: dict[str, Handler] = {
    "accepts-and-hangs": _hang,
    "empty-200": _answering(lambda *_: (200, "application/json", b"")),
    "echo": _answering(lambda first, headers, body: (200, headers.get("content-type", "text/plain"), body)),
    "always-404": _answering(lambda *_: (404, "application/json", b'{"message":"Not found."}')),
    "always-500": _answering(lambda *_: (500, "application/json", b'{"message":"Internal error."}')),
    "schema-valid-noise": _answering(_noise),
    "drops-sockets": _drop_sockets,
}


def _certificate(folder: Path) -> ssl.SSLContext:
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@contextlib.asynccontextmanager
async def null_server(kind: str, folder: Path) -> AsyncIterator[str]:
    """The base URL of a null server of this kind; `closed-port` and `tls-port` are kinds too."""
    if kind == "closed-port":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        return
    context = _certificate(folder) if kind == "tls-port" else None
    handler = HANDLERS["always-404" if kind == "tls-port" else kind]
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context, limit=2**22)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


KINDS = ("closed-port", "tls-port", *HANDLERS)
