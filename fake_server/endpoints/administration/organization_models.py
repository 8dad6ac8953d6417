"""Models that belong to an organization: the list with the providers behind it, one model, and who may use it."""

from __future__ import annotations

from typing import Any

from fake_server.endpoints.administration.catalogue import TYPES, UNSUPPORTED
from fake_server.endpoints.administration.organizations import ORGANIZATION, enter_organization
from fake_server.http.endpoint import API, Call, Reply, mount, not_found, reply, route
from fake_server.rules import authz
from fake_server.rules.decode import MapOf, Struct, Text
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadUUID, parse_uuid, quote
from fake_server.state import model_choice
from fake_server.state.records import ModelConfig, Provider

MODEL = f"{ORGANIZATION}/chats/models/{{model_config}}"
ACL = Struct("UpdateChatModelACL", {"user_roles": MapOf(Text()), "group_roles": MapOf(Text())})
ROLES = ("read", "")

mount(f"{API}/organizations/{{organization}}/chats", enter_organization)
mount(f"{API}/organizations/{{organization}}/members/{{user}}/chats", enter_organization)


def may_manage(call: Call) -> bool:
    """May the caller make and change the models of the organization?"""
    organization = call.backend.store.organization_id
    return authz.is_site_owner(call.user) or authz.has_org_role(call.user, organization, authz.ORG_ADMIN)


def require_manager(call: Call) -> None:
    """404 for everybody who may not change the models of the organization."""
    if not may_manage(call):
        raise not_found()


def found_model(call: Call) -> ModelConfig:
    """The model of the path that the caller may see."""
    raw = call.params["model_config"]
    try:
        config = model_choice.live_config(call.backend, parse_uuid(raw))
    except BadUUID as error:
        raise refusal("model-config.id", id=quote(raw), detail=str(error)) from None
    if config is None or not (may_manage(call) or model_choice.readable(call.backend, config, call.user)):
        raise not_found()
    return config


def provider_row(call: Call, provider: Provider) -> dict[str, Any]:
    """A provider as members see it: what they need to choose a model, and none of its secrets."""
    backend, own = call.backend, model_choice.byok(call.backend)
    usable = model_choice.available(backend, call.user.id, provider)
    view = {
        "id": provider.id,
        "type": provider.type,
        "display_name": provider.display_name or provider.name,
        "icon": provider.icon,
        "enabled": provider.enabled,
        "has_api_key": bool(provider.api_keys),
        "has_user_api_key": model_choice.has_user_key(backend, call.user.id, provider),
        "has_effective_api_key": usable,
        "allow_user_api_key": own,
        "available": usable and provider.enabled,
    }
    if provider.enabled and not usable:
        view["unavailable_reason"] = "user_api_key_required" if own else "missing_api_key"
    return view


def listing(call: Call, models: list[dict[str, Any]]) -> Reply:
    """The answer to a list with these models."""
    providers = [p for p in call.backend.store.providers.values() if not p.deleted]
    kinds = dict.fromkeys(p.type for p in providers if p.enabled and p.type not in TYPES)
    body: dict[str, Any] = {"models": models}
    body["providers"] = [provider_row(call, provider) for provider in sorted(providers, key=lambda p: p.name)]
    body["unsupported_providers"] = [{"provider": kind, "display_name": UNSUPPORTED.get(kind, kind)} for kind in kinds]
    return reply(200, body)


@route("getModelACL", "GET", f"{MODEL}/acl")
async def get_acl(call: Call) -> Reply:
    """Who may use the model."""
    require_manager(call)
    config = found_model(call)
    rows = {
        kind: [{"id": one, "role": role} for one, role in model_choice.readers(call.backend, config)[kind].items()]
        for kind in ("users", "groups")
    }
    return reply(200, rows)


@route("patchModelACL", "PATCH", f"{MODEL}/acl")
async def patch_acl(call: Call) -> Reply:
    """Change the roles of those who are named, an empty one takes them out."""
    require_manager(call)
    config = found_model(call)
    body = await call.json(ACL)
    readers = model_choice.readers(call.backend, config)
    for kind, field in (("users", "user_roles"), ("groups", "group_roles")):
        for one, role in (body[field] or {}).items():
            wrong = role not in ROLES
            message, detail = f"Invalid {field} value.", f'role "{role}" is not a valid role'
            call.backend.guard("model-acl.roles", wrong, message=message, field=f"{field}.{one}", detail=detail)
            readers[kind].pop(one, None)
            if role:
                readers[kind][one] = role
    config.readers = readers
    return reply(204)
