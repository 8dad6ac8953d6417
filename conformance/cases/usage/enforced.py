"""A reached spend limit: what it stops, and what it does not."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import rests
from conformance.scenes.streaming import TOOL
from conformance.scenes.usage import COST, PAID, TOKENS, limited, own_limit, payer, status, unlimited
from conformance.wire.exchange import Exchange
from fixtures.scripts import gate, script, tool_call, turn, turns
from fixtures.scripts import text as says

REACHED = "limits.exceeded"


async def state(chat: Chat) -> Any:
    """The chat as it is stored. Raises Unmet."""
    return (await chat.messages()).response.body, (await chat.settled())["updated_at"]


@case("USAGE-026", "USAGE-027", "USAGE-028", "USAGE-029", "USAGE-031", "USAGE-032", "USAGE-035", alone=True)
async def reached_limit(t: Case) -> None:
    await unlimited(t)
    who = await payer(t)
    chat = await t.chat(PAID, **who)
    actor, first = chat.actor, (await chat.history())[0]["id"]
    await limited(t, COST)
    refusal: Exchange = await actor.create(PAID, model_config_id=who["model_config_id"])
    await limited(t, COST - 1)
    reached: Exchange = await actor.create(PAID, model_config_id=who["model_config_id"])
    stopped: dict[str, Any] = {
        "USAGE-027": ((chat.send, PAID),),
        "USAGE-028": ((chat.edit, first, PAID),),
        "USAGE-029": ((chat.regenerate,), (chat.propose,)),
    }
    for requirement, calls in stopped.items():
        with t.judging(requirement):
            before = await state(chat)
            for call, *arguments in calls:
                t.refused(await call(*arguments), REACHED)
            t.expect(await state(chat), before, "the chat after the refusal")
    with t.judging("USAGE-031"):
        body = reached.response.body
        t.expect(body.get("limit_micros"), COST - 1, "the limit", "/limit_micros")
        t.true(isinstance(body.get("spent_micros"), int) and body["spent_micros"] >= COST, "spent_micros is what was spent", body)
        t.true(body.get("resets_at") and body.get("message"), "resets_at and message are there", body)
    with t.judging("USAGE-032"):
        t.expect(reached.response.body["resets_at"], (await status(actor))["period_end"], "resets_at", "/resets_at")
    with t.judging("USAGE-035"):
        t.accepted(await chat.interrupt())
        t.accepted(await chat.patch(title="renamed"))
        for read in (chat.get, chat.messages, actor.list):
            t.accepted(await read())
    with t.judging("USAGE-026"):
        t.refused(refusal, REACHED)
        await limited(t, (await status(actor))["current_spend"] + 1)
        t.accepted(await actor.create(PAID, model_config_id=who["model_config_id"]))
    await limited(t, None)
    for requirement, calls in stopped.items():
        with t.judging(requirement):
            await chat.settled()
            for call, *arguments in calls:
                t.accepted(await call(*arguments))


async def waiting(t: Case, who: dict[str, Any]) -> tuple[Chat, str]:
    """A chat whose first turn waits at a gate. Raises Unmet."""
    hold = t.gate()
    chat = await t.new_chat(script(gate(hold), says("ok"), usage=TOKENS), **who)
    await t.llm.reached(hold)
    return chat, hold


async def answered(chat: Chat, answer: str) -> None:
    """The chat comes to rest with this answer; between two turns it may rest, too. Raises Failure."""
    await rests(
        chat, lambda messages: bool(messages) and messages[-1]["content"][0].get("text") == answer, "the last answer", answer
    )


@case("USAGE-030", "USAGE-033", "USAGE-034", "USAGE-036", alone=True, needs=["llm-control"])
async def turns_that_go_on(t: Case) -> None:
    await unlimited(t)
    who = await payer(t)
    asks = turn(tool_call("lookup", {}, id="k1"), usage=TOKENS)
    asking = await t.chat(script(turns(asks, turn(says("done"), usage=TOKENS))), unsafe_dynamic_tools=[TOOL], **who)
    busy, hold = await waiting(t, who)
    promoting, other = await waiting(t, who)
    t.given(await busy.send(script(says("queued"))))
    queued = t.given(await promoting.send(script(says("promoted"))))["queued_message"]["id"]
    await limited(t, COST - 1)
    with t.judging("USAGE-030"):
        t.refused(await busy.send(PAID), REACHED)
        t.expect(len(t.accepted(await busy.messages())["queued_messages"]), 1, "the length of the queue")
    with t.judging("USAGE-034"):
        t.accepted(await asking.tool_results([{"tool_call_id": "k1", "output": {"a": 1}}]))
        await answered(asking, "done")
    with t.judging("USAGE-036"):
        await t.llm.open(hold)
        await answered(busy, "queued")
    with t.judging("USAGE-033"):
        t.accepted(await promoting.promote(queued))
        await t.llm.open(other)
        await answered(promoting, "promoted")
    await limited(t, None)
    with t.judging("USAGE-030"):
        t.accepted(await busy.send(PAID))


@case("USAGE-061", alone=True, needs=["llm-control"])
async def what_a_reached_limit_stops(t: Case) -> None:
    await unlimited(t)
    who = await payer(t)
    chat, hold = await waiting(t, who)
    first = (await chat.history())[0]["id"]
    queued = t.given(await chat.send(script(says("promoted"))))["queued_message"]["id"]
    spent = await t.chat(PAID, by=chat.actor, model_config_id=who["model_config_id"])
    await limited(t, COST - 1)
    t.refused(await chat.actor.create(PAID, model_config_id=who["model_config_id"]), REACHED)
    t.refused(await spent.send(PAID), REACHED)
    t.refused(await chat.edit(first, PAID), REACHED)
    t.accepted(await chat.promote(queued))
    await t.llm.open(hold)
    await answered(chat, "promoted")


@case("USAGE-024", "USAGE-025", alone=True)
async def whose_limit_holds(t: Case) -> None:
    await unlimited(t)
    who = await payer(t)
    actor, everyone = who["by"], t.session.target.organization_id
    await t.chat(PAID, **who)

    async def held(amount: int, judged: str, stopped: bool) -> None:
        with t.judging(judged):
            t.expect((await status(actor)).get("spend_limit_micros"), amount, "the limit that holds", "/spend_limit_micros")
            answer = await actor.create("x" if stopped else script(says("free")), model_config_id=who["model_config_id"])
            if stopped:
                t.refused(answer, REACHED)
            else:
                t.accepted(answer)

    await limited(t, 100)
    await held(100, "USAGE-024", True)
    t.given(await own_limit(t, everyone, 1_000_000, "group-overrides"))
    await held(1_000_000, "USAGE-024", False)
    t.given(await own_limit(t, actor.id, 50))
    await held(50, "USAGE-024", True)
    t.given(await own_limit(t, actor.id, 2_000_000))
    t.given(await own_limit(t, everyone, 50, "group-overrides"))
    await held(2_000_000, "USAGE-024", False)
    with t.judging("USAGE-025"):
        t.given(await own_limit(t, actor.id, 10))
        await limited(t, None)
        t.expect((await status(actor))["is_limited"], False, "is_limited", "/is_limited")
        t.accepted(await actor.create(PAID, model_config_id=who["model_config_id"]))


@case("USAGE-037", "COST-006", alone=True)
async def sub_agents_and_limits(t: Case) -> None:
    await unlimited(t)
    who = await payer(t)
    await limited(t, 1_000_000)
    spawn = tool_call("spawn_agent", {"type": "general", "prompt": PAID}, id="c1")
    chat = await t.chat(script(turns(turn(spawn, usage=TOKENS), turn(says("done"), usage=TOKENS))), **who)
    children = await chat.children()
    await Chat(chat.actor, children[0]["id"]).settled("waiting")
    with t.judging("COST-006"):
        t.expect((await status(chat.actor))["current_spend"], 3 * COST, "the spend", "/current_spend")
    await limited(t, 4 * COST - 1)
    first = turn(tool_call("list_templates", {}, id="c0"), usage=TOKENS)
    again = turn(tool_call("spawn_agent", {"type": "general", "prompt": PAID}, id="c2"), usage=TOKENS)
    other = await t.chat(script(turns(first, again, turn(says("on it goes"), usage=TOKENS))), **who)
    with t.judging("USAGE-037"):
        stored = await other.history()
        (result,) = [p for m in stored if m["role"] == "tool" for p in m["content"] if p["tool_call_id"] == "c2"]
        t.expect(result.get("is_error"), True, "is_error of the result", "/is_error")
        t.expect(stored[-1]["content"][0].get("text"), "on it goes", "the last message")
        await other.settled()
        t.expect(await other.children(0), [], "the children", "/children")
