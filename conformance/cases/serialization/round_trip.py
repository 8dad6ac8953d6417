"""Round trips: what is written comes back as it was, in every script, length and shape."""

from __future__ import annotations

import json
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import watched
from fixtures.scripts import reasoning, script, tool_call, turn
from fixtures.scripts import text as says

DONE = turn(says("Done."))
# Each is sent by a user and must come back to the letter.
TEXTS: dict[str, dict[str, Any]] = {
    "combining": {"requirement": "ROUND-001", "text": "a\u0301e\u0308o\u0302 Z\u0351\u036b\u0343"},
    "right-to-left": {"requirement": "ROUND-001", "text": "שלום \u202eabc\u202c مرحبا"},
    "emoji": {"requirement": "ROUND-001", "text": "👩‍👩‍👧‍👦 🏳️‍🌈 \U0001f1e9\U0001f1ea"},
    "composed": {"requirement": "ROUND-002", "text": "\u00e9 and e\u0301"},
    "markup": {"requirement": "ROUND-003", "text": "<b>&amp;</b> \"q\" 'a' \\ \\n \\u003c </script> ${x} %s"},
    "long": {"requirement": "ROUND-010", "text": "0123456789" * 30_000},
}


async def user_text(chat: Chat) -> str:
    return str((await chat.history())[0]["content"][0]["text"])


@case(rows=TEXTS)
async def text_comes_back(t: Case, row: dict[str, Any]) -> None:
    if len(row["text"]) < 200_000:
        chat = await t.chat(row["text"])
        t.true(await user_text(chat) == row["text"], "the text comes back as it was", await user_text(chat), "/content/0/text")
        return
    chat = await t.chat()  # too long for a create
    sent = t.message(t.accepted(await chat.send(row["text"])))
    listed = t.accepted(await chat.messages(limit=t.limit("messages.limit")))["messages"]
    stored = next(m for m in listed if m["id"] == sent["id"])["content"][0]["text"]
    t.true(stored == row["text"] == sent["content"][0]["text"], f"{len(row['text'])} characters come back", len(stored))


@case("ROUND-004")
async def control_characters(t: Case) -> None:
    chat = await t.chat()
    value = "one two three four five six seven a\x00b\x01\x1f\x7f end"
    sent = t.message(t.accepted(await chat.send(value)))
    await chat.settled()
    stored = next(m for m in await chat.history() if m["id"] == sent["id"])
    t.expect(stored["content"][0]["text"], value, "the stored text", "/content/0/text")


@case("ROUND-005")
async def what_is_no_unicode(t: Case) -> None:
    chat = await t.chat()
    for raw in (b"\\ud800", b"\xff"):
        body = b'{"content":[{"type":"text","text":"a' + raw + b'b"}]}'
        answer = await t.alice.post(chat.url("sendMessage"), content=body, headers={"content-type": "application/json"})
        shown = t.accepted(answer)
        message = shown.get("message") or shown["queued_message"]
        t.expect(message["content"][0]["text"], "a\ufffdb", f"the text sent as {raw!r}", "/content/0/text")


@case("ROUND-006", needs=["llm-control"])
async def control_characters_of_the_model(t: Case) -> None:
    odd = "a\x00b\x01c"
    seen = await watched(t, reasoning(odd), says(odd), tool_call("list_templates", {"query": odd}, id="n1"), then=(DONE,))
    parts = seen.content("assistant")
    by_type = {p["type"]: p for p in reversed(parts)}
    t.expect(by_type["reasoning"]["text"], odd, "the stored reasoning")
    t.expect(by_type["text"]["text"], odd, "the stored text")
    t.exactly(by_type["tool-call"]["args"], {"query": odd}, "the stored arguments")


MODEL_TEXTS = {k: row["text"] for k, row in TEXTS.items() if len(row["text"]) < 1000}


@case("ROUND-007", rows=MODEL_TEXTS, needs=["llm-control"])
async def any_unicode_of_the_model(t: Case, value: str) -> None:
    seen = await watched(t, *(says(c) for c in (value[:3], value[3:])))
    t.expect("".join(p["text"] for p in seen.parts if p["type"] == "text"), value, "the live text")
    t.expect(seen.stored[-1]["content"][0]["text"], value, "the stored text")


@case("ROUND-008", needs=["llm-control"])
async def long_pieces(t: Case) -> None:
    long = "lorem ipsum " * 3_000
    seen = await watched(t, says(long), tool_call("list_templates", {"query": long}, id="l1"), then=(DONE,))
    first = next(m for m in seen.stored if m["role"] == "assistant")["content"]
    t.true(first[0]["text"] == long, "the stored text is whole", len(first[0]["text"]))
    t.true(first[1]["args"] == {"query": long}, "the stored arguments are whole", len(json.dumps(first[1]["args"])))
    t.true(seen.parts[0]["text"] == long, "the live text is whole", len(seen.parts[0]["text"]))


VALUES: dict[str, Any] = {
    "number": 1.5, "large": 2**53 - 1, "negative": -7, "text": "plain", "empty": "", "array": [1, "a", None, {}],
    "object": {"a": {"b": [True]}}, "true": True, "false": False, "null": None,
}  # fmt: skip


@case("ROUND-009", rows=VALUES)
async def outputs_of_client_tools(t: Case, value: Any) -> None:
    tool = {"name": "lookup", "description": "d", "input_schema": {"type": "object", "properties": {}}}
    chat = await t.chat(script(tool_call("lookup", {}, id="k1")), unsafe_dynamic_tools=[tool])
    await chat.settled("requires_action")
    t.accepted(await chat.tool_results([{"tool_call_id": "k1", "output": value}]))
    await chat.settled("waiting")
    (result,) = [p for m in await chat.history() if m["role"] == "tool" for p in m["content"]]
    t.exactly(result.get("result"), value, "the stored output", "/content/0/result")
