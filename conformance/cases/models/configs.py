"""Model configs: who sees and changes them, which are accepted, what comes back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import base_model, behind, models_path, new_model, new_provider, providers_path
from conformance.scenes.models import configs, create
from conformance.wire.exchange import ABSENT, Exchange

KEYS = (
    "id", "provider", "model", "display_name", "enabled", "is_default", "context_limit", "compression_threshold",
    "created_at", "updated_at",
)  # fmt: skip
PRICES: dict[str, Any] = {"input_price_per_million_tokens": 3, "output_price_per_million_tokens": "15.50"}
OPTIONS = {
    "max_output_tokens": 500, "temperature": 0.5, "top_p": 0.25, "top_k": 3, "presence_penalty": 0.125,
    "provider_options": {"openaicompat": {"user": "u", "reasoning_effort": "low"}, "openai": {"store": True}},
}  # fmt: skip


async def change(t: Case, model: dict[str, Any], **fields: Any) -> Exchange:
    return await t.root.patch(models_path(t, model["id"]), fields)


@case("MODEL-010", needs=["roles"], writes=False)
async def everybody_lists(t: Case) -> None:
    for actor in ("alice", "carol", "auditor", "orgadmin", "orgauditor", "root"):
        body = t.accepted(await t.actor(actor).get(models_path(t)))
        t.true(isinstance(body, list), "the list is a JSON array", body)


@case("MODEL-011", "MODEL-012", needs=["roles"])
async def disabled_configs(t: Case) -> None:
    provider = await new_provider(t)
    on, off = await new_model(t), await new_model(t, enabled=False)
    behind = await new_model(t, provider)
    t.given(await t.root.patch(providers_path(t, provider["id"]), {"enabled": False}))
    with t.judging("MODEL-011"):
        for actor in ("alice", "carol", "orgadmin"):
            seen = await configs(t, t.actor(actor))
            t.expect([m["id"] in seen for m in (on, off, behind)], [True, False, False], f"what {actor} sees")
    with t.judging("MODEL-012"):
        for actor in ("root", "auditor"):
            seen = await configs(t, t.actor(actor))
            t.expect([m["id"] in seen for m in (on, off, behind)], [True, True, True], f"what {actor} sees")


@case("MODEL-013")
async def only_the_owner_changes(t: Case) -> None:
    model = await new_model(t)
    bodies: list[Any] = [behind(t, model) | {"model": "x", "context_limit": 5}, {}, []]
    for actor in map(t.actor, ("alice", "carol", "auditor", "orgadmin", "orgauditor")):
        for body in bodies:
            t.refused(await actor.post(models_path(t), body), "common.forbidden")
        for name in (model["id"], str(uuid4()), "no-uuid"):
            t.refused(await actor.patch(models_path(t, name), {"context_limit": 7}), "common.forbidden")
            t.refused(await actor.delete(models_path(t, name)), "common.forbidden")
    t.expect((await configs(t)).get(model["id"]), model, "the model config after refused attempts")


@case("MODEL-014")
async def order_of_configs(t: Case) -> None:
    stem = t.named("m")
    made = [(await new_model(t, model=f"{stem}-{name}"))["id"] for name in ("b", "a", "a")]
    wanted = [made[2], made[1], made[0]]
    t.expect([i for i in await configs(t) if i in made], wanted, "the order of the model configs")
    t.given(await t.root.patch(models_path(t, made[1]), {"display_name": "touched"}))
    t.expect([i for i in await configs(t) if i in made], [made[1], made[2], made[0]], "the order after a change")


@case("MODEL-015", "MODEL-016", "MODEL-017", "MODEL-018", "MODEL-028", "MODEL-053", "MODEL-218")
async def new_configs(t: Case) -> None:
    base = await base_model(t)
    name = t.named("m")
    with t.judging("MODEL-015"):
        fields = {"display_name": "Shown", "compression_threshold": 33, "enabled": False, "model": name}
        made = t.accepted(await create(t, **fields))
        t.expect({k: made.get(k) for k in fields}, fields, "the config made")
        t.expect((await configs(t)).get(made["id"]), made, "the config in the list")
    with t.judging("MODEL-016"):
        for config in (await configs(t)).values():
            t.true(set(KEYS) <= set(config), "a config has all its keys", sorted(set(KEYS) - set(config)))
    with t.judging("MODEL-218"):
        wanted = {*KEYS, "ai_provider_id"} - {"provider"}
        for config in (await configs(t)).values():
            t.true(wanted <= set(config), "a config has all its keys", sorted(wanted - set(config)))
    with t.judging("MODEL-017"):
        plain = t.accepted(await create(t))
        t.expect((plain["enabled"], plain["compression_threshold"]), (True, 70), "enabled and compression_threshold")
    with t.judging("MODEL-018"):
        odd = t.accepted(await create(t, provider="anthropic" if base["provider"] != "anthropic" else "openai"))
        t.expect(odd["provider"], base["provider"], "the provider", "/provider")
    with t.judging("MODEL-053"):
        spaced = t.accepted(await create(t, model=f" {name}-s\t", display_name=" Spaced out "))
        t.expect([spaced["model"], spaced["display_name"]], [f"{name}-s", "Spaced out"], "the names without spaces around them")
    with t.judging("MODEL-028"):
        twin = t.accepted(await create(t, model=name))
        t.true({made["id"], twin["id"]} <= set(await configs(t)), "both configs of one model are listed")


# What is refused: requirement, the fields that are wrong, the refusal. The case sends the same with nothing wrong, too.
WRONG: dict[str, dict[str, Any]] = {
    "no-provider": {"requirement": "MODEL-019", "fields": {"ai_provider_id": ABSENT}, "key": "provider-required"},
    "unknown-provider": {"requirement": "MODEL-020", "fields": {"ai_provider_id": str(uuid4())}, "key": "no-provider"},
    "blank-model": {"requirement": "MODEL-022", "fields": {"model": " "}, "key": "model-required"},
    "no-model": {"requirement": "MODEL-022", "fields": {"model": ABSENT}, "key": "model-required"},
    "no-limit": {"requirement": "MODEL-023", "fields": {"context_limit": ABSENT}, "key": "limit-required"},
    "limit-zero": {"requirement": "MODEL-023", "fields": {"context_limit": 0}, "key": "limit-required"},
    "limit-negative": {"requirement": "MODEL-023", "fields": {"context_limit": -1}, "key": "limit-required"},
    "threshold-negative": {"requirement": "MODEL-024", "fields": {"compression_threshold": -1}, "key": "threshold"},
    "threshold-large": {"requirement": "MODEL-024", "fields": {"compression_threshold": 101}, "key": "threshold"},
    "price": {
        "requirement": "MODEL-026",
        "fields": {"model_config": {"cost": {"output_price_per_million_tokens": "-0.1"}}},
        "key": "price",
    },
}


@case(rows=WRONG)
async def configs_that_are_refused(t: Case, row: dict[str, Any]) -> None:
    name = t.named("m")
    t.refused(await create(t, **({"model": name} | row["fields"])), f"model-config.{row['key']}")
    t.true(name not in [c["model"] for c in (await configs(t)).values()], "the refused config is not listed")
    if "model" not in row["fields"]:
        t.accepted(await create(t, model=name))


@case("MODEL-021", "MODEL-025", "MODEL-027", "MODEL-219")
async def configs_at_the_bounds(t: Case) -> None:
    off = await new_provider(t, enabled=False)
    with t.judging("MODEL-021"):
        t.refused(await create(t, ai_provider_id=off["id"]), "model-config.provider-disabled")
        t.given(await t.root.patch(providers_path(t, off["id"]), {"enabled": True}))
        t.accepted(await create(t, ai_provider_id=off["id"]))
    with t.judging("MODEL-025"):
        for threshold in (0, 100):
            made = t.accepted(await create(t, compression_threshold=threshold, context_limit=1))
            t.expect((made["compression_threshold"], made["context_limit"]), (threshold, 1), "threshold and limit")
    body: dict[str, Any] = {"ai_provider_id": ABSENT, "model": "", "context_limit": 0, "compression_threshold": 101}
    mend = {"ai_provider_id": off["id"], "model": t.named("m"), "context_limit": 5, "compression_threshold": 5}
    wrong = dict(zip(mend, ("provider-required", "model-required", "limit-required", "threshold"), strict=True))
    with t.judging("MODEL-219"):
        await one_after_another(t, body, mend, wrong)
    with t.judging("MODEL-027"):
        prices = {"cost": {"input_price_per_million_tokens": -1}}
        priced: dict[str, Any] = {"model_config": {}}
        await one_after_another(t, body | {"model_config": prices}, mend | priced, wrong | {"model_config": "price"})


async def one_after_another(t: Case, body: dict[str, Any], mend: dict[str, Any], wrong: dict[str, str]) -> None:
    """Judge that a config with all these faults is refused for each in its turn, as they are mended one by one."""
    body = dict(body)
    for field, key in wrong.items():
        t.refused(await create(t, **body), f"model-config.{key}")
        body[field] = mend[field]
    t.accepted(await create(t, **body))


@case("MODEL-029", "MODEL-030", "MODEL-031", "MODEL-033")
async def options(t: Case) -> None:
    with t.judging("MODEL-029"):
        made = t.accepted(await create(t, model_config={"cost": PRICES}))
        shown = made["model_config"]["cost"]
        t.true(all(isinstance(shown[key], str) for key in PRICES), "prices come back as texts", shown, "/model_config/cost")
        values = {k: Decimal(shown[k]) for k in PRICES}
        t.expect(values, {k: Decimal(v) for k, v in PRICES.items()}, "the prices", "/model_config/cost")
    with t.judging("MODEL-030"):
        old = t.accepted(await create(t, model_config=PRICES))
        t.expect(old["model_config"], {"cost": shown}, "prices sent in the old place", "/model_config")
    with t.judging("MODEL-031"):
        sent = OPTIONS | ({} if t.refuses("model-config.price") else {"provider_options": {"openaicompat": {"user": "u"}}})
        made = t.accepted(await create(t, model_config=sent))
        t.expect(made.get("model_config"), sent, "the options", "/model_config")
        t.expect((await configs(t))[made["id"]].get("model_config"), sent, "the options in the list", "/model_config")
    with t.judging("MODEL-033"):
        cleared = t.accepted(await change(t, made, model_config={}))
        t.true("model_config" not in cleared, "the key is gone", cleared)
        t.true("model_config" not in (await configs(t))[made["id"]], "the key is gone from the list, too")


@case("MODEL-032", "MODEL-034", "MODEL-035", "MODEL-036", "MODEL-054", "MODEL-055")
async def changes(t: Case) -> None:
    model = await new_model(t, display_name="Before", compression_threshold=40, model_config=OPTIONS)
    other, off = await new_provider(t), await new_provider(t, enabled=False)
    later = ("updated_at",)
    with t.judging("MODEL-032"):
        for fields in ({"display_name": "After"}, {"context_limit": 7}, {"enabled": False}, {"compression_threshold": 0}):
            before = (await configs(t))[model["id"]]
            after = t.accepted(await change(t, model, **fields))
            wanted = before | fields
            t.expect(
                {k: v for k, v in after.items() if k not in later}, {k: v for k, v in wanted.items() if k not in later}, "it"
            )
            t.expect((await configs(t))[model["id"]], after, "the config read back")
    with t.judging("MODEL-034"):
        for name, key in (("x", "model-config.id"), (str(uuid4()), "common.not-found")):
            t.refused(await t.root.patch(models_path(t, name), {"context_limit": 5}), key)
            t.refused(await t.root.delete(models_path(t, name)), key)
    with t.judging("MODEL-035"):
        before = (await configs(t))[model["id"]]
        for wrong, key in (
            ({"context_limit": 0}, "limit"),
            ({"compression_threshold": 101}, "threshold"),
            ({"ai_provider_id": str(uuid4())}, "no-provider"),
            ({"ai_provider_id": off["id"]}, "provider-disabled"),
        ):
            t.refused(await change(t, model, display_name="Not this", **wrong), f"model-config.{key}")
        t.expect((await configs(t))[model["id"]], before, "the config after refused changes")
    with t.judging("MODEL-054"):
        moved = t.accepted(await change(t, model, ai_provider_id=other["id"]))
        t.expect(moved["ai_provider_id"], other["id"], "the AI provider", "/ai_provider_id")
        t.expect((await configs(t))[model["id"]]["ai_provider_id"], other["id"], "the AI provider read back")
    with t.judging("MODEL-055"):
        wholes: list[dict[str, Any]] = [
            {"temperature": 0.25},
            {"top_k": 7, "cost": {"input_price_per_million_tokens": "3"}},
        ]
        for left in wholes:
            t.expect(t.accepted(await change(t, model, model_config=left))["model_config"], left, "the options left")
    with t.judging("MODEL-036"):
        t.accepted(await t.root.delete(models_path(t, model["id"])))
        t.true(model["id"] not in await configs(t), "a deleted config is not listed")
        t.refused(await t.root.delete(models_path(t, model["id"])), "common.not-found")
