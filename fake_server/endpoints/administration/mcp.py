"""Registered MCP servers: kept by the site owner, shown to everybody who may use them, never called."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fake_server.chats.views import stamp
from fake_server.http.endpoint import API, Call, Reply, enter_chats, mount, not_found, reply, route
from fake_server.rules import authz
from fake_server.rules.decode import Bool, ListOf, MapOf, Maybe, Struct, Text
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadUUID, parse_uuid, quote
from fake_server.state.records import new_id

SERVERS = f"{API}/mcp/servers"
ONE = f"{SERVERS}/{{server}}"

TEXTS = (
    "display_name", "slug", "description", "icon_url", "transport", "url", "auth_type", "oauth2_client_id",
    "oauth2_client_secret", "oauth2_auth_url", "oauth2_token_url", "oauth2_scopes", "api_key_header", "api_key_value",
    "availability",
)  # fmt: skip
LISTS = ("tool_allow_list", "tool_deny_list")
SWITCHES = ("enabled", "model_intent", "allow_in_plan_mode", "forward_coder_headers")
FIELDS = {
    **{name: Text() for name in TEXTS},
    **{name: ListOf(Text()) for name in LISTS},
    **{name: Bool() for name in SWITCHES},
    "custom_headers": MapOf(Text()),
}
CREATE = Struct("CreateMCPServerConfigRequest", FIELDS)
UPDATE = Struct("UpdateMCPServerConfigRequest", {name: Maybe(kind) for name, kind in FIELDS.items()})
ONE_OF = {
    "transport": ("streamable_http", "sse"),
    "auth_type": ("none", "oauth2", "api_key", "custom_headers", "user_oidc"),
    "availability": ("force_on", "default_on", "default_off"),
}
ADDRESSES = ("url", "oauth2_auth_url", "oauth2_token_url")
REQUIRED = ("display_name", "slug", "transport", "url", "auth_type", "availability")
# What only those who may read the deployment's configuration see, when there is any.
OF_ADMINS = ("oauth2_client_id", "oauth2_auth_url", "oauth2_token_url", "oauth2_scopes", "api_key_header")
BELONGS = {
    "oauth2": ("oauth2_client_id", "oauth2_client_secret", "oauth2_auth_url", "oauth2_token_url", "oauth2_scopes"),
    "api_key": ("api_key_header", "api_key_value"),
    "custom_headers": ("custom_headers",),
}

Json = dict[str, Any]

OF_ORGANIZATION = f"{API}/organizations/{{organization}}/mcp-servers"
ONE_OF_ORGANIZATION = f"{OF_ORGANIZATION}/{{server}}"

mount(f"{API}/mcp", enter_chats)
mount(OF_ORGANIZATION, enter_chats)


def _validate(call: Call, sent: Json, required: tuple[str, ...]) -> None:
    """Refuse with all that is wrong. An empty text counts as absent where a server is made, not where it is changed."""
    problems = call.problems()
    for field in ("display_name", "slug", "transport", "url", "auth_type", *ADDRESSES[1:], "availability"):
        value = sent[field]
        if not value and (required or value is None):
            if field in required:
                problems.add("mcp.required", field=field)
        elif field in ONE_OF and value not in ONE_OF[field]:
            problems.add("mcp.one-of", field=field, value=value)
        elif field in ADDRESSES and not _is_url(value):
            problems.add("mcp.url", field=field, value=value)
    problems.refuse()


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme and (parts.netloc or parts.path or parts.fragment))


def _view(call: Call, server: Json, *, in_full: bool) -> Json:
    """A server as the API shows it; its secrets never, its address to those alone who may read the configuration."""
    hidden = () if in_full else ("transport", "url")
    shown = {key: "" if key in hidden else server[key] for key in ("id", *TEXTS[:7])}
    shown |= {key: server[key] for key in OF_ADMINS if in_full and server[key]}
    shown["has_oauth2_secret"], shown["has_api_key"] = bool(server["oauth2_client_secret"]), bool(server["api_key_value"])
    shown["has_custom_headers"] = bool(server["custom_headers"])
    shown |= {key: server[key] for key in (*LISTS, "availability", *SWITCHES, "created_at", "updated_at")}
    if call.backend.does("mcp.by-organization"):
        shown["organization_id"] = call.backend.store.organization_id
    return call.backend.revision.shown("MCP server", shown)


def _connected(server: Json) -> Json:
    """What lists and reads say beside: nobody has signed in to a server that asks for it."""
    return {"auth_connected": server["auth_type"] != "oauth2"}


def _only_owner(call: Call) -> None:
    """Refuse a change by anybody but the site owner; where servers belong to organizations as if there were no such server."""
    if call.backend.does("mcp.by-organization") and not authz.can_update_deployment(call.user):
        raise not_found()
    call.backend.guard("common.forbidden", not authz.can_update_deployment(call.user))


def _sees_all(call: Call) -> bool:
    of_organization = (
        call.backend.does("mcp.by-organization") and authz.rank(call.user, call.backend.store.organization_id) == "org_admin"
    )
    return of_organization or authz.can_read_deployment(call.user) or not call.backend.does("mcp.hides-disabled")


def _in_full(call: Call) -> bool:
    return authz.can_read_deployment(call.user) or not call.backend.does("mcp.hides-addresses")


def _server_id(call: Call) -> str:
    try:
        return parse_uuid(call.params["server"])
    except BadUUID as error:
        raise refusal("mcp.id", detail=str(error), id=quote(call.params["server"])) from None


def _server(call: Call) -> Json:
    server = call.backend.store.mcp_servers.get(_server_id(call))
    if server is None:
        raise not_found()
    return server


def _free_slug(call: Call, slug: str, key: str, but: Json | None = None) -> None:
    taken = any(server["slug"] == slug and server is not but for server in call.backend.store.mcp_servers.values())
    call.backend.guard(key, taken)


def _texts(values: list[str] | None) -> list[str]:
    return [value.strip() for value in values or () if value.strip()]


@route("listMCPServers", "GET", OF_ORGANIZATION, when="mcp.by-organization")
@route("listMCPServers", "GET", SERVERS, when="!mcp.by-organization")
async def list_mcp_servers(call: Call) -> Reply:
    """All servers by name for those who may read the configuration, the enabled ones without their addresses for others."""
    servers = sorted(call.backend.store.mcp_servers.values(), key=lambda server: str(server["display_name"]))
    shown = [server for server in servers if server["enabled"] or _sees_all(call)]
    return reply(200, [_view(call, server, in_full=_in_full(call)) | _connected(server) for server in shown])


@route("createMCPServer", "POST", OF_ORGANIZATION, when="mcp.by-organization")
@route("createMCPServer", "POST", SERVERS, when="!mcp.by-organization")
async def create_mcp_server(call: Call) -> Reply:
    """Register a server (site owner only)."""
    backend = call.backend
    backend.guard("common.forbidden", not authz.can_update_deployment(call.user))
    sent = await call.json(CREATE)
    _validate(call, sent, REQUIRED)
    given = [bool(sent[name]) for name in ("oauth2_client_id", "oauth2_auth_url", "oauth2_token_url")]
    if sent["auth_type"] == "oauth2" and not any(given):
        raise refusal("mcp.discovery", detail="no server is ever called from here")
    backend.guard("mcp.oauth2", sent["auth_type"] == "oauth2" and not all(given))
    backend.guard("mcp.api-key", sent["auth_type"] == "api_key" and not (sent["api_key_header"] and sent["api_key_value"]))
    backend.guard("mcp.headers", sent["auth_type"] == "custom_headers" and not sent["custom_headers"])
    now = stamp(backend.clock.now())
    server = {"id": new_id(), **{name: sent[name].strip() for name in TEXTS}, "custom_headers": sent["custom_headers"] or {}}
    server |= {name: _texts(sent[name]) for name in LISTS} | {name: sent[name] for name in SWITCHES}
    server |= {"created_at": now, "updated_at": now}
    _free_slug(call, server["slug"], "mcp.exists")
    backend.store.mcp_servers[server["id"]] = server
    return reply(201, _view(call, server, in_full=True) | {"auth_connected": False})


@route("getMCPServer", "GET", ONE_OF_ORGANIZATION, when="mcp.by-organization")
@route("getMCPServer", "GET", ONE, when="!mcp.by-organization")
async def get_mcp_server(call: Call) -> Reply:
    """One server; a disabled one is not there for those who may not read the configuration."""
    server = _server(call)
    if not server["enabled"] and not _sees_all(call):
        raise not_found()
    return reply(200, _view(call, server, in_full=_in_full(call)) | _connected(server))


@route("patchMCPServer", "PATCH", ONE_OF_ORGANIZATION, when="mcp.by-organization")
@route("patchMCPServer", "PATCH", ONE, when="!mcp.by-organization")
async def patch_mcp_server(call: Call) -> Reply:
    """Change what is sent (site owner only); another way to sign in forgets what belonged to the old one."""
    backend = call.backend
    _only_owner(call)
    _server_id(call)
    sent = await call.json(UPDATE)
    _validate(call, sent, ())
    server = _server(call)
    known = {name: value for name, value in sent.items() if value is not None}
    change: Json = {}
    for name, value in known.items():
        change[name] = value.strip() if name in TEXTS else _texts(value) if name in LISTS else value
    kind = change.get("auth_type", server["auth_type"])
    if kind != server["auth_type"] and backend.does("mcp.forgets-secrets"):
        gone = [name for other, names in BELONGS.items() if other != kind for name in names]
        change |= {name: {} if name == "custom_headers" else "" for name in gone}
    _free_slug(call, str(change.get("slug", server["slug"])), "mcp.slug-taken", server)
    server |= change
    server["updated_at"] = stamp(backend.clock.now())
    return reply(200, _view(call, server, in_full=True) | {"auth_connected": False})


@route("deleteMCPServer", "DELETE", ONE_OF_ORGANIZATION, when="mcp.by-organization")
@route("deleteMCPServer", "DELETE", ONE, when="!mcp.by-organization")
async def delete_mcp_server(call: Call) -> Reply:
    """Remove a server (site owner only); chats that named it no longer do."""
    backend = call.backend
    _only_owner(call)
    server_id = _server(call)["id"]
    if not backend.does("mcp.removed"):
        return reply(204)
    del backend.store.mcp_servers[server_id]
    for chat in backend.store.chats.values():
        if server_id in chat.mcp_server_ids:
            chat.mcp_server_ids = [i for i in chat.mcp_server_ids if i != server_id]
    return reply(204)
