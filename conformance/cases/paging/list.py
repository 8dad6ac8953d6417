"""The list of chats: order, cursors, bounds. A mark of its own keeps each case's chats apart from all others."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID, uuid4

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Absent
from conformance.scenes.paging import Shelf, ids, shelved
from fixtures.scripts import script, text, tool_call, turn, turns


@case("PAGE-001", writes=False)
async def list_is_an_array(t: Case) -> None:
    body = t.accepted(await t.alice.list())
    t.true(isinstance(body, list), "the list is a JSON array", body)
    t.true(t.accepted(await t.alice.list(offset=1_000_000)) == [], "a list without chats is an empty array")


@case("PAGE-003", "PAGE-004")
async def archived_are_left_out(t: Case) -> None:
    shelf, (kept, gone) = await shelved(t, 2)
    t.given(await gone.patch(archived=True))
    with t.judging("PAGE-003"):
        t.expect(ids(await shelf.list()), [kept.id], "the list without a filter")
        t.expect(ids(await shelf.list(q="archived:true")), [gone.id], "the list of archived chats")
    with t.judging("PAGE-004"):
        t.expect(ids(await shelf.list(q="archived:false")), [kept.id], "the list with archived:false")


@case("PAGE-005")
async def newest_update_first(t: Case) -> None:
    shelf, chats = await shelved(t, 3)
    oldest = chats[-1]
    t.expect(ids(await shelf.list()), [c.id for c in chats], "the list in the order of updated_at")
    for archived in (True, False):
        t.given(await oldest.patch(archived=archived))
    listed = await shelf.list()
    t.expect(ids(listed)[0], oldest.id, "the first chat after the oldest was changed", "/0/id")


async def walked(shelf: Shelf, most: int) -> list[str]:
    """The ids of a walk by pages of one; ends after one more than `most`."""
    found: list[str] = []
    while len(found) <= most and (page := ids(await shelf.list(limit=1, **({"after_id": found[-1]} if found else {})))):
        found += page
    return found


@case("PAGE-006", "PAGE-017", "PAGE-018", alone=True)
async def pinned_come_first(t: Case) -> None:
    if not t.knows("Chat", "pin_order"):
        raise Absent("this revision has no pins")
    shelf, chats = await shelved(t, 3)
    for chat in (chats[2], chats[1]):
        t.given(await chat.patch(pin_order=1_000))
        t.cleanup(partial(chat.patch, pin_order=0))
    whole = [chat.id for chat in reversed(chats)]
    with t.judging("PAGE-006"):
        t.expect(ids(await shelf.list()), whole, "pinned chats by pin_order, then the rest")
    with t.judging("PAGE-017"):
        for n, pinned in enumerate(whole[:2], 1):
            t.expect(ids(await shelf.list(after_id=pinned)), whole[n:], f"the list after pinned chat {n}")
    with t.judging("PAGE-018"):
        t.expect(await walked(shelf, 3), whole, "the chats of a walk by one that begins with pinned ones")


@case("PAGE-007", "PAGE-016", "PAGE-017", "PAGE-018", "PAGE-020", "PAGE-021")
async def cursors_walk_the_list(t: Case) -> None:
    shelf, chats = await shelved(t, 4)
    whole = [c.id for c in chats]

    async def page(**params: Any) -> list[str]:
        return ids(await shelf.list(**params))

    with t.judging("PAGE-007"):
        t.expect(await page(limit=2), whole[:2], "a page of two")
    with t.judging("PAGE-016"):
        t.expect(await page(offset=1), whole[1:], "the list from the second chat on")
        t.expect(await page(offset=4), [], "the list past its end")
    with t.judging("PAGE-017"):
        t.expect(await page(after_id=whole[1]), whole[2:], "the list after the second chat")
    with t.judging("PAGE-018"):
        t.expect(await walked(shelf, 4), whole, "the chats of a walk by one")
    with t.judging("PAGE-020"):
        t.expect(await page(after_id=whole[0], offset=1), whole[2:], "after the first chat, one left out")
    with t.judging("PAGE-021"):
        t.expect(await page(after_id=str(UUID(int=0))), whole, "the list after the nil UUID")


@case("PAGE-008", "PAGE-010", "PAGE-019", "PAGE-023")
async def bounds_that_are_accepted(t: Case) -> None:
    shelf, chats = await shelved(t, 2)
    whole = [c.id for c in chats]
    with t.judging("PAGE-008"):
        for limit in ("", "0"):
            t.expect(ids(await shelf.list(limit=limit)), whole, f"the list with limit={limit}")
    with t.judging("PAGE-010"):
        t.expect(ids(await shelf.list(limit=1000)), whole, "the list with limit=1000")
    with t.judging("PAGE-019"):
        t.expect(t.accepted(await shelf.list(after_id=str(uuid4()))), [], "the list after an unknown chat")
        t.expect(ids(await shelf.list(after_id=whole[0])), whole[1:], "the list after a known chat")
    with t.judging("PAGE-023"):
        t.expect(ids(await shelf.list(archived="true", cursor="1")), whole, "the list with unknown parameters")


@case("PAGE-009", "PAGE-010", needs=["slow"])
async def default_limit_is_fifty(t: Case) -> None:
    page = t.limit("list.limit", "default")
    shelf, more = (await shelved(t, page + 1))[0], page + 1
    with t.judging("PAGE-009"):
        t.expect(len(t.accepted(await shelf.list())), page, "chats of a list without limit")
        t.expect(len(t.accepted(await shelf.list(limit=more))), more, f"chats of a list with limit={more}")
    with t.judging("PAGE-010"):
        t.expect(len(t.accepted(await shelf.list(limit=1000))), more, "chats of a list with limit=1000")
        older = ids(await shelf.actor.list(offset=page, limit=100))  # with what other cases have left
        whole = ids(await shelf.actor.list(limit=1000))
        lost = [chat for chat in older if chat not in whole and not t.accepted(await Chat(shelf.actor, chat).get())["archived"]]
        t.expect(lost, [], "chats behind the first page that a list with limit=1000 lacks")


INT = {"negative": ("-1", "query.int32-negative"), "word": ("x", "query.int32"), "fraction": ("1.5", "query.int32")}
BAD_PARAMETERS: dict[str, dict[str, Any]] = {
    **{f"limit-{k}": {"requirement": "PAGE-011", "field": "limit", "value": v, "key": key} for k, (v, key) in INT.items()},
    "limit-too-large": {"requirement": "PAGE-011", "field": "limit", "limit": "list.limit", "key": "query.int32"},
    "offset-negative": {"requirement": "PAGE-012", "field": "offset", "value": "-1", "key": "query.int32-negative"},
    "offset-word": {"requirement": "PAGE-012", "field": "offset", "value": "x", "key": "query.int32"},
    "after-id": {"requirement": "PAGE-013", "field": "after_id", "value": "x", "key": "query.uuid"},
}


@case(rows=BAD_PARAMETERS, writes=False)
async def bad_parameter(t: Case, row: dict[str, Any]) -> None:
    value = str(t.limit(row["limit"]) + 1) if "limit" in row else row["value"]
    t.refused(await t.alice.list(**{row["field"]: value}), row["key"], field=row["field"])
    good = str(uuid4()) if row["field"] == "after_id" else "1"
    t.accepted(await t.alice.list(**{row["field"]: good}))


@case("PAGE-014", writes=False)
async def bad_parameters_together(t: Case) -> None:
    answer = await t.alice.list(limit="x", offset="y", after_id="z")
    t.expect(answer.response.status, 400, "the status")
    named = sorted(v["field"] for v in answer.response.body["validations"])
    t.expect(named, ["after_id", "limit", "offset"], "the fields of the validations", "/validations")
    t.accepted(await t.alice.list(limit=1, offset=0))


@case("PAGE-015", rows={"limit": "1", "offset": "1", "after_id": str(UUID(int=1))}, writes=False)
async def parameter_given_twice(t: Case, value: str) -> None:
    field = t.spec.name.rsplit("[", 1)[1][:-1]
    twice = await t.alice.get(t.url("listChats"), params=[(field, value), (field, value)])
    t.refused(twice, "query.repeated", field=field)
    t.accepted(await t.alice.list(**{field: value}))


@case("PAGE-024", writes=False)
async def paging_then_search_then_labels(t: Case) -> None:
    t.refused(await t.alice.list(limit="x", q="foo", label="x"), "query.int32", field="limit")
    t.refused(await t.alice.list(q="foo", label="x"), "list.q-term")
    t.refused(await t.alice.list(label="x"), "list.label")
    t.accepted(await t.alice.list(limit=1, q="archived:false", label="x:y"))


@case("PAGE-022")
async def foreign_chat_as_cursor(t: Case) -> None:
    shelf, (mine,) = await shelved(t, 1)
    foreign = await t.chat(by=t.bob)
    t.expect(ids(await shelf.list(after_id=foreign.id)), [mine.id], "what comes after a newer foreign chat")


@case("PAGE-002", needs=["llm"])
async def children_are_embedded(t: Case) -> None:
    label = t.unique()
    spawn = turn(tool_call("spawn_agent", {"type": "general", "prompt": "child task", "title": "child"}))
    root = await t.chat(script(turns(spawn, turn(text("done")))), mark=label)
    children = (await root.when(lambda c: bool(c.get("children")), "a child")).get("children", [])
    listed = await t.alice.marked(label)
    t.expect([c["id"] for c in listed], [root.id], "the chats of the list")
    t.expect([c["id"] for c in listed[0]["children"]], [c["id"] for c in children], "the children in the list", "/0/children")
    everything = ids(await t.alice.list(limit=1000))
    t.true(not {c["id"] for c in children} & set(everything), "no child is a list entry of its own")
