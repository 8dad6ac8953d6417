"""What a case makes for itself on the administration's side: providers, models, settings that are put back.

All of it is a precondition: it raises Unmet, so that a server that can't do it leaves the requirement unjudged.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.routing import GATEWAY
from conformance.play.streams import joined_stream, over, told
from conformance.play.verdict import Unmet
from conformance.run.target import listed_models, own_model
from conformance.wire.exchange import Exchange

# Settings whose PUT takes fewer keys than GET shows.
_TAKEN = {
    "system-prompt": ("system_prompt", "include_default_system_prompt"),
    "debug-logging": ("allow_users",),
}


def _setting(t: Case, name: str) -> tuple[str, str]:
    """The path of a setting where the documents know it, else ""; and how a path is spelled like those of the others."""
    wanted, spelled = name.split("/"), ""
    for operation in t.session.documents.operations.values():
        below, found, setting = operation.path.partition("/config/")
        places = setting.split("/")
        if found and len(places) == len(wanted) and all(p == w or p.startswith("{") for p, w in zip(places, wanted, strict=True)):
            return operation.url(**{p[1:-1]: w for p, w in zip(places, wanted, strict=True) if p != w}), ""
        spelled = spelled or (f"{below}{found}{name}" if found else "")
    return "", spelled


_GATED = {"advisor": "config.advisor-off", "computer-use-provider": "config.computer-use-off"}  # what refuses them without it


# Choices of models, which later revisions have below the organization.
_CHOICES = {"model-override": "putConfigModelOverride", "user-personal-model-overrides": "putConfigUserPersonalModelOverride"}


def config_path(t: Case, name: str) -> str:
    """The path of a setting, such as `retention-days`; one that the documents do not know is spelled like the others."""
    stem, _, context = name.partition("/")
    if stem in _CHOICES and "/config/" not in (path := t.url(_CHOICES[stem], user="me", context=context or "x")):
        return path if context else path.removesuffix("/x")
    known, spelled = _setting(t, name)
    return known or spelled


def has_setting(t: Case, name: str) -> bool:
    """Does this revision have the setting, without an experiment?"""
    return bool(_setting(t, name)[0]) and not t.refuses(_GATED.get(name, ""))


def models_path(t: Case, model: str = "") -> str:
    """The path of the model configs, or of one."""
    return t.url("updateModelConfig", model_config=model) if model else t.url("listModelConfigs")


async def all_models(t: Case, by: Actor | None = None) -> list[dict[str, Any]]:
    """The model configs that this user sees, root by default. Raises Unmet."""
    return listed_models(t.session.traits, t.given(await (by or t.root).get(models_path(t))))


def keys_path(t: Case, user: str, provider: str = "") -> str:
    """The path of a user's own provider keys, or of the one for a provider."""
    if provider:
        return t.url("putUserProviderKey", user=user, provider=provider)
    return t.url("listUserProviderKeys", user=user)


def providers_path(t: Case, provider: str = "") -> str:
    """The path of the providers of models, or of one."""
    return t.session.dialect.providers(t, provider)


def behind(t: Case, made: dict[str, Any]) -> dict[str, Any]:
    """How a model config names this provider, or that of this model config."""
    return t.session.dialect.behind(made)


async def base_model(t: Case) -> dict[str, Any]:
    """The model config that chats of the run have by themselves: the default one, or that of the target file. Raises Unmet."""
    named = own_model(t.session.target)
    for config in await all_models(t):
        if config["id"] == named if named else config["is_default"]:
            return dict(config)
    raise Unmet("the target has no default model config")


def secret(t: Case, name: str = "key") -> str:
    """An API key of the case's own, blanked in records."""
    key = f"sk-{t.unique(name)}-{secrets.token_hex(8)}"
    t.session.redactor.learn(name, key)
    return key


async def new_provider(t: Case, **fields: Any) -> dict[str, Any]:
    """A provider that is the target's LLM under another name, enabled, with a key; deleted at the end. Raises Unmet."""
    return await t.session.dialect.new_provider(t, await base_model(t), {"api_keys": [secret(t)]} | fields)


async def new_model(t: Case, provider: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A model config of the case's own, on this provider or the default model's; deleted at the end. Raises Unmet."""
    body = behind(t, provider or await base_model(t)) | {"model": t.named("m"), "context_limit": 1000} | fields
    made = t.given(await t.root.post(models_path(t), body))
    t.cleanup(lambda: t.root.delete(models_path(t, made["id"])))
    return dict(made)


async def heard_of(t: Case, model: str) -> None:
    """A gateway hears late that a provider was made or changed: wait until turns on this model reach it. Raises Unmet."""
    if t.session.routing.way != GATEWAY:
        return
    for _ in range(20):
        chat = await t.new_chat(model_config_id=model)
        await told(await joined_stream(chat), over(t))
        error = (await chat.settled(*t.final, t.running)).get("last_error") or {}
        await chat.interrupt()
        if error.get("status_code") not in (404, 503):  # it knows no such provider, or none that is enabled
            return
    raise Unmet("the gateway does not hear of the provider")


async def change_model(t: Case, model: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Change a model config. Raises Unmet."""
    return dict(t.given(await t.root.patch(models_path(t, model["id"]), fields)))


async def chosen_model(t: Case, context: str, take: Callable[[Exchange], Any]) -> dict[str, Any]:
    """The model that the deployment, or the organization, has chosen for this context; `take`: t.accepted or t.given.

    Where choices are listed one that is not listed has no id.
    """
    if t.offers("getConfigModelOverride"):
        return dict(take(await t.root.get(config_path(t, f"model-override/{context}"))))
    listed = take(await t.root.get(t.url("listModelOverrides")))["overrides"]
    return next((dict(one) for one in listed if one["context"] == context), {"context": context, "model_config_id": ""})


def putable(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """What PUT takes of a setting that GET showed."""
    stem = name.split("/")[0]
    wanted = ("model_config_id",) if stem == "model-override" else _TAKEN.get(stem, tuple(value))
    return {k: value[k] for k in wanted if k in value}


async def put_back(t: Case, name: str) -> dict[str, Any]:
    """Read a deployment setting, and store that again when the case ends; gives what was read. Raises Unmet."""
    stem, _, context = name.partition("/")
    if stem == "model-override":
        value = await chosen_model(t, context, t.given)
    else:
        value = t.given(await t.root.get(config_path(t, name)))
    t.cleanup(lambda: t.root.put(config_path(t, name), putable(name, value)))
    return dict(value)


async def configured(t: Case, name: str, **value: Any) -> None:
    """Store a deployment setting for the time of the case. Raises Unmet."""
    await put_back(t, name)
    t.given(await t.root.put(config_path(t, name), value))


async def deployed(t: Case, name: str, **value: Any) -> None:
    """Store a deployment setting that `put_back` was called for. Raises Unmet."""
    t.given(await t.root.put(config_path(t, name), value))


async def member(t: Case) -> Actor:
    """A new user who may have chats. Raises Unmet."""
    return await t.new_user(*t.chat_roles)


async def turn_calls(t: Case, chat: Chat, n: int = 1) -> list[dict[str, Any]]:
    """The first `n` model calls of a chat's turns, as the scripted LLM saw them. Raises Unmet."""
    found = await chat.model_calls(wait=n)
    return found[:n]
