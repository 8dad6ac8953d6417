"""Lists without families, and pages of messages that are turned in one direction."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.paging import MAX_ID, ids, message_ids, shelved, talked
from fixtures.scripts import gate, script, tool_call, turn, turns
from fixtures.scripts import text as says


@case("PAGE-061")
async def children_stand_beside_their_root(t: Case) -> None:
    root = await t.chat(script(turns(turn(tool_call("spawn_agent", {"prompt": "child task"})), turn(says("done")))))
    parts = [part for message in await root.history() for part in message["content"] if part["type"] == "tool-result"]
    listed = ids(await t.alice.list(limit=1000))
    shown = [listed.count(chat) for chat in (root.id, parts[0]["result"]["chat_id"])]
    t.expect(shown, [1, 1], "how often the root and its child are listed")


@case("PAGE-062")
async def changed_last_first(t: Case) -> None:
    shelf, chats = await shelved(t, 3)
    foreign = await t.chat(by=t.bob)
    t.expect(ids(await shelf.list()), [c.id for c in chats], "the list in the order of updated_at and id")
    for archived in (True, False):
        t.given(await chats[-1].patch(archived=archived))
    listed = t.accepted(await shelf.list())
    t.expect(listed[0]["id"], chats[-1].id, "the chat that was changed last", "/0/id")
    t.true(foreign.id not in [c["id"] for c in listed], "nobody else's chat is listed")


@case("PAGE-063", "PAGE-064", "PAGE-065")
async def messages_from_the_newest(t: Case) -> None:
    chat, asc = await talked(t)
    desc = asc[::-1]
    with t.judging("PAGE-063"):
        t.expect(message_ids(await chat.messages()), desc, "all messages")
        t.expect(message_ids(await chat.messages(before_id=asc[-2])), desc[2:], "messages before an id")
        t.expect(message_ids(await chat.messages(before_id=asc[-2], limit=2)), desc[2:4], "two messages before an id")
    with t.judging("PAGE-064"):
        for after in (asc[1], MAX_ID, "x"):
            t.expect(message_ids(await chat.messages(after_id=after)), desc, f"messages with after_id={after}")
    with t.judging("PAGE-065"):
        n = len(asc)
        for limit, before, more in ((n, 0, False), (n - 1, 0, True), (1, asc[1], False), (1, asc[2], True)):
            page = t.accepted(await chat.messages(limit=limit, before_id=before))
            t.expect(page["has_more"], more, f"has_more with limit={limit} and before_id={before}", "/has_more")


@case(
    "PAGE-066",
    rows={
        "negative": ("-1", "query.int64-negative"),
        "word": ("x", "query.int64"),
        "large": (str(MAX_ID + 1), "query.int64"),
    },
)
async def bad_place_to_begin(t: Case, row: tuple[str, str]) -> None:
    chat = await t.new_chat()
    t.refused(await chat.messages(before_id=row[0]), row[1], field="before_id")
    t.accepted(await chat.messages(before_id=7))


@case("PAGE-067", needs=["llm-control"])
async def the_queue_beside_the_first_page(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(says("a"), gate(hold)))
    await t.llm.reached(hold)
    queued = t.given(await chat.send("later"))["queued_message"]["id"]
    for before, expected in ((None, [queued]), (0, [queued]), (1, []), (MAX_ID, [])):
        page = t.accepted(await chat.messages(**({} if before is None else {"before_id": before})))
        t.expect([q["id"] for q in page["queued_messages"]], expected, f"the queue with before_id={before}", "/queued_messages")
