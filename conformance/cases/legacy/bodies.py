"""Bodies of messages: what is refused, in which order, and what is let pass."""

from __future__ import annotations

import json
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.answers import NEW, answer_in, ask, empty, said_to, texts
from conformance.wire.exchange import ABSENT, Exchange
from fixtures.scripts import script
from fixtures.scripts import text as says


def body_of(chat: Chat, content: str = "Hello", **fields: Any) -> dict[str, Any]:
    """The body of a message that is right, but for these fields."""
    parts = [{"type": "text", "text": content}]
    body: dict[str, Any] = chat.dialect.sending(chat.case.session.target, parts, fields)
    return body


async def post(chat: Chat, content: Any, **options: Any) -> Exchange:
    """Send this, bytes or a JSON value, as a message."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {"content-type": "application/json"}
    return await chat.actor.request("POST", chat.url("sendMessage"), content=raw, **({"headers": headers} | options))


async def refused_with_its_twin(t: Case, contents: list[Any], key: str = "common.bad-json") -> None:
    """Each of these is refused and changes nothing; a right message is then the first one. Raises Failure."""
    chat = await empty(t)
    for content in contents:
        answer = await post(chat, content)
        t.refused(answer, key)
        if key == "common.bad-json":
            t.true(answer.response.body.get("detail"), "the refusal has a detail", answer.response.body)
    t.exactly(t.accepted(await chat.messages()), [], "the messages after refused ones")
    t.expect(t.accepted(await chat.get())["title"], NEW, "the title after refused messages", "/title")
    t.accepted(await post(chat, body_of(chat)))


NOT_JSON = {
    "malformed": [b"{malformed json}", b"{'a': 1}", b"words"],
    "cut": [b'{"model": "fake-model", "message": {"id"', b'{"model": "fake-model"', b"{"],
    "wrong-kind": [b"[]", b'"text"', b"1", b"true"],
    "bom": [b'\xef\xbb\xbf{"model": "fake-model", "message": {}}'],
}


@case("LMSG-006", rows=NOT_JSON)
async def no_json(t: Case, contents: list[bytes]) -> None:
    await refused_with_its_twin(t, contents)


@case("LMSG-007")
async def no_body(t: Case) -> None:
    await refused_with_its_twin(t, [b"", b"  \n"])


WRONG_FIELDS: dict[str, list[dict[str, Any]]] = {
    "request": [{"model": 1}, {"model": ["fake-model"]}, {"message": "Hello"}, {"message": []}, {"thinking": "yes"}],
    "message": [{"id": 1}, {"role": {}}, {"content": []}, {"content": 1}, {"parts": {}}, {"parts": "x"}],
    "lists": [{"annotations": {}}, {"experimental_attachments": "x"}, {"parts": [1]}, {"parts": ["x"]}],
}


@case("LMSG-008", rows=WRONG_FIELDS)
async def wrong_types(t: Case, rows: list[dict[str, Any]]) -> None:
    chat = await empty(t)
    await refused_with_its_twin(t, [body_of(chat, **row) for row in rows])


WRONG_PARTS: dict[str, list[dict[str, Any]]] = {
    "text": [
        {"type": 1},
        {"type": "text", "text": 1},
        {"type": "reasoning", "reasoning": {}},
        {"type": "reasoning", "details": {}},
    ],
    "tool": [
        {"type": "tool-invocation", "toolInvocation": "x"},
        {"type": "tool-invocation", "toolInvocation": {"state": 1}},
        {"type": "tool-invocation", "toolInvocation": {"state": "call", "step": "x"}},
        {"type": "tool-invocation", "toolInvocation": {"state": "call", "toolCallId": 1}},
    ],
    "file": [
        {"type": "file", "mimeType": 1, "data": "aGk="},
        {"type": "file", "data": "not base64!"},
        {"type": "file", "data": {}},
    ],
    "source": [
        {"type": "source", "source": "x"},
        {"type": "source", "source": {"uri": 1}},
        {"type": "source", "source": {"metadata": []}},
    ],
}


@case("LMSG-009", rows=WRONG_PARTS)
async def wrong_types_inside(t: Case, rows: list[dict[str, Any]]) -> None:
    chat = await empty(t)
    contents = [body_of(chat, parts=[row]) for row in rows]
    contents += [body_of(chat, experimental_attachments=[{"url": 1}]), body_of(chat, experimental_attachments=[1])]
    await refused_with_its_twin(t, contents)


@case("LMSG-035")
async def other_base64(t: Case) -> None:
    chat = await empty(t)
    files = [{"type": "file", "mimeType": "text/plain", "data": data} for data in ("aGk", "_-8=", "a", "aG k=")]
    await refused_with_its_twin(t, [body_of(chat, parts=[file]) for file in files])


@case("LMSG-010", needs=["llm-control"])
async def unknown_model(t: Case) -> None:
    chat = await empty(t)
    word = t.unique("nobody-answers")
    await refused_with_its_twin(t, [body_of(chat, word, model="no-such-model")], "send.model")
    t.expect(await Chat(t.alice, chat.id, word).model_calls(""), [], "the calls of models for a refused message")


@case("LMSG-011")
async def models_as_they_are(t: Case) -> None:
    chat = await empty(t)
    model = body_of(chat)["model"]
    others = [model.upper(), f" {model}", f"{model} ", f"{model}\n", model[:-1]]
    await refused_with_its_twin(t, [body_of(chat, model=other) for other in others], "send.model")


@case("LMSG-012")
async def no_model(t: Case) -> None:
    chat = await empty(t)
    contents = [body_of(chat, model=ABSENT), body_of(chat, model=""), body_of(chat, model=None), {}, None]
    await refused_with_its_twin(t, contents, "send.model")


@case("LMSG-013")
async def json_before_models(t: Case) -> None:
    chat = await empty(t)
    await refused_with_its_twin(t, [body_of(chat, model="no-such-model", parts="x"), b'{"model": "no-such-model", "message": 1}'])


@case("LMSG-014")
async def fields_without_meaning(t: Case) -> None:
    asked = []
    for extra in ({}, {"thinking": True}, {"thinking": False}, {"temperature": 0.5, "unknown": {"a": [1]}}):
        chat = await empty(t)
        answer = await ask(chat, script(says("same"), prefix=t.unique("m")), **extra)
        t.expect([answer.text, answer.kinds[-2:]], ["same", "ed"], f"the answer to a message with {sorted(extra)}")
        call = (await chat.model_calls("turn", 1))[0]
        asked.append({k: v for k, v in call["body"].items() if k != "messages"})
    for body in asked[1:]:
        t.exactly(body, asked[0], "what the model is asked for, but for the messages")


OTHER_TYPES = {"none": "", "text": "text/plain", "form": "application/x-www-form-urlencoded"}


@case("LMSG-015", rows=OTHER_TYPES)
async def any_content_type(t: Case, media: str) -> None:
    chat = await empty(t)
    t.accepted(await post(chat, body_of(chat, "Plain words"), headers={"content-type": media} if media else {}))
    t.expect(texts(await chat.history(), "user"), ["Plain words"], "what is kept")


@case("LMSG-016")
async def keys_in_any_case(t: Case) -> None:
    chat = await empty(t)
    model, part = body_of(chat)["model"], {"TYPE": "text", "Text": "Any case"}
    answer = await post(chat, {"MODEL": model, "Message": {"ID": "x", "Role": "user", "CONTENT": "Any case", "Parts": [part]}})
    t.accepted(answer)
    wanted = {"id": "x", "role": "user", "content": "Any case", "parts": [{"type": "text", "text": "Any case"}]}
    t.expect((await chat.history())[0], wanted, "the message as it is kept")


@case("LMSG-017")
async def bytes_behind(t: Case) -> None:
    chat = await empty(t)
    raw = json.dumps(body_of(chat, "First")).encode()
    for rest in (b" trailing words", b'{"model": 1}', b"}}}"):
        answer = await post(chat, raw + rest)
        t.accepted(answer)
        t.true(answer_in(t, answer).text, "it is answered", answer.response.content)
    t.expect(texts(await chat.history(), "user"), ["First"] * 3, "what is kept")


@case("LMSG-027")
async def no_message(t: Case) -> None:
    chat = await empty(t)
    model = body_of(chat)["model"]
    for body in ({"model": model}, {"model": model, "message": {}}, {"model": model, "message": None}):
        t.accepted(await post(chat, body))
    kept = [m for m in await chat.history() if m["role"] != "assistant"]
    t.expect(kept, [{"id": "", "content": "", "role": ""}] * 3, "what is kept of messages that say nothing")


@case("LMSG-031")
async def nul(t: Case) -> None:
    chat = await empty(t)
    answer = await chat.send("a\x00b")
    said = answer_in(t, answer)
    t.accepted(answer)
    t.expect([said.kinds, [{"message", "detail"} <= e.keys() for e in said.errors]], ["", [True]], "the lines of the answer")
    t.exactly(await chat.history(), [], "the messages after one that can't be kept")
    await ask(chat, "Hello")
    t.expect(texts(await chat.history(), "user"), ["Hello"], "the messages after the next one")


POISON = [{"type": "tool-invocation"}]


@case("LMSG-032")
async def a_part_without_its_tool(t: Case) -> None:
    chat = await empty(t)
    t.refused(await chat.send(POISON, role="assistant"), "send.no-stream")
    t.exactly(await chat.history(), [], "the messages after a first one that can't be told to the model")
    await ask(chat, "Hello")
    late = await ask(chat, POISON, role="assistant")
    t.expect([late.kinds, len(late.errors)], ["", 1], "the lines of a later one")
    t.expect(late.errors[0]["message"], "Failed to create stream", "its error")
    t.expect((await ask(chat, "Again")).kinds, "", "the lines of the answer to whatever follows")


@case("LMSG-033")
async def oldest_first(t: Case) -> None:
    chat, other = await empty(t), await t.chat("Another chat")
    words = [t.unique() for _ in range(3)]
    for word in words:
        await ask(chat, word)
    shown = t.accepted(await chat.messages())
    t.expect(texts(shown, "user"), words, "the user's messages, oldest first")
    t.expect([m["role"] for m in shown], ["user", "assistant"] * 3, "the roles of the messages")
    t.true("Another chat" not in str(shown), "no message of another chat is listed", shown)
    t.expect(texts(await other.history(), "user"), ["Another chat"], "those of the other chat")


@case("LMSG-005")
async def no_messages(t: Case) -> None:
    chat = await empty(t)
    t.exactly(t.accepted(await chat.messages()), [], "the messages of a new chat")


@case("LHIST-003")
async def system_messages(t: Case) -> None:
    chat = await empty(t)
    words = {role: t.unique(role) for role in ("data", "system", "user")}
    await ask(chat, words["user"])
    for role in ("data", "system"):
        await ask(chat, words[role], role=role)
    await ask(chat, "Now then")
    call = (await chat.model_calls("turn", 4))[-1]
    t.true(words["system"] in said_to(call, "system"), "a message of the role system is told as one", said_to(call, "system"))
    t.true(words["data"] not in str(call["body"]), "a message of an unknown role is not told", call["body"]["messages"])
