"""Choices of models: the deployment's for sub-agents and titles, and every user's own (config.md sections 6.2 and 6.3)."""

from __future__ import annotations

from typing import Any

from fake_server.endpoints.administration.config import CONFIG
from fake_server.endpoints.administration.organization_models import may_manage, require_manager
from fake_server.endpoints.administration.organizations import ORGANIZATION
from fake_server.endpoints.administration.shared import may_read, may_update, require_update, target_user
from fake_server.http.endpoint import Call, Reply, experiments, not_found, reply, route
from fake_server.rules import efforts
from fake_server.rules.decode import Maybe, Struct, Text
from fake_server.rules.validate import NIL_UUID, BadUUID, parse_uuid, quote
from fake_server.state import model_choice, settings
from fake_server.state.records import ModelConfig, User

DEPLOYMENT_CONTEXTS = ("general", "explore", "title_generation")
PERSONAL_CONTEXTS = ("root", "general", "explore")

OVERRIDE = Struct("UpdateChatModelOverrideRequest", {"model_config_id": Text(), "reasoning_effort": Maybe(Text())})
PERSONAL = Struct(
    "UpdateUserChatPersonalModelOverrideRequest",
    {"mode": Text("codersdk.ChatPersonalModelOverrideMode"), "model_config_id": Text(), "reasoning_effort": Maybe(Text())},
)


def _parse_id(call: Call, text: str) -> str:
    """The id in a text that is not blank. Refuses what is no UUID, and the all-zero one."""
    try:
        wanted = parse_uuid(text)
    except BadUUID:
        call.backend.guard("config.override-uuid", True, value=quote(text))
        return text
    call.backend.guard("config.override-model", wanted == NIL_UUID)
    return wanted


# -- the deployment's -------------------------------------------------------------------------------------------------


def _context(call: Call) -> str:
    context = call.params["context"]
    known = (*DEPLOYMENT_CONTEXTS, "compaction") if call.backend.does("model-config.efforts") else DEPLOYMENT_CONTEXTS
    known = (*known, "advisor") if model_choice.of_organization(call.backend) else known
    call.backend.guard("config.override-context", context not in known, context=quote(context))
    if context == "advisor" and "chat-advisor" not in experiments(call.backend):
        raise not_found()
    return context


@route("listModelOverrides", "GET", f"{ORGANIZATION}/chats/model-overrides")
async def list_overrides(call: Call) -> Reply:
    """The choices of the organization, those alone that are set."""
    require_manager(call)
    chosen = call.backend.store.settings.get("model_overrides", {})
    return reply(200, {"overrides": [_override_view(call, context) for context in chosen]})


def _override_view(call: Call, context: str) -> dict[str, Any]:
    effort = call.backend.store.settings.get("override_efforts", {}).get(context)
    shown: dict[str, Any] = {"context": context, "model_config_id": model_choice.override_id(call.backend, context)}
    shown |= {} if model_choice.of_organization(call.backend) else {"is_malformed": False}
    return shown | ({"reasoning_effort": effort} if effort else {})


def _check_effort(call: Call, effort: str | None, config: ModelConfig | None) -> None:
    """Refuse an effort that is none, or that the model does not allow."""
    if effort is None or config is None:
        return
    known = efforts.allowed(config.model_config)
    wrong = f"Must be one of {', '.join(efforts.EFFORTS)}." if effort not in efforts.EFFORTS else ""
    if not wrong and not known:
        wrong = "This model does not support reasoning effort."
    if not wrong and effort not in known:
        wrong = f"Must be one of {', '.join(known)}."
    call.backend.guard("config.override-effort", bool(wrong), detail=wrong)


@route("getConfigModelOverride", "GET", f"{CONFIG}/model-override/{{context}}")
async def get_override(call: Call) -> Reply:
    """The deployment's choice; an id that has become unusable is still shown."""
    if not may_read(call):
        raise not_found()
    return reply(200, _override_view(call, _context(call)))


@route("putConfigModelOverride", "PUT", f"{CONFIG}/model-override/{{context}}")
async def put_override(call: Call) -> Reply:
    """Store or (blank) clear it. The model must be usable now."""
    of_organization = model_choice.of_organization(call.backend)
    (require_manager if of_organization else require_update)(call)
    context = _context(call)
    body = await call.json(OVERRIDE)
    text, effort = body["model_config_id"].strip(), body["reasoning_effort"]
    stored = call.backend.store.settings.setdefault("model_overrides", {})
    at = call.backend.store.settings.setdefault("override_efforts", {})
    if not text:
        call.backend.guard("config.override-effort-model", bool(effort))
        stored.pop(context, None)
        at.pop(context, None)
        return reply(200, _override_view(call, context)) if of_organization else reply(204)
    wanted = _parse_id(call, text)
    config = model_choice.live_config(call.backend, wanted)
    call.backend.guard("config.override-model", config is None or not model_choice.enabled(call.backend, config))
    _check_effort(call, effort, config)
    stored[context], at[context] = wanted, effort
    return reply(200, _override_view(call, context)) if of_organization else reply(204)


# -- users' own -------------------------------------------------------------------------------------------------------


def _whose(call: Call) -> User:
    """Whose choices a path means: the caller's own, or those of a member whom the path names."""
    return target_user(call) if model_choice.of_organization(call.backend) else call.user


def _own(call: Call) -> dict[str, dict[str, str]]:
    own: dict[str, dict[str, str]] = settings.user_settings(call.backend, _whose(call)).setdefault("model_overrides", {})
    return own


def _personal_view(context: str, stored: dict[str, str] | None) -> dict[str, Any]:
    unset = "chat_default" if context == "root" else "deployment_default"
    return {
        "context": context,
        "mode": stored["mode"] if stored else unset,
        "model_config_id": stored["model_config_id"] if stored else "",
        "is_set": stored is not None,
        "is_malformed": False,
    } | ({"reasoning_effort": stored["reasoning_effort"]} if stored and stored.get("reasoning_effort") else {})


@route("getConfigUserPersonalModelOverrides", "GET", f"{CONFIG}/user-personal-model-overrides")
async def get_personal(call: Call) -> Reply:
    """The caller's choices, shown even while they are not allowed, and the deployment's."""
    own = _own(call)
    return reply(
        200,
        {
            "enabled": bool(settings.setting(call.backend, "personal_model_overrides")),
            **{context: _personal_view(context, own.get(context)) for context in PERSONAL_CONTEXTS},
            "deployment_defaults": {context: _override_view(call, context) for context in ("general", "explore")},
        },
    )


@route("putConfigUserPersonalModelOverride", "PUT", f"{CONFIG}/user-personal-model-overrides/{{context}}")
async def put_personal(call: Call) -> Reply:
    """Store the caller's choice for a context; it can be changed, but not unset."""
    backend, context = call.backend, call.params["context"]
    user = _whose(call)
    if user is not call.user and not may_manage(call):
        raise not_found()
    exempt = model_choice.of_organization(backend) and (user is not call.user or may_update(call))
    backend.guard("config.personal-not-allowed", not (exempt or settings.setting(backend, "personal_model_overrides")))
    backend.guard("config.personal-context", context not in PERSONAL_CONTEXTS, context=quote(context))
    body = await call.json(PERSONAL)
    mode, text = body["mode"], body["model_config_id"].strip()
    backend.guard("config.personal-mode", mode not in ("chat_default", "deployment_default", "model"))
    backend.guard("config.personal-root-default", mode == "deployment_default" and context == "root")
    if mode != "model":
        backend.guard("config.personal-effort-mode", bool(body["reasoning_effort"]))
        backend.guard("config.personal-id-unwanted", bool(text))
        _own(call)[context] = {"mode": mode, "model_config_id": ""}
        return reply(204)
    backend.guard("config.personal-id-missing", not text)
    wanted = _parse_id(call, text)
    config = model_choice.live_config(backend, wanted)
    usable = config is not None and config.enabled and model_choice.readable(backend, config, user)
    backend.guard("config.personal-model", not usable)
    if config is not None:
        provider = model_choice.provider_of(backend, config)
        backend.guard("config.personal-provider", provider is None)
        keyless = provider is not None and not model_choice.available(backend, user.id, provider)
        backend.guard("config.personal-key", keyless)
    _check_effort(call, body["reasoning_effort"], config)
    _own(call)[context] = {"mode": mode, "model_config_id": wanted}
    if body["reasoning_effort"]:
        _own(call)[context]["reasoning_effort"] = body["reasoning_effort"]
    return reply(204)
