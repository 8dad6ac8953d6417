"""Characters of every kind at every place that takes text: they come back as they were, and nothing is cut inside of one."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import quiet
from conformance.play.turns import held, watched
from conformance.scenes.files import new_file, part
from conformance.scenes.lifecycle import becomes
from conformance.scenes.limits import TOOL
from fixtures.scripts import gate, script, tool_call, turn, turns
from fixtures.scripts import text as says

PLAIN = {
    "japanese": "こんにちは世界 五六七",
    "astral": "\U0001f980\U00010348\U0001d11e",
    "joined": "👩‍👩‍👧‍👦 नमस्ते",
    "combining": "e\u0301 Z\u0351\u036b",
    "right-to-left": "שלום مرحبا",
    "separators": "a\u2028b\u2029c\u0085d",
    "markup": "<b>&amp;</b> \"q\" 'a' \\ \\u0041 %s ${x}",
}
NUL = "a\x00b"
LINES = "a\r\nb\n\n\nc\td \r e"
OUTPUTS: dict[str, Any] = {
    "nul": NUL,
    "nul-inside": {"list": [NUL, {"deep": "\x00"}], "text": "\x00\x01\x1f"},
    "escaped-nul": "a\\u0000b \\x00",
    "keys": {"ключ": 1, "\U0001f511": {"é": 2}},
    "long": "語" * 30_000,
    **PLAIN,
}


@case("ROUND-032")
async def characters_of_tool_outputs(t: Case) -> None:
    for name, value in OUTPUTS.items():
        for failed in (False, True):
            chat = await t.chat(script(tool_call("lookup", {}, id="k1")), unsafe_dynamic_tools=[TOOL])
            await chat.settled("requires_action")
            t.accepted(await chat.tool_results([{"tool_call_id": "k1", "output": value, "is_error": failed}]))
            await chat.settled(t.idle)
            (result,) = [p for m in await chat.history() if m["role"] == "tool" for p in m["content"]]
            t.true(result.get("result") == value, f"the stored output, {name}, comes back", str(result.get("result"))[:80])
            t.expect(result.get("is_error", False), failed, f"is_error of the output, {name}", "/content/0/is_error")


@case("ROUND-033", needs=["llm-control"])
async def characters_of_queued_and_edited_messages(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(says("a"), gate(hold)))
    await t.llm.reached(hold)
    values = [*PLAIN.values(), LINES]
    for value in values:
        t.accepted(await chat.send([text(value), {"type": "file-reference", "file_name": value, "content": value}]))
    listed = t.accepted(await chat.messages())["queued_messages"]
    t.expect([said(q) for q in listed], values, "the queued texts", "/queued_messages")
    t.expect([reference(q) for q in listed], [(v, v) for v in values], "the queued file references", "/queued_messages")
    await t.llm.open(hold)
    await chat.when(lambda c: c["status"] == t.idle, "rest")
    ran = [m for m in await chat.history() if m["role"] == "user"][1:]
    t.expect([said(m) for m in ran], values, "the texts that ran", "/messages")
    for value in (*values, NUL):  # a NUL in a queued text is an accident of the server
        edited = t.message(t.accepted(await chat.edit(ran[0]["id"], [text(value)])))
        t.expect(said(edited), value, "the edited text", "/message/content/0/text")
        await chat.settled()
        ran = [m for m in await chat.history() if m["role"] == "user"][1:]
        t.expect([said(m) for m in ran], [value], "the edited text as it is stored", "/messages")


def said(message: dict[str, Any]) -> str:
    """The text of a message's first part."""
    return str(message["content"][0].get("text"))


def reference(message: dict[str, Any]) -> tuple[Any, Any]:
    """Name and content of the file reference that is a message's second part."""
    return message["content"][1].get("file_name"), message["content"][1].get("content")


@case("ROUND-034", "FILTER-064")
async def characters_of_titles_and_labels(t: Case) -> None:
    mark = t.unique()
    chat = await quiet(t, labels={"mark": mark})
    values = {k: v for k, v in PLAIN.items() if k != "separators"}
    with t.judging("ROUND-034"):
        for name, value in values.items():
            t.accepted(await chat.patch(title=value))
            t.accepted(await chat.patch(labels={"mark": mark, "odd": value}))
            (listed,) = t.accepted(await t.alice.list(label=f"mark:{mark}"))
            for shown in (t.accepted(await chat.get()), listed):
                t.expect(shown["title"], value, f"the title, {name}", "/title")
                t.exactly(shown["labels"], {"mark": mark, "odd": value}, f"the labels, {name}", "/labels")
    with t.judging("FILTER-064"):
        for name, value in values.items():
            t.given(await chat.patch(title=f"x {value} y", labels={"mark": mark, "odd": value}))
            found = await t.alice.get(t.url("listChats"), params=[("label", f"mark:{mark}"), ("label", f"odd:{value}")])
            t.expect([c["id"] for c in t.accepted(found)], [chat.id], f"the chats found by that label, {name}")
            wanted = value.replace("\\", "\\\\").replace("%", "\\%")
            if '"' not in value:
                found = await t.alice.list(label=f"mark:{mark}", q=f'title:"{wanted}"')
                t.expect([c["id"] for c in t.accepted(found)], [chat.id], f"the chats found by that title, {name}")


@case("ROUND-035", needs=["llm-control"])
async def characters_that_the_model_gets(t: Case) -> None:
    whole = " | ".join(PLAIN.values())
    chat = await t.chat(t.unique("ask"))  # by its first message its calls are known where the server names no chat in them
    await chat.turn(whole, tries=1)
    later = (await chat.model_calls(wait=2))[-1]
    sent = later["messages"][-1] if "messages" in later else later["body"]["messages"][-1]
    content = sent["content"]
    got = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    t.accepted(await chat.get())
    t.true(whole in got, "the model gets the text as it was sent", got)


@case("ROUND-036", needs=["llm-control"])
async def one_character_at_a_time(t: Case) -> None:
    odd = "a\"b'c<d>e&f\\g\né \u200dh\U0001f980i語j e\u0301 k"
    seen = await watched(t, *(says(c) for c in odd))
    t.expect("".join(p["text"] for p in seen.parts if p["type"] == "text"), odd, "the live text")
    t.expect(seen.stored[-1]["content"][0]["text"], odd, "the stored text")


@case("ROUND-037")
async def lines_of_texts(t: Case) -> None:
    chat = await t.chat(script(says(LINES), prefix=LINES))
    await chat.turn(script(says(f"{LINES}-"), says("\r\n\n"), says("end"), prefix=LINES), tries=1)
    listed = await chat.history()
    t.expect([LINES in said(m) for m in listed if m["role"] == "user"], [True, True], "line ends of what the user said")
    answers = [said(m) for m in listed if m["role"] == "assistant"]
    t.expect(answers, [LINES, f"{LINES}-\r\n\nend"], "line ends and blank lines of the answers", "/messages")


LONG = "語" * 12
TITLES = {
    "japanese": (f"{' '.join([LONG] * 6)}", f"{' '.join([LONG] * 6)}"),
    "astral": (" ".join(["\U0001f980" * 20] * 6), " ".join(["\U0001f980" * 20] * 6)[:80]),
    "wide-space": ("一\u3000二\u3000三\u3000四\u3000五\u3000六\u3000七", "一 二 三 四 五 六…"),
}


@case("CHAT-091", rows=TITLES)
async def first_titles_of_any_script(t: Case, row: tuple[str, str]) -> None:
    made = t.accepted(await t.alice.create(row[0]))
    t.expect(made["title"], row[1], "the first title", "/title")


@case("TITLE-060")
async def long_titles_of_the_model(t: Case) -> None:
    for value in ("語" * 80, "\U0001f980" * 80, "é" * 80):
        chat = await t.new_chat(script(says("ok"), title=value + "x"), t.titled)
        shown = await becomes(chat, lambda c: not c["title"].startswith("script:"), "the title of the model")
        t.expect(shown["title"], value, "the title of the model, cut after 80 characters", "/title")


@case("ROUND-038", needs=["llm-control"])
async def lines_of_queued_texts(t: Case) -> None:
    under_way = await held(t, says("part "))
    sent = f"  {LINES}\r\n {script(says('ok'))}\r\n\t "
    plain = said((await (await t.chat(sent)).history())[0])  # what becomes of the outer blanks is up to the server
    t.true(LINES in plain, "line ends of what was said at rest", plain)
    waiting = t.given(await under_way.chat.send(sent))["queued_message"]
    t.expect(said(waiting), plain, "the text in the answer", "/queued_message/content/0/text")
    (listed,) = t.given(await under_way.chat.messages())["queued_messages"]
    t.expect(said(listed), plain, "the text in the queue", "/queued_messages/0/content/0/text")
    await under_way.open()
    await under_way.chat.answered(sent)
    (asked,) = [said(m) for m in await under_way.chat.history() if m["role"] == "user"][1:]
    t.expect(asked, plain, "the text of the message that it has become", "/messages")


NUMBERS = {"n": [2**53 + 1, -(2**53) - 1, 1234567890123456789, 0, -1, 0.1, 1.5e-7]}


@case("ROUND-039")
async def large_numbers(t: Case) -> None:
    call = turns(turn(tool_call("lookup", NUMBERS, id="k1")), turn(says("ok")))
    chat = await t.chat(script(call), unsafe_dynamic_tools=[TOOL])
    await chat.settled("requires_action")
    t.given(await chat.tool_results([{"tool_call_id": "k1", "output": NUMBERS}]))
    await chat.settled(t.idle)
    parts = [p for m in await chat.history() for p in m["content"]]
    t.exactly([p["args"] for p in parts if p["type"] == "tool-call"], [NUMBERS], "the arguments of the call", "/messages")
    t.exactly([p["result"] for p in parts if p["type"] == "tool-result"], [NUMBERS], "its result", "/messages")


@case("ROUND-040", needs=["llm-control", "files"])
async def parts_in_their_order(t: Case) -> None:
    file, under_way = await new_file(t), await held(t, says("part "))
    sent, chat = [text("one"), part(file), text("two"), text(script(says("ok")))], under_way.chat
    kinds = ["text", "file", "text", "text"]
    waiting = t.given(await chat.send(sent))["queued_message"]
    t.expect([p["type"] for p in waiting["content"]], kinds, "the parts in the queue", "/queued_message/content")
    await under_way.open()
    await chat.answered(sent)
    t.given(await chat.send(sent))
    await chat.answered(sent)
    t.given(await chat.edit((await chat.history())[-2]["id"], sent))
    await chat.answered(sent)
    for message in [m for m in await chat.history() if m["role"] == "user"][1:]:
        found = [p.get("file_id") if p["type"] == "file" else p["text"] for p in message["content"]]
        t.expect(found, ["one", file, "two", script(says("ok"))], "the parts of the message", "/messages")
