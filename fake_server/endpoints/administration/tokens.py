"""Users' tokens: API tokens with a lifetime, session keys, deleting and expiring them (bootstrap.md section 2)."""

from __future__ import annotations

from typing import Any

from fake_server.chats.views import stamp
from fake_server.endpoints.administration.shared import target_user
from fake_server.endpoints.administration.users import USER
from fake_server.http.endpoint import Call, Reply, forbidden, not_found, reply, route
from fake_server.rules.decode import Integer, ListOf, Struct, Text
from fake_server.state.accounts import can_read_personal, make_token, wire_token
from fake_server.state.records import Token, User

KEYS = f"{USER}/keys"
SECOND = 1_000_000_000  # nanoseconds, the unit of `lifetime`
DEFAULT_LIFETIME = 30 * 86400 * SECOND
MAX_LIFETIME = 876600 * 3600 * SECOND

TOKEN = Struct(
    "CreateTokenRequest",
    {
        "lifetime": Integer(64),
        "scope": Text("codersdk.APIKeyScope"),
        "scopes": ListOf(Text("codersdk.APIKeyScope")),
        "token_name": Text(),
    },
)


def _owner(call: Call) -> User:
    """The user of the path, if the caller may handle his tokens."""
    user = target_user(call)
    if not can_read_personal(call.user, user):
        raise forbidden()
    return user


def _view(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "user_id": token.user_id,
        "last_used": stamp(token.created_at),
        "expires_at": stamp(token.expires_at),
        "created_at": stamp(token.created_at),
        "updated_at": stamp(token.created_at),
        "login_type": "token" if token.name else "password",
        "scope": token.scope,
        "scopes": ["coder:all"],
        "token_name": token.name,
        "lifetime_seconds": token.lifetime_seconds,
        "allow_list": [{"type": "*", "id": "*"}],
    }


def _find(call: Call) -> Token:
    user = _owner(call)
    token = call.backend.store.tokens.get(call.params["key"])
    if token is None or token.user_id != user.id:
        raise not_found()
    return token


@route("createToken", "POST", f"{KEYS}/tokens")
async def create_token(call: Call) -> Reply:
    """A new API token; its lifetime is given in nanoseconds."""
    user = _owner(call)
    body = await call.json(TOKEN)
    backend = call.backend
    lifetime = body["lifetime"] or DEFAULT_LIFETIME
    backend.guard("tokens.lifetime", lifetime < 0, detail="lifetime must be positive number greater than 0")
    backend.guard("tokens.lifetime", lifetime > MAX_LIFETIME, detail="lifetime must be less than 876600h0m0s")
    name = body["token_name"]
    taken = any(t.user_id == user.id and t.name == name for t in backend.store.tokens.values())
    backend.guard("tokens.duplicate", bool(name) and taken, name=name)
    token = make_token(backend, user, seconds=max(1, lifetime // SECOND), scope=body["scope"] or "all")
    token.name = name or f"token-{token.id.lower()}"
    return reply(201, {"key": wire_token(token)})


@route("createSessionKey", "POST", KEYS)
async def create_session_key(call: Call) -> Reply:
    """A new session token."""
    return reply(201, {"key": wire_token(make_token(call.backend, _owner(call)))})


@route("listTokens", "GET", f"{KEYS}/tokens")
async def list_tokens(call: Call) -> Reply:
    """The user's API tokens, without their secrets."""
    user = _owner(call)
    tokens = [t for t in call.backend.store.tokens.values() if t.user_id == user.id and t.name]
    return reply(200, [_view(t) for t in tokens])


@route("getKey", "GET", f"{KEYS}/{{key}}")
async def get_key(call: Call) -> Reply:
    """One token, without its secret."""
    return reply(200, _view(_find(call)))


@route("deleteKey", "DELETE", f"{KEYS}/{{key}}")
async def delete_key(call: Call) -> Reply:
    """Delete a token: it is unknown from now on."""
    found = _find(call)
    if call.backend.does("tokens.delete"):
        del call.backend.store.tokens[found.id]
    return reply(204)


@route("expireKey", "PUT", f"{KEYS}/{{key}}/expire")
async def expire_key(call: Call) -> Reply:
    """Let a token expire now."""
    _find(call).expires_at = call.backend.clock.now()
    return reply(204)
