"""The catalogue of models (config.md section 4): by provider type, as the caller may use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.http.endpoint import CHATS, Call, Reply, reply, route
from fake_server.state import model_choice
from fake_server.state.records import ModelConfig, Provider, User

if TYPE_CHECKING:
    from fake_server.backend import Backend

TYPES = tuple(model_choice.TYPE_NAMES)
UNSUPPORTED = {"copilot": "GitHub Copilot"}
RAW_NAMES = ("openai-compat", "openrouter", "vercel")  # their model names are never taken apart


def _place(backend: Backend, config: ModelConfig) -> tuple[str, str]:
    """The type a config is listed under, and its name there: `<type>:<model>` and `<type>/<model>` mean another type."""
    if not backend.does("catalog.takes-names-apart"):
        return config.provider_type, config.model
    if config.provider_type not in RAW_NAMES or not backend.does("catalog.raw-names"):
        for mark in ":/":
            kind, _, name = config.model.partition(mark)
            kind, name = kind.strip().lower(), name.strip()
            if kind in TYPES and name:
                return kind, name
    return config.provider_type, config.model


def _type_available(backend: Backend, user: User, kind: str, providers: list[Provider], configs: list[ModelConfig]) -> bool:
    """Can the user use a type: what is behind its own models decides, if it has any, not models that are listed there too."""
    own = backend.does("catalog.own-models-decide")
    behind = {c.provider_id for c in configs if (c.provider_type if own else _place(backend, c)[0]) == kind}
    counted = [p for p in providers if p.id in behind] if behind else [p for p in providers if p.type == kind]
    return any(model_choice.available(backend, user.id, p) for p in counted)


def _type_view(backend: Backend, user: User, kind: str, providers: list[Provider], configs: list[ModelConfig]) -> dict[str, Any]:
    available = _type_available(backend, user, kind, providers, configs)
    view: dict[str, Any] = {"provider": kind, "available": available}
    if not available:
        view["unavailable_reason"] = "user_api_key_required" if model_choice.byok(backend) else "missing_api_key"
    chosen: dict[str, tuple[str, ModelConfig]] = {}
    for config in configs:
        if _place(backend, config)[0] != kind:
            continue
        usable = model_choice.available(backend, user.id, backend.store.providers[config.provider_id])
        if not usable and _type_available(backend, user, config.provider_type, providers, configs):
            continue
        name = _place(backend, config)[1]
        chosen.setdefault(name.lower(), (name, config))
    rows = [
        {"id": f"{kind}:{name}", "provider": kind, "model": name, "display_name": config.display_name or name}
        for name, config in sorted(chosen.values(), key=lambda row: row[0])
    ]
    # Only while no model can be used at all is the list empty and not null.
    view["models"] = rows if rows or not configs else None
    return view


@route("listModels", "GET", f"{CHATS}/models")
async def list_models(call: Call) -> Reply:
    """Every provider type with an enabled provider, whether the caller can use it, and its models."""
    backend = call.backend
    types_of_disabled = not backend.does("catalog.enabled-types")
    providers = [p for p in backend.store.providers.values() if (p.enabled or types_of_disabled) and not p.deleted]
    every = not backend.does("catalog.enabled-only")
    configs = [c for c in model_choice.live_configs(backend) if every or model_choice.enabled(backend, c)]
    shown = set() if backend.does("catalog.types-with-providers") else {_place(backend, c)[0] for c in configs} or set(TYPES)
    rows = [
        _type_view(
            backend,
            call.user,
            kind,
            providers,
            configs,
        )
        for kind in TYPES
        if any(p.type == kind for p in providers) or kind in shown
    ]
    answer: dict[str, Any] = {"providers": rows}
    if backend.does("catalog.unsupported"):
        kinds = dict.fromkeys(p.type for p in providers if p.type not in TYPES)
        answer["unsupported_providers"] = [{"provider": kind, "display_name": UNSUPPORTED.get(kind, kind)} for kind in kinds]
    return reply(200, answer)
