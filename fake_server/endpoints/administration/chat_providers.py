"""The chat's own providers of early revisions: at most one for each of eight types, known by its type."""

from __future__ import annotations

from typing import Any

from fake_server.chats.views import stamp
from fake_server.endpoints.administration.providers import parsed_url
from fake_server.endpoints.administration.shared import may_read, require_update
from fake_server.http.endpoint import CHATS, Call, Reply, forbidden, not_found, reply, route
from fake_server.rules.decode import Bool, Maybe, Struct, Text
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import NIL_UUID, BadUUID, parse_uuid
from fake_server.state.model_choice import TYPE_NAMES, live_configs, live_provider
from fake_server.state.records import Provider, new_id
from fake_server.state.usage import ZERO_TIME

PATH = f"{CHATS}/providers"
ONE = f"{PATH}/{{provider_config}}"
OWN = "!providers.of-server"  # in revisions whose chats have providers of their own
TAKEN = 'pq: duplicate key value violates unique constraint "chat_providers_provider_key"'
USED = (
    'pq: update or delete on table "chat_model_configs" violates foreign key constraint '
    '"chat_messages_model_config_id_fkey" on table "chat_messages"'
)
_FIELDS = {"display_name": Text(), "api_key": Maybe(Text()), "base_url": Maybe(Text()), "enabled": Maybe(Bool())}
CREATE = Struct("CreateChatProviderConfigRequest", {"provider": Text(), **_FIELDS})
PATCH = Struct("UpdateChatProviderConfigRequest", _FIELDS)


def _view(kind: str, provider: Provider | None) -> dict[str, Any]:
    """A type's provider as the API shows it: what is stored, or that the type is supported."""
    if provider is None:
        head: dict[str, Any] = {"id": NIL_UUID, "provider": kind, "display_name": TYPE_NAMES[kind], "enabled": False}
        return head | {"has_api_key": False, "source": "supported", "created_at": ZERO_TIME, "updated_at": ZERO_TIME}
    return {
        "id": provider.id,
        "provider": kind,
        "display_name": provider.display_name,
        "enabled": provider.enabled,
        "has_api_key": bool(provider.api_keys),
        **({"base_url": provider.base_url} if provider.base_url else {}),
        "source": "database",
        "created_at": stamp(provider.created_at),
        "updated_at": stamp(provider.updated_at),
    }


def _by_type(call: Call) -> dict[str, Provider]:
    return {p.type: p for p in call.backend.store.providers.values() if not p.deleted}


def _base_url(call: Call, text: str) -> str:
    """An address as it is stored. Refuses what is no absolute http address."""
    url = text.strip()
    if url:
        parts = parsed_url(url)
        call.backend.guard("chat-provider.base-url", parts is None or not parts.scheme or not parts.netloc)
        call.backend.guard("chat-provider.base-url-scheme", parts is not None and parts.scheme not in ("http", "https"))
    return url


def _keys(call: Call, text: str) -> list[dict[str, Any]]:
    key = text.strip()
    return [{"id": new_id(), "secret": key, "created_at": call.backend.clock.now()}] if key else []


def _find(call: Call) -> Provider:
    try:
        found = live_provider(call.backend, parse_uuid(call.params["provider_config"]))
    except BadUUID as error:
        raise refusal("chat-provider.id", detail=str(error)) from None
    if found is None:
        raise not_found()
    return found


@route("listChatProviders", "GET", PATH, when=OWN)
async def list_providers(call: Call) -> Reply:
    """All types in their fixed order, configured or not."""
    if not may_read(call):
        raise forbidden()
    stored = _by_type(call)
    return reply(200, [_view(kind, stored.get(kind)) for kind in TYPE_NAMES])


@route("createChatProvider", "POST", PATH, when=OWN)
async def create_provider(call: Call) -> Reply:
    """The provider of a type that has none yet."""
    require_update(call)
    body = await call.json(CREATE)
    backend, kind = call.backend, body["provider"].strip().lower()
    backend.guard("chat-provider.type", kind not in TYPE_NAMES)
    base_url = _base_url(call, body["base_url"] or "")
    backend.guard("chat-provider.exists", kind in _by_type(call), detail=TAKEN)
    now = backend.clock.now()
    provider = Provider(
        type=kind,
        name=kind,
        base_url=base_url,
        display_name=body["display_name"].strip() or TYPE_NAMES.get(kind, kind),
        enabled=body["enabled"] is not False,
        api_keys=_keys(call, body["api_key"] or ""),
        created_at=now,
        updated_at=now,
    )
    backend.store.providers[provider.id] = provider
    return reply(201, _view(kind, provider))


@route("updateChatProvider", "PATCH", ONE, when=OWN)
async def update_provider(call: Call) -> Reply:
    """Change what is sent; an empty key or address is taken out, an empty name changes nothing."""
    require_update(call)
    provider = _find(call)
    body = await call.json(PATCH)
    if body["base_url"] is not None:
        provider.base_url = _base_url(call, body["base_url"])
    provider.display_name = body["display_name"].strip() or provider.display_name
    if body["api_key"] is not None:
        provider.api_keys = _keys(call, body["api_key"])
    if body["enabled"] is not None:
        provider.enabled = body["enabled"]
    provider.updated_at = call.backend.clock.now()
    return reply(200, _view(provider.type, provider))


@route("deleteChatProvider", "DELETE", ONE, when=OWN)
async def delete_provider(call: Call) -> Reply:
    """Take it out with its model configs; refused while chats refer to one of these."""
    require_update(call)
    provider, store = _find(call), call.backend.store
    own = [config for config in live_configs(call.backend) if config.provider_id == provider.id]
    used = {chat.last_model_config_id for chat in store.chats.values()}
    used |= {m.model_config_id or "" for rows in store.messages.values() for m in rows}
    call.backend.guard("chat-provider.used", any(config.id in used for config in own), detail=USED)
    for config in own:
        config.deleted = True
    provider.deleted, provider.enabled = True, False
    return reply(204)
