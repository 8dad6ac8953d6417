"""Answers without tools: their lines, their ends, and when each line comes."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.answers import answered, ask, begun, empty, held, in_flight, order_of, talk, texts
from fixtures.scripts import fault, gate, http_error, script, turn
from fixtures.scripts import text as says

CHARACTERS = 'a<b>&"\'\\ \t\r\n \u2028 é ü 中文 🎈👩‍👩‍👧 ~ data: [DONE] 0:"x"'
NO_TOKENS = {"promptTokens": None, "completionTokens": None}


@case("LSTREAM-010", "LSTREAM-011", "LSTREAM-014", "LSTREAM-018", "LSTREAM-028")
async def a_plain_answer(t: Case) -> None:
    words = ["one ", "two ", "three"]
    answer, order = await answered(t, *(says(word) for word in words)), order_of(t)
    headers = answer.exchange.response.headers
    with t.judging("LSTREAM-010"):
        t.expect(headers.get("content-type", "").replace(" ", "").lower(), "text/plain;charset=utf-8", "the Content-Type")
        t.expect(headers.get("x-vercel-ai-data-stream"), "v1", "X-Vercel-AI-Data-Stream")
    with t.judging("LSTREAM-011"):
        t.exactly(answer.of(order.text), words, "the texts of the lines")
    with t.judging("LSTREAM-014"):
        t.expect(answer.kinds, order.text * 3 + order.finish + order.end, "the kinds of the lines")
        step, message = answer.of(order.finish)[0], answer.of(order.end)[0]
        t.expect([step["finishReason"], message["finishReason"]], ["stop", "stop"], "the reasons of both finishes")
        t.expect(step["isContinued"], False, "isContinued")
    with t.judging("LSTREAM-018"):
        t.expect(answer.of(order.start), [], "starts of steps")
    with t.judging("LSTREAM-028"):
        content = answer.exchange.response.content or b""
        lines = content.split(b"\n")
        t.expect([lines[-1], [line[:2] for line in lines[:-1] if line[1:2] != b":"]], [b"", []], "lines of another form")
        t.expect(len(lines) - 1, len(answer.said.events), "how many lines there are")


@case("LSTREAM-012")
async def lines_come_as_they_are_said(t: Case) -> None:
    chat, order = await empty(t), order_of(t)
    under_way = await held(t, says("one "), says("two "), chat=chat, before=False)
    await under_way.lines.until({"type": order.text, "data": "two "})
    t.true(await t.llm.holds(under_way.gate), "the model still waits before what follows")
    t.expect([e["data"] for e in under_way.lines.events], ["one ", "two "], "the lines by then")
    answer = await under_way.goes_on()
    t.expect(answer.text, "one two late", "the text in the end")


@case("LSTREAM-013")
async def headers_with_the_first_line(t: Case) -> None:
    chat, hold = await empty(t), t.gate()
    opened = await in_flight(begun(chat, script(gate(hold), says("late"), prefix=t.unique("m"))))
    await t.llm.reached(hold)
    t.given(await chat.messages())  # a round trip of time, in which headers could come
    t.true(not opened.done(), "status and headers wait for the first line")
    await t.llm.open(hold)
    lines = await opened
    await lines.until_closed()
    t.expect([e["data"] for e in lines.events[:1]], ["late"], "the first line")


@case("LSTREAM-015", "LSTREAM-016")
async def tokens(t: Case) -> None:
    order = order_of(t)
    bare, counted = (
        await answered(t, says("x")),
        await answered(t, turn(says("x"), usage={"input_tokens": 11, "output_tokens": 7})),
    )
    with t.judging("LSTREAM-015"):
        for line in (*bare.of(order.finish), *bare.of(order.end)):
            t.expect(line["usage"], NO_TOKENS, "the tokens that the model did not tell")
        t.expect(sorted(t.known(counted.of(order.finish)[0]["usage"])), sorted(NO_TOKENS), "the keys where the model told them")
    with t.judging("LSTREAM-016"):
        t.expect(counted.of(order.end)[0]["usage"], {"promptTokens": 11, "completionTokens": 7}, "the tokens of the message")


@case("LSTREAM-017", rows={reason: reason for reason in ("length", "content_filter", "stop")})
async def other_reasons(t: Case, reason: str) -> None:
    answer, order = await answered(t, turn(says("x"), finish=reason)), order_of(t)
    reasons = [line["finishReason"] for line in (*answer.of(order.finish), *answer.of(order.end))]
    t.expect(reasons, ["stop", "stop"], f"the reasons where the model says {reason}")


@case("LSTREAM-019")
async def pieces_without_text(t: Case) -> None:
    answer = await answered(t, says(""), says("a"), says(""), says("b"), says(""))
    t.exactly(answer.of(order_of(t).text), ["a", "b"], "the texts of the lines")


@case("LSTREAM-020", "LSTREAM-021")
async def characters(t: Case) -> None:
    chat, answer = await talk(t, *(says(c) for c in (CHARACTERS, "<&>", "\u2028\u2029")))
    with t.judging("LSTREAM-020"):
        t.exactly(answer.of(order_of(t).text), [CHARACTERS, "<&>", "\u2028\u2029"], "the texts of the lines")
        t.exactly(texts(await chat.history()), [answer.text], "the text as it is kept")
    with t.judging("LSTREAM-021"):
        content = answer.exchange.response.content or b""
        for character in ("<", ">", "&", "\u2028", "\u2029"):
            t.true(character.encode() not in content, f"U+{ord(character):04X} is escaped", content)


@case("LSTREAM-022")
async def a_character_in_two_chunks(t: Case) -> None:
    text = "é中🎈é中🎈"
    answer = await answered(t, fault("split_utf8"), says(text), says("end"))
    t.exactly(answer.text, f"{text}end", "the text of the answer")


@case("LSTREAM-023", "LSTREAM-024", rows={str(status): status for status in (400, 401, 404)})
async def a_refused_call(t: Case, status: int) -> None:
    chat = await empty(t)
    answer = await ask(chat, script(http_error(status, "no"), prefix=t.unique("m")))
    with t.judging("LSTREAM-023"):
        t.expect([answer.kinds, answer.errors], ["", []], "the lines of the answer")
        t.expect([m["role"] for m in await chat.history()], ["user"], "the messages that are kept")
        t.expect((await ask(chat, "Go on")).text, "Hello world", "the answer to the next message")
    with t.judging("LSTREAM-024"):
        t.expect(answer.exchange.response.headers.get("content-length"), "0", "the length of the answer")


@case("LSTREAM-025")
async def a_broken_stream(t: Case) -> None:
    chat, answer = await talk(t, turn(says("half "), says("of it"), cut=True))
    order = order_of(t)
    t.expect(answer.kinds, order.text * 2 + order.end, "the kinds of the lines")
    t.expect(answer.of(order.end)[0]["finishReason"], "stop", "the reason of the finish")
    t.expect(texts(await chat.history()), ["half of it"], "what is kept")


@case("LSTREAM-026")
async def very_many_pieces(t: Case) -> None:
    answer = await answered(t, says("ab", repeat=600), says("end"))
    t.expect(len(answer.of(order_of(t).text)), 601, "how many lines of text there are")
    t.true(answer.text == "ab" * 600 + "end", "the text is whole", answer.text)


@case("LSTREAM-027")
async def a_chunk_without_choices(t: Case) -> None:
    answer: Any = await answered(t, turn(says("x"), usage={"input_tokens": 3, "output_tokens": 2}, usage_chunk=True))
    ends = [line["finishReason"] for line in answer.of(order_of(t).end)]
    t.expect(ends, [""], "the reasons of the finishes")
    t.expect(answer.text, "x", "the text of the answer")
