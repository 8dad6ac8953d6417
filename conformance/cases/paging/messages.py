"""Pages of messages, and the list of prompts."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.paging import MAX_ID, message_ids, talked
from fixtures.scripts import gate, script, tool_call, turn, turns
from fixtures.scripts import text as says


@case("PAGE-025", "PAGE-026", "PAGE-027", "PAGE-028", "PAGE-029", "PAGE-035")
async def message_cursors(t: Case) -> None:
    chat, asc = await talked(t)
    desc, low, high = asc[::-1], asc[1], asc[-2]
    with t.judging("PAGE-025"):
        for params in ({}, {"before_id": MAX_ID}, {"after_id": 1, "before_id": MAX_ID}):
            found = message_ids(await chat.messages(**params))
            t.expect(found, sorted(found, reverse=True), f"messages with {params or 'no cursor'} from the highest id down")
        t.expect(message_ids(await chat.messages()), desc, "all messages")
    with t.judging("PAGE-026"):
        t.expect(message_ids(await chat.messages(after_id=asc[0])), asc[1:], "messages after the first, in ascending order")
    with t.judging("PAGE-027"):
        t.expect(message_ids(await chat.messages(before_id=high)), [i for i in desc if i < high], "messages before an id")
        t.expect(sorted(message_ids(await chat.messages(after_id=low))), [i for i in asc if i > low], "messages after an id")
        between = [i for i in asc if low < i < high]
        t.expect(sorted(message_ids(await chat.messages(after_id=low, before_id=high))), between, "messages between two ids")
    with t.judging("PAGE-028"):
        n, cursors = len(asc), {"after_id": low, "before_id": MAX_ID}
        both = (cursors | {"limit": n - 3}, True), (cursors | {"limit": n - 2}, False)
        for params, more in (({"limit": n}, False), ({"limit": n - 1}, True), ({"after_id": low, "limit": 1}, True), *both):
            t.expect((await chat.messages(**params)).response.body["has_more"], more, f"has_more with {params}", "/has_more")
        t.expect((await chat.messages(before_id=asc[1], limit=1)).response.body["has_more"], False, "has_more at the start")
    with t.judging("PAGE-029"):
        walked: list[int] = []
        while len(walked) <= len(asc) and (
            page := message_ids(await chat.messages(limit=2, before_id=walked[-1] if walked else MAX_ID))
        ):
            walked += page
        t.expect(walked, desc, "the messages of a walk by two")
    with t.judging("PAGE-035"):
        t.expect(message_ids(await chat.messages(before_id=0, after_id=0)), desc, "messages with cursors of 0")


@case("PAGE-030", "PAGE-031", "PAGE-034", "PAGE-036", "PAGE-038")
async def message_limits(t: Case) -> None:
    chat = await t.chat()
    low, most = t.limit("messages.limit", "min"), t.limit("messages.limit")
    with t.judging("PAGE-030"):
        for limit in (low, most):
            t.accepted(await chat.messages(limit=limit))
        t.expect(len(message_ids(await chat.messages(limit=1))), 1, "messages of a page of one")
    with t.judging("PAGE-031"):
        for limit in (low - 1, most + 1):
            t.refused(await chat.messages(limit=limit), "messages.limit")
    with t.judging("PAGE-034"):
        for after in (5, 6):
            t.refused(await chat.messages(after_id=after, before_id=5), "messages.cursors")
        t.accepted(await chat.messages(after_id=4, before_id=5))
    with t.judging("PAGE-036"):
        answer = await chat.messages(limit="x", before_id="y", after_id="z")
        named = sorted(v["field"] for v in answer.response.body["validations"])
        t.expect(named, ["after_id", "before_id", "limit"], "the fields of the validations", "/validations")
    with t.judging("PAGE-038"):
        for params in ({}, {"before_id": 1}, {"after_id": MAX_ID}):
            body = t.accepted(await chat.messages(**params))
            for key in ("messages", "queued_messages"):
                t.true(isinstance(body[key], list), f"{key} is an array with {params or 'no cursor'}", body[key], f"/{key}")


BAD: dict[str, dict[str, Any]] = {
    "limit-negative": {"requirement": "PAGE-032", "field": "limit", "value": "-1", "key": "query.int32-negative"},
    "limit-word": {"requirement": "PAGE-032", "field": "limit", "value": "x", "key": "query.int32"},
    "limit-large": {"requirement": "PAGE-032", "field": "limit", "value": "2147483648", "key": "query.int32"},
    **{
        f"{field}-{name}": {"requirement": "PAGE-033", "field": field, "value": value, "key": key}
        for field in ("before_id", "after_id")
        for name, value, key in (
            ("negative", "-1", "query.int64-negative"),
            ("word", "x", "query.int64"),
            ("large", lambda t: str(t.limit("messages.before-id") + 1), "query.int64"),
        )
    },
}


@case(rows=BAD)
async def bad_message_parameter(t: Case, row: dict[str, Any]) -> None:
    chat = await t.new_chat()
    value = row["value"](t) if callable(row["value"]) else row["value"]
    t.refused(await chat.messages(**{row["field"]: value}), row["key"], field=row["field"])
    t.accepted(await chat.messages(**{row["field"]: "7"}))


@case("PAGE-028", "PAGE-029", "PAGE-037", needs=["slow"])
async def pages_of_a_long_chat(t: Case) -> None:
    most = t.limit("messages.limit")
    calls = [tool_call("no_such_tool", id=f"c{i}") for i in range(most)]  # answered at once, with an error
    chat = await t.chat(script(turns(turn(*calls), turn(says("done")))))
    newest = message_ids(await chat.messages(limit=most))
    whole = newest + message_ids(await chat.messages(before_id=newest[-1]))
    with t.judging("PAGE-029"):
        t.expect(len(whole), most + 3, f"the messages of two pages, after a turn of {most} calls and a text")
    with t.judging("PAGE-037"):
        t.expect(len(message_ids(await chat.messages())), t.limit("messages.limit", "default"), "messages without a limit")
    with t.judging("PAGE-028"):
        for before, more in ((MAX_ID, True), (whole[1], True), (whole[2], False)):
            body = t.accepted(await chat.messages(limit=most, before_id=before))
            t.expect(body["has_more"], more, f"has_more of a page of {most} before {before}", "/has_more")


@case("PAGE-039", "PROMPT-006", needs=["llm-control"])
async def queue_beside_messages(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(says("a"), gate(hold)))
    await t.llm.reached(hold)
    queued = t.given(await chat.send("later"))["queued_message"]
    with t.judging("PAGE-039"):
        body = t.accepted(await chat.messages())
        t.expect([q["id"] for q in body["queued_messages"]], [queued["id"]], "the queue without a cursor", "/queued_messages")
        for cursor in ({"before_id": MAX_ID}, {"after_id": 1}):
            t.expect(
                (await chat.messages(**cursor)).response.body["queued_messages"],
                [],
                f"the queue with {cursor}",
                "/queued_messages",
            )
    with t.judging("PROMPT-006"):
        t.true("later" not in [p["text"] for p in (await chat.prompts()).response.body["prompts"]], "no queued text is a prompt")
        await t.llm.open(hold)
        await chat.when(lambda c: c["status"] == "waiting", "rest")
        t.expect((await chat.prompts()).response.body["prompts"][0]["text"], "later", "the newest prompt after the queue ran")


@case("PAGE-040", "PROMPT-005")
async def cursors_of_edited_messages(t: Case) -> None:
    chat, asc = await talked(t, 2)
    edited = t.message(t.given(await chat.edit(asc[2], "other")))["id"]
    await chat.settled()
    with t.judging("PAGE-040"):
        t.expect(message_ids(await chat.messages(before_id=asc[2])), [asc[1], asc[0]], "messages before one that is gone")
        t.true(edited in message_ids(await chat.messages(after_id=asc[2])), "the replacement comes after the id that is gone")
    with t.judging("PROMPT-005"):
        shown = [(p["id"], p["text"]) for p in (await chat.prompts()).response.body["prompts"]]
        t.expect(shown, [(edited, "other"), (asc[0], "one")], "the prompts after an edit", "/prompts")


@case("PROMPT-001", "PROMPT-002", "PROMPT-003", "PROMPT-004", "PROMPT-007", "PROMPT-010")
async def prompts_of_a_chat(t: Case) -> None:
    chat = await t.chat([text("a"), text("b")])
    reference = {"type": "file-reference", "file_name": "x.go", "start_line": 1, "end_line": 2, "content": "y"}
    await chat.turn([reference], tries=1)
    await chat.turn("c", tries=1)
    mine = [m["id"] for m in await chat.history() if m["role"] == "user"]
    prompts = t.given(await chat.prompts())["prompts"]
    with t.judging("PROMPT-001"):
        t.expect([p["id"] for p in prompts], [mine[2], mine[0]], "the prompts, newest first", "/prompts")
        t.expect(prompts[0], {"id": mine[2], "text": "c"}, "the newest prompt", "/prompts/0")
    with t.judging("PROMPT-002"):
        t.expect(prompts[-1]["text"], "ab", "the text of a prompt of two parts", "/prompts/1/text")
    with t.judging("PROMPT-003"):
        t.true(mine[1] not in [p["id"] for p in prompts], "a message without text is no prompt", prompts)
    with t.judging("PROMPT-004"):
        t.expect([p["id"] for p in (await chat.prompts(limit=2)).response.body["prompts"]], [mine[2], mine[0]], "two prompts")
    with t.judging("PROMPT-007"):
        t.expect([p["id"] for p in (await chat.prompts(limit=1)).response.body["prompts"]], [mine[2]], "one prompt")
        t.expect((await chat.prompts(limit=0)).response.body["prompts"], prompts, "the prompts with limit=0")
    with t.judging("PROMPT-010"):
        empty = await t.new_chat([reference])
        t.expect(t.accepted(await empty.prompts()), {"prompts": []}, "the prompts of a chat without text")


@case("PROMPT-008", "PROMPT-009")
async def prompt_limits(t: Case) -> None:
    chat = await t.new_chat()
    with t.judging("PROMPT-008"):
        t.accepted(await chat.prompts(limit=t.limit("prompts.limit")))
        t.refused(await chat.prompts(limit=t.limit("prompts.limit") + 1), "prompts.limit")
    with t.judging("PROMPT-009"):
        for value, key in (("-1", "query.int32-negative"), ("x", "query.int32")):
            t.refused(await chat.prompts(limit=value), key, field="limit")
