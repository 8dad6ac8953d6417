"""Settings and models that are changed one at a time: every other one stays as it was."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import (
    all_models,
    change_model,
    config_path,
    has_setting,
    member,
    models_path,
    new_model,
    new_provider,
    providers_path,
    put_back,
    turn_calls,
)
from conformance.scenes.config import SCALARS, prompt, put_prompt, threshold, thresholds
from conformance.scenes.models import keep_default, listed

TEXTS: dict[str, tuple[str, Any]] = {
    "system-prompt": ("system_prompt", "Be brief."),
    "plan-mode-instructions": ("plan_mode_instructions", "Plan first."),
    "computer-use-provider": ("provider", "openai"),
}


@case("CONF-128", alone=True)
async def deployment_settings_stand_apart(t: Case) -> None:
    stored = {name: (field, value) for name, (field, value, _) in SCALARS.items()} | TEXTS
    stored = {name: row for name, row in stored.items() if has_setting(t, name)}
    for name in stored:
        await put_back(t, name)

    async def shown() -> dict[str, Any]:
        return {name: t.accepted(await t.root.get(config_path(t, name))) for name in stored}

    before = await shown()
    for name, (field, value) in stored.items():
        t.accepted(await t.root.put(config_path(t, name), {field: value}))
        after = await shown()
        t.expect(after[name].get(field), value, f"{name} read back", f"/{field}")
        others = [{k: v for k, v in state.items() if k != name} for state in (after, before)]
        t.expect(others[0], others[1], f"the other settings after {name} was stored")
        before = after


@case("CONF-129", "CONF-130", needs=["admin", "model-admin", "llm-control"])
async def own_settings_stand_apart(t: Case) -> None:
    user, models = await member(t), [(await new_model(t, context_limit=100_000))["id"] for _ in range(2)]
    with t.judging("CONF-129"):
        t.accepted(await put_prompt(t, user, "Mine."))
        for model, percent in zip(models, (60, 80), strict=True):
            t.accepted(await threshold(t, user, model, percent))
        t.expect(await prompt(t, user), "Mine.", "the prompt after thresholds were stored")
        t.expect(await thresholds(t, user), dict(zip(models, (60, 80), strict=True)), "the thresholds of two models")
        t.accepted(await threshold(t, user, models[0], 50))
        t.expect(await thresholds(t, user), dict(zip(models, (50, 80), strict=True)), "the thresholds after one was changed")
        t.accepted(await user.delete(config_path(t, f"user-compaction-thresholds/{models[0]}")))
        t.expect(await thresholds(t, user), {models[1]: 80}, "the thresholds after one was deleted")
        t.accepted(await put_prompt(t, user, "Mine again."))
        t.expect(await thresholds(t, user), {models[1]: 80}, "the thresholds after the prompt was changed")
        t.expect(await prompt(t, user), "Mine again.", "the prompt after a threshold was deleted")
    with t.judging("CONF-130"):
        t.accepted(await put_prompt(t, user, ""))
        t.expect(await prompt(t, user), "", "the prompt after it was cleared")
        chat = await t.chat(t.unique("ask"), user)
        t.true("Mine." not in str((await turn_calls(t, chat))[0]["body"]), "a prompt that was cleared reaches no model")


@case("MODEL-106", alone=True)
async def other_models_stay(t: Case) -> None:
    await keep_default(t)
    cost = {"cost": {"input_price_per_million_tokens": "3", "output_price_per_million_tokens": "15"}}
    one, two = [await new_model(t, model_config=cost, display_name=name) for name in ("One", "Two")]

    async def others() -> dict[str, Any]:
        return {c["id"]: c for c in await all_models(t) if c["id"] != one["id"]}

    before = await others()
    changes: list[dict[str, Any]] = [{"display_name": "Uno"}, {"context_limit": 5}, {"enabled": False}, {"model_config": {}}]
    for change in (*changes, {"enabled": True}):
        await change_model(t, one, **change)
        t.expect(await others(), before, f"the other models after {change}")
    t.given(await t.root.delete(models_path(t, one["id"])))
    t.expect(await others(), before, "the other models after one was deleted")
    t.expect(before[two["id"]]["display_name"], "Two", "the name of the other model")


@case("MODEL-107", needs=["admin", "model-admin"])
async def models_of_a_provider_that_is_gone(t: Case) -> None:
    provider = await new_provider(t)
    model, other = await new_model(t, provider), await new_model(t)
    chat = await t.chat(model_config_id=model["id"])
    said = await chat.history()
    t.given(await t.root.delete(providers_path(t, provider["id"])))
    names = [c["id"] for c in await all_models(t, t.alice)]
    t.expect([model["id"] in names, other["id"] in names], [False, True], "are the models listed to a member")
    shown = await listed(t)
    t.expect([model["model"] in shown, other["model"] in shown], [False, True], "are they in the catalogue")
    t.expect(t.accepted(await chat.get())["last_model_config_id"], model["id"], "the chat's model", "/last_model_config_id")
    t.expect(await chat.history(), said, "the messages of the chat", "/messages")
    t.given(await chat.send("Hello again", model_config_id=other["id"]))
    t.expect((await chat.settled())["status"], t.idle, "the status after a send on another model", "/status")
