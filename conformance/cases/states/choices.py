"""Models, tool servers, shares and searches as later revisions take them."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import (
    base_model,
    behind,
    change_model,
    config_path,
    models_path,
    new_model,
    new_provider,
    providers_path,
)
from conformance.scenes.lifecycle import family, first, queued
from conformance.scenes.models import refused_everywhere
from conformance.scenes.tool_servers import at, registered, wanted
from conformance.wire.exchange import Exchange

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@case("MODEL-209", "MODEL-210")
async def models_that_cannot_be_used(t: Case) -> None:
    own = await new_provider(t)
    model = await new_model(t, own)
    with t.judging("MODEL-209"):
        await refused_everywhere(t, "common.model-unknown", "11111111-2222-4333-8444-555555555555")
        await change_model(t, model, enabled=False)
        await refused_everywhere(t, "common.model-unknown", model["id"])
        await change_model(t, model, enabled=True)
        t.accepted(await t.alice.create(model_config_id=model["id"]))
        gone = await new_model(t, own)
        t.given(await t.root.delete(models_path(t, gone["id"])))
        await refused_everywhere(t, "common.model-unknown", gone["id"])
    with t.judging("MODEL-210"):
        t.given(await t.root.patch(providers_path(t, own["id"]), {"enabled": False}))
        await refused_everywhere(t, "common.model-provider-off", model["id"])


@case("MODEL-211", "MODEL-212", "MODEL-213")
async def model_configs(t: Case) -> None:
    base = await base_model(t)
    name = t.named("m")
    prices = {"cost": {"input_price_per_million_tokens": "3"}}
    made = await new_model(t, model_config=prices)
    with t.judging("MODEL-211"):
        t.accepted(await t.root.patch(models_path(t, made["id"]), {"model": name}))
        t.expect(made.get("ai_provider_id"), base["ai_provider_id"], "the provider", "/ai_provider_id")
        t.true("provider" not in made and "cost" not in made.get("model_config", {}), "neither provider nor cost is shown", made)
    bounds = {"default": "low", "max": "medium"}
    with t.judging("MODEL-212"):
        for wrong in ({"default": "low"}, {"max": "low"}, {}, {"default": "x", "max": "low"}, {"default": "high", "max": "low"}):
            sent = {"model_config": {"reasoning_effort": wrong}}
            t.refused(await t.root.patch(models_path(t, made["id"]), sent), "model-config.effort")
            t.refused(
                await t.root.post(models_path(t), behind(t, base) | {"model": name, "context_limit": 5} | sent),
                "model-config.effort",
            )
    with t.judging("MODEL-213"):
        shown = t.accepted(await t.root.patch(models_path(t, made["id"]), {"model_config": {"reasoning_effort": bounds}}))
        t.expect(shown.get("reasoning_efforts"), list(EFFORTS[:4]), "the efforts", "/reasoning_efforts")


@case("MCP-112", "MCP-113")
async def tool_servers(t: Case) -> None:
    server = await registered(t)
    with t.judging("MCP-112"):
        t.given(await t.root.patch(at(t, server), {"enabled": False}))
        t.refused(await t.alice.create(mcp_server_ids=[server]), "common.mcp-servers", ids=server)
        t.given(await t.root.patch(at(t, server), {"enabled": True}))
        made = t.accepted(await t.alice.create(queued("hello"), mcp_server_ids=[server, server]))
        t.expect(made["mcp_server_ids"], [server], "the servers of the chat", "/mcp_server_ids")
    with t.judging("MCP-113"):
        chat = await first(t, mcp_server_ids=[server])
        other = await first(t)
        t.given(await t.root.patch(at(t, server), {"enabled": False}))
        t.accepted(await chat.send(mcp_server_ids=[server]))
        t.refused(await other.send(mcp_server_ids=[server]), "common.mcp-servers", ids=server)


@case("MCP-114", needs=["second-user"])
async def who_keeps_tool_servers(t: Case) -> None:
    server = await registered(t)
    t.refused(await t.alice.patch(at(t, server), {"enabled": False}), "common.not-found")
    t.refused(await t.alice.delete(at(t, server)), "common.not-found")
    t.refused(await t.alice.post(at(t), wanted(t)), "common.forbidden")
    t.accepted(await t.root.patch(at(t, server), {"enabled": False}))


@case("ACL-177", needs=["llm"])
async def shared_chats_say_so(t: Case) -> None:
    root, (child,) = await family(t, "child task")

    async def shown() -> list[bool]:
        return [t.accepted(await chat.get())["shared"] for chat in (root, child)]

    t.expect(await shown(), [False, False], "shared before")
    t.given(await root.set_acl(users={t.bob.id: "read"}))
    t.expect(await shown(), [True, True], "shared meanwhile")
    t.given(await root.set_acl(users={t.bob.id: ""}))
    t.expect(await shown(), [False, False], "shared afterwards")


@case("FILTER-167", "FILTER-168", "FILTER-169", "FILTER-170")
async def searches(t: Case) -> None:
    mark, word = t.unique("mark"), t.named("word").replace("-", "")
    labels = {"run": mark}
    shared, own = await first(t, labels=labels), await t.chat("Hello", t.bob, labels=labels)
    t.given(await shared.set_acl(users={t.bob.id: "read"}))
    t.given(await own.patch(title=f"About {word} and more"))

    async def found(q: str) -> list[str]:
        return [c["id"] for c in t.accepted(await listed(q))]

    async def listed(q: str) -> Exchange:
        return await t.bob.list(label=f"run:{mark}", q=q)

    with t.judging("FILTER-167"):
        t.expect(await found("source:shared_with_me"), [shared.id], "chats that others share")
        t.expect(await found("source:created_by_me"), [own.id], "own chats")
        t.refused(await listed("source:nonsense"), "list.q-source", value='"nonsense"')
    with t.judging("FILTER-168"):
        t.refused(await listed("search:a title:b"), "list.q-search-combined", keys='"title"')
        t.accepted(await listed("search:a"))
    with t.judging("FILTER-170"):
        t.refused(await listed('search:""'), "list.q-search-empty")
        t.accepted(await listed("search:a"))
    with t.judging("FILTER-169"):
        t.expect(await found(f"search:{word}"), [own.id], "chats with the word")
        t.expect(await found(f"search:{word[:-1]}"), [], "chats with a part of it")


@case("CONF-231", needs=["roles"], writes=False)
async def settings_for_all(t: Case) -> None:
    for name in ("workspace-ttl", "retention-days", "debug-retention-days", "auto-archive-days"):
        wanted = t.accepted(await t.root.get(config_path(t, name)))
        for actor in ("alice", "carol", "auditor", "orgadmin"):
            t.expect(t.accepted(await t.actor(actor).get(config_path(t, name))), wanted, f"{name} as {actor} reads it")


@case("CONF-232", needs=["roles"], writes=False)
async def settings_of_experiments(t: Case) -> None:
    for name, key in (("advisor", "config.advisor-off"), ("computer-use-provider", "config.computer-use-off")):
        for actor in ("root", "alice", "carol"):
            t.refused(await t.actor(actor).get(config_path(t, name)), key)
    t.accepted(await t.root.get(config_path(t, "workspace-ttl")))


@case("ROUTE-146", "ROUTE-147", writes=False)
async def routes_that_are_gone(t: Case) -> None:
    chats = t.session.profile.traits["chats_path"]
    t.given(await t.alice.list())
    with t.judging("ROUTE-146"):
        for gone in ("usage-limits", "usage-limits/status", "cost/users", "cost/me/summary", "insights/pull-requests"):
            head = gone.split("/")[0]
            t.refused(await t.alice.get(f"{chats}/{gone}"), "common.chat-id", id=f'"{head}"')
        t.accepted(await t.alice.list())
    with t.judging("ROUTE-147"):
        t.refused(await t.alice.get(t.url("listUsers").removesuffix("users") + "chats"), "common.route-not-found")
        t.accepted(await t.alice.list())


@case("BODY-139")
async def bodies_that_are_too_large(t: Case) -> None:
    chat = await first(t)
    before = await chat.history()
    most = t.limit("body.send")
    for answer in (
        await chat.send("a" * most),
        await chat.edit(before[0]["id"], "a" * most),
        await chat.patch(title="a" * most),
    ):
        t.refused(answer, "common.too-large", size=most)
    t.expect(await chat.history(), before, "the messages after refusals")
    t.accepted(await chat.send(queued("a" * 300_000)))
