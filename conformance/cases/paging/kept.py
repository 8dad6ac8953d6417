"""Pages of lists in which what a filter finds lies between what it does not, and of histories with messages of one moment."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import member
from conformance.scenes.limits import TOOL
from conformance.scenes.paging import MAX_ID, Shelf, ids, message_ids, shelved
from conformance.scenes.reading import look
from fixtures.scripts import script, text, tool_call, turn, turns

KEPT = (1, 4, 7)  # of eight chats, the newest first, those that a filter finds


async def every_page(t: Case, shelf: Shelf, order: list[str], found: list[str], what: str, **filters: Any) -> None:
    """All pages of the chats `found`, which lie in `order`, by offset and from behind each chat. Raises Failure."""
    wanted = [chat for chat in order if chat in found]

    async def turned(**place: Any) -> list[str]:
        each = [(k, v) for k, value in filters.items() for v in (value if isinstance(value, list) else [value])]
        return ids(await shelf.actor.get(t.url("listChats"), params=[*shelf.where.items(), *each, *place.items()]))

    for limit in (1, 2, 3):
        for offset in range(4):
            page = await turned(limit=limit, offset=offset)
            t.expect(page, wanted[offset : offset + limit], f"{limit} of the chats {what} from the {offset}. on")
    for place, chat in enumerate(order):
        page = await turned(limit=2, after_id=chat)
        behind = [other for other in order[place + 1 :] if other in found]
        t.expect(page, behind[:2], f"two of the chats {what} after the {place}. of all")


async def mixed(t: Case, shelf: Shelf, chats: list[Chat], mark: str, word: str) -> list[str]:
    """Three of these chats are labelled, titled and unread; gives the ids of all in their new order. Raises Unmet."""
    for place, chat in reversed([*enumerate(chats)]):
        kept = place in KEPT
        side = "in" if kept else "out"
        t.given(await chat.patch(labels={"mark": mark, "group": f"{mark}-{side}"}, title=f"{word} {side}"))
    await asyncio.gather(*(look(chat) for place, chat in enumerate(chats) if place not in KEPT))
    return [chat.id for chat in chats]


@case("PAGE-088", "PAGE-098")
async def filters_come_before_pages(t: Case) -> None:
    shelf, chats = await shelved(t, 8)
    word, mark = t.unique("Word"), str(shelf.where["label"]).partition(":")[2]
    order = await mixed(t, shelf, chats, mark, word)
    found, alice = [order[place] for place in KEPT], Shelf(shelf.actor, {})
    t.expect(ids(await shelf.list()), order, "the chats in the order in which they were labelled")
    with t.judging("PAGE-088"):
        await every_page(t, alice, order, found, "with a label", label=f"group:{mark}-in")
        await every_page(t, alice, order, found, "with two labels", label=[f"mark:{mark}", f"group:{mark}-in"])
        for name, filters in {
            "with a title": {"q": f'title:"{word} in"'},
            "with unread messages": {"q": "has_unread:true"},
        }.items():
            await every_page(t, shelf, order, found, name, **filters)
        await every_page(t, alice, order, found, "with a title, of all", q=f'title:"{word} in"')
    with t.judging("PAGE-098"):
        read = [chat for chat in order if chat not in found]
        await every_page(t, shelf, order, read, "without unread messages", q="has_unread:false")


@case("PAGE-089")
async def the_archive_comes_before_pages(t: Case) -> None:
    shelf, chats = await shelved(t, 8)
    gone = [chat for place, chat in enumerate(chats) if place not in KEPT]
    for chat in reversed(gone):
        t.given(await chat.patch(archived=True))
    kept, archived = [chats[place].id for place in KEPT], [chat.id for chat in gone]
    await every_page(t, shelf, [*archived, *kept], kept, "that are not archived")
    await every_page(t, shelf, [*archived, *kept], archived, "that are archived", q="archived:true")


@case("PAGE-090", needs=["admin"])
async def pins_and_pages(t: Case) -> None:
    actor, mark = await member(t), t.unique()
    shelf, chats = Shelf(actor, {}), await asyncio.gather(*(t.chat(by=actor, mark=mark) for _ in range(6)))
    for place, chat in reversed([*enumerate(chats)]):
        await chat.finished()
        t.given(await chat.patch(labels={"mark": mark, "group": "in" if place in (1, 3, 4) else "out"}))
    for place in (2, 3):
        t.given(await chats[place].patch(pin_order=9))
    order = [chats[place].id for place in (2, 3, 0, 1, 4, 5)]
    await every_page(t, shelf, order, order, "of which two are pinned")
    await every_page(
        t, shelf, order, [chats[place].id for place in (3, 1, 4)], "with labels, one pinned", label=[f"mark:{mark}", "group:in"]
    )


async def walks(t: Case, chat: Chat, roles: list[str], upwards: bool = False) -> None:
    """Walk through the messages of a chat, which have these roles, by every size of page. Raises Failure."""
    listed = t.accepted(await chat.messages())["messages"]
    t.expect([m["role"] for m in reversed(listed)], roles, "the roles of the messages, oldest first", "/messages")
    wanted = [m["id"] for m in listed]
    for limit in range(1, len(wanted) + 1):
        for at in range(0, len(wanted) + 1, limit):
            down = message_ids(await chat.messages(limit=limit, before_id=wanted[at - 1] if at else MAX_ID))
            t.expect(down, wanted[at : at + limit], f"the page from message {at} on of a walk down by {limit}")
        for at in range(1, len(wanted) + 1 if upwards else 0, limit):
            up = message_ids(await chat.messages(limit=limit, after_id=wanted[-at]))
            t.expect(up, wanted[::-1][at : at + limit], f"the page from message {at} on of a walk up by {limit}")


@case("PAGE-091")
async def results_of_one_step(t: Case) -> None:
    calls = turn(*(tool_call("list_templates", {}, id=f"c{n}") for n in range(3)))
    chat = await t.chat(script(turns(calls, turn(text("done")))))
    await chat.turn("more", tries=1)
    await walks(t, chat, ["user", "assistant", "tool", "tool", "tool", "assistant", "user", "assistant"])


@case("PAGE-092")
async def results_of_one_request(t: Case) -> None:
    calls = turn(*(tool_call("lookup", {}, id=f"k{n}") for n in range(3)))
    chat = await t.chat(script(turns(calls, turn(text("done")))), unsafe_dynamic_tools=[TOOL])
    await chat.settled("requires_action")
    t.given(await chat.tool_results([{"tool_call_id": f"k{n}", "output": n} for n in range(3)]))
    await chat.settled(t.idle)
    await walks(t, chat, ["user", "assistant", "tool", "tool", "tool", "assistant"], upwards=True)


@case("PAGE-093", "PROMPT-031")
async def replaced_messages_count_for_nothing(t: Case) -> None:
    chat = await t.chat("one")
    for word in ("two", "three"):
        await chat.turn(word, tries=1)
    old = await chat.history()
    t.given(await chat.edit(old[2]["id"], "other"))
    await chat.answered("other")
    edited = [m["id"] for m in await chat.history()]

    async def page(**params: Any) -> tuple[list[int], bool]:
        body = t.accepted(await chat.messages(**params))
        return [m["id"] for m in body["messages"]], body["has_more"]

    with t.judging("PAGE-093"):
        t.expect(edited[:2], [m["id"] for m in old[:2]], "what stood before the message that was edited")
        t.expect(len(edited), 4, "how many messages there are after the edit")
        for limit in (1, 2, 3, 4):
            wanted = edited[::-1][:limit], limit < 4
            t.expect(await page(limit=limit), wanted, f"a page of {limit} and its has_more")
        t.expect(await page(limit=1, before_id=edited[2]), ([edited[1]], True), "one before the new message, and has_more")
        t.expect(await page(limit=2, before_id=edited[2]), (edited[1::-1], False), "two before the new message, and has_more")
    with t.judging("PROMPT-031"):
        for limit in (1, 2, 11, 999, 1999):
            shown = [p["text"] for p in t.accepted(await chat.prompts(limit=limit))["prompts"]]
            t.expect(shown, ["other", "one"][:limit], f"{limit} prompts", "/prompts")
    t.given(await chat.edit(edited[0], "all new"))
    await chat.answered("all new")
    with t.judging("PAGE-093"):
        last = [m["id"] for m in await chat.history()]
        t.expect(await page(limit=2), (last[::-1], False), "the messages after the first was edited, and has_more")
        t.expect(await page(limit=1), (last[:0:-1], True), "one of them, and has_more")


@case("PAGE-094")
async def families_and_pages(t: Case) -> None:
    mark = t.unique()
    spawn = [
        turn(tool_call("spawn_agent", {"type": "general", "prompt": f"task {n}", "title": "kid"}, id=f"s{n}")) for n in (1, 2, 3)
    ]
    made = [await t.chat(script(turns(*spawn, turn(text("done")))), mark=mark) for _ in range(2)]
    made.append(await t.chat(mark=mark))
    children = {chat.id: [c["id"] for c in await chat.children(3 * (chat is not made[2]))] for chat in made}
    for chat in made:
        await asyncio.gather(*(Chat(t.alice, child).settled() for child in children[chat.id]))
    for chat in made:
        await chat.finished()
    shelf = Shelf(t.alice, {"label": f"mark:{mark}"})
    order = ids(await shelf.list())
    t.expect(sorted(order), sorted(children), "the chats of the list")
    await every_page(t, shelf, order, order, "of which two have children")
    for limit in (1, 2, 3):
        shown = {chat["id"]: chat["children"] for chat in t.accepted(await shelf.list(limit=limit))}
        nested = {chat: [c["id"] for c in kids][::-1] for chat, kids in shown.items()}
        t.expect(nested, {chat: children[chat] for chat in order[:limit]}, f"the children on a page of {limit}")
