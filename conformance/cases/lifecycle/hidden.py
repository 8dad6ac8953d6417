"""The archive where it only hides a chat: nothing of it is stopped, and nothing is refused."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import held, ran, said, stuck
from conformance.scenes.lifecycle import ANSWER, NEW, archived, becomes, family, first, queue_ids, queued, titled
from fixtures.scripts import text


@case("ARCH-037", "ARCH-038")
async def families_go_and_come_back_alone(t: Case) -> None:
    root, (one, two) = await family(t, "child task", "another task")
    with t.judging("ARCH-037"):
        t.accepted(await root.patch(archived=True))
        t.expect(await archived(root, one, two), [True] * 3, "archived of the root and its children")
    with t.judging("ARCH-038"):
        t.accepted(await one.patch(archived=False))
        t.expect(await archived(root, one, two), [True, False, True], "archived, when one child is back")
    with t.judging("ARCH-037"):
        t.accepted(await root.patch(archived=False))
        t.expect(await archived(root, two), [False, True], "archived of the root and a child, when the root is back")


@case("ARCH-039", needs=["llm-control"])
async def turns_end_in_the_archive(t: Case) -> None:
    under_way = await held(t, text("part "))
    chat = under_way.chat
    t.accepted(await chat.patch(archived=True))
    t.expect(t.accepted(await chat.get())["status"], t.running, "the status of the archived chat", "/status")
    await under_way.open()
    await said(chat, ["first", "part late"])
    t.expect(await archived(chat), [True], "archived after the turn")


@case("ARCH-040")
async def the_same_again(t: Case) -> None:
    chat = await titled(t)
    for now, key in ((False, "patch.not-archived"), (True, "patch.already-archived")):
        if now:
            t.accepted(await chat.patch(archived=True))
        before = t.given(await chat.get())["updated_at"]
        t.refused(await chat.patch(archived=now), key)
        after = t.accepted(await chat.get())
        t.expect((after["archived"], after["updated_at"]), (now, before), "archived and updated_at after a refusal")


@case("SEND-053", "EDIT-070")
async def archived_chats_are_spoken_to(t: Case) -> None:
    chat = await first(t)
    t.given(await chat.patch(archived=True))
    with t.judging("SEND-053"):
        t.accepted(await chat.send(ANSWER))
        await said(chat, ["first", "hello", "second", "answer"])
        t.expect(await archived(chat), [True], "archived after a send")
    with t.judging("EDIT-070"):
        t.accepted(await chat.edit((await chat.history())[0]["id"], NEW))
        await said(chat, ["new", "better"])
        t.expect(await archived(chat), [True], "archived after an edit")


@case("QUEUE-067", needs=["llm-control"])
async def promoted_in_the_archive(t: Case) -> None:
    chat, (_, two) = await stuck(t, queued("one"), queued("two"))
    t.given(await chat.patch(archived=True))
    t.accepted(await chat.promote(two))
    t.true(two not in await queue_ids(chat), "what was promoted is not queued any more")
    await ran(chat, ["first", "two", "to two", "one", "to one"])
    await becomes(chat, lambda c: c["archived"], "archived at the end")
