"""AI providers (config.md section 2) and the retired provider endpoints (section 1)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from fake_server.chats.views import stamp
from fake_server.endpoints.administration.shared import V2, may_update
from fake_server.http.endpoint import CHATS, Call, Problems, Reply, forbidden, mount, not_found, reply, route, sign_in
from fake_server.rules.decode import BadBody, Bool, Kind, ListOf, Maybe, Struct, Text, Uuid
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadUUID, parse_uuid, quote
from fake_server.state.records import Provider, new_id

PATH = f"{V2}/ai/providers"
TYPES = ("openai", "anthropic", "azure", "bedrock", "google", "openai-compat", "openrouter", "vercel")
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
DUPLICATE = 'execute transaction: pq: duplicate key value violates unique constraint "ai_providers_name_unique"'
UNKNOWN_KEY = "api_keys references an unknown id for this provider"
_SHOWN_SETTINGS = ("region", "model", "small_fast_model")

mount(PATH, sign_in)
mount(f"{CHATS}/providers")
mount(f"{CHATS}/user-provider-configs")


class BedrockSettings(Kind):
    """The settings object, of which only the bedrock one exists; None when absent or null."""

    name = "codersdk.AIProviderSettings"

    def read(self, value: Any, owner: str, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.refuse(value, owner, path)
        kind = value.get("_type")
        if not kind:
            raise BadBody("settings missing _type discriminator")
        if kind != "bedrock":
            raise BadBody(f"unknown settings type {quote(str(kind))}")
        for key in (*_SHOWN_SETTINGS, "access_key", "access_key_secret"):
            if value.get(key) is not None and not isinstance(value[key], str):
                raise self.refuse(value[key], "AIProviderBedrockSettings", key)
        return value


CREATE = Struct(
    "CreateAIProviderRequest",
    {
        "type": Text("codersdk.AIProviderType"),
        "name": Text(),
        "display_name": Text(),
        "icon": Text(),
        "enabled": Bool(),
        "base_url": Text(),
        "api_keys": ListOf(Text()),
        "settings": BedrockSettings(),
    },
)
PATCH = Struct(
    "UpdateAIProviderRequest",
    {
        "display_name": Maybe(Text()),
        "icon": Maybe(Text()),
        "enabled": Maybe(Bool()),
        "base_url": Maybe(Text()),
        "api_keys": ListOf(Struct("AIProviderKeyMutation", {"id": Maybe(Uuid()), "api_key": Maybe(Text())})),
        "settings": BedrockSettings(),
    },
)


def mask(key: str) -> str:
    """A key as it is shown: some characters at both ends, the more the longer it is."""
    shown = 4 if len(key) >= 20 else 2 if len(key) >= 10 else 1 if len(key) >= 5 else 0
    return f"{key[:shown]}...{key[-shown:]}" if shown else "..."


def _settings_view(settings: dict[str, Any] | None) -> dict[str, Any] | None:
    if settings is None:
        return None
    return {"_type": "bedrock", "_version": 1, **{k: settings[k] for k in _SHOWN_SETTINGS if settings.get(k)}}


def provider_view(call: Call, provider: Provider, *, as_given: bool = False) -> dict[str, Any]:
    """A provider as the API shows it; its keys by age, or `as_given`."""
    keys = provider.api_keys if as_given else sorted(provider.api_keys, key=lambda k: (k["created_at"], k["id"]))
    masked = call.backend.does("provider.masks-keys")
    return {
        "id": provider.id,
        "type": provider.type,
        "name": provider.name,
        "display_name": provider.display_name or provider.name,
        "enabled": provider.enabled,
        "base_url": provider.base_url,
        "api_keys": [
            {"id": k["id"], "masked": mask(k["secret"]) if masked else k["secret"], "created_at": stamp(k["created_at"])}
            for k in keys
        ],
        "settings": _settings_view(provider.settings),
        **({"icon": provider.icon} if call.backend.does("provider.icons") else {}),
        "created_at": stamp(provider.created_at),
        "updated_at": stamp(provider.updated_at),
    }


def _live(call: Call) -> list[Provider]:
    rows = [p for p in call.backend.store.providers.values() if not p.deleted]
    return sorted(rows, key=lambda p: p.name)


def _require_owner(call: Call) -> None:
    if not may_update(call) and call.backend.does("provider.owner-only"):
        raise forbidden()


def _named(call: Call) -> str:
    """The id or name of the path. Refuses what can be neither."""
    text = call.params["provider"]
    try:
        return parse_uuid(text)
    except BadUUID:
        call.backend.guard("provider.id", not NAME.fullmatch(text))
        return text


def _find(call: Call, named: str) -> Provider:
    found = next((p for p in _live(call) if named in (p.id, p.name)), None)
    if found is None:
        raise not_found()
    return found


def parsed_url(url: str) -> SplitResult | None:
    """The URL's parts; None for one that the real server can't read either."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    bad = url != url.strip() or any(not c.isprintable() for c in url) or " " in parts.netloc
    return None if bad or _BAD_ESCAPE.search(url) else parts


def _check_url(problems: Problems, url: str) -> None:
    if not url:
        problems.add("provider.base-url-missing")
        return
    parts = parsed_url(url)
    if parts is None or not parts.scheme or not parts.netloc:
        problems.add("provider.base-url")
    elif parts.scheme not in ("http", "https"):
        problems.add("provider.base-url-scheme", scheme=quote(parts.scheme))


@route("listAIProviders", "GET", PATH)
async def list_providers(call: Call) -> Reply:
    """All providers by name, disabled ones too."""
    _require_owner(call)
    return reply(200, [provider_view(call, p) for p in _live(call)])


@route("getAIProvider", "GET", f"{PATH}/{{provider}}")
async def get_provider(call: Call) -> Reply:
    """One provider, by id or name."""
    named = _named(call)
    _require_owner(call)
    return reply(200, provider_view(call, _find(call, named)))


@route("createAIProvider", "POST", PATH)
async def create_provider(call: Call) -> Reply:
    """A new provider, disabled unless asked. The body is checked before the right."""
    body = await call.json(CREATE)
    _check_create(call, body)
    _require_owner(call)
    backend = call.backend
    taken = any(p.name == body["name"] for p in _live(call))
    backend.guard("provider.duplicate", taken, name=body["name"], detail=DUPLICATE)
    now = backend.clock.now()
    provider = Provider(
        type=body["type"],
        name=body["name"],
        base_url=body["base_url"],
        display_name=body["display_name"],
        icon=body["icon"] or "",
        enabled=body["enabled"] or not backend.does("provider.disabled-by-default"),
        settings=body["settings"],
        api_keys=[{"id": new_id(), "secret": key, "created_at": now} for key in body["api_keys"] or []],
        created_at=now,
        updated_at=now,
    )
    backend.store.providers[provider.id] = provider
    backend.runner.llm.gateway.reload()
    return reply(201, provider_view(call, provider, as_given=True))


def _check_create(call: Call, body: dict[str, Any]) -> None:
    problems = call.problems()
    kind, name, keys = body["type"], body["name"], body["api_keys"] or []
    if not kind:
        problems.add("provider.type-missing")
    elif kind not in TYPES and not (kind == "copilot" and call.backend.does("catalog.unsupported")):
        problems.add("provider.type", type=quote(kind))
    if not name:
        problems.add("provider.name-missing")
    elif not NAME.fullmatch(name):
        problems.add("provider.name")
    _check_url(problems, body["base_url"])
    for index, key in enumerate(keys):
        if not key:
            problems.add("provider.key-empty", index=index)
        elif key.strip() != key:
            problems.add("provider.key-space", index=index)
    if body["settings"] is not None and kind not in ("anthropic", "bedrock"):
        problems.add("provider.settings-other-type")
    if body["settings"] is None and kind == "bedrock":
        problems.add("provider.settings-missing")
    if keys and kind == "bedrock":
        problems.add("provider.keys-not-accepted")
    problems.refuse()
    call.backend.guard("provider.bedrock-keys", bool(keys) and body["settings"] is not None)


@route("updateAIProvider", "PATCH", f"{PATH}/{{provider}}")
async def update_provider(call: Call) -> Reply:
    """Change what is sent; `api_keys` names the keys that are to be there afterwards. All or nothing."""
    named = _named(call)
    body = await call.json(PATCH)
    backend = call.backend
    backend.guard("provider.no-field", all(value is None for value in body.values()))
    problems = call.problems()
    if body["base_url"] is not None:
        _check_url(problems, body["base_url"])
    _check_key_changes(problems, body["api_keys"] or [])
    problems.refuse()
    _require_owner(call)
    provider = _find(call, named)
    settings = body["settings"]
    backend.guard("provider.settings-type", settings is not None and provider.type not in ("anthropic", "bedrock"))
    bedrock = provider.type == "bedrock" or settings is not None or provider.settings is not None
    backend.guard("provider.bedrock-keys", bedrock and bool(body["api_keys"]))
    keys = provider.api_keys
    if body["api_keys"] is not None:
        keys = _changed_keys(call, provider, body["api_keys"])
    provider.api_keys = keys
    if body["display_name"] is not None:
        provider.display_name = body["display_name"]
    if body["icon"] is not None:
        provider.icon = body["icon"]
    if body["enabled"] is not None:
        provider.enabled = body["enabled"]
    if body["base_url"] is not None:
        provider.base_url = body["base_url"]
    if settings is not None:
        provider.settings = settings
    provider.updated_at = backend.clock.now()
    backend.runner.llm.gateway.reload()
    return reply(200, provider_view(call, provider))


def _check_key_changes(problems: Problems, changes: list[dict[str, Any]]) -> None:
    first: dict[str, int] = {}
    for index, change in enumerate(changes):
        key, key_id = change["api_key"], change["id"]
        if (key is None) == (key_id is None):
            problems.add("provider.patch-key", index=index)
        elif key_id is not None:
            if key_id in first:
                problems.add("provider.patch-key-twice", index=index, id=key_id, first=first[key_id])
            first.setdefault(key_id, index)
        elif not key:
            problems.add("provider.patch-key-empty", index=index)
        elif key.strip() != key:
            problems.add("provider.patch-key-space", index=index)


def _changed_keys(call: Call, provider: Provider, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    stored = {key["id"]: key for key in provider.api_keys}
    now = call.backend.clock.now()
    keys = []
    for change in changes:
        if change["id"] is None:
            keys.append({"id": new_id(), "secret": change["api_key"] or "", "created_at": now})
        elif change["id"] in stored:
            keys.append(stored[change["id"]])
        else:
            detail = f"execute transaction: {UNKNOWN_KEY}: {change['id']}: {UNKNOWN_KEY}"
            call.backend.guard("provider.unknown-key", True, detail=detail)
    return keys


@route("deleteAIProvider", "DELETE", f"{PATH}/{{provider}}")
async def delete_provider(call: Call) -> Reply:
    """Delete it: its name is free again, model configs that point at it stay."""
    named = _named(call)
    _require_owner(call)
    provider = _find(call, named)
    provider.deleted = True
    provider.enabled = False
    provider.updated_at = call.backend.clock.now()
    call.backend.runner.llm.gateway.reload()
    return reply(204)


# -- retired ----------------------------------------------------------------------------------------------------------

_GONE = {
    "listChatProviders": ("GET", "providers"),
    "createChatProvider": ("POST", "providers"),
    "updateChatProvider": ("PATCH", "providers/{provider_config}"),
    "deleteChatProvider": ("DELETE", "providers/{provider_config}"),
    "listUserProviderConfigs": ("GET", "user-provider-configs"),
    "putUserProviderConfig": ("PUT", "user-provider-configs/{provider_config}"),
    "deleteUserProviderConfig": ("DELETE", "user-provider-configs/{provider_config}"),
}


async def gone(call: Call) -> Reply:
    """What became of the chat's own provider endpoints."""
    raise refusal("legacy-providers.gone")


for _operation, (_method, _path) in _GONE.items():
    route(_operation, _method, f"{CHATS}/{_path}", when="providers.of-server")(gone)
