"""Registered MCP servers, as far as chats refer to them: made and deleted by the site owner, never called."""

from __future__ import annotations

from fake_server import authz
from fake_server.decode import Bool, ListOf, Struct, Text
from fake_server.http.kit import API, Call, Reply, mount, not_found, reply, route, sign_in
from fake_server.model import new_id
from fake_server.refusals import refusal
from fake_server.validate import BadUUID, parse_uuid, quote
from fake_server.views import stamp

SERVERS = f"{API}/mcp/servers"
CREATE = Struct(
    "CreateMCPServerConfigRequest",
    {
        "display_name": Text(),
        "slug": Text(),
        "description": Text(),
        "icon_url": Text(),
        "transport": Text(),
        "url": Text(),
        "auth_type": Text(),
        "tool_allow_list": ListOf(Text()),
        "tool_deny_list": ListOf(Text()),
        "availability": Text(),
        "enabled": Bool(),
        "model_intent": Bool(),
        "allow_in_plan_mode": Bool(),
        "forward_coder_headers": Bool(),
    },
)

mount(f"{API}/mcp", sign_in)


@route("createMCPServer", "POST", SERVERS)
async def create_mcp_server(call: Call) -> Reply:
    """Register a server (site owner only)."""
    backend = call.backend
    backend.guard("common.forbidden", not authz.can_update_deployment(call.user))
    sent = await call.json(CREATE)
    now = stamp(backend.clock.now())
    server = {
        "id": new_id(),
        **{key: sent[key] for key in ("display_name", "slug", "description", "icon_url", "transport", "url", "auth_type")},
        "has_oauth2_secret": False,
        "has_api_key": False,
        "has_custom_headers": False,
        "tool_allow_list": sent["tool_allow_list"] or [],
        "tool_deny_list": sent["tool_deny_list"] or [],
        **{key: sent[key] for key in ("availability", "enabled", "model_intent", "allow_in_plan_mode")},
        "forward_coder_headers": sent["forward_coder_headers"],
        "created_at": now,
        "updated_at": now,
        "auth_connected": False,
    }
    backend.store.mcp_servers[server["id"]] = server
    return reply(201, server)


@route("deleteMCPServer", "DELETE", f"{SERVERS}/{{server}}")
async def delete_mcp_server(call: Call) -> Reply:
    """Remove a server (site owner only); chats that named it no longer do."""
    backend, raw = call.backend, call.params["server"]
    backend.guard("common.forbidden", not authz.can_update_deployment(call.user))
    try:
        server_id = parse_uuid(raw)
    except BadUUID as error:
        raise refusal("common.chat-id", id=quote(raw), detail=str(error)) from None
    if backend.store.mcp_servers.pop(server_id, None) is None:
        raise not_found()
    for chat in backend.store.chats.values():
        if server_id in chat.mcp_server_ids:
            chat.mcp_server_ids = [i for i in chat.mcp_server_ids if i != server_id]
    return reply(204)
