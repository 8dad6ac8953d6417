"""What is kept of answers, and when; clients that hang up, and two messages at once."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.answers import WORKSPACES, Held, ask, begun, call_about, empty, held, order_of, said_to, talk, texts
from fixtures.scripts import gate, script, tool_call, turn, turns
from fixtures.scripts import text as says


def looks(*after: Any) -> Any:
    """A script whose model calls a tool, and in the next call says this."""
    return turns(turn(says("look "), tool_call(WORKSPACES, {"owner": "me"}, id="call_1")), turn(*after))


@case("LSTREAM-030", "LSTREAM-031", "LSTREAM-035", "LSTREAM-036")
async def what_is_kept(t: Case) -> None:
    chat, answer = await talk(t, looks(says("so "), says("done")))
    kept = t.given(await chat.messages())
    with t.judging("LSTREAM-030"):
        t.expect([m["role"] for m in kept], ["user", "assistant", "assistant"], "the roles of the messages")
        t.expect(texts(kept), ["look ", "so done"], "their texts")
    with t.judging("LSTREAM-031"):
        t.exactly("".join(texts(kept)), answer.text, "the texts kept, beside those of the lines")
        t.expect(kept[-1]["parts"], [{"type": "text", "text": "so done"}], "the parts of the last message")
    with t.judging("LSTREAM-035"):
        for message in kept[1:]:
            t.expect([message["role"], "createdAt" in message], ["assistant", False], "role and createdAt of an answer")
    with t.judging("LSTREAM-036"):
        t.expect([m["id"] for m in kept[1:]], ["", ""], "the ids of the messages of the assistant")


@case("LSTREAM-037")
async def an_empty_answer(t: Case) -> None:
    chat = await empty(t)
    await ask(chat, script(turn(), prefix=t.unique("m")))
    t.expect(
        (await chat.history())[1:], [{"id": "", "content": "", "role": "assistant"}], "what is kept of an answer without text"
    )


@case("LSTREAM-032", "LSTREAM-034")
async def while_the_answer_comes(t: Case) -> None:
    under_way = await held(t, says("one "))
    meanwhile = t.given(await under_way.chat.messages())
    with t.judging("LSTREAM-032"):
        t.expect(len(texts(meanwhile, "user")), 1, "how many of the user's messages can be read")
    with t.judging("LSTREAM-034"):
        t.expect(texts(meanwhile), [], "messages of the assistant whose call has not ended")
    await under_way.goes_on()
    t.expect(texts(await under_way.chat.history()), ["one late"], "the message of the assistant in the end")


@case("LSTREAM-033")
async def calls_that_have_ended(t: Case) -> None:
    chat, hold = await empty(t), t.gate()
    lines = await begun(chat, script(looks(says("so "), gate(hold), says("done")), prefix=t.unique("m")))
    await lines.until({"type": order_of(t).text, "data": "so "})
    t.expect(texts(t.accepted(await chat.messages())), ["look "], "the messages of the assistant while the next call goes on")
    await t.llm.open(hold)
    await lines.until_closed()
    t.expect(texts(await chat.history()), ["look ", "so done"], "those in the end")


async def hung_up(t: Case) -> Held:
    """An answer under way whose client has hung up behind its first line; the server may have hung up on the model."""
    under_way = await held(t, says("one "))
    await under_way.lines.aclose()
    return under_way


@case("LSTREAM-040", "LSTREAM-041", "LSTREAM-042")
async def clients_that_hang_up(t: Case) -> None:
    under_way = await hung_up(t)
    chat = under_way.chat
    with t.judging("LSTREAM-042"):
        try:
            await t.llm.left(under_way.gate)
        except Unmet:
            t.true(False, "the server has hung up on the model")
    await t.llm.open(under_way.gate)
    with t.judging("LSTREAM-041"):
        t.expect(texts(t.accepted(await chat.messages())), [], "the messages of the assistant after a hang-up")
    with t.judging("LSTREAM-040"):
        t.expect(len(texts(t.accepted(await chat.messages()), "user")), 1, "how many of the user's messages are kept")
        t.expect((await ask(chat, "Go on")).text, "Hello world", "the answer to the next message")
        t.expect(texts(await chat.history(), "user")[1:], ["Go on"], "the messages of the user behind it")


@case("LSTREAM-043", "LSTREAM-044", "LSTREAM-045")
async def two_at_once(t: Case) -> None:
    under_way = await held(t, says("slow "))
    chat = under_way.chat
    word = t.unique("quick")
    with t.judging("LSTREAM-043"):
        quick = await ask(chat, word)
        t.expect(quick.text, "Hello world", "the answer to a second message while the first is answered")
        t.true(await t.llm.holds(under_way.gate), "the first is still being answered")
    with t.judging("LSTREAM-044"):
        titles = [c for c in await t.llm.journal("", purpose="title") if word in str(said_to(c, "user"))]
        t.expect(len(titles), 0, "how often a title was asked for with the second message")
        call = await call_about(t, word)
        t.expect([said_to(call, "user")[1:], said_to(call, "assistant")], [[word], []], "what the second call has")
        t.expect(len(said_to(call, "user")), 2, "how many messages of the user it has")
    with t.judging("LSTREAM-045"):
        slow = await under_way.goes_on()
        kept = t.accepted(await chat.messages())
        t.expect(sorted(texts(kept)), sorted([slow.text, "Hello world"]), "the answers that are kept")
        t.expect(texts(kept, "user")[1:], [word], "the second message of the user")
