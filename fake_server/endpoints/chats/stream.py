"""The sockets: a chat's stream, the watch feed, and the handshakes of git and desktop."""

from __future__ import annotations

from fake_server.http.endpoint import CHATS, Call, not_found, socket
from fake_server.http.sockets import accept
from fake_server.rules.authz import can_create
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadNumber, parse_int


@socket("streamChat", f"{CHATS}/{{chat}}/stream")
async def stream_chat(call: Call) -> None:
    """Everything that happens in a chat, after a snapshot of what is there. Readers of the chat may open it."""
    raw = call.first_query("after_id")
    if not call.backend.does("stream.first-after-id"):
        raw = next((value for key, value in reversed(call.query) if key == "after_id"), "")
    try:
        after_id = parse_int(raw) if raw else 0
    except BadNumber as error:
        if not call.backend.faults.is_off("stream.after-id"):
            raise refusal("stream.after-id", detail=str(error)) from None
        after_id = 0
    if after_id < 0 and not call.backend.does("stream.negative-after-id"):
        after_id = max((m.id for m in call.backend.store.messages[call.chat.id]), default=0)
    if call.chat.archived and not call.backend.does("stream.of-archived"):
        raise not_found()
    connection = accept(call, "stream")
    await connection.serve(lambda send: call.backend.hub.stream(call.chat, call.user, after_id, send))


@socket("watchChats", f"{CHATS}/watch")
async def watch_chats(call: Call) -> None:
    """What happens to the caller's own chats, from now on."""
    if not call.backend.does("watch.for-everybody") and not can_create(
        call.backend, call.user, call.backend.store.organization_id
    ):
        raise not_found()
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
