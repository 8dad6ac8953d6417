"""Files that the model gets: in later turns, too, and those of messages that were queued."""

from __future__ import annotations

from base64 import b64encode

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.files import new_file, part
from fixtures.scripts import gate, script
from fixtures.scripts import text as says


async def named(chat: Chat, data: bytes, call: int) -> bool:
    """Does the model get this file, as text or in base64, in this call of the chat? Raises Unmet."""
    body = str((await chat.model_calls(wait=call))[call - 1]["body"])
    return data.decode() in body or b64encode(data).decode() in body


@case("FILE-120", needs=["llm-control"])
async def files_of_earlier_turns(t: Case) -> None:
    data = t.unique("words-of-a-file").encode()
    chat = await t.chat([text(t.unique("ask")), part(await new_file(t, data))])
    await chat.turn("more", tries=1)
    for call in (1, 2):
        t.true(await named(chat, data, call), f"the model gets the file in call {call}")


@case("FILE-121", needs=["llm-control"])
async def files_of_queued_messages(t: Case) -> None:
    hold, words = t.gate(), t.unique("words-of-a-file")
    chat = await t.new_chat([text(t.unique("ask") + script(says("a"), gate(hold)))])
    await t.llm.reached(hold)
    file = await new_file(t, words.encode())
    t.given(await chat.send([text("Later"), part(file)]))
    await t.llm.open(hold)
    await chat.when(lambda c: c["status"] == t.idle, "rest")
    last = [m for m in await chat.history() if m["role"] == "user"][-1]
    t.expect([p.get("file_id") for p in last["content"]], [None, file], "the files of the message that ran", "/messages")
