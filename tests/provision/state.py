"""What a server holds that its admin could see: compared before and after a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from conformance.wire.exchange import Request
from conformance.wire.http import Wire
from fake_server.serve import RunningServer
from spec.documents import documents


async def seen(server: RunningServer) -> dict[str, Any]:
    """Users, tokens, providers, models, tool servers and settings of this server; nothing that was deleted."""
    store = server.backend.store
    alive = {user.id: user.username for user in store.users.values() if not user.deleted}
    return {
        "users": sorted((u.username, sorted(u.site_roles), u.status) for u in store.users.values() if not u.deleted),
        "tokens": sorted(token.id for token in store.tokens.values()),
        "providers": sorted((p.name, p.base_url) for p in store.providers.values() if not p.deleted and p.enabled),
        "keys": sorted(p.name for p in store.providers.values() if not p.deleted and p.api_keys),
        "models": sorted((m.model, m.is_default, m.enabled) for m in store.model_configs.values() if not m.deleted),
        "tool servers": sorted(store.mcp_servers),
        "settings": await _settings(server),
        "own settings": {alive[user]: plain(value) for user, value in store.user_settings.items() if user in alive and value},
    }


async def _settings(server: RunningServer) -> dict[str, Any]:
    """What its owner is shown of the settings of the server, but for when they were stored."""
    shown = {}
    wire = Wire(server.base_url)
    for operation in documents(server.backend.revision.name).operations.values():
        if operation.method == "GET" and ("/config/" in operation.path or operation.path.endswith("usage-limits")):
            for context in ("general", "explore") if "{context}" in operation.path else ("",):
                headers = {"Coder-Session-Token": server.token("root")}
                request = Request("GET", operation.url(context=context), headers=headers)
                answer = (await wire.send(request, actor=None)).response
                body = answer.body if answer.status == 200 and isinstance(answer.body, dict) else {"status": answer.status}
                shown[request.path] = {key: value for key, value in body.items() if key != "updated_at"}
    await wire.aclose()
    return shown


def plain(value: Any) -> Any:
    """A copy that stays as it is."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
