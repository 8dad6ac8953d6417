"""What leaves has_unread as it is, what makes a chat unread again, and filters that act on what is now."""

from __future__ import annotations

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import quiet
from conformance.scenes.lifecycle import family
from conformance.scenes.reading import answered, look, unread
from fixtures.scripts import gate, http_error, script
from fixtures.scripts import text as says

SMALL: dict[str, dict[str, object]] = {
    "a rename": {"title": "Named"},
    "a pin": {"pin_order": 1},
    "unpinning": {"pin_order": 0},
    "plan mode": {"plan_mode": "plan"},
    "no plan mode": {"plan_mode": ""},
    "archiving and unarchiving": {"archived": False},
}


@case("READ-030")
async def small_changes_are_not_news(t: Case) -> None:
    read, new = await answered(t), await answered(t)
    await look(read)
    t.expect([await unread(t, chat) for chat in (read, new)], [False, True], "has_unread of a read chat and of a new one")
    for chat, state in ((read, False), (new, True)):
        for what, change in SMALL.items():
            if "archived" in change:
                t.given(await chat.patch(archived=True))
            t.given(await chat.patch(**change))
            t.expect(await unread(t, chat), state, f"has_unread after {what}")
        labels = t.given(await chat.get())["labels"]
        t.given(await chat.patch(labels=labels | {"more": "x"}))
        await chat.shared_with(t.bob)
        for order in (chat.propose, chat.retitle, *(() if t.refuses("interrupt.at-rest") else (chat.interrupt,))):
            t.given(await order())
        t.expect(await unread(t, chat), state, "has_unread after labels, a share, titles and an interrupt at rest")


@case("READ-031")
async def answers_are_news(t: Case) -> None:
    chat = await answered(t)
    await look(chat)
    await chat.turn(script(says("more")))
    t.expect(await unread(t, chat), True, "has_unread after another answer")
    await look(chat)
    t.expect(await unread(t, chat), False, "has_unread after the owner's stream")
    other = script(says("other"))
    t.given(await chat.edit((await chat.history())[0]["id"], other))
    await chat.answered(other)
    t.expect(await unread(t, chat), True, "has_unread after the answer to an edit")


@case("READ-032")
async def each_chat_is_read_by_itself(t: Case) -> None:
    one, other = await answered(t), await answered(t)
    mark = t.unique()
    root, (first, second) = await family(t, "child task", "another task", labels={"mark": mark})

    async def shown() -> dict[str, bool]:
        (listed,) = t.accepted(await t.alice.list(label=f"mark:{mark}"))
        return {c["id"]: c["has_unread"] for c in (listed, *listed["children"])}

    await look(one)
    t.expect([await unread(t, chat) for chat in (one, other)], [False, True], "has_unread of a read chat and of another one")
    await look(second)
    t.expect(await shown(), {root.id: True, first.id: True, second.id: False}, "has_unread after one child was read")
    await look(root)
    t.expect(await shown(), {root.id: False, first.id: True, second.id: False}, "has_unread after the root was read, too")


@case("READ-033", needs=["llm-control"])
async def no_answer_is_no_news(t: Case) -> None:
    chat, hold = await answered(t), t.gate()
    await look(chat)
    await chat.turn(script(http_error(400, "no such luck")), status=("error",))
    t.expect(await unread(t, chat), False, "has_unread after a turn that failed")
    t.given(await chat.send(script(says("so far"), gate(hold))))
    await t.llm.reached(hold)
    t.given(await chat.send("later"))
    t.expect(await unread(t, chat), False, "has_unread during a turn, with a message queued")


async def found(t: Case, mark: str, **params: str) -> list[str]:
    """The ids of the marked chats that this filter finds. Raises Failure."""
    labels = [("label", f"mark:{mark}"), *(("label", params[k]) for k in params if k == "label")]
    answer = await t.alice.get(t.url("listChats"), params=[*labels, *((k, v) for k, v in params.items() if k != "label")])
    return [c["id"] for c in t.accepted(answer)]


@case("FILTER-065")
async def filters_act_on_what_is_now(t: Case) -> None:
    mark = t.unique()
    chat, word = await quiet(t, labels={"mark": mark, "a": "old"}), t.unique("Word")
    t.given(await chat.patch(title=f"{word} old"))
    t.expect(await found(t, mark, q=f'title:"{word} old"'), [chat.id], "the chats of the first title")
    t.given(await chat.patch(title=f"{word} new", labels={"mark": mark, "b": "new"}))
    t.expect(await found(t, mark, q=f'title:"{word} new"'), [chat.id], "the chats of the new title")
    t.expect(await found(t, mark, q=f'title:"{word} old"'), [], "the chats of the title before")
    t.expect(await found(t, mark, label="b:new"), [chat.id], "the chats of the new label")
    t.expect(await found(t, mark, label="a:old"), [], "the chats of the label that is gone")
    for order, state in ((look, "false"), (more, "true"), (look, "false")):
        await order(chat)
        t.expect(await found(t, mark, q=f"has_unread:{state}"), [chat.id], f"the chats with has_unread {state}")
        other = "true" if state == "false" else "false"
        t.expect(await found(t, mark, q=f"has_unread:{other}"), [], f"the chats with has_unread {other}")


async def more(chat: Chat) -> None:
    """One more turn, which nobody reads."""
    await chat.turn(script(says("more")))


@case("FILTER-066")
async def terms_in_any_order(t: Case) -> None:
    mark, word = t.unique(), t.unique("Word")
    chats = [await quiet(t, labels={"mark": mark, "of": "both"}) for _ in range(2)]
    for chat in chats:
        t.given(await chat.patch(title=f"{word} title"))
    await look(chats[0])
    t.given(await chats[0].patch(archived=True))
    terms = [f'title:"{word} title"', "archived:true", "has_unread:false"]
    for turned in (terms, terms[::-1], [terms[1], terms[0], terms[2]]):
        t.expect(await found(t, mark, q=" ".join(turned), label="of:both"), [chats[0].id], f"the chats found by {turned}")
    for q, wanted in (
        ("archived:true has_unread:true", []),
        (f"archived:true title:{t.unique('None')}", []),
        (f'archived:false title:"{word}"', [chats[1].id]),
        ("archived:false has_unread:true", [chats[1].id]),
    ):
        t.expect(await found(t, mark, q=q), wanted, f"the chats found by {q}")
    t.expect(await found(t, mark, q="archived:true", label="of:none"), [], "archived chats with another label")


@case("TITLE-061", needs=["llm-control"])
async def titled_once(t: Case) -> None:
    chat, first = await quiet(t, by=t.titled), 0
    for order in ("a send", "an edit", "another send"):
        first = first or (await chat.history())[0]["id"]
        answer = await (chat.edit(first, "Hello anew") if order == "an edit" else chat.send("Hello again"))
        t.given(answer)
        await chat.finished()
        t.expect(t.accepted(await chat.get())["title"], "Quiet title", f"the title after {order}", "/title")
        t.expect(len(await chat.model_calls("title")), 1, f"the model calls for a title after {order}")


@case("ARCH-061")
async def archived_again_and_again(t: Case) -> None:
    chat = await t.chat()
    for n in (1, 2, 3):
        for archived in (True, False):
            t.accepted(await chat.patch(archived=archived))
            t.expect(t.accepted(await chat.get())["archived"], archived, f"archived, for the {n}. time", "/archived")
            for asked in (True, False):
                listed = await t.alice.list(q=f"archived:{str(asked).lower()}", limit=1000)
                t.expect(chat.id in [c["id"] for c in t.accepted(listed)], asked == archived, f"is it listed with {asked}")


@case("AUTH-101")
async def parameters_replace_no_token(t: Case) -> None:
    chat = await t.new_chat()
    for params in ({}, {"limit": 1}, {"limit": 2, "before_id": 9}, {"q": "archived:true"}, {"after_id": "x"}, {"limit": "x"}):
        for path in (t.url("listChats"), chat.url("listMessages"), chat.path):
            t.refused(await t.nobody.get(path, params=params), "auth.no-token")
        t.given(await t.alice.get(chat.path, params=params))
