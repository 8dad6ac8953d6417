"""What settings do to the calls of the model: prompts, advisor, compaction."""

from __future__ import annotations

import re
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import config_path, configured, deployed, has_setting, member, new_model, put_back, turn_calls
from conformance.play.verdict import Unmet
from conformance.scenes.lifecycle import system_text
from conformance.scenes.models import tokens
from fixtures.scripts import script, text, tool_call, turn, turns, usage


async def told(t: Case, chat: Chat, n: int = 1) -> str:
    """All that the model got with the chat's n-th call."""
    return str((await turn_calls(t, chat, n))[n - 1]["body"])


@case("CONF-024", "CONF-026", "CONF-066", alone=True, needs=["llm-control"])
async def prompts_of_the_deployment(t: Case) -> None:
    older, words, plan = await t.chat(t.unique("ask")), t.unique("prompt"), t.unique("plan")
    await put_back(t, "system-prompt")
    await deployed(t, "system-prompt", system_prompt=words)
    with t.judging("CONF-024"):
        t.accepted(await (newer := await t.chat(t.unique("ask"))).get())
        t.true(words in await told(t, newer), "a new chat's model gets the prompt")
        await older.turn()
        t.true(words not in await told(t, older, 2), "an older chat's model does not")
    with t.judging("CONF-026"):
        await configured(t, "plan-mode-instructions", plan_mode_instructions=plan)
        t.accepted(await (planning := await t.chat(plan_mode="plan")).get())
        t.true(plan in await told(t, planning), "the model of a chat in plan mode gets the instructions")
        t.true(plan not in await told(t, newer), "that of another chat does not")
    with t.judging("CONF-066"):
        whole = t.accepted(await t.root.get(config_path(t, "system-prompt")))["default_system_prompt"]
        start = max(re.split(r"\W*[\n{}'\"\\]+\W*", whole[:4000]), key=len)
        if not start:
            raise Unmet("the target has no built-in system prompt")
        for included in (True, False):
            await deployed(t, "system-prompt", system_prompt=words, include_default_system_prompt=included)
            t.accepted(await (chat := await t.chat(t.unique("ask"))).get())
            found = await told(t, chat)
            t.expect((start in found, words in found), (included, True), "does the model get built-in and custom text")


@case("LLM-011", alone=True, needs=["llm-control"])
async def order_of_prompts(t: Case) -> None:
    words, plan = t.unique("prompt"), t.unique("plan")
    await put_back(t, "system-prompt")
    await deployed(t, "system-prompt", system_prompt=words, include_default_system_prompt=True)
    built_in = t.accepted(await t.root.get(config_path(t, "system-prompt")))["default_system_prompt"].strip().splitlines()[0]
    (call,) = await turn_calls(t, await t.chat(system_prompt=plan))
    sent = system_text(call)
    places = [sent.find(each) for each in (built_in, words, plan)]
    t.true(-1 not in places and places == sorted(places), "built-in prompt, the deployment's, the chat's", places)


@case("CONF-025", needs=["admin", "llm-control"])
async def prompts_of_a_user(t: Case) -> None:
    user, words = await member(t), t.unique("wish")
    chat = await t.chat(t.unique("ask"), by=user)
    t.accepted(await user.put(config_path(t, "user-prompt"), {"custom_prompt": words}))
    await chat.turn()
    t.true(words not in await told(t, chat, 1), "the prompt is not sent before it was stored")
    t.true(words in await told(t, chat, 2), "the prompt is sent with the next turn")


@case("CONF-049", "CONF-067", "CONF-068", "CONF-076", alone=True, needs=["admin", "llm-control"])
async def advisor(t: Case) -> None:
    async def offered() -> bool:
        chat = await t.chat()
        t.accepted(await chat.get())
        (call,) = await turn_calls(t, chat)
        return any((tool.get("function") or tool).get("name") == "advisor" for tool in call["body"].get("tools", []))

    await put_back(t, "advisor")
    adviser, asks = await new_model(t), [turn(tool_call("advisor", {"question": f"what now {n}?"})) for n in range(2)]
    setting = {"enabled": True, "max_uses_per_run": 1, "max_output_tokens": 77, "model_config_id": adviser["id"]}
    await deployed(t, "advisor", **setting)
    with t.judging("CONF-049"):
        t.expect(await offered(), True, "is the advisor offered while it is on")
    chat = await t.chat(script(turns(*asks, turn(text("done")))))
    with t.judging("CONF-067"):
        results = [p.get("result") or {} for m in await chat.history() if m["role"] == "tool" for p in m["content"]]
        t.expect([result.get("type") for result in results], ["advice", "limit_reached"], "the results of two calls")
    with t.judging("CONF-068"):
        calls = [c["body"] for c in await chat.model_calls("") if c["body"]["model"] == adviser["model"]]
        t.expect({tokens(body) for body in calls}, {77}, "the most tokens of the calls on the advisor's model")
    with t.judging("CONF-076"):
        both = turn(tool_call("advisor", {"question": "what now?"}, id="a1"), tool_call("list_templates", {}, id="l1"))
        chat = await t.chat(script(turns(both, turn(tool_call("list_templates", {}, id="l2")), turn(text("done")))))
        found = [p for m in await chat.history() if m["role"] == "tool" for p in m["content"]]
        errors = {p["tool_call_id"]: p.get("is_error", False) for p in found}
        t.expect(errors, {"a1": True, "l1": True, "l2": False}, "is_error of the results")
    with t.judging("CONF-049"):
        await deployed(t, "advisor", enabled=False)
        t.expect(await offered(), False, "is the advisor offered while it is off")


# What the model config says, what its user says, tokens of 1000 that the step reports, and whether that is compacted.
COMPACTIONS: dict[str, dict[str, Any]] = {
    "never": {"requirement": "CONF-062", "model": 100, "own": None, "tokens": 5000, "compacted": False},
    "own-never": {"requirement": "CONF-062", "model": 50, "own": 100, "tokens": 5000, "compacted": False},
    "below": {"requirement": "CONF-063", "model": 50, "own": None, "tokens": 480, "compacted": False},
    "at": {"requirement": "CONF-063", "model": 50, "own": None, "tokens": 500, "compacted": True},
    "cached": {"requirement": "CONF-063", "model": 50, "own": None, "tokens": 500, "cached": 450, "compacted": True},
    "own-lower": {"requirement": "CONF-064", "model": 90, "own": 10, "tokens": 200, "compacted": True},
    "own-higher": {"requirement": "CONF-064", "model": 10, "own": 90, "tokens": 200, "compacted": False},
}


@case(rows=COMPACTIONS, needs=["admin"])
async def compaction(t: Case, row: dict[str, Any]) -> None:
    user, own = await member(t), row["own"] is not None and has_setting(t, "user-compaction-thresholds/x")
    model = await new_model(t, compression_threshold=row["model"] if own or row["own"] is None else row["own"])
    if own:
        path = config_path(t, f"user-compaction-thresholds/{model['id']}")
        t.given(await user.put(path, {"threshold_percent": row["own"]}))
    first = turn(text("long"), usage=usage(row["tokens"], 5, cache_read_tokens=row.get("cached")))
    after = turn(text("after"), usage=usage(1, 1))
    chat = await t.chat(script(turns(first, after)), by=user, model_config_id=model["id"])
    if t.offers("compactChat"):
        await chat.turn(script(after))  # before whose call it takes place there
    listed = t.accepted(await chat.messages(limit=t.limit("messages.limit")))["messages"]
    compacted = any(p.get("tool_name") == "chat_summarized" for m in listed for p in m["content"])
    t.expect(compacted, row["compacted"], "does the chat show a compaction")
