"""Models of later revisions: those that no chat may name, what shows of them, and efforts of what is set for all."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import (
    all_models,
    base_model,
    behind,
    change_model,
    chosen_model,
    config_path,
    deployed,
    member,
    models_path,
    new_model,
    new_provider,
    put_back,
)
from conformance.scenes.lifecycle import first
from conformance.scenes.models import keep_default, refused_everywhere
from conformance.wire.exchange import ABSENT

BOUNDS = {"reasoning_effort": {"default": "low", "max": "medium"}}


@case("MODEL-214", alone=True, needs=["llm"])
async def no_default_model(t: Case) -> None:
    await keep_default(t)
    model = await new_model(t, is_default=True)
    chat = await first(t, model_config_id=model["id"])
    before = await chat.history()
    await change_model(t, model, enabled=False)
    t.refused(await t.alice.create(model_config_id=ABSENT), "create.default-off")
    t.refused(await chat.send(), "common.no-default-model")
    t.refused(await chat.edit(before[0]["id"]), "common.no-default-model")
    t.expect(await chat.history(), before, "the messages after refusals")
    await change_model(t, model, enabled=True)
    t.accepted(await chat.send())


@case("MODEL-215")
async def models_without_a_key(t: Case) -> None:
    model = await new_model(t, await new_provider(t, api_keys=[]))
    await refused_everywhere(t, "common.model-keyless", model["id"])
    t.accepted(await t.alice.create(model_config_id=(await new_model(t))["id"]))


@case("MODEL-216")
async def names_with_a_namespace(t: Case) -> None:
    own = await new_provider(t, type="openai", base_url="https://openrouter.ai/api/v1")
    name = t.named("m")
    body: dict[str, Any] = behind(t, {"id": own["id"]} | own) | {"context_limit": 5}
    t.refused(await t.root.post(models_path(t), body | {"model": f"some/{name}"}), "model-config.namespaced")
    t.true(name not in str(t.given(await t.root.get(models_path(t)))), "the refused config is not listed")
    await new_model(t, own, model=name)


@case("MODEL-220", alone=True)
async def the_next_default(t: Case) -> None:
    base = await keep_default(t)
    last = await new_model(t, model=t.named("zz"), is_default=True)
    await new_model(t, model=t.named("aa"), enabled=False)
    for deleted in (False, True):
        if deleted:
            await change_model(t, last, is_default=True)
        t.given(await t.root.delete(models_path(t, last["id"]))) if deleted else await change_model(t, last, is_default=False)
        (found,) = [c for c in await all_models(t) if c["is_default"]]
        t.true(found["enabled"] and found["id"] != last["id"], "another config that is enabled is the default", found)
    t.given(await t.root.patch(models_path(t, base["id"]), {"is_default": True}))


@case("MODEL-221", needs=["model-admin"])
async def names_that_look_like_types(t: Case) -> None:
    own = await new_provider(t, type="openai")
    name = f"google:{t.named('m')}"
    await new_model(t, own, model=name)
    listed = t.accepted(await t.alice.get(t.url("listModels")))["providers"]
    at = [entry["provider"] for entry in listed for model in entry["models"] or [] if model["model"] == name]
    t.expect(at, ["openai"], "the types that the model is listed under", "/providers")


@case("CONF-233", "CONF-234", alone=True)
async def efforts_of_overrides(t: Case) -> None:
    path = config_path(t, "model-override/general")
    await put_back(t, "model-override/general")
    some, none = [(await new_model(t, model_config=config))["id"] for config in (BOUNDS, {})]
    with t.judging("CONF-233"):
        for model, effort in ((some, "high"), (some, "x"), (some, ""), (none, "low")):
            t.refused(await t.root.put(path, {"model_config_id": model, "reasoning_effort": effort}), "config.override-effort")
        t.accepted(await t.root.put(path, {"model_config_id": some, "reasoning_effort": "medium"}))
        stored = await chosen_model(t, "general", t.accepted)
        t.expect((stored["model_config_id"], stored.get("reasoning_effort")), (some, "medium"), "the override as stored")
    with t.judging("CONF-234"):
        t.refused(await t.root.put(path, {"model_config_id": "", "reasoning_effort": "low"}), "config.override-effort-model")
        t.expect((await chosen_model(t, "general", t.accepted))["model_config_id"], some, "the override after a refusal")
        await put_back(t, "personal-model-overrides")
        await deployed(t, "personal-model-overrides", allow_users=True)
        user, own = await member(t), config_path(t, "user-personal-model-overrides/general")
        sent = {"mode": "chat_default", "model_config_id": ""}
        t.refused(await user.put(own, sent | {"reasoning_effort": "low"}), "config.personal-effort-mode")
        t.accepted(await user.put(own, sent))


@case("MODEL-222", needs=["llm-control"])
async def models_that_are_gone(t: Case) -> None:
    own, base = await new_provider(t), await base_model(t)
    model = await new_model(t, own)
    chat = await t.chat(t.unique("ask"), model_config_id=model["id"])
    await change_model(t, model, enabled=False)
    await chat.turn("And now?")
    t.expect(t.accepted(await chat.get())["last_model_config_id"], base["id"], "the chat's model", "/last_model_config_id")
