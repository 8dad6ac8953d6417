"""Models that belong to an organization: lists, who may change and use them, and choices of models."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import all_models, base_model, behind, config_path, deployed, models_path, new_model, put_back
from conformance.scenes.lifecycle import first
from conformance.wire.exchange import ABSENT, Exchange

SECRETS = ("base_url", "api_key", "api_keys", "settings")
GATE = "personal-model-overrides"


def override(t: Case, context: str, **values: str) -> str:
    """The path of the organization's choice of a model for this context."""
    return t.url("putConfigModelOverride", context=context, **values)


async def choose(t: Case, context: str, model: str) -> Exchange:
    return await t.root.put(override(t, context), {"model_config_id": model})


@case("MODEL-300", needs=["roles"], writes=False)
async def what_is_listed(t: Case) -> None:
    for actor in ("alice", "carol", "orgadmin", "root"):
        body = t.accepted(await t.actor(actor).get(models_path(t)))
        for name in ("models", "providers", "unsupported_providers"):
            t.true(isinstance(body[name], list), f"{name} is an array", body[name], f"/{name}")
        shown = [key for provider in body["providers"] for key in SECRETS if key in provider]
        t.expect(shown, [], "keys and addresses that providers show")


@case("MODEL-301", "MODEL-302")
async def new_models(t: Case) -> None:
    small, large = await new_model(t, context_limit=499_999), await new_model(t, context_limit=500_000)
    with t.judging("MODEL-301"):
        t.expect(small["organization_id"], t.session.target.organization_id, "its organization", "/organization_id")
        t.expect(t.accepted(await t.root.get(t.url("getModelConfig", model_config=small["id"]))), small, "the model read alone")
    with t.judging("MODEL-302"):
        shown = [model["compression_threshold"] for model in (small, large)]
        t.expect(shown, [70, 30], "the thresholds of a small and a large model")
        given = await new_model(t, context_limit=500_000, compression_threshold=55)
        t.expect(given["compression_threshold"], 55, "a threshold that was named", "/compression_threshold")


@case("MODEL-303", "MODEL-304")
async def changes_by_members(t: Case) -> None:
    model, body = await new_model(t), behind(t, await base_model(t)) | {"model": t.named("m"), "context_limit": 1000}
    with t.judging("MODEL-303"):
        t.refused(await t.alice.post(models_path(t), body | {"context_limit": 0}), "model-config.limit-required")
        t.refused(await t.alice.post(models_path(t), body), "common.forbidden")
    with t.judging("MODEL-304"):
        t.refused(await t.alice.patch(models_path(t, model["id"]), {"context_limit": 7}), "common.not-found")
        t.refused(await t.alice.delete(models_path(t, model["id"])), "common.not-found")
    shown = t.accepted(await t.root.patch(models_path(t, model["id"]), {"display_name": "Changed"}))
    t.expect((shown["context_limit"], shown["display_name"]), (1000, "Changed"), "the model after its manager's change")


@case("MODEL-305", "MODEL-306")
async def access_to_models(t: Case) -> None:
    model, body = await new_model(t), behind(t, await base_model(t)) | {"model": t.named("m"), "context_limit": 1000}
    acl = t.url("patchModelACL", model_config=model["id"])
    with t.judging("MODEL-305"):
        for field in ("group_acl", "user_acl"):
            t.refused(await t.root.post(models_path(t), body | {field: {}}), "model-config.acl-create")
            t.refused(await t.root.patch(models_path(t, model["id"]), {field: {}}), "model-config.acl-update")
    with t.judging("MODEL-306"):
        t.accepted(await t.alice.create(model_config_id=model["id"]))
        groups = t.accepted(await t.root.get(t.url("getModelACL", model_config=model["id"])))["groups"]
        t.accepted(await t.root.patch(acl, {"group_roles": {group["id"]: "" for group in groups}}))
        t.true(model["id"] not in [m["id"] for m in await all_models(t, t.alice)], "the model is not listed to the member")
        t.refused(await t.alice.create(model_config_id=model["id"]), "common.model-unknown")
        t.refused(await t.root.patch(acl, {"user_roles": {t.alice.id: "owner"}}), "model-acl.roles")
        t.accepted(await t.root.patch(acl, {"user_roles": {t.alice.id: "read"}}))
        t.accepted(await t.alice.create(model_config_id=model["id"]))


@case("MODEL-307", alone=True)
async def without_a_model(t: Case) -> None:
    chat = await first(t)
    message = (await chat.history())[0]["id"]
    for model in [m for m in await all_models(t) if m["enabled"]]:
        before = {key: model[key] for key in ("enabled", "is_default")}
        t.cleanup(partial(t.root.patch, models_path(t, model["id"]), before))
        t.given(await t.root.patch(models_path(t, model["id"]), {"enabled": False}))
    t.refused(await t.alice.create(model_config_id=ABSENT), "create.no-default-model")
    for answer in (await chat.send(), await chat.edit(message), await chat.propose()):
        t.refused(answer, "common.no-default-model")
    t.expect(len(await chat.history()), 2, "how many messages there are after refusals")


@case("MODEL-308", writes=False)
async def unknown_organizations(t: Case) -> None:
    for name in (str(uuid4()), "nowhere"):
        t.refused(await t.root.get(t.url("listModelConfigs", organization=name)), "common.not-found")
        t.refused(await t.root.get(t.url("listModelOverrides", organization=name)), "common.not-found")
        t.refused(await t.root.put(override(t, "general", organization=name), {"model_config_id": ""}), "common.not-found")
    for known in (t.session.target.organization_id, "default"):
        t.accepted(await t.root.get(t.url("listModelConfigs", organization=known)))


@case("CONF-300", "CONF-301", alone=True)
async def choices_of_the_organization(t: Case) -> None:
    model = await new_model(t)
    for context in ("general", "explore"):
        await put_back(t, f"model-override/{context}")
        t.given(await choose(t, context, ""))

    async def listed() -> dict[str, Any]:
        shown = t.accepted(await t.root.get(t.url("listModelOverrides")))["overrides"]
        return {one["context"]: one["model_config_id"] for one in shown if one["context"] in ("general", "explore")}

    with t.judging("CONF-300"):
        for value in (model["id"], ""):
            shown = t.accepted(await choose(t, "general", value))
            t.expect((shown["context"], shown["model_config_id"]), ("general", value), "the choice in the answer")
    with t.judging("CONF-301"):
        t.expect(await listed(), {}, "what is listed while nothing is set")
        t.accepted(await choose(t, "general", model["id"]))
        t.expect(await listed(), {"general": model["id"]}, "what is listed then")


@case("CONF-302", needs=["admin"], writes=False)
async def choices_and_members(t: Case) -> None:
    t.refused(await t.alice.get(t.url("listModelOverrides")), "common.not-found")
    t.refused(await t.alice.put(override(t, "general"), {"model_config_id": ""}), "common.not-found")
    t.accepted(await t.root.get(t.url("listModelOverrides")))


@case("CONF-303", alone=True, needs=["admin"])
async def choices_for_others(t: Case) -> None:
    user = await t.new_user()
    await put_back(t, GATE)
    await deployed(t, GATE, allow_users=False)
    own, body = config_path(t, "user-personal-model-overrides/general"), {"mode": "chat_default", "model_config_id": ""}
    t.refused(await user.put(own, body), "config.personal-not-allowed")
    t.accepted(await t.root.put(t.url("putConfigUserPersonalModelOverride", user=user.id, context="general"), body))
    shown = t.accepted(await user.get(config_path(t, "user-personal-model-overrides")))["general"]
    t.expect((shown["mode"], shown["is_set"]), ("chat_default", True), "the choice that was made for the member")
