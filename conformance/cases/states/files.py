"""Links to files, and how many files a chat may have."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import urlsplit

from conformance.play.actors import text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.lifecycle import first

WORDS = b"plain words of a file"


async def uploaded(t: Case, data: bytes = WORDS) -> str:
    """The id of a file of Alice's. Raises Unmet."""
    return str(t.given(await t.alice.upload(data))["id"])


def below(link: str) -> str:
    """The path and query of a link, as this target is asked for it."""
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


@case("FILE-223", "FILE-224")
async def links(t: Case) -> None:
    one, two = await uploaded(t), await uploaded(t, b"other words")
    made = t.accepted(await t.alice.post(t.url("createFileDownloadURL", file=one)))
    link = below(made["url"])
    with t.judging("FILE-223"):
        answer = await t.nobody.get(link)
        t.accepted(answer)
        t.expect(answer.response.content, WORDS, "the bytes")
        t.expect(made["sha256"], sha256(WORDS).hexdigest(), "the hash in the link's answer", "/sha256")
        t.expect(answer.response.headers.get("cache-control"), "no-store", "Cache-Control")
    with t.judging("FILE-224"):
        other = "A" if link[-10] != "A" else "B"  # the last character of all may have bits that say nothing
        for wrong in (link[:-10] + other + link[-9:], link.replace(one, two), link.partition("?")[0]):
            t.refused(await t.nobody.get(wrong), "common.not-found")


@case("FILE-225")
async def links_for_others(t: Case) -> None:
    one = await uploaded(t)
    t.refused(await t.bob.post(t.url("createFileDownloadURL", file=one)), "common.not-found")
    t.refused(await t.alice.post(t.url("createFileDownloadURL")), "common.not-found")
    t.refused(await t.alice.post(t.url("createFileDownloadURL", file="nope")), "download-url.id")
    t.accepted(await t.alice.post(t.url("createFileDownloadURL", file=one)))


@case("FILE-226")
async def more_files_than_a_chat_may_have(t: Case) -> None:
    most = t.limit("create.files")
    parts = [{"type": "file", "file_id": await uploaded(t, b"file %d" % n)} for n in range(most + 1)]
    t.refused(await t.alice.create([text("Look"), *parts]), "content.files-count")
    chat = await first(t)
    before = await chat.history()
    t.refused(await chat.send([text("Look"), *parts]), "content.files-count")
    t.refused(await chat.edit(before[0]["id"], [text("Look"), *parts]), "content.files-count")
    t.expect(await chat.history(), before, "the messages after refusals")
    t.accepted(await chat.send([text("Look"), *parts[:most]]))
    await chat.settled()
    t.refused(await chat.send([text("Look"), parts[most]]), "content.files-count")
