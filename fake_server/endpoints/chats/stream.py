"""The sockets: a chat's stream, the watch feed, and the handshakes of git and desktop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import orjson

from fake_server.faulting import replaceable
from fake_server.http.endpoint import CHATS, Call, socket
from fake_server.http.sockets import accept
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadNumber, parse_int


@socket("streamChat", f"{CHATS}/{{chat}}/stream")
@replaceable
async def stream_chat(call: Call) -> None:
    """Everything that happens in a chat, after a snapshot of what is there. Readers of the chat may open it."""
    after_id = wanted_after(call, call.first_query("after_id"))
    connection = accept(call, "stream")
    await connection.serve(lambda send: call.backend.hub.stream(call.chat, call.user, after_id, send))


@replaceable
def wanted_after(call: Call, raw: str) -> int:
    """The id of the message behind which a reader wants messages; 0 for all."""
    try:
        return parse_int(raw) if raw else 0
    except BadNumber as error:
        call.backend.guard("stream.after-id", True, detail=str(error))
        return 0


@socket("watchChats", f"{CHATS}/watch")
@replaceable
async def watch_chats(call: Call) -> None:
    """What happens to the caller's own chats, from now on."""
    connection = accept(call, "watch")
    await connection.serve(lambda send: call.backend.hub.watching(call.user, send))


@socket("streamParts", f"{CHATS}/{{chat}}/stream/parts")
async def stream_parts(call: Call) -> None:
    """The live parts of the one attempt that the client names, those told so far among them."""
    connection = accept(call, "parts")
    named: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    connection.heard = lambda data: None if named.done() else named.set_result(data)

    async def run(send: Callable[[bytes], Awaitable[None]]) -> None:
        try:
            wanted = orjson.loads(await named)
        except ValueError:
            connection.close(1007, "failed to unmarshal JSON")
            return
        asked = wanted if isinstance(wanted, dict) else {}
        await call.backend.hub.parts(call.chat, (asked.get("history_version", 0), asked.get("generation_attempt", 0)), send)

    await connection.serve(run)


@socket("streamGit", f"{CHATS}/{{chat}}/stream/git")
async def stream_git(call: Call) -> None:
    """Changes in the chat's workspace; there are no workspaces here."""
    raise refusal("git.no-workspace")


@socket("streamDesktop", f"{CHATS}/{{chat}}/stream/desktop")
async def stream_desktop(call: Call) -> None:
    """The desktop of the chat's workspace; there are no workspaces here."""
    raise refusal("desktop.no-workspace")
