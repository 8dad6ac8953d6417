"""What a client has said is kept as it was said."""

from __future__ import annotations

import base64
from typing import Any

from conformance.cases.legacy.bodies import body_of, post
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.answers import ask, empty

CHARACTERS = "a<b>&\"'\\ \t\r\n  é ü 中文 🎈👩‍👩‍👧 \u202e ~ \x7f \u0001"
OBJECT = {"b": [1, 2.5, None, True, {"deep": ["x"]}], "a": "text", "empty": {}}


async def kept(t: Case, **fields: Any) -> dict[str, Any]:
    """A message with these fields, as the chat shows it. Raises Failure."""
    chat = await empty(t)
    await ask(chat, "Hello", **fields)
    shown: dict[str, Any] = t.accepted(await chat.messages())[0]
    return shown


async def keeps(t: Case, **fields: Any) -> None:
    """These fields of a message come back as they were sent. Raises Failure."""
    shown = await kept(t, **fields)
    for name, value in fields.items():
        t.exactly(shown.get(name), value, f"{name} of the message", f"/0/{name}")


@case("LMSG-001", "LMSG-002", "LMSG-003", needs=["llm"])
async def keys_of_a_message(t: Case) -> None:
    nothing: dict[str, Any] = {"id": "", "content": "", "annotations": [], "experimental_attachments": []}
    bare: list[dict[str, Any]] = [
        {"type": "text", "text": ""},
        {"type": "step-start"},
        {"type": "reasoning", "reasoning": "", "details": []},
    ]
    shown = await kept(t, **nothing, parts=bare)
    with t.judging("LMSG-001"):
        t.exactly({k: shown[k] for k in ("id", "content", "role")}, {"id": "", "content": "", "role": "user"}, "empty texts")
    with t.judging("LMSG-002"):
        t.expect(sorted(t.known(shown)), ["content", "id", "parts", "role"], "the keys of a message with empty lists")
        files = [{"url": "http://x", "name": "", "contentType": ""}]
        full = await kept(t, experimental_attachments=files)
        t.expect(full["experimental_attachments"], [{"url": "http://x"}], "an attachment with empty texts")
    with t.judging("LMSG-003"):
        t.expect(shown["parts"], [{"type": p["type"]} for p in bare], "parts without values")


@case("LMSG-004", "LMSG-026", needs=["llm"])
async def tool_invocations(t: Case) -> None:
    def invocation(**fields: Any) -> dict[str, Any]:
        whole = {"state": "result", "toolCallId": "c1", "toolName": "look", "args": {"a": 1}} | fields
        return {"type": "tool-invocation", "toolInvocation": whole}

    with t.judging("LMSG-004"):
        parts = [invocation(result=[1]), invocation(step=2, result=OBJECT), invocation(args=None), invocation(state="call")]
        await keeps(t, parts=parts)
        (bare,) = (await kept(t, parts=[{"type": "tool-invocation", "toolInvocation": {}}]))["parts"]
        t.expect(
            sorted(t.known(bare["toolInvocation"])),
            ["args", "state", "toolCallId", "toolName"],
            "the keys of an empty invocation",
        )
    with t.judging("LMSG-026"):
        await keeps(t, parts=[invocation(state="whatever", result=0), invocation(state="")])
        shown = await kept(t, parts=[invocation(result=None)])
        t.true("result" not in shown["parts"][0]["toolInvocation"], "a result of null is left out", shown["parts"][0])


@case("LMSG-018", "LMSG-034")
async def a_message_as_sent(t: Case) -> None:
    with t.judging("LMSG-018"):
        await keeps(t, id=t.unique("id"), role="user", content="What it is about", parts=[{"type": "text", "text": "Hello"}])
    with t.judging("LMSG-034"):
        for role in ("assistant", "system", "data", "", "Anything at all"):
            await keeps(t, role=role, content="x")


@case("LMSG-019")
async def the_same_id_twice(t: Case) -> None:
    chat = await empty(t)
    for word in ("one", "two"):
        await ask(chat, word, id="same")
    mine = [(m["id"], m["content"]) for m in t.accepted(await chat.messages()) if m["role"] == "user"]
    t.expect(mine, [("same", "one"), ("same", "two")], "the messages with the same id")


TIMES = {
    "text": "2025-05-02T10:00:00.123Z",
    "number": 1746180000123,
    "object": OBJECT,
    "list": [2025, 5],
    "flag": False,
    "word": "x",
}


@case("LMSG-020", rows=TIMES)
async def created_at(t: Case, value: Any) -> None:
    await keeps(t, createdAt=value)
    t.true("createdAt" not in await kept(t, createdAt=None), "a createdAt of null is left out")
    t.true("createdAt" not in await kept(t), "there is none where none was sent")


@case("LMSG-021")
async def any_annotations(t: Case) -> None:
    await keeps(t, annotations=["text", 1, -2.5, None, True, OBJECT, [[]]])


@case("LMSG-022")
async def attachments(t: Case) -> None:
    picture = {"name": "Ünï.png", "contentType": "image/png", "url": "data:image/png;base64,iVBORw0KGgo="}
    await keeps(t, experimental_attachments=[picture, {"url": "http://127.0.0.1:1/x?a=b&c=<d>"}])


PARTS: list[dict[str, Any]] = [
    {"type": "text", "text": "words"},
    {"type": "reasoning", "reasoning": "why",
     "details": [{"type": "text", "text": "t", "signature": "s"}, {"type": "redacted", "data": "d"}]},
    {"type": "source", "source": {"uri": "http://x", "contentType": "text/html", "data": "d", "metadata": OBJECT}},
    {"type": "file", "mimeType": "text/plain", "data": base64.b64encode(bytes(range(256))).decode()},
    {"type": "step-start"},
    {"type": "tool-invocation",
     "toolInvocation": {"state": "result", "step": 1, "toolCallId": "c", "toolName": "n", "args": OBJECT, "result": OBJECT}},
    {"type": "text", "text": "more words"},
]  # fmt: skip


@case("LMSG-023")
async def six_kinds_of_parts(t: Case) -> None:
    await keeps(t, parts=PARTS)


@case("LMSG-024")
async def unknown_parts(t: Case) -> None:
    await keeps(t, parts=[{"type": "hologram", "text": "x"}, {"type": "", "reasoning": "y"}, {"type": "text", "mimeType": "a/b"}])


@case("LMSG-025")
async def data_of_files(t: Case) -> None:
    data = bytes(range(255, -1, -1))
    part = {"type": "file", "mimeType": "application/octet-stream", "data": base64.b64encode(data).decode()}
    shown = (await kept(t, parts=[part]))["parts"][0]
    t.true(base64.b64decode(shown["data"], validate=True) == data, "the bytes of the file", shown["data"])
    lines = base64.encodebytes(data).decode()
    shown = (await kept(t, parts=[part | {"data": lines}]))["parts"][0]
    t.true(base64.b64decode(shown["data"]) == data, "the bytes of a file that was sent in lines", shown["data"])


@case("LMSG-028")
async def any_characters(t: Case) -> None:
    await keeps(t, id=CHARACTERS, content=CHARACTERS, parts=[{"type": "text", "text": CHARACTERS}])


@case("LMSG-029")
async def broken_characters(t: Case) -> None:
    chat = await empty(t)
    whole = post(chat, body_of(chat, "plain"))
    t.accepted(await whole)
    for broken in (b"\\ud83d", b"\xff"):
        content = str(body_of(chat)["model"]).encode()
        raw = b'{"model": "' + content + b'", "message": {"role": "user", "content": "a' + broken + b'b"}}'
        t.accepted(await post(chat, raw))
    kept = [m["content"] for m in await chat.history() if m["role"] == "user"]
    t.expect(kept, ["plain", "a\ufffdb", "a\ufffdb"], "what is kept")


@case("LMSG-030")
async def long_text(t: Case) -> None:
    text = "0123456789 abcdefghijklmnopqrstuv " * 2059
    shown = await kept(t, parts=[{"type": "text", "text": text}], content="long")
    t.expect(len(shown["parts"][0]["text"]), len(text), "the length of a long text")
    t.true(shown["parts"][0]["text"] == text, "the long text is whole")
