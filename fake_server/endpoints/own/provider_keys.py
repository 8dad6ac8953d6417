"""Users' own provider keys (config.md section 3)."""

from __future__ import annotations

from typing import Any

from fake_server.endpoints.administration.shared import enter_user, target_user
from fake_server.http.endpoint import API, JSON, Call, Reply, mount, reply, route
from fake_server.rules.decode import Struct, Text
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadUUID, parse_uuid, trim
from fake_server.state import model_choice
from fake_server.state.accounts import can_read_personal
from fake_server.state.records import Provider, User

USER = f"{API}/users/{{user}}"
PATH = f"{USER}/ai-provider-keys"
MAX_KEY = 10240  # bytes
REQUEST = Struct("UpdateUserAIProviderKeyRequest", {"api_key": Text()})

mount(USER, enter_user)


def _view(call: Call, user: User, provider: Provider) -> dict[str, Any]:
    return {
        "provider": {
            "id": provider.id,
            "type": provider.type,
            "name": provider.name,
            "display_name": provider.display_name or provider.name,
            **({"icon": provider.icon} if call.backend.does("provider.icons") else {}),
            "enabled": provider.enabled,
            "deleted": provider.deleted,
        },
        "has_user_api_key": model_choice.has_user_key(call.backend, user.id, provider),
        "has_provider_api_key": bool(provider.api_keys),
        "byok_enabled": model_choice.byok(call.backend),
    }


def _provider_id(call: Call) -> str:
    try:
        return parse_uuid(call.params["provider"])
    except BadUUID:
        raise refusal("userkeys.provider-id") from None


@route("listUserProviderKeys", "GET", PATH)
async def list_keys(call: Call) -> Reply:
    """Enabled providers, and disabled ones for which the user has a key, with what keys there are; never the keys."""
    user, backend = target_user(call), call.backend
    backend.guard("userkeys.list-forbidden", not can_read_personal(call.user, user))
    rows = [p for p in backend.store.providers.values() if not p.deleted]
    rows = [p for p in rows if p.enabled or model_choice.has_user_key(backend, user.id, p)]
    return reply(200, [_view(call, user, p) for p in sorted(rows, key=lambda p: p.name)])


@route("putUserProviderKey", "PUT", f"{PATH}/{{provider}}")
async def put_key(call: Call) -> Reply:
    """Store the user's key for a provider."""
    user, backend = target_user(call), call.backend
    backend.guard("userkeys.disabled", not model_choice.byok(backend))
    provider = model_choice.live_provider(backend, _provider_id(call))
    if provider is None:
        raise refusal("userkeys.no-provider")
    backend.guard("userkeys.provider-disabled", not provider.enabled)
    key = (await call.json(REQUEST))["api_key"]
    backend.guard("userkeys.too-large", len(key.encode()) > MAX_KEY)
    backend.guard("userkeys.missing", not key)
    backend.guard("userkeys.space", trim(key) != key)
    backend.guard("userkeys.put-forbidden", not can_read_personal(call.user, user))
    model_choice.user_keys(backend, user.id)[provider.id] = key
    return reply(200, _view(call, user, provider))


@route("deleteUserProviderKey", "DELETE", f"{PATH}/{{provider}}")
async def delete_key(call: Call) -> Reply:
    """Forget the user's key for a provider; also when there is none."""
    user, backend = target_user(call), call.backend
    provider_id = _provider_id(call)
    backend.guard("userkeys.delete-forbidden", not can_read_personal(call.user, user))
    model_choice.user_keys(backend, user.id).pop(provider_id, None)
    return reply(204, b"", media=JSON)  # the real server says a type of the body that is not there
