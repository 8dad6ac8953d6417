"""Pages between two messages and behind a message or a chat, and what is queued on pages of any size."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.paging import ids, message_ids, shelved, talked
from fixtures.scripts import gate, script
from fixtures.scripts import text as says


@case("PAGE-095", "PAGE-096")
async def pages_with_bounds(t: Case) -> None:
    chat, asc = await talked(t)
    with t.judging("PAGE-095"):
        for limit in (1, 2, 3):
            page = message_ids(await chat.messages(after_id=asc[0], before_id=asc[-1], limit=limit))
            t.expect(sorted(page), asc[1:-1][-limit:], f"the last {limit} messages between two ids")
    with t.judging("PAGE-096"):
        for after in range(1, len(asc)):
            for limit in (1, 2, 3):
                left = asc[after:]
                body = t.accepted(await chat.messages(after_id=asc[after - 1], limit=limit))
                t.expect(body["has_more"], len(left) > limit, f"has_more of {limit} of {len(left)} later messages", "/has_more")


@case("PAGE-097", needs=["llm-control"])
async def whole_queues_on_small_pages(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(says("a"), gate(hold)))
    t.cleanup(chat.interrupt)
    await t.llm.reached(hold)
    queued = [t.given(await chat.send(word))["queued_message"]["id"] for word in ("one", "two", "three")]
    for limit in (1, 2):
        shown = t.accepted(await chat.messages(limit=limit))
        t.expect([q["id"] for q in shown["queued_messages"]], queued, f"the queue on a page of {limit}", "/queued_messages")


@case("PAGE-099")
async def offsets_behind_a_chat(t: Case) -> None:
    shelf, chats = await shelved(t, 5)
    order = [chat.id for chat in chats]
    for place in (0, 1, 2):
        for offset in (0, 1, 2):
            page = ids(await shelf.list(after_id=order[place], offset=offset, limit=2))
            wanted = order[place + 1 + offset :][:2]
            t.expect(page, wanted, f"two of the chats behind the {place}. of five, from the {offset}. of them on")
