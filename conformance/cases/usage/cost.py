"""What turns cost, and who may see that."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import change_model, configured, member, models_path, new_model
from conformance.play.streams import quiet
from conformance.scenes.usage import COST, EVER, PAID, PRICES, TOKENS, limited, payer, priced, status, summary, unlimited
from fixtures.scripts import script, tool_call, turn, turns, wait_ms
from fixtures.scripts import text as says

TOTALS = {
    *("total_cost_micros", "total_input_tokens", "total_output_tokens", "total_cache_read_tokens"),
    *("total_cache_creation_tokens", "total_runtime_ms"),
}
KEYS = TOTALS | {"start_date", "end_date", "priced_message_count", "unpriced_message_count", "by_model", "by_chat"}
ROWS = {"by_model": "model_config_id", "by_chat": "root_chat_id"}
OUTSIDERS = ("alice", "carol", "orgadmin", "orgauditor")


def path(t: Case, user: str = "me") -> str:
    """The path of a user's cost summary."""
    return t.url("getCostSummary", user=user)


async def cost(actor: Actor) -> int:
    """What all turns of the actor cost so far. Raises Unmet."""
    return int((await summary(actor))["total_cost_micros"])


def using(*steps: Any, **tokens: int) -> str:
    return script(*(steps or (says("ok"),)), usage=tokens)


@case("COST-001", "COST-002", "COST-003", "COST-004")
async def prices_of_tokens(t: Case) -> None:
    actor = await member(t)

    async def spent(content: str, **prices: str) -> int:
        before = await cost(actor)
        await t.chat(content, actor, model_config_id=await priced(t, **prices))
        return await cost(actor) - before

    with t.judging("COST-001"):
        dear, cheap = {"input": "3", "output": "15"}, {"input": "0.15", "output": "0.6"}
        t.expect(await spent(using(input_tokens=10, output_tokens=5), **dear), COST, "the cost of 10 and 5 tokens")
        t.expect(await spent(using(input_tokens=1, output_tokens=1), **cheap), 1, "the cost of 0.75 micro-dollars")
        t.expect(await spent(using(input_tokens=1000, output_tokens=333), **cheap), 350, "the cost of 349.8 micro-dollars")
    each = {"input": "2", "output": "10", "cache_read": "0.5", "cache_write": "4"}
    with t.judging("COST-002"):
        cached = using(input_tokens=100, output_tokens=10, cache_read_tokens=40)
        t.expect(await spent(cached, **each), 240, "the cost with 40 cached tokens")
    with t.judging("COST-003"):
        thinking = using(input_tokens=100, output_tokens=50, reasoning_tokens=30)
        t.expect(await spent(thinking, **each), 700, "the cost with 30 reasoning tokens")
    with t.judging("COST-004"):
        t.expect(await spent(PAID), 0, "the cost on a model without prices")
        t.expect(await spent(using(input_tokens=0, output_tokens=0), **dear), 0, "the cost without usage")


@case("COST-005", "COST-007", "COST-008", "COST-030", alone=True)
async def what_counts_as_spend(t: Case) -> None:
    await unlimited(t)
    who = await payer(t)
    await limited(t, 1_000_000)
    chat = await quiet(t, script(says("ok"), usage=TOKENS, title="Quiet title"), **who)
    actor = chat.actor

    async def spend() -> int:
        return int((await status(actor))["current_spend"])

    with t.judging("COST-007"):
        t.expect(await spend(), COST, "the spend after one turn, a title and a label", "/current_spend")
        t.given(await chat.regenerate())
        t.given(await chat.propose())
        t.expect(await spend(), 3 * COST, "the spend after two titles more", "/current_spend")
    before, shown = await spend(), await summary(actor)
    t.given(await chat.edit((await chat.history())[0]["id"], using(input_tokens=0, output_tokens=0)))
    await chat.settled()
    t.given(await chat.patch(archived=True))
    with t.judging("COST-005"):
        t.expect(await spend(), before, "the spend after an edit and archiving", "/current_spend")
    with t.judging("COST-030"):
        kept, now = sorted(TOTALS - {"total_runtime_ms"}), await summary(actor)
        t.expect({k: now[k] for k in kept}, {k: shown[k] for k in kept}, "the totals after an edit and archiving")
        for name in ROWS:
            later, earlier = ([{k: row[k] for k in kept} for row in found[name]] for found in (now, shown))
            t.expect(later, earlier, f"{name} after an edit and archiving", f"/{name}")
    with t.judging("COST-008"):
        before = await spend()
        await configured(
            t, "advisor", enabled=True, max_uses_per_run=2, max_output_tokens=200, model_config_id=who["model_config_id"]
        )
        ask = turn(tool_call("advisor", {"question": "what now?"}, id="a1"), usage=TOKENS)
        await t.chat(script(turns(ask, turn(says("ok"), usage=TOKENS))), **who)
        t.expect(await spend(), before + 2 * COST, "the spend with advice", "/current_spend")
        small = await new_model(t, model_config={"cost": PRICES}, compression_threshold=10)
        full = turn(says("ok"), usage={"input_tokens": 100, "output_tokens": 1})
        short = await t.chat(script(turns(full, turn(says("after"), usage=TOKENS))), actor, model_config_id=small["id"])
        stored = [p.get("tool_name") for m in await short.history() for p in m["content"]]
        t.true("chat_summarized" in stored, "the chat was compacted", stored)
        t.expect(await spend(), before + 2 * COST + 315 + COST, "the spend with a compaction", "/current_spend")


@case("COST-009")
async def later_prices(t: Case) -> None:
    config = await new_model(t, model_config={"cost": PRICES}, context_limit=128_000)
    actor = await member(t)
    await t.chat(PAID, actor, model_config_id=config["id"])
    t.expect(await cost(actor), COST, "the cost", "/total_cost_micros")
    await change_model(t, config, model_config={"cost": {"input_price_per_million_tokens": "100"}})
    t.expect(await cost(actor), COST, "the cost after another price", "/total_cost_micros")


@case("COST-010", "COST-011", "COST-012", "COST-013", "COST-014", writes=False)
async def who_sees_summaries(t: Case) -> None:
    own, of_alice = path(t), path(t, t.alice.id)
    with t.judging("COST-010"):
        t.accepted(await t.alice.get(own))
        t.accepted(await t.alice.get(of_alice))
    with t.judging("COST-014"):
        for user in (t.alice, t.actor("carol"), t.actor("orgadmin")):
            t.accepted(await t.root.get(path(t, user.id)))
    for requirement, names, where, key in (
        ("COST-011", ("carol", "auditor"), own, "common.forbidden"),
        ("COST-012", ("bob", "carol"), of_alice, "common.not-found"),
        ("COST-013", ("orgadmin", "auditor"), of_alice, "common.forbidden"),
    ):
        with t.judging(requirement):
            for name in names:
                t.refused(await t.actor(name).get(where), key)


@case("COST-015", "COST-016", "COST-017", "COST-020", "COST-021", "COST-031", "COST-032", "COST-033", "COST-034", "COST-035")
async def summaries(t: Case) -> None:
    actor = await member(t)
    empty = await summary(actor)
    with t.judging("COST-015"):
        for name in ("by_model", "by_chat"):
            t.expect(empty.get(name), [], f"{name} before the first turn", f"/{name}")
    spawn = turn(tool_call("spawn_agent", {"type": "general", "prompt": PAID}, id="c1"), usage=TOKENS)
    config, free = await priced(t, input="3", output="15"), await priced(t)
    root = await t.chat(script(turns(spawn, turn(says("done"), usage=TOKENS))), actor, model_config_id=config)
    children = await root.children()
    await Chat(actor, children[0]["id"]).settled("waiting")
    unknown = turn(tool_call("list_templates", {}), usage={"input_tokens": 0, "output_tokens": 0})
    plain = await t.chat(script(turns(unknown, turn(says("ok"), usage=TOKENS))), actor, model_config_id=free)
    t.given(await t.root.delete(models_path(t, free)))
    found = await summary(actor)
    with t.judging("COST-015"):
        t.true(set(found) >= KEYS, "every key is there", sorted(KEYS - set(found)))
        counts = [found["priced_message_count"], found["unpriced_message_count"]]
        t.expect(counts, [3, 1], "the counts of priced and unpriced messages")
        t.expect([found["total_input_tokens"], found["total_output_tokens"]], [40, 20], "the totals of tokens")
    with t.judging("COST-016"):
        for name in ("by_model", "by_chat"):
            t.true(len(found[name]) == 2, f"{name} has two entries", found[name])
            for key in sorted(TOTALS & t.session.known_keys):
                t.expect(sum(row[key] for row in found[name]), found[key], f"the sum of {key} in {name}", f"/{name}")
    with t.judging("COST-017"):
        costs = {row["root_chat_id"]: row["total_cost_micros"] for row in found["by_chat"]}
        t.expect(costs.get(root.id), 3 * COST, "the cost of the root chat", "/by_chat")
        t.true(children[0]["id"] not in costs, "the child has no row of its own", costs)
    models, chats = ({row[key]: row for row in found[name]} for name, key in ROWS.items())
    with t.judging("COST-031"):
        t.expect(list(models), [config, free], "the models, the dearest first", "/by_model")
        t.expect(list(chats), [root.id, plain.id], "the chats, the dearest first", "/by_chat")
    with t.judging("COST-032"):
        for rows, ids in ((models, (config, free)), (chats, (root.id, plain.id))):
            t.expect([rows.get(i, {}).get("message_count") for i in ids], [3, 1], "the messages of each model, and of each chat")
    with t.judging("COST-033"):
        nameless = models.get(free, {})
        t.true(nameless.get("model"), "the model is there", models, "/by_model")
        t.expect(nameless.get("display_name"), nameless["model"], "the name of a model without one", "/by_model")
    params = EVER | {"username": actor.username}
    (row,) = t.given(await t.root.get(t.url("listCostUsers"), params=params))["users"]
    with t.judging("COST-034"):
        t.expect(row["chat_count"], 2, "the count of chats, of which one has a sub-agent", "/users/0/chat_count")
    with t.judging("COST-035"):
        totals = {k: found[k] for k in TOTALS & t.session.known_keys} | {"message_count": 4}
        t.expect({k: row[k] for k in totals}, totals, "the user's row of the list")
    now = datetime.now(UTC)
    past, soon = (now - timedelta(days=1)).isoformat(), (now + timedelta(days=1)).isoformat()
    with t.judging("COST-020"):
        for start, end, wanted in ((past, soon, 3 * COST), (soon, EVER["end_date"], 0), (EVER["start_date"], past, 0)):
            within = await summary(actor, start_date=start, end_date=end)
            t.expect(within["total_cost_micros"], wanted, f"the cost from {start} to {end}", "/total_cost_micros")
    with t.judging("COST-021"):
        turned = t.accepted(await actor.get(path(t), params={"start_date": soon, "end_date": past}))
        t.expect([turned["total_cost_micros"], turned["by_model"]], [0, []], "cost and models")


DATES = {"word": "x", "day": "2025-01-01", "no zone": "2025-01-01T00:00:00", "space": "2025-01-01 00:00:00Z"}


@case("COST-085", "COST-086", "COST-087", "COST-089", needs=["roles"])
async def summaries_of_early_revisions(t: Case) -> None:
    of_alice, bad = path(t, t.alice.id), {"start_date": "x"}
    with t.judging("COST-085"):
        for name in (*OUTSIDERS, "auditor", "root"):
            t.accepted(await t.actor(name).get(path(t)))
    with t.judging("COST-086"):
        found = await summary(t.alice)
        t.expect(sorted((KEYS & t.session.known_keys) - set(found)), [], "keys that are missing")
        t.true(all(isinstance(found[name], list) for name in ROWS), "by_model and by_chat are arrays", found)
    with t.judging("COST-087"):
        listed = t.accepted(await t.root.get(t.url("listCostUsers"), params=EVER))
        t.true("total_runtime_ms" not in str((found, listed)), "no running time is told", found)
    with t.judging("COST-089"):
        for name in ("carol", "orgauditor"):
            for params in ({}, bad):
                t.refused(await t.actor(name).get(of_alice, params=params), "common.not-found")
        t.refused(await t.actor("orgadmin").get(of_alice, params=bad), "cost.date", field="start_date")
        t.refused(await t.actor("orgadmin").get(of_alice), "common.forbidden")


@case("COST-036")
async def runtime_of_a_turn(t: Case) -> None:
    actor, started = await member(t), time.monotonic()
    await t.chat(script(wait_ms(250), says("ok")), actor)
    took = (time.monotonic() - started) * 1000
    runtime = (await summary(actor))["total_runtime_ms"]
    t.true(200 <= runtime <= 2 * took, f"the runtime of a turn that took 250 to {took:.0f} ms", runtime, "/total_runtime_ms")


@case("COST-018", "COST-019", "COST-037", writes=False)
async def parameters_of_summaries(t: Case) -> None:
    where = path(t)
    with t.judging("COST-018"):
        for name in ("x", "limit", "Start_Date"):
            t.refused(await t.alice.get(where, params={name: EVER["start_date"]}), "cost.unknown", field=name)
    with t.judging("COST-019"):
        for name in EVER:
            for value in DATES.values():
                t.refused(await t.alice.get(where, params={name: value}), "cost.date", field=name)
    for requirement in ("COST-018", "COST-019"):
        with t.judging(requirement):
            t.accepted(await t.alice.get(where, params=EVER))
    with t.judging("COST-037"):
        for found in (t.accepted(await t.alice.get(where)), t.accepted(await t.root.get(t.url("listCostUsers")))):
            start, end = (datetime.fromisoformat(found[f"{word}_date"]) for word in ("start", "end"))
            away = abs(end - start - timedelta(days=30))
            t.true(away < timedelta(hours=2), "the range without dates is 30 days", str(end - start), "/start_date")
            t.true(abs(datetime.now(UTC) - end) < timedelta(days=1), "it ends now", str(end), "/end_date")


@case("COST-023", "COST-025", writes=False)
async def parameters_of_the_list(t: Case) -> None:
    where = t.url("listCostUsers")
    with t.judging("COST-023"):
        for name in (*OUTSIDERS, "auditor"):
            for params in ({}, {"limit": "x"}):
                t.refused(await t.actor(name).get(where, params=params), "common.forbidden")
        t.accepted(await t.root.get(where))
    with t.judging("COST-025"):
        for params, key, field in (
            ({"limit": "x"}, "cost.integer", "limit"),
            ({"offset": "1.5"}, "cost.integer", "offset"),
            ({"offset": "-1"}, "cost.offset-negative", "offset"),
            ({"limit": str(2**31)}, "cost.too-large", "limit"),
            ({"start_date": "bad"}, "cost.date", "start_date"),
            ({"end_date": "bad"}, "cost.date", "end_date"),
            ({"user": "x"}, "cost.unknown", "user"),
        ):
            t.refused(await t.root.get(where, params=params), key, field=field)
        t.accepted(await t.root.get(where, params=EVER | {"limit": "1", "offset": "0", "username": "x"}))


@case("COST-024", "COST-026", "COST-038", "COST-039", "COST-040")
async def costs_by_user(t: Case) -> None:
    users = [await member(t) for _ in range(3)]
    config = await priced(t, input="3", output="15")
    for n, user in enumerate(users, start=1):
        await t.chat(using(input_tokens=10 * n, output_tokens=5 * n), user, model_config_id=config)
    stem = users[0].username.rsplit("-", 1)[0] + "-"

    async def rows(username: str, **params: str) -> tuple[int, list[Any]]:
        found = t.accepted(await t.root.get(t.url("listCostUsers"), params=EVER | {"username": username} | params))
        return found["count"], [(row["user_id"], row["total_cost_micros"]) for row in found["users"]]

    dearest = [(user.id, COST * n) for n, user in reversed(list(enumerate(users, start=1)))]
    with t.judging("COST-024"):
        t.expect(await rows(stem), (3, dearest), "count and users")
        for offset, page in ((0, dearest[:2]), (2, dearest[2:]), (3, [])):
            t.expect(await rows(stem, limit="2", offset=str(offset)), (3, page), f"count and users from {offset} on")
    with t.judging("COST-026"):
        t.expect(await rows(users[1].username.upper()), (1, [dearest[1]]), "who matches the name in capitals")
        t.expect(await rows(stem[2:]), (3, dearest), "who matches the middle of the name")
        t.expect(await rows(t.unique("nobody")), (0, []), "who matches another name")
    with t.judging("COST-038"):
        for limit in ("0", "-1"):
            t.expect(await rows(stem, limit=limit), (3, dearest), f"count and users with a limit of {limit}")
    now = datetime.now(UTC)
    past, soon = (now - timedelta(days=1)).isoformat(), (now + timedelta(days=1)).isoformat()
    with t.judging("COST-039"):
        t.expect(await rows(stem, start_date=past, end_date=soon), (3, dearest), "count and users of these two days")
        for dates in ({"start_date": soon}, {"end_date": past}):
            t.expect(await rows(stem, **dates), (0, []), f"count and users with {dates}")
    with t.judging("COST-040"):
        _, fresh = await rows("FRES", limit="100000")  # all users that a case makes have the name Fresh
        t.true(set(dearest) <= set(fresh), "the users are among those whose display name matches", len(fresh), "/users")


@case("COST-041")
async def equal_costs(t: Case) -> None:
    users = [await member(t) for _ in range(2)]
    for user in reversed(users):
        await t.chat(PAID, user)
    params = EVER | {"username": users[0].username.rsplit("-", 1)[0] + "-"}
    found = t.accepted(await t.root.get(t.url("listCostUsers"), params=params))["users"]
    names = [row["username"] for row in found]
    t.expect(names, sorted(user.username for user in users), "the users of equal cost")


@case("COST-027", "COST-028", "COST-029", "COST-042", writes=False)
async def insights(t: Case) -> None:
    where = t.url("getPullRequestInsights")
    with t.judging("COST-027"):
        for actor in (t.root, t.actor("auditor")):
            t.accepted(await actor.get(where))
        for name in OUTSIDERS:
            t.refused(await t.actor(name).get(where), "common.forbidden")
    with t.judging("COST-028"):
        found = t.accepted(await t.root.get(where))
        t.true(isinstance(found.get("summary"), dict), "summary is an object", found)
        for name in ("time_series", "by_model", "recent_prs"):
            t.true(isinstance(found.get(name), list), f"{name} is an array", found.get(name), f"/{name}")
    with t.judging("COST-029"):
        t.refused(await t.root.get(where, params={"limit": "1"}), "cost.unknown", field="limit")
        t.accepted(await t.root.get(where, params=EVER))
    with t.judging("COST-042"):
        for name in EVER:
            t.refused(await t.root.get(where, params={name: "x"}), "cost.date", field=name)


@case("COST-064")
async def costs_on_a_model_that_is_deleted(t: Case) -> None:
    name = t.named("Model")
    who = await payer(t, display_name=name)
    await t.chat(PAID, **who)
    before = await summary(who["by"])
    t.given(await t.root.delete(models_path(t, who["model_config_id"])))
    after = await summary(who["by"])
    t.expect(after["total_cost_micros"], COST, "the cost after the model was deleted", "/total_cost_micros")
    t.expect(after["by_model"], before["by_model"], "by_model after the model was deleted", "/by_model")
    shown = [(row["model_config_id"], row["display_name"]) for row in after["by_model"]]
    t.expect(shown, [(who["model_config_id"], name)], "the models of the costs", "/by_model")
