"""The catalogue of models as each user sees it."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import keys_path, new_model, new_provider, providers_path, secret
from conformance.play.verdict import Unmet
from conformance.scenes.models import ORDER, catalogue, entry, listed


@case("MODEL-001", "MODEL-002", "MODEL-003", needs=["roles"], writes=False)
async def the_catalogue(t: Case) -> None:
    with t.judging("MODEL-001"):
        for actor in ("alice", "carol", "auditor", "orgadmin", "root"):
            t.true(await catalogue(t, t.actor(actor)), f"{actor} sees providers")
    providers = await catalogue(t)
    models = [m for p in providers for m in p["models"] or []]
    with t.judging("MODEL-002"):
        t.true(models and all({"provider", "available", "models"} <= set(p) for p in providers), "providers are whole", providers)
        t.true(all({"id", "provider", "model", "display_name"} <= set(m) for m in models), "models are whole", models)
    with t.judging("MODEL-003"):
        for model in models:
            t.expect(model["id"], f"{model['provider']}:{model['model']}", "the model's id")


@case("MODEL-004", "MODEL-005", "MODEL-006", "MODEL-007", "MODEL-050", "MODEL-051", alone=True, needs=["model-admin"])
async def what_the_catalogue_lists(t: Case) -> None:
    for kind in ("vercel", "anthropic", "google"):
        await new_provider(t, type=kind)
    stem = t.named("m")
    provider = await new_provider(t)
    names = [f"{stem}-{letter}" for letter in "abc"]
    for name in reversed(names):
        await new_model(t, model=name, display_name="" if name == names[0] else "Named")
    off = await new_model(t, enabled=False)
    behind = await new_model(t, provider)
    with t.judging("MODEL-004"):
        kinds = [p["provider"] for p in await catalogue(t)]
        t.expect(kinds, [kind for kind in ORDER if kind in kinds], "the order of the types")
    with t.judging("MODEL-005"):
        t.expect([name for name in await listed(t) if name in names], names, "the order of the models")
    with t.judging("MODEL-007"):
        shown = await listed(t)
        t.expect([shown[name]["display_name"] for name in names], [names[0], "Named", "Named"], "the display names")
    with t.judging("MODEL-006"):
        t.true(behind["model"] in (before := await listed(t)), "an enabled model of an enabled provider is listed")
        t.true(off["model"] not in before, "a disabled model is not listed")
        t.given(await t.root.patch(providers_path(t, provider["id"]), {"enabled": False}))
        t.true(behind["model"] not in await listed(t), "a model of a disabled provider is not listed")
    with t.judging("MODEL-050"):
        await new_model(t, model=names[1], display_name="Twin")
        ids = [m["id"] for p in await catalogue(t) for m in p["models"] or [] if m["model"] == names[1]]
        t.true(len(ids) == 1, "two configs of one model are one entry", ids)
    with t.judging("MODEL-051"):
        keyless = await new_provider(t, api_keys=[])
        model = await new_model(t, keyless)
        t.true(model["model"] not in await listed(t), "a model of a provider without key is not listed")
        t.given(await t.root.patch(providers_path(t, keyless["id"]), {"api_keys": [{"api_key": secret(t)}]}))
        t.true(model["model"] in await listed(t), "it is listed when the provider has a key")


@case("MODEL-008", "MODEL-009", "MODEL-052", alone=True, needs=["admin", "second-user"])
async def a_type_without_key(t: Case) -> None:
    taken = {p["provider"] for p in await catalogue(t)} | {"bedrock"}
    kind = next((k for k in ORDER if k not in taken), None)
    if kind is None:
        raise Unmet("the target has a provider of every type")
    user, provider = await t.new_user(), await new_provider(t, type=kind, api_keys=[])
    with t.judging("MODEL-008"):
        for actor in (user, t.alice):
            shown = await entry(t, kind, actor) or {}
            t.expect(shown.get("available"), False, "is the provider available without a key", "/available")
            t.true(shown.get("unavailable_reason"), "there is a reason", shown, "/unavailable_reason")
        t.given(await user.put(keys_path(t, "me", provider["id"]), {"api_key": secret(t)}))
        t.cleanup(lambda: user.delete(keys_path(t, "me", provider["id"])))
        shown = await entry(t, kind, user) or {}
        t.expect((shown.get("available"), "unavailable_reason" in shown), (True, False), "is it available with an own key")
        t.expect((await entry(t, kind) or {}).get("available"), False, "is it available for another user", "/available")
    with t.judging("MODEL-052"):
        model = await new_model(t, provider)
        shown = await entry(t, kind) or {}
        names = [m["model"] for m in shown.get("models") or []]
        t.expect((shown.get("available"), names), (False, [model["model"]]), "is it available, and its models")
    with t.judging("MODEL-009"):
        t.true(await entry(t, kind), "the type is listed")
        t.given(await t.root.patch(providers_path(t, provider["id"]), {"enabled": False}))
        t.true(not await entry(t, kind), "the type is not listed once its only provider is disabled")


@case("MODEL-058", "MODEL-059", alone=True, needs=["admin"])
async def types_without_keys(t: Case) -> None:
    free = [kind for kind in ("anthropic", "google") if kind not in {p["provider"] for p in await catalogue(t)}]
    if not free:
        raise Unmet("the target has providers of anthropic and google")
    kind, name = free[0], t.named("m")
    keyed, keyless = await new_provider(t, type="openai"), await new_provider(t, type=kind, api_keys=[])
    with t.judging("MODEL-058"):
        await new_model(t, keyed, model=f"{kind}:{name}")
        shown = await entry(t, kind) or {}
        t.expect([m["id"] for m in shown.get("models") or []], [f"{kind}:{name}"], "the models of the type", "/models")
        t.expect(shown.get("available"), False, "is a type available whose only provider has no key", "/available")
    with t.judging("MODEL-059"):
        user = await t.new_user()
        t.given(await user.put(keys_path(t, "me", keyless["id"]), {"api_key": secret(t)}))
        t.expect((await entry(t, kind, user) or {}).get("available"), True, "is it available with an own key", "/available")
        t.given(await user.delete(keys_path(t, "me", keyless["id"])))
        t.expect((await entry(t, kind, user) or {}).get("available"), False, "is it available without", "/available")
