"""What the model is asked: all that was said before, as far as it can be told."""

from __future__ import annotations

import base64
from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.answers import WORKSPACES, ask, call_about, empty, said_to
from fixtures.scripts import script, tool_call, turn, turns
from fixtures.scripts import text as says

LOOK = turns(turn(tool_call(WORKSPACES, {"owner": "me"}, id="call_1")), turn(says("looked")))


def roles(call: dict[str, Any]) -> list[str]:
    """The roles of the messages in a request to the model."""
    return [message["role"] for message in call["body"]["messages"]]


def blocks(call: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The blocks of this type in the last message of a request to the model."""
    content = call["body"]["messages"][-1]["content"]
    return [block for block in content if block.get("type") == kind]


@case("LHIST-001")
async def the_whole_history(t: Case) -> None:
    chat, words = await empty(t), [t.unique() for _ in range(3)]
    for word in words:
        await ask(chat, script(says(f"to {word}"), prefix=word))
    for n, word in enumerate(words, 1):
        call = await call_about(t, word)
        t.expect([said.split()[0] for said in said_to(call, "user")], words[:n], f"the user's messages in call {n}")
        t.expect(said_to(call, "assistant"), [f"to {word}" for word in words[: n - 1]], f"the answers in call {n}")
        t.expect(roles(call)[1:], ["user", "assistant"] * (n - 1) + ["user"], f"the roles in call {n}")


@case("LHIST-002")
async def parts_alone_are_told(t: Case) -> None:
    chat, hidden, shown = await empty(t), t.unique("hidden"), t.unique("shown")
    await ask(chat, shown, content=hidden)
    (call,) = await chat.model_calls("turn", 1)
    t.expect(said_to(call, "user"), [shown], "what the model is told of a message")
    t.true(hidden not in str(call["body"]), "its content is not told", call["body"]["messages"])


@case("LHIST-005", "LHIST-007")
async def results_go_to_the_model(t: Case) -> None:
    chat = await empty(t)
    await ask(chat, script(LOOK, prefix=t.unique("m")))
    await ask(chat, "And now?")
    calls = await chat.model_calls("turn", 3)
    with t.judging("LHIST-005"):
        called, result = calls[1]["body"]["messages"][-2:]
        (made,) = called["tool_calls"]
        t.expect([result["role"], result["tool_call_id"]], ["tool", made["id"]], "the result behind its call")
        t.expect([made["function"]["name"], made["id"]], [WORKSPACES, "call_1"], "the call that the model is told of")
        t.expect(said_to(calls[1], "tool"), ["[]"], "the result that it is told")
    with t.judging("LHIST-007"):
        t.expect(roles(calls[2])[1:], ["user", "assistant", "tool", "assistant", "user"], "the roles in a later call")
        t.expect(said_to(calls[2], "tool"), ["[]"], "the results that a later call has")


@case("LHIST-006")
async def files_are_pictures(t: Case) -> None:
    chat, data = await empty(t), base64.b64encode(b"\x89PNG").decode()
    file, url = {"type": "file", "mimeType": "image/png", "data": data}, "https://127.0.0.1:1/x.png"
    await ask(chat, [{"type": "text", "text": t.unique("look")}, file], experimental_attachments=[{"url": url}])
    (call,) = await chat.model_calls("turn", 1)
    shown = [block["image_url"]["url"] for block in blocks(call, "image_url")]
    t.expect(shown, [f"data:image/png;base64,{data}", url], "the pictures that the model is shown")
