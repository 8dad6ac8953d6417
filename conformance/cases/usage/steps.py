"""What turns of several steps used and cost: each step by itself, and all of them together."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import change_model, member, new_model
from conformance.scenes.usage import COST, PAID, PRICES, TOKENS, priced, summary
from fixtures.scripts import script, tool_call, turn, turns, wait_ms
from fixtures.scripts import text as says

LESS = {"input_tokens": 7, "output_tokens": 3}
NOTHING = {"input_tokens": 0, "output_tokens": 0}
COUNTS = ("input_tokens", "output_tokens", "total_tokens")


def call(n: int, usage: dict[str, int]) -> dict[str, Any]:
    """A step that calls a tool of the server."""
    return turn(tool_call("list_templates", {}, id=f"c{n}"), usage=usage)


@case("MSG-059")
async def usage_of_each_step(t: Case) -> None:
    chat = await t.chat(script(turns(call(1, TOKENS), call(2, NOTHING), turn(says("done"), usage=LESS))))
    await chat.turn(script(says("more"), usage={"input_tokens": 4, "output_tokens": 2}), tries=1)
    found = [m.get("usage", {}) for m in await chat.history() if m["role"] == "assistant"]
    shown = [[usage.get(key, 0) for key in COUNTS] for usage in found]
    t.expect(shown, [[10, 5, 15], [0, 0, 0], [7, 3, 10], [4, 2, 6]], "input, output and total tokens of each answer", "/messages")


@case("MSG-061")
async def tokens_of_a_later_step(t: Case) -> None:
    used = {"input_tokens": 20, "output_tokens": 9, "cache_read_tokens": 8, "reasoning_tokens": 4}
    chat = await t.chat(script(turns(turn(says("done"), usage=used))))
    await chat.turn(script(turns(call(1, TOKENS), turn(says("done"), usage=used))), tries=1)
    found = [m.get("usage", {}) for m in await chat.history() if m["role"] == "assistant"]
    t.expect(found[2], found[0], "the usage of a second step, and of a turn of one step that used the same", "/messages")


@case("COST-115", needs=["admin", "model-admin"])
async def prices_of_the_moment(t: Case) -> None:
    actor, config = await member(t), await new_model(t, model_config={"cost": PRICES}, context_limit=128_000)
    chat = await t.chat(PAID, actor, model_config_id=config["id"])
    dearer = {"input_price_per_million_tokens": "100", "output_price_per_million_tokens": "200"}
    await change_model(t, config, model_config={"cost": dearer})
    await chat.turn(PAID, tries=1)
    found = await summary(actor)
    t.expect(found["total_cost_micros"], COST + 2000, "the cost of a turn before and one after another price")


@case("MSG-060", needs=["model-admin"])
async def messages_keep_their_model(t: Case) -> None:
    models = [await new_model(t, context_limit=limit) for limit in (50_000, 60_000)]
    chat = await t.chat("Hello", model_config_id=models[0]["id"])
    await chat.turn("Hello again", model_config_id=models[1]["id"], tries=1)
    shown = [(m["model_config_id"], m.get("usage", {}).get("context_limit")) for m in await chat.history()]
    wanted = [(one["id"], limit) for one in models for limit in (None, one["context_limit"])]
    t.expect(shown, wanted, "model and context_limit of the messages", "/messages")


@case("COST-111", "COST-112", "COST-113", "COST-114", needs=["admin", "model-admin"])
async def costs_of_several_steps(t: Case) -> None:
    actor, dear, cheap = await member(t), await priced(t, input="3", output="15"), await priced(t, input="0.15", output="0.6")
    chat = await t.chat(script(turns(call(1, TOKENS), turn(says("done"), usage=LESS))), actor, model_config_id=dear)
    costs = COST + 7 * 3 + 3 * 15
    with t.judging("COST-111"):
        found = await summary(actor)
        t.expect([found["total_input_tokens"], found["total_output_tokens"]], [17, 8], "the tokens of a turn of two steps")
        t.expect(found["total_cost_micros"], costs, "the cost of a turn of two steps", "/total_cost_micros")
        t.expect([row["message_count"] for row in found["by_chat"]], [2], "the messages of the chat", "/by_chat")
    small = {"input_tokens": 1, "output_tokens": 1}
    steps = [call(n, small) for n in range(3)]
    await chat.turn(script(turns(*steps, turn(says("done"), usage=small))), model_config_id=cheap, tries=1)
    found = await summary(actor)
    rows = {row["model_config_id"]: row for row in found["by_model"]}
    with t.judging("COST-112"):
        t.expect(rows[cheap]["total_cost_micros"], 4, "the cost of four steps of 0.75 micro-dollars", "/by_model")
    with t.judging("COST-113"):
        counts = {i: [rows[i]["total_input_tokens"], rows[i]["total_output_tokens"], rows[i]["message_count"]] for i in rows}
        t.expect(counts, {dear: [17, 8, 2], cheap: [4, 4, 4]}, "tokens and messages of each model", "/by_model")
        t.expect(rows[dear]["total_cost_micros"], costs, "the cost of the first model", "/by_model")
    with t.judging("COST-114"):
        await chat.finished()
        t.given(await chat.patch(title="Named by hand"))
        titles = [row["chat_title"] for row in (await summary(actor))["by_chat"]]
        t.expect(titles, ["Named by hand"], "the title in by_chat", "/by_chat")


@case("COST-110", needs=["admin", "model-admin"])
async def pages_of_costs_by_name(t: Case) -> None:
    dear = await priced(t, input="3", output="15")
    cheap, other = await member(t), await member(t)
    for actor, turns_ in ((cheap, 1), (other, 2)):
        for _ in range(turns_):
            await t.chat(PAID, actor, model_config_id=dear)
    for params, users in (({"limit": 1}, [cheap.id]), ({"limit": 1, "offset": 1}, []), ({}, [cheap.id])):
        wanted = {"username": cheap.username, "start_date": "2020-01-01T00:00:00Z", "end_date": "2100-01-01T00:00:00Z"}
        found = t.accepted(await t.root.get(t.url("listCostUsers"), params=wanted | params))
        t.expect([row["user_id"] for row in found["users"]], users, f"the users of that name with {params}", "/users")
        t.expect(found["count"], 1, f"the count with {params}", "/count")


@case("COST-116", needs=["admin"], early=True)
async def the_time_of_later_steps(t: Case) -> None:
    actor = await member(t)
    await t.chat(script(turns(call(1, TOKENS), turn(wait_ms(1500), says("done")))), actor)
    found = await summary(actor)
    for shown, where in ((found, ""), (found["by_chat"][0], "/by_chat/0"), (found["by_model"][0], "/by_model/0")):
        took = shown["total_runtime_ms"]
        t.true(took >= 1500, "the time of a turn whose second step takes 1.5 s", took, f"{where}/total_runtime_ms")
