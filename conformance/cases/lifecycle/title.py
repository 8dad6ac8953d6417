"""Titles: by hand, regenerated, proposed, and what goes on meanwhile."""

from __future__ import annotations

import asyncio

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.files import PNG, upload
from conformance.scenes.lifecycle import COMES_LATER, REFERENCE, becomes, moved, still, titled
from conformance.wire.exchange import Exchange
from fixtures.scripts import gate, http_error, script, tool_call, turn
from fixtures.scripts import text as says


@case("TITLE-001", "TITLE-002", "TITLE-003", "TITLE-013")
async def rename(t: Case) -> None:
    mark = t.unique()
    chat = await titled(t, labels={"mark": mark})
    before = t.given(await chat.get())["updated_at"]
    with t.judging("TITLE-001"):
        t.accepted(await chat.patch(title="By hand"))
        t.expect(t.accepted(await chat.get())["title"], "By hand", "the title", "/title")
        (listed,) = t.accepted(await t.alice.list(label=f"mark:{mark}"))
        t.expect(listed["title"], "By hand", "the title in the list", "/0/title")
    with t.judging("TITLE-002"):
        t.expect(t.accepted(await chat.get())["updated_at"], before, "updated_at after a rename", "/updated_at")
    with t.judging("TITLE-003"):
        t.accepted(await chat.patch(title=" \t Padded  title \n"))
        t.expect(t.accepted(await chat.get())["title"], "Padded  title", "the title", "/title")
    with t.judging("TITLE-013"):
        present = t.given(await chat.get())["title"]
        t.accepted(await chat.patch(title=present))
        t.expect(t.accepted(await chat.get())["title"], present, "the title", "/title")


@case("TITLE-004", "TITLE-005", "TITLE-009")
async def regenerate(t: Case) -> None:
    chat = await titled(t)
    t.given(await chat.patch(title="By hand"))
    said, before = await chat.history(), t.given(await chat.get())
    with t.judging("TITLE-004"):
        title = t.accepted(await chat.regenerate())["title"]
        t.true(title not in ("By hand", ""), "the title is another one", title, "/title")
        t.expect(t.accepted(await chat.get())["title"], title, "the title read back", "/title")
    title = t.given(await chat.get())["title"]
    with t.judging("TITLE-005"):
        after = t.accepted(await chat.get())
        t.true(moved(before, after), "updated_at moves with the title", after["updated_at"], "/updated_at")
        t.expect(t.accepted(await chat.regenerate())["title"], title, "the title, regenerated once more", "/title")
        t.expect(
            t.accepted(await chat.get())["updated_at"],
            after["updated_at"],
            "updated_at after a regenerate to the same title",
            "/updated_at",
        )
    with t.judging("TITLE-009"):
        t.accepted(await chat.propose())
        t.expect(await chat.history(), said, "the messages after regenerate and propose")


@case("TITLE-006")
async def propose(t: Case) -> None:
    chat = await titled(t)
    t.given(await chat.patch(title="By hand"))
    before = {k: v for k, v in (await still(chat)).items() if k not in COMES_LATER}
    title = t.accepted(await chat.propose())["title"]
    t.true(title not in ("By hand", ""), "another title is proposed", title, "/title")
    after = {k: v for k, v in t.accepted(await chat.get()).items() if k not in COMES_LATER}
    t.expect(after, before, "the chat after a proposal")


@case("TITLE-007")
async def titles_without_text(t: Case) -> None:
    of_files = t.refuses("interrupt.at-rest")  # in later revisions a reference is text, too
    said = {"type": "file", "file_id": t.given(await upload(t, PNG, "image/png"))["id"]} if of_files else REFERENCE
    chat = await t.chat([said])
    before = t.given(await chat.get())
    t.expect(t.accepted(await chat.propose()), {"title": ""}, "the proposal for a chat without text")
    if t.offers("regenerateTitle"):
        t.expect(t.accepted(await chat.regenerate())["title"], before["title"], "the regenerated title", "/title")
    after = t.accepted(await chat.get())
    t.expect([after[k] for k in ("title", "updated_at")], [before[k] for k in ("title", "updated_at")], "title and updated_at")


@case("TITLE-008", needs=["llm-control"])
async def titles_that_fail(t: Case) -> None:
    chat = await titled(t)
    t.accepted(await chat.propose())
    before = t.given(await chat.get())
    await t.llm.order(http_error(400, "scripted failure"), chat=chat.id, purpose="title")
    if t.offers("regenerateTitle"):
        t.refused(await chat.regenerate(), "title.regenerate-failed")
    t.refused(await chat.propose(), "title.propose-failed")
    after = t.accepted(await chat.get())
    t.expect([after[k] for k in ("title", "updated_at")], [before[k] for k in ("title", "updated_at")], "title and updated_at")


async def both(t: Case, chat: Chat) -> None:
    """A title is proposed, and made and kept."""
    t.true(t.accepted(await chat.propose())["title"], "a title is proposed")
    title = t.accepted(await chat.retitle(), 200)["title"]
    t.expect(t.accepted(await chat.get())["title"], title, "the title read back", "/title")


@case("TITLE-010", needs=["llm-control"])
async def titles_during_a_turn_and_after_an_error(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat([REFERENCE, text(script(says("a"), gate(hold), says("b")))])
    await t.llm.reached(hold)
    await both(t, chat)
    t.expect(t.accepted(await chat.get())["status"], "running", "the status after that", "/status")
    failed = await t.chat([REFERENCE, text(script(http_error(400, "scripted failure")))])
    await failed.settled("error")
    await both(t, failed)
    t.expect(t.accepted(await failed.get())["status"], "error", "the status after that", "/status")


async def title_under_way(t: Case, operation: str) -> tuple[Chat, str, asyncio.Task[Exchange]]:
    """A chat for which a title is being made until a gate opens: the chat, the gate, and the request that waits."""
    chat, hold = await titled(t), t.unique("gate")
    await t.llm.order(turn(gate(hold)), chat=chat.id, purpose="title", times=1)
    waiting = asyncio.create_task(chat.regenerate() if operation == "regenerate" else chat.propose())

    async def end() -> None:
        await t.llm.open(hold)
        await waiting

    t.cleanup(end)
    await t.llm.reached(hold)
    return chat, hold, waiting


@case("TITLE-011", "TITLE-012", needs=["llm-control"], rows={name: name for name in ("regenerate", "propose")})
async def while_a_title_is_made(t: Case, operation: str) -> None:
    chat, hold, waiting = await title_under_way(t, operation)
    before = t.given(await chat.get())["title"]
    with t.judging("TITLE-012"):
        t.accepted(await chat.patch(labels={"a": operation}, plan_mode="plan", title=before))
        t.exactly(t.accepted(await chat.get())["labels"], {"a": operation}, "labels changed meanwhile", "/labels")
    with t.judging("TITLE-011"):
        t.refused(await chat.patch(title="Meanwhile"), "title.locked")
        t.refused(await chat.regenerate(), "title.locked")
        t.refused(await chat.propose(), "title.locked")
        t.expect(t.accepted(await chat.get())["title"], before, "the title meanwhile", "/title")
        await t.llm.open(hold)
        await waiting
        t.accepted(await chat.patch(title="Now it works"))


@case("TITLE-014", needs=["llm-control"])
async def first_title_overwrites(t: Case) -> None:
    hold = t.gate()
    late = turn(gate(hold), tool_call("propose_title", {"title": "Late title"}))
    chat = await t.chat(script(says("ok"), title=late), t.titled)
    await t.llm.reached(hold)
    t.given(await chat.patch(title="By hand"))
    await t.llm.open(hold)
    await becomes(chat, lambda c: c["title"] == "Late title", "the title that was being generated")


@case("TITLE-015")
async def titles_of_an_archived_chat(t: Case) -> None:
    chat = await titled(t)
    t.given(await chat.patch(archived=True))
    await both(t, chat)


@case("TITLE-016")
async def titles_are_tidied(t: Case) -> None:
    chat = await t.new_chat(script(says("ok"), title='  "Quoted   title" '), t.titled)
    await becomes(chat, lambda c: c["title"] == "Quoted title", "the proposed title without quotes and surplus blanks")


async def proposing(t: Case, title: str) -> Chat:
    """A chat at rest for which the model proposes this title whenever it is asked. Raises Unmet."""
    return await t.chat([REFERENCE, text(script(says("ok"), title=title))])


@case("TITLE-017", "TITLE-018")
async def titles_that_do_not_fit(t: Case) -> None:
    with t.judging("TITLE-017"):
        eight = "one two three four five six seven eight"
        t.expect(t.accepted(await (await proposing(t, eight)).propose())["title"], eight, "a title of eight words", "/title")
        for bad in (f"{eight} nine", "  "):
            chat = await proposing(t, bad)
            before = t.given(await chat.get())["title"]
            t.refused(await chat.propose(), "title.propose-failed")
            if t.offers("regenerateTitle"):
                t.refused(await chat.regenerate(), "title.regenerate-failed")
            t.expect(t.accepted(await chat.get())["title"], before, "the title after that", "/title")
    with t.judging("TITLE-018"):
        most = t.limit("title.generated", "cut_to")
        chat = await proposing(t, "w" * (most + 10))
        t.expect(t.accepted(await chat.propose())["title"], "w" * most, "the title that is proposed", "/title")
        t.expect(t.accepted(await chat.retitle(), 200)["title"], "w" * most, "the title that is stored", "/title")


@case("TITLE-039")
async def titles_while_a_turn_is_pending(t: Case) -> None:
    chat = await t.chat()
    t.given(await chat.send("again"))
    before = t.given(await chat.get())
    answers = [await chat.regenerate(), await chat.propose(), await chat.patch(title="Another")]
    after = t.given(await chat.get())
    if (before["status"], after["status"]) != ("pending", "pending"):
        raise Unmet(f"the chat did not stay pending: {before['status']}, {after['status']}")
    for answer in answers:
        t.refused(answer, "title.locked")
    t.expect(after["title"], before["title"], "the title after three refusals", "/title")
    await chat.settled()
    t.accepted(await chat.patch(title="Another"))
    t.accepted(await chat.propose())
    t.accepted(await chat.regenerate())
