"""Model configs (config.md section 5): which models there are, and which one is the default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.chats.views import stamp
from fake_server.endpoints.administration import organization_models
from fake_server.endpoints.administration.providers import TYPES
from fake_server.endpoints.administration.shared import IN_TRANSACTION, may_read, require_update
from fake_server.http.endpoint import CHATS, Call, Reply, mount, not_found, reply, route
from fake_server.rules import efforts
from fake_server.rules.call_options import CALL_OPTIONS, LATER_CALL_OPTIONS, stored_options
from fake_server.rules.decode import Bool, Integer, Maybe, Raw, Struct, Text, Uuid
from fake_server.rules.money import PRICES
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state import model_choice
from fake_server.state.records import ModelConfig, Provider

if TYPE_CHECKING:
    from fake_server.backend import Backend

PATH = f"{CHATS}/model-configs"
NO_PROVIDER = (
    'execute transaction: pq: insert or update on table "chat_model_configs" violates foreign key constraint '
    '"chat_model_configs_provider_fkey"'
)
DEFAULT_THRESHOLD, LARGE, OF_LARGE = 70, 500_000, 30  # the last of models with that much context

mount(PATH)

_FIELDS = {
    "provider": Text(),
    "ai_provider_id": Maybe(Uuid()),
    "model": Text(),
    "display_name": Text(),
    "enabled": Maybe(Bool()),
    "is_default": Maybe(Bool()),
    "context_limit": Maybe(Integer(64)),
    "compression_threshold": Maybe(Integer(32)),
    "model_config": Maybe(CALL_OPTIONS),
}
CREATE = Struct("CreateChatModelConfigRequest", _FIELDS)
PATCH = Struct("UpdateChatModelConfigRequest", _FIELDS)
_LATER = {k: v for k, v in _FIELDS.items() if k != "provider"} | {"model_config": Maybe(LATER_CALL_OPTIONS)}
_LATER |= {"group_acl": Maybe(Raw()), "user_acl": Maybe(Raw())}
LATER = {shape: Struct(shape.short, _LATER) for shape in (CREATE, PATCH)}


async def _sent(call: Call, shape: Struct) -> dict[str, Any]:
    """The body as this revision reads it; a provider is named by its id alone in later ones."""
    if not call.backend.does("model-config.efforts"):
        body: dict[str, Any] = await call.json(shape)
        return body
    return {"provider": "", **(await call.json(LATER[shape]))}


def config_view(backend: Backend, config: ModelConfig) -> dict[str, Any]:
    """A model config as the API shows it."""
    view = {
        "id": config.id,
        "organization_id": backend.store.organization_id,
        "provider": config.provider_type,
        "ai_provider_id": config.provider_id,
        "model": config.model,
        "display_name": config.display_name,
        "enabled": config.enabled,
        "is_default": config.is_default,
        "context_limit": config.context_limit,
        "compression_threshold": config.compression_threshold,
        **({"model_config": config.model_config} if config.model_config else {}),
        **({"reasoning_efforts": choices} if (choices := efforts.allowed(config.model_config)) else {}),
        "created_at": stamp(config.created_at),
        "updated_at": stamp(config.updated_at),
    }
    return backend.revision.shown("model config", view)


def make_default(backend: Backend, config: ModelConfig) -> None:
    """Make this config the only default one."""
    for other in model_choice.live_configs(backend):
        if other.is_default and other is not config and backend.does("model-config.one-default"):
            other.is_default = False
            other.updated_at = backend.clock.now()
    config.is_default = True


def _promote_other(backend: Backend, config: ModelConfig) -> None:
    """Hand the default on to the first other config in list order, if there is one."""
    others = [c for c in model_choice.live_configs(backend) if c is not config]
    if backend.does("model-config.promotes-enabled"):
        others = [c for c in others if c.enabled]
    if others and backend.does("model-config.promotes"):
        make_default(backend, others[0])


def _provider(call: Call, provider_id: str) -> Provider:
    """The provider, if a config may point at it."""
    provider = model_choice.live_provider(call.backend, provider_id)
    if provider is None:
        raise refusal("model-config.no-provider")
    call.backend.guard("model-config.provider-disabled", not provider.enabled)
    return provider


def _provider_of_type(call: Call, kind: str) -> Provider:
    """The provider of that type, enabled or not."""
    found = next((p for p in call.backend.store.providers.values() if p.type == kind and not p.deleted), None)
    if found is None:
        raise refusal("model-config.no-provider", detail=NO_PROVIDER)
    return found


def _check_options(call: Call, sent: dict[str, Any] | None) -> dict[str, Any] | None:
    """The options to store. Refuses negative prices, the first of them."""
    if sent is None:
        return None
    if call.backend.does("model-config.efforts"):
        wrong = efforts.problem(sent)
        call.backend.guard("model-config.effort", bool(wrong), detail=wrong)
    options = stored_options(sent)
    prices = (options or {}).get("cost", {})
    for name in PRICES:
        call.backend.guard("model-config.price", prices.get(name, "").startswith("-"), price=name)
    return options


def _check_name(call: Call, provider: Provider, model: str) -> None:
    """Refuse a name with a namespace at a provider that is OpenRouter by its address and not by its type."""
    call.backend.guard(
        "model-config.namespaced", provider.type == "openai" and "openrouter" in provider.base_url and "/" in model
    )


def _find(call: Call) -> ModelConfig:
    if model_choice.of_organization(call.backend):
        config = organization_models.found_model(call)
        organization_models.require_manager(call)
        return config
    try:
        found = model_choice.live_config(call.backend, parse_uuid(call.params["model_config"]))
    except BadUUID as error:
        raise refusal("model-config.id", detail=str(error)) from None
    if found is None:
        raise not_found()
    return found


def _names_readers(body: dict[str, Any]) -> bool:
    return any(body.get(name) is not None for name in ("group_acl", "user_acl"))


def _threshold(call: Call, limit: int) -> int:
    """The compression threshold of a model that names none."""
    return OF_LARGE if limit >= LARGE and call.backend.does("model-config.large-threshold") else DEFAULT_THRESHOLD


@route("listModelConfigs", "GET", PATH)
async def list_model_configs(call: Call) -> Reply:
    """All configs for owner and auditor, those that can be used for everybody else."""
    backend = call.backend
    rows = model_choice.live_configs(backend)
    if model_choice.of_organization(backend):
        mine = [c for c in rows if model_choice.readable(backend, c, call.user)]
        return organization_models.listing(call, [config_view(backend, c) for c in mine])
    if not may_read(call):
        rows = [c for c in rows if model_choice.enabled(backend, c) or not backend.does("model-config.hides-disabled")]
    return reply(200, [config_view(backend, c) for c in rows])


@route("createModelConfig", "POST", PATH)
async def create_model_config(call: Call) -> Reply:
    """A new config; the first one becomes the default."""
    backend = call.backend
    of_organization = model_choice.of_organization(backend)
    if not of_organization:
        require_update(call)
    body = await _sent(call, CREATE)
    named, provider = "", None
    if of_organization:
        backend.guard("model-config.acl-create", _names_readers(body))
        backend.guard("model-config.provider-required", body["ai_provider_id"] is None)
    elif backend.does("model-config.by-provider-id"):
        backend.guard("model-config.provider-required", body["ai_provider_id"] is None)
        provider = _provider(call, body["ai_provider_id"] or "")
    else:
        named = body["provider"].strip().lower()
        backend.guard("model-config.provider-unknown", named not in TYPES)
    model = body["model"].strip()
    backend.guard("model-config.model-required", not model)
    if provider is not None:
        _check_name(call, provider, model)
    limit = body["context_limit"] or 0
    backend.guard("model-config.limit-required", limit <= 0)
    threshold = _threshold(call, limit) if body["compression_threshold"] is None else body["compression_threshold"]
    backend.guard("model-config.threshold", not 0 <= threshold <= 100)
    options = _check_options(call, body["model_config"])
    display_name = body["display_name"].strip()
    backend.guard("model-config.create-nul", "\0" in model + display_name, detail=IN_TRANSACTION)
    if of_organization:  # who may not make any is told what is wrong with it first
        backend.guard("common.forbidden", not organization_models.may_manage(call))
        provider = _provider(call, body["ai_provider_id"] or "")
        _check_name(call, provider, model)
    elif provider is None:
        provider = _provider_of_type(call, named)
    now = backend.clock.now()
    config = ModelConfig(
        provider_id=provider.id,
        provider_type=provider.type,
        model=model,
        context_limit=limit,
        display_name=display_name,
        enabled=body["enabled"] is not False,
        compression_threshold=threshold,
        model_config=options,
        created_at=now,
        updated_at=now,
    )
    first = model_choice.default_model_config(backend) is None
    backend.store.model_configs[config.id] = config
    if body["is_default"] or first:
        make_default(backend, config)
    return reply(201, config_view(backend, config))


@route("getModelConfig", "GET", organization_models.MODEL)
async def get_model_config(call: Call) -> Reply:
    """One model that the caller may use."""
    return reply(200, config_view(call.backend, organization_models.found_model(call)))


@route("updateModelConfig", "PATCH", f"{PATH}/{{model_config}}")
async def update_model_config(call: Call) -> Reply:
    """Change what is sent. `model_config` replaces the stored options, `{}` clears them."""
    backend = call.backend
    if not model_choice.of_organization(backend):
        require_update(call)
    config = _find(call)
    body = await _sent(call, PATCH)
    backend.guard("model-config.acl-update", _names_readers(body))
    provider = _patched_provider(call, config, body)
    limit = config.context_limit if body["context_limit"] is None else body["context_limit"]
    backend.guard("model-config.limit", limit <= 0)
    threshold = config.compression_threshold if body["compression_threshold"] is None else body["compression_threshold"]
    backend.guard("model-config.threshold", not 0 <= threshold <= 100)
    options = config.model_config
    if body["model_config"] is not None:
        options = _check_options(call, body["model_config"])
    model = body["model"].strip() or config.model
    if (behind := provider or model_choice.live_provider(backend, config.provider_id)) is not None:
        _check_name(call, behind, model)
    display_name = body["display_name"].strip() or config.display_name
    words = "Failed to update chat model config."
    backend.guard("model-config.update-nul", "\0" in model + display_name, detail=IN_TRANSACTION, words=words)
    if provider is not None:
        config.provider_id, config.provider_type = provider.id, provider.type
    config.context_limit, config.compression_threshold, config.model_config = limit, threshold, options
    config.model, config.display_name = model, display_name
    if body["enabled"] is not None:
        config.enabled = body["enabled"]
    config.updated_at = backend.clock.now()
    if body["is_default"]:
        make_default(backend, config)
    elif body["is_default"] is False and config.is_default:
        _promote_other(backend, config)
    return reply(200, config_view(backend, config))


def _patched_provider(call: Call, config: ModelConfig, body: dict[str, Any]) -> Provider | None:
    """The provider that a patch sets, None when it keeps the stored one."""
    if body["ai_provider_id"] is not None:
        return _provider(call, body["ai_provider_id"])
    named = body["provider"].strip().lower()
    if named:
        call.backend.guard("model-config.provider-unknown", named not in TYPES)
        call.backend.guard("model-config.provider-other", named != config.provider_type)
        if not call.backend.does("model-config.by-provider-id"):
            return _provider_of_type(call, named)
    return None


@route("deleteModelConfig", "DELETE", f"{PATH}/{{model_config}}")
async def delete_model_config(call: Call) -> Reply:
    """Delete it; chats that used it go on with the default."""
    if not model_choice.of_organization(call.backend):
        require_update(call)
    config = _find(call)
    config.deleted = True
    config.updated_at = call.backend.clock.now()
    if config.is_default:
        config.is_default = False
        _promote_other(call.backend, config)
    return reply(204)
