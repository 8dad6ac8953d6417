"""Searches by the stem of words, and one budget for both prefixes."""

from __future__ import annotations

from conformance.cases.organizations.prefixes import beside
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.lifecycle import first, queued

LIMIT = 12


@case("FILTER-300", "FILTER-301")
async def searched_words(t: Case) -> None:
    stem, mark = t.named("word").replace("-", ""), t.unique("mark")
    said = await t.chat(queued(f"Please go on {stem}ing"), labels={"run": mark})
    titled = await first(t, labels={"run": mark})
    t.given(await titled.patch(title=f"About {stem}ed"))

    async def found(q: str) -> set[str]:
        return {chat["id"] for chat in t.accepted(await t.alice.list(label=f"run:{mark}", q=f"search:{q}"))}

    with t.judging("FILTER-300"):
        t.expect(await found(stem), {said.id}, "chats with a word of that stem")
        t.expect(await found(f"{stem}ed"), {said.id, titled.id}, "chats with that word or another one of its stem")
    with t.judging("FILTER-301"):
        t.expect(await found("..."), set(), "chats found by punctuation")
        t.true(titled.id in await found(f"{stem}ed"), "a chat is found by its word")


@case("ROUTE-309")
async def one_budget(t: Case) -> None:
    user = await t.new_user(*t.chat_roles)
    files = [t.given(await user.upload(b"plain words"))["id"] for _ in range(2)]
    first_file, second = (t.url("downloadFile", file=file) for file in files)
    for n in range(LIMIT):
        t.accepted(await user.get(first_file if n % 2 else beside(t, first_file)), 200)
    t.refused(await user.get(beside(t, first_file)), "rate.limited", count=LIMIT)
    t.accepted(await user.get(second))
