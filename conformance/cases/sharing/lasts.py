"""Shares and files that outlast other changes, and reach no further than they should."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import quiet
from conformance.scenes.files import download, new_file, ordinary, part
from conformance.scenes.sharing import entries, shared
from fixtures.scripts import gate, http_error, script
from fixtures.scripts import text as says

# What differs between a chat as its owner and as a reader sees it.
OWN = {"has_unread"}


@case("FILE-117")
async def linked_files_of_others(t: Case) -> None:
    file = await new_file(t)
    chat = await t.chat([text("See"), part(file)])
    foreign = await t.chat(by=t.bob)
    for who in ("bob", "carol", "orgauditor", "auditor"):
        t.refused(await download(t, file, by=t.actor(who)), "common.not-found")
    named = t.message(t.given(await foreign.send("Hello")))
    t.true(named, "another member goes on with a chat of their own")
    answer = await download(t, file)
    t.accepted(answer)
    t.expect(answer.response.content, ordinary(t)[0], "the bytes for the owner")
    t.accepted(await chat.get())


@case("FILE-118")
async def files_of_two_chats(t: Case) -> None:
    file = await new_file(t)
    one, two = [await t.new_chat([text("See"), part(file)]) for _ in range(2)]
    await (await t.new_chat()).shared_with(t.bob)
    t.refused(await download(t, file, by=t.bob), "common.not-found")
    for chat in (one, two):
        await chat.shared_with(t.bob)
        t.accepted(await download(t, file, by=t.bob))
    t.given(await one.set_acl(users={t.bob.id: ""}))
    t.accepted(await download(t, file, by=t.bob))
    t.given(await two.set_acl(users={t.bob.id: ""}))
    t.refused(await download(t, file, by=t.bob), "common.not-found")
    for chat in (one, two):
        t.expect([f["id"] for f in t.accepted(await chat.get())["files"]], [file], "the files of each chat", "/files")


@case("FILE-119", needs=["llm-control"])
async def files_outlast_their_messages(t: Case) -> None:
    hold, (first, queued, other) = t.gate(), [await new_file(t) for _ in range(3)]
    chat = await t.new_chat([text(script(says("a"), gate(hold))), part(first)])
    bobs = await chat.shared_with(t.bob)
    await t.llm.reached(hold)
    entry = t.given(await chat.send([text("Later"), part(queued)]))["queued_message"]["id"]
    t.given(await chat.unqueue(entry))
    t.given(await chat.edit((await chat.history())[0]["id"], [text("Another"), part(other)]))
    await chat.settled()
    await chat.turn(script(http_error(400, "no such luck")), status=("error",))
    if not t.refuses("interrupt.at-rest"):
        t.given(await chat.interrupt())
    t.given(await chat.patch(archived=True))
    for seen in (chat, bobs):
        files = [f["id"] for f in t.accepted(await seen.get()).get("files") or []]
        t.expect(files, [first, queued, other], "the files of the chat, oldest first", "/files")
        for file in (first, queued, other):
            t.accepted(await download(t, file, by=seen.actor))


@case("ACL-074", "ACL-075")
async def shares_outlast_other_changes(t: Case) -> None:
    chat, group = await quiet(t), t.session.target.organization_id
    bobs = await chat.shared_with(t.bob)
    t.given(await chat.set_acl(groups={group: "read"}))
    first = (await chat.history())[0]["id"]

    async def edit() -> Any:
        return t.given(await chat.edit(first, "Hello anew"))

    orders: dict[str, Callable[[], Awaitable[Any]]] = {
        "a rename": lambda: chat.patch(title="Named"),
        "labels": lambda: chat.patch(labels={"a": "b"}),
        "plan mode": lambda: chat.patch(plan_mode="plan"),
        "a new title": chat.retitle,
        "a send": lambda: chat.send("Hello again"),
        "a turn that fails": lambda: chat.send(script(http_error(400, "no such luck"))),
        **({} if t.refuses("interrupt.at-rest") else {"an interrupt": chat.interrupt}),
        "an edit": edit,
        "archiving": lambda: chat.patch(archived=True),
        "unarchiving": lambda: chat.patch(archived=False),
    }
    for what, order in orders.items():
        await order()
        await chat.settled()
        with t.judging("ACL-074"):
            t.expect(await entries(t, chat), shared(t.bob.id, groups=(group,)), f"the sharing list after {what}")
        with t.judging("ACL-075"):
            await seen_alike(t, chat, bobs, what)


async def seen_alike(t: Case, chat: Chat, reader: Chat, what: str) -> None:
    """A reader sees the chat and its messages as its owner does. Raises Failure."""
    for _ in range(3):  # the summary of the turn may come between two requests
        mine, theirs = t.accepted(await chat.get()), t.accepted(await reader.get())
        if mine["updated_at"] == theirs["updated_at"] and mine["last_turn_summary"] == theirs["last_turn_summary"]:
            break
    one, other = ({k: v for k, v in found.items() if k not in OWN} for found in (theirs, mine))
    t.expect(one, other, f"the chat as a reader sees it after {what}")
    told, said = t.accepted(await reader.messages()), t.accepted(await chat.messages())
    t.expect(told, said, f"the messages as a reader sees them after {what}")


@case("ACL-076")
async def one_share_of_two(t: Case) -> None:
    group, carol = t.session.target.organization_id, t.actor("carol")
    chat = await t.new_chat()
    bobs, carols = await chat.shared_with(t.bob), chat.by(carol)
    t.given(await chat.set_acl(groups={group: "read"}))
    t.accepted(await chat.set_acl(users={t.bob.id: ""}))
    for reader in (bobs, carols):
        t.accepted(await reader.get())
    t.given(await chat.set_acl(users={t.bob.id: "read"}))
    t.accepted(await chat.set_acl(groups={group: ""}))
    t.accepted(await bobs.get())
    t.refused(await carols.get(), "common.not-found")
    t.accepted(await chat.set_acl(users={t.bob.id: ""}))
    t.refused(await bobs.get(), "common.not-found")
