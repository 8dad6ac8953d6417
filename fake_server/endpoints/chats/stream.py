"""The sockets: a chat's stream, the watch feed, and the handshakes of git and desktop."""

from __future__ import annotations

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


@socket("streamGit", f"{CHATS}/{{chat}}/stream/git")
async def stream_git(call: Call) -> None:
    """Changes in the chat's workspace; there are no workspaces here."""
    raise refusal("git.no-workspace")


@socket("streamDesktop", f"{CHATS}/{{chat}}/stream/desktop")
async def stream_desktop(call: Call) -> None:
    """The desktop of the chat's workspace; there are no workspaces here."""
    raise refusal("desktop.no-workspace")
