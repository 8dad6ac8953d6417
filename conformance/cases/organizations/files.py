"""Files: each in one chat, the newest fifty of a chat, and links that work whichever prefix they were asked for at."""

from __future__ import annotations

from typing import Any

from conformance.cases.organizations.prefixes import beside
from conformance.cases.states.files import WORDS, below, uploaded
from conformance.play.actors import text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.lifecycle import first


def named(file: str) -> dict[str, Any]:
    """The part that names this file."""
    return {"type": "file", "file_id": file}


@case("FILE-300")
async def one_chat_a_file(t: Case) -> None:
    one, other = await uploaded(t), await uploaded(t)
    chat = await t.chat([text("Look"), named(one)])
    t.refused(await t.alice.create([text("Look"), named(one)]), "content.file-unavailable")
    second = t.accepted(await t.alice.create([text("Look"), named(other)]))
    t.true(one not in [f["id"] for f in second["files"]], "the second chat has its own file alone", second["files"])
    t.accepted(await chat.send([text("Again"), named(one)]))


@case("FILE-301")
async def one_file_too_many(t: Case) -> None:
    most = t.limit("create.files")
    parts = [named(await uploaded(t, b"file %d" % n)) for n in range(most + 1)]
    t.refused(await t.alice.create([text("Look"), *parts]), "content.files-count")
    chat = await first(t)
    before = await chat.history()
    t.refused(await chat.send([text("Look"), *parts]), "content.files-count")
    t.expect(await chat.history(), before, "the messages after refusals")
    t.accepted(await chat.send([text("Look"), *parts[:most]]))


@case("FILE-302", "FILE-303")
async def the_oldest_makes_room(t: Case) -> None:
    most = t.limit("files.per-chat")
    files = [await uploaded(t, b"file %d" % n) for n in range(most + 1)]
    chat = await t.chat([text("Look"), *map(named, files[:most])])
    message = (await chat.history())[0]["id"]
    with t.judging("FILE-302"):
        t.accepted(await chat.send([text("More"), named(files[most])]))
        await chat.settled()
        kept = [f["id"] for f in t.accepted(await chat.get())["files"]]
        shown = (len(kept), files[0] in kept, files[most] in kept)
        t.expect(shown, (most, False, True), "how many files there are, and whether the oldest and the newest are")
        t.refused(await t.alice.get(t.url("downloadFile", file=files[0])), "common.not-found")
        t.accepted(await t.alice.get(t.url("downloadFile", file=files[1])))
    with t.judging("FILE-303"):
        t.refused(await chat.edit(message, [text("Look again"), named(files[0])]), "content.file-unavailable")
        t.accepted(await chat.edit(message, [text("Look again"), named(files[1])]))


@case("FILE-304")
async def links_of_both_prefixes(t: Case) -> None:
    path = t.url("createFileDownloadURL", file=await uploaded(t))
    for place in (path, beside(t, path)):
        made = t.accepted(await t.alice.post(place), 200)
        answer = await t.nobody.get(below(made["url"]))
        t.accepted(answer, 200)
        t.expect(answer.response.content, WORDS, f"the bytes behind the link of {place}")
