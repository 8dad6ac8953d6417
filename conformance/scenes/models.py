"""Model configs, the catalogue, and keys."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.provisioning import base_model, behind, keys_path, models_path
from conformance.run.target import listed_models
from conformance.scenes.lifecycle import first
from conformance.wire.exchange import ABSENT, Exchange

ORDER = ["anthropic", "azure", "bedrock", "google", "openai", "openai-compat", "openrouter", "vercel"]


async def catalogue(t: Case, user: Actor | None = None) -> list[dict[str, Any]]:
    """The catalogue's providers."""
    body = t.accepted(await (user or t.alice).get(t.url("listModels")))
    t.true(isinstance(body.get("providers"), list), "the catalogue is an object with providers", body, "/providers")
    return list(body["providers"])


async def entry(t: Case, kind: str, user: Actor | None = None) -> dict[str, Any] | None:
    """The catalogue's entry for a provider type."""
    return next((p for p in await catalogue(t, user) if p["provider"] == kind), None)


async def configs(t: Case, by: Actor | None = None) -> dict[str, dict[str, Any]]:
    """The model configs that this user sees, by id."""
    return {c["id"]: c for c in listed_models(t.session.traits, t.accepted(await (by or t.root).get(models_path(t))))}


async def create(t: Case, **fields: Any) -> Exchange:
    """Try to make a model config; ABSENT leaves a field out."""
    body = behind(t, await base_model(t)) | {"model": t.named("m"), "context_limit": 1000} | fields
    answer = await t.root.post(models_path(t), {k: v for k, v in body.items() if v is not ABSENT})
    if answer.response.ok:
        t.cleanup(lambda: t.root.delete(models_path(t, answer.response.body["id"])))
    return answer


async def store(user: Actor, provider: str, key: str, whose: str = "me") -> Exchange:
    return await user.put(keys_path(user.case, whose, provider), {"api_key": key})


def tokens(body: dict[str, Any]) -> Any:
    """The most output tokens that a call asks for, over any of the three wires."""
    return next((body[k] for k in ("max_tokens", "max_completion_tokens", "max_output_tokens") if k in body), None)


async def listed(t: Case, user: Actor | None = None) -> dict[str, dict[str, Any]]:
    """The models of the catalogue, by name."""
    return {m["model"]: m for p in await catalogue(t, user) for m in p["models"] or []}


async def keep_default(t: Case) -> dict[str, Any]:
    """The default model, which is the default again when the case ends. Raises Unmet."""
    base = await base_model(t)
    t.cleanup(lambda: t.root.patch(models_path(t, base["id"]), {"is_default": True}))
    return base


async def refused_everywhere(t: Case, key: str, model: str) -> None:
    """Judge that create, send and edit with this model are refused so, and change nothing. Raises Failure."""
    chat = await first(t)
    before = await chat.history()
    t.refused(await t.alice.create(model_config_id=model), key)
    t.refused(await chat.send(model_config_id=model), key)
    t.refused(await chat.edit(before[0]["id"], model_config_id=model), key)
    t.expect(await chat.history(), before, "the messages after refusals")
