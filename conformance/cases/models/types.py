"""Providers of which there is one of each type: what is listed, made, changed and deleted, and the models behind them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from conformance.checks.asked import NIL
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import (
    base_model,
    behind,
    models_path,
    new_model,
    new_provider,
    providers_path,
    secret,
)
from conformance.play.verdict import Unmet
from conformance.scenes.models import ORDER, configs, create, entry
from conformance.wire.exchange import ABSENT

URL = "http://127.0.0.1:9/v1"
NO_URLS = ("example.com", "/v1", "ftp://example.com", "http://")
OTHERS = ("alice", "carol", "orgadmin", "orgauditor")


async def types(t: Case) -> dict[str, dict[str, Any]]:
    """The providers of the list, by type."""
    return {p["provider"]: p for p in t.accepted(await t.root.get(providers_path(t)))}


async def free(t: Case, n: int = 1) -> list[str]:
    """Types of provider that are not set up. Raises Unmet."""
    found = [kind for kind, shown in (await types(t)).items() if shown["source"] == "supported"]
    if len(found) < n:
        raise Unmet("the target has a provider of every type")
    return found[:n]


async def made(t: Case, **fields: Any) -> dict[str, Any]:
    """A provider of a type that was free; deleted at the end. Raises Unmet."""
    body = {"provider": (await free(t))[0], "api_key": secret(t), "base_url": URL, "display_name": t.named("p")} | fields
    found = t.given(await t.root.post(providers_path(t), {k: v for k, v in body.items() if v is not ABSENT}))
    t.cleanup(lambda: t.root.delete(providers_path(t, found["id"])))
    return dict(found)


@case("PROV-041", "PROV-042", alone=True, writes=False, needs=["admin"])
async def all_types_are_listed(t: Case) -> None:
    listed = t.accepted(await t.root.get(providers_path(t)))
    with t.judging("PROV-041"):
        t.expect([p["provider"] for p in listed], ORDER, "the types in the list")
    with t.judging("PROV-042"):
        wanted = {"id": NIL, "enabled": False, "has_api_key": False, "source": "supported"}
        bare = [p for p in listed if p["id"] == NIL]
        t.true(bare, "there is a type that is not set up")
        for shown in (p for p in listed if p["source"] == "supported" or p in bare):
            t.expect({k: shown.get(k) for k in wanted}, wanted, f"the type {shown['provider']}")


@case("PROV-043", alone=True, needs=["roles"])
async def providers_belong_to_the_owner(t: Case) -> None:
    mine = await made(t)
    body, one = {"provider": (await free(t))[0], "base_url": URL}, providers_path(t, mine["id"])
    t.accepted(await t.actor("auditor").get(providers_path(t)))
    for actor in map(t.actor, (*OTHERS, "auditor")):
        if actor.name != "auditor":
            t.refused(await actor.get(providers_path(t)), "common.forbidden")
        t.refused(await actor.post(providers_path(t), body), "common.forbidden")
        t.refused(await actor.patch(one, {"display_name": "Theirs"}), "common.forbidden")
        t.refused(await actor.delete(one), "common.forbidden")
    found = await types(t)
    t.expect(found[mine["provider"]], mine, "the provider after refused attempts")
    t.expect(found[body["provider"]]["source"], "supported", "the type that they tried to set up")
    t.accepted(await t.root.patch(one, {"display_name": "Mine"}))


@case("PROV-044", "PROV-045", "PROV-049", "PROV-051", alone=True)
async def life_of_a_type(t: Case) -> None:
    key = secret(t)
    mine = await made(t, api_key=key)
    kind, one = mine["provider"], providers_path(t, mine["id"])
    off = await made(t, enabled=False)
    with t.judging("PROV-044"):
        t.expect((mine["enabled"], off["enabled"]), (True, False), "are they enabled", "/enabled")
        t.expect((await types(t))[kind], mine, "the provider in the list")
        t.expect(mine["source"], "database", "its source", "/source")
    with t.judging("PROV-045"):
        bare = t.accepted(await t.root.patch(providers_path(t, off["id"]), {"api_key": ""}))
        t.expect((mine["has_api_key"], bare["has_api_key"]), (True, False), "has_api_key with a key and without")
        renamed = t.accepted(await t.root.patch(one, {"display_name": "Shown"}))
        for shown in (mine, renamed, await types(t)):
            t.true(key not in str(shown), "no answer shows the key")
    with t.judging("PROV-049"):
        for change, wanted in (
            ({"enabled": False}, {"display_name": "Shown", "enabled": False, "has_api_key": True, "base_url": URL}),
            ({"display_name": " "}, {"display_name": "Shown", "enabled": False, "has_api_key": True, "base_url": URL}),
            ({"api_key": ""}, {"display_name": "Shown", "has_api_key": False, "base_url": URL}),
            ({"base_url": ""}, {"display_name": "Shown", "has_api_key": False, "base_url": None}),
        ):
            after = t.accepted(await t.root.patch(one, change))
            t.expect({k: after.get(k) for k in wanted}, wanted, f"the provider after {change}")
            t.expect((await types(t))[kind], after, "the provider in the list after that")
    with t.judging("PROV-051"):
        model = t.given(await t.root.post(models_path(t), behind(t, mine) | {"model": t.named("m"), "context_limit": 1000}))
        t.accepted(await t.root.delete(one))
        t.true(model["id"] not in await configs(t), "its model config is gone")
        t.expect((await types(t))[kind]["source"], "supported", "the type after that")
        t.refused(await t.root.delete(one), "common.not-found")


@case("PROV-046", "PROV-047", "PROV-048", "PROV-050", alone=True)
async def providers_that_can_not_be(t: Case) -> None:
    mine, (other,) = await made(t), await free(t)
    one, before = providers_path(t, mine["id"]), await types(t)
    with t.judging("PROV-046"):
        for name in (mine["provider"], f" {mine['provider'].upper()} "):
            t.refused(await t.root.post(providers_path(t), {"provider": name, "base_url": URL}), "chat-provider.exists")
    with t.judging("PROV-047"):
        for name in ("fake", "", "openai_compat", ABSENT):
            body = {"provider": name, "base_url": URL} if name is not ABSENT else {"base_url": URL}
            t.refused(await t.root.post(providers_path(t), body), "chat-provider.type")
    with t.judging("PROV-048"):
        for url in NO_URLS:
            key = f"chat-provider.base-url{'-scheme' if url.startswith('ftp') else ''}"
            t.refused(await t.root.post(providers_path(t), {"provider": other, "base_url": url}), key)
            t.refused(await t.root.patch(one, {"base_url": url}), key)
    with t.judging("PROV-050"):
        for name, key in (("x", "chat-provider.id"), (str(uuid4()), "common.not-found")):
            t.refused(await t.root.patch(providers_path(t, name), content=b"{"), key)
            t.refused(await t.root.delete(providers_path(t, name)), key)
        t.refused(await t.root.patch(one, content=b"{"), "common.bad-json")
    after = await types(t)
    for requirement in ("PROV-046", "PROV-047", "PROV-048"):
        with t.judging(requirement):
            t.expect(after, before, "the providers after refused attempts")
            t.accepted(await t.root.patch(one, {"base_url": URL}))


@case("PROV-052", alone=True, needs=["llm"])
async def providers_in_use(t: Case) -> None:
    provider = await new_provider(t)
    await t.chat(model_config_id=(await new_model(t, provider))["id"])
    t.refused(await t.root.delete(providers_path(t, provider["id"])), "chat-provider.used")
    t.expect((await types(t))[provider["provider"]]["id"], provider["id"], "the provider after that", "/id")
    unused = await made(t)
    t.accepted(await t.root.delete(providers_path(t, unused["id"])))


@case("MODEL-080", "MODEL-081", "MODEL-082", "MODEL-083", alone=True)
async def models_of_types(t: Case) -> None:
    (missing,), model = await free(t), await new_model(t)
    with t.judging("MODEL-080"):
        t.refused(await create(t, provider=missing), "model-config.no-provider")
        t.refused(await t.root.patch(models_path(t, model["id"]), {"provider": missing}), "model-config.no-provider")
    with t.judging("MODEL-081"):
        for name in ("fake", ""):
            t.refused(await create(t, provider=name, model="", context_limit=0), "model-config.provider-unknown")
        t.refused(await create(t, provider=ABSENT, model=""), "model-config.provider-unknown")
    with t.judging("MODEL-082"):
        off = await made(t, enabled=False)
        t.accepted(await create(t, **behind(t, off)))
    with t.judging("MODEL-083"):
        for shown in (model, (await configs(t))[model["id"]]):
            t.expect(shown.get("provider"), (await base_model(t))["provider"], "the type", "/provider")
            t.true("ai_provider_id" not in shown, "there is no ai_provider_id", shown)


async def switched_off(t: Case, provider: str) -> None:
    """This provider is disabled until the case ends. Raises Unmet."""
    t.cleanup(lambda: t.root.patch(providers_path(t, provider), {"enabled": True}))
    t.given(await t.root.patch(providers_path(t, provider), {"enabled": False}))


@case("MODEL-084", "MODEL-085", alone=True, needs=["second-user"])
async def types_that_can_not_be_used(t: Case) -> None:
    provider = await new_provider(t, api_keys=[])
    await new_model(t, provider)
    with t.judging("MODEL-084"):
        for actor in (t.root, t.alice, t.bob):
            shown = await entry(t, provider["provider"], actor) or {}
            found = (shown.get("available"), shown.get("unavailable_reason"))
            t.expect(found, (False, "missing_api_key"), f"available, and why not, for {actor.name}")
    with t.judging("MODEL-085"):
        used = [p for p in (await types(t)).values() if p["source"] == "database" and p["enabled"]]
        for one in used:
            await switched_off(t, one["id"])
        listed = t.accepted(await t.alice.get(t.url("listModels")))["providers"]
        wanted: list[Any] = [(kind, False, []) for kind in ORDER]
        t.expect([(p["provider"], p["available"], p["models"]) for p in listed], wanted, "the catalogue", "/providers")
