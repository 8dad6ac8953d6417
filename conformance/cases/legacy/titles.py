"""Titles: made before the first answer, by a call of the model of their own, and never again."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.answers import NEW, answer_in, ask, begun, empty, in_flight, said_to, talk, texts
from fixtures.scripts import attempts, gate, http_error, script, turn
from fixtures.scripts import text as says


async def titled(t: Case, title: Any, content: str = "") -> str:
    """The title of a chat whose title call is answered so. Raises Failure."""
    chat = await empty(t)
    prompt = script(says("answer"), prefix=t.unique("m"), title=title)
    await ask(chat, prompt, **({"content": content} if content else {}))
    return str(t.accepted(await chat.get())["title"])


@case("LTITLE-001")
async def the_model_makes_the_title(t: Case) -> None:
    t.expect(await titled(t, "Scripted words"), "Scripted words", "the title", "/title")
    t.expect(await titled(t, turn(says("My "), says("title"))), "My title", "a title that comes in pieces", "/title")


@case("LTITLE-002")
async def the_title_comes_first(t: Case) -> None:
    chat, hold = await empty(t), t.gate()
    prompt = script(says("answer"), prefix=t.unique("m"), title=turn(says("Slow title"), gate(hold)))
    sent = await in_flight(chat.send(prompt))
    await t.llm.reached(hold)
    t.exactly(t.accepted(await chat.messages()), [], "the messages while the title is made")
    t.expect(t.accepted(await chat.get())["title"], NEW, "the title while it is made", "/title")
    t.true(not sent.done(), "there is no answer while the title is made")
    t.expect(await Chat(t.alice, chat.id, prompt).model_calls("turn"), [], "the calls for an answer while the title is made")
    await t.llm.open(hold)
    answer = answer_in(t, await sent)
    t.expect([answer.text, t.accepted(await chat.get())["title"]], ["answer", "Slow title"], "answer and title in the end")


LONG = {"long": "x" * 80, "words": "one two three four five six seven eight nine ten", "exact": "y" * 40, "one-more": "z" * 41}


@case("LTITLE-003", rows=LONG)
async def a_title_is_cut(t: Case, title: str) -> None:
    t.expect(await titled(t, title), title[: t.limit("title.generated", "cut_to")], "the title", "/title")


@case("LTITLE-004", "LTITLE-007", "LTITLE-012", "LTITLE-013", needs=["llm-control"])
async def titled_once(t: Case) -> None:
    chat = await empty(t)
    new = t.given(await chat.get())
    opening = script(says("first answer"), prefix=t.unique("m"), title="First title")
    await ask(chat, opening)
    first = t.given(await chat.get())
    await ask(chat, script(says("second answer"), title="Other title"))
    titles = await chat.model_calls("title", 1)
    with t.judging("LTITLE-004"):
        t.expect(t.accepted(await chat.get()), first, "the chat after a second message")
        t.expect(len(await chat.model_calls("title")), 1, "how often a title was asked for")
    with t.judging("LTITLE-007"):
        t.true(first["updated_at"] != new["updated_at"], "updated_at has moved with the title", first["updated_at"])
    with t.judging("LTITLE-012"):
        t.expect(texts(t.accepted(await chat.messages())), ["first answer", "second answer"], "what the model has said")
        t.expect(len(await chat.history()), 4, "how many messages there are")
    with t.judging("LTITLE-013"):
        (call,) = titles
        turns = await chat.model_calls("turn", 1)
        t.expect([call["model"], call["stream"]], [turns[0]["model"], True], "the model of the title, and that it is a stream")
        t.expect([said_to(call, "user"), call["body"].get("tools", [])], [[opening], []], "what it is told and offered")


@case("LTITLE-005", rows={"quotes": '"Quoted: <b>"', "blanks": "  two blanks  ", "lines": "one\ntwo", "other": "Ünï 中文 🎈"})
async def a_title_as_it_is(t: Case, title: str) -> None:
    t.exactly(await titled(t, turn(says(title))), title, "the title", "/title")


@case("LTITLE-006", "LTITLE-015")
async def a_refused_title(t: Case) -> None:
    chat = await empty(t)
    failing = http_error(400, body={"error": {"message": "no such thing", "code": 7}})
    answer = await chat.send(script(says("answer"), prefix=t.unique("m"), title=failing))
    with t.judging("LTITLE-006"):
        t.refused(answer, "title.failed")
        t.exactly(t.accepted(await chat.messages()), [], "the messages after a refused one")
        t.expect(t.accepted(await chat.get())["title"], NEW, "the title after a refused message", "/title")
        await ask(chat, script(says("answer"), title="Made anew"))
        t.expect(t.accepted(await chat.get())["title"], "Made anew", "the title after the next message", "/title")
    with t.judging("LTITLE-015"):
        said = str(answer.response.body["detail"])
        for word in ("400", "no such thing"):
            t.true(word in said, f"the detail tells {word!r}", said)


@case("LTITLE-008", rows={"500": 500, "429": 429, "503": 503}, early=True)
async def a_title_is_tried_again(t: Case, status: int) -> None:
    chat = await empty(t)
    failing = script(says("answer"), prefix=t.unique("m"), title=http_error(status, "busy"))
    chat.opening = failing
    t.refused(await chat.send(failing), "title.failed")
    t.expect(len(await chat.model_calls("title", 1)), 3, "how often a title was asked for")
    late = attempts(http_error(status, "busy"), turn(says("Late title")))
    other = await empty(t)
    await ask(other, script(says("answer"), prefix=t.unique("m"), title=late))
    t.expect(t.accepted(await other.get())["title"], "Late title", "the title that was made in the second try", "/title")


@case("LTITLE-009")
async def a_title_of_the_content(t: Case) -> None:
    content = "What this is all about, in more than forty bytes"
    t.expect(
        await titled(t, {"steps": [], "cut": True}, content), content[:40], "the title where the model says nothing", "/title"
    )


@case("LTITLE-010")
async def an_empty_title(t: Case) -> None:
    t.exactly(await titled(t, turn(), "Some content"), "", "the title where the model finishes without a word", "/title")


@case("LTITLE-011")
async def a_cut_character(t: Case) -> None:
    chat = await empty(t)
    title = "x" * 39 + "é and more"
    t.refused(await chat.send(script(says("answer"), prefix=t.unique("m"), title=title)), "title.unstorable")
    t.exactly(t.accepted(await chat.messages()), [], "the messages after a refused one")
    t.expect(t.accepted(await chat.get())["title"], NEW, "the title", "/title")
    t.expect(await titled(t, "x" * 38 + "é and more"), "x" * 38 + "é", "a title whose cut falls behind a character", "/title")


@case("LTITLE-014")
async def hanging_up_while_the_title_is_made(t: Case) -> None:
    chat, hold = await empty(t), t.gate()
    new = t.given(await chat.get())
    prompt = script(says("answer"), prefix=t.unique("m"), title=turn(says("Half "), gate(hold), says("title")))
    sent = await in_flight(begun(chat, prompt))
    await t.llm.reached(hold)
    sent.cancel()
    try:
        await t.llm.left(hold)
    except Unmet:
        await t.llm.open(hold)  # the server may go on: what matters is what it leaves
    t.exactly(t.accepted(await chat.messages()), [], "the messages after a hang-up")
    t.expect(t.accepted(await chat.get()), new, "the chat after a hang-up")
    chat.opening = ""
    await ask(chat, script(says("answer"), title="New title"))
    t.expect(t.accepted(await chat.get())["title"], "New title", "the title of the next message", "/title")


@case("LHIST-004")
async def asked_for_a_stream(t: Case) -> None:
    chat, answer = await talk(t, says("answer"))
    (call,) = await chat.model_calls("turn", 1)
    t.expect([call["stream"], call["path"].endswith("/chat/completions")], [True, True], "the call of the model is a stream")
    t.expect(answer.text, "answer", "what came of it")
