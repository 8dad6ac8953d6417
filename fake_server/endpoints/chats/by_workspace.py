"""What needs a workspace on the real server: changes of a chat, chats by workspace (chats.md section 14)."""

from __future__ import annotations

from fake_server.http.endpoint import CHATS, Call, Reply, reply, route
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadUUID, parse_uuid, quote
from fake_server.state import workspaces

MAX_WORKSPACES = 25


@route("getChatDiff", "GET", f"{CHATS}/{{chat}}/diff")
async def get_chat_diff(call: Call) -> Reply:
    """The chat's changes: nothing is ever known of any here."""
    return reply(200, {"chat_id": call.chat.id})


@route("chatsByWorkspace", "GET", f"{CHATS}/by-workspace")
async def chats_by_workspace(call: Call) -> Reply:
    """The newest chat of each workspace that the caller may read."""
    raw = call.first_query("workspace_ids")
    items = [item.strip() for item in raw.split(",")] if raw else []
    call.backend.guard("by-workspace.count", len(items) > MAX_WORKSPACES)
    ids = []
    for item in items:
        try:
            ids.append(parse_uuid(item))
        except BadUUID as error:
            raise refusal("by-workspace.id", id=quote(item), reason=str(error)) from None
    return reply(200, workspaces.newest_chats(call.backend, call.user, ids))
