"""Download: bytes, headers, and who may; files in messages and chats."""

from __future__ import annotations

from uuid import uuid4

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.files import PDF, TEXT, download, header, linked, name_of, new_file, ordinary, part, stored, upload
from conformance.scenes.limits import TOOL
from fixtures.scripts import script, tool_call

REFERENCE = {"type": "file-reference", "file_name": "a"}


@case("FILE-025", "FILE-026", "FILE-027", "FILE-028", "FILE-036")
async def a_download(t: Case) -> None:
    begin, media, _ = ordinary(t)
    data = begin + bytes(range(32, 127)) * 40 + "grüße\r\n\n".encode()
    file = await new_file(t, data)
    answer = await download(t, file)
    with t.judging("FILE-025"):
        t.accepted(answer)
        t.expect(answer.response.content, data, "the bytes")
    with t.judging("FILE-026"):
        t.true(header(answer, "content-type").startswith(media), "the type", header(answer, "content-type"))
        t.expect(header(answer, "content-length"), str(len(data)), "the length")
    with t.judging("FILE-027"):
        t.expect(header(answer, "x-content-type-options"), "nosniff", "X-Content-Type-Options")
    with t.judging("FILE-028"):
        directives = {d.strip() for d in header(answer, "cache-control").split(",")}
        t.expect(directives, {"private", "max-age=31536000", "immutable"}, "the directives of Cache-Control")
    with t.judging("FILE-036"):
        dated = {"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}
        for asked in ({"range": "bytes=0-3"}, {"if-none-match": "*"}, dated):
            again = await download(t, file, headers=asked)
            t.accepted(again)
            t.expect(again.response.content, data, f"the bytes of a request with {asked}")


SHOWN = {
    "text": (TEXT, "text/plain", "a.txt", "inline"),
    "spaces": (TEXT, "text/plain", "a b.txt", "inline"),
    "pdf": (PDF, "application/pdf", "a.pdf", "attachment"),
}


@case("FILE-029", rows=SHOWN)
async def disposition(t: Case, row: tuple[bytes, str, str, str]) -> None:
    data, media, name, kind = row
    answer = await stored(t, await upload(t, data, media, f'attachment; filename="{name}"'))
    shown = header(answer, "content-disposition")
    t.expect((shown.partition(";")[0], name_of(answer)), (kind, name), f"the kind and the name in {shown!r}")


@case("FILE-030", "FILE-031", "FILE-032")
async def refused_download(t: Case) -> None:
    file = await new_file(t)
    with t.judging("FILE-030"):
        for spelled in ("abc", "z" * 36, file[:-1]):
            t.refused(await download(t, spelled), "download.id")
    with t.judging("FILE-031"):
        for unknown in (str(uuid4()), "00000000-0000-0000-0000-000000000000"):
            t.refused(await download(t, unknown), "common.not-found")
    with t.judging("FILE-032"):
        foreign, missing = await download(t, file, by=t.bob), await download(t, str(uuid4()), by=t.bob)
        t.refused(foreign, "common.not-found")
        t.alike(foreign, missing, "the answer for a foreign file beside that for none")
    t.given(await download(t, file))
    for requirement in ("FILE-030", "FILE-031", "FILE-032"):
        with t.judging(requirement):
            t.accepted(await download(t, file))


@case("FILE-033", "FILE-034")
async def download_by_role(t: Case) -> None:
    file = await new_file(t)
    with t.judging("FILE-033"):
        for who in ("carol", "orgauditor", "auditor"):
            t.refused(await download(t, file, by=t.actor(who)), "common.not-found")
        t.accepted(await download(t, file))
    with t.judging("FILE-034"):
        for who in ("orgadmin", "root"):
            answer = await download(t, file, by=t.actor(who))
            t.accepted(answer)
            t.expect(answer.response.content, ordinary(t)[0], f"the bytes for {who}")


@case("FILE-035")
async def download_by_readers(t: Case) -> None:
    file = await new_file(t)
    chat = await t.new_chat([text("See"), part(file)])
    t.refused(await download(t, file, by=t.bob), "common.not-found")
    await chat.shared_with(t.bob)
    answer = await download(t, file, by=t.bob)
    t.accepted(answer)
    t.expect(answer.response.content, TEXT, "the bytes for a reader of the chat")
    t.given(await chat.set_acl(users={t.bob.id: ""}))
    t.refused(await download(t, file, by=t.bob), "common.not-found")


@case("FILE-037", "FILE-040", "FILE-045")
async def file_of_the_first_message(t: Case) -> None:
    file = await new_file(t)
    answer = await t.alice.create([text("See"), part(file)])
    with t.judging("FILE-037"):
        made = t.accepted(answer)
        for shown in (made, t.accepted(await Chat(t.alice, made["id"]).get())):
            files = [(f["id"], f["name"], f["mime_type"]) for f in shown["files"]]
            t.expect(files, [(file, "a.txt", "text/plain")], "the files of the chat", "/files")
        first = (await Chat(t.alice, made["id"]).history())[0]["content"]
        t.expect(first[1].get("file_id"), file, "the file in the message", "/content/1/file_id")
    with t.judging("FILE-040"):
        other = await new_file(t)
        alone = t.accepted(await t.alice.create([part(other)]))
        t.expect(await linked(Chat(t.alice, alone["id"])), [other], "the files of a chat that begins with a file alone")
    with t.judging("FILE-045"):
        third = await new_file(t)
        shouted = t.accepted(await t.alice.create([part(third.upper())]))
        t.expect(await linked(Chat(t.alice, shouted["id"])), [third], "the files of a chat that names it in upper case")


@case("FILE-038", "FILE-039", "FILE-046", needs=["llm"])
async def files_of_later_messages(t: Case) -> None:
    chat = await t.chat([REFERENCE, text("Hello")])
    first = (await chat.history())[0]["id"]
    sent, edited, queued = [await new_file(t) for _ in range(3)]
    await chat.turn([text("See"), part(sent)])
    with t.judging("FILE-038"):
        t.expect(await linked(chat), [sent], "the files after a send")
    answer = await chat.edit(first, [REFERENCE, text("See this"), part(edited)])
    t.given(answer)
    with t.judging("FILE-039"):
        await chat.settled()
        t.true(sent in await linked(chat), "the file of the message that is gone is still linked")
    with t.judging("FILE-046"):
        t.true("warnings" not in t.accepted(answer), "no warnings without a reason", answer.response.body.get("warnings"))
    with t.judging("FILE-038"):
        t.expect(sorted(await linked(chat)), sorted([sent, edited]), "the files after an edit")
        waits = await t.chat([REFERENCE, text(script(tool_call("lookup", {}, id="k1")))], unsafe_dynamic_tools=[TOOL])
        t.expect(t.accepted(await waits.send([text("Later"), part(queued)]))["queued"], True, "the message is queued", "/queued")
        t.expect(await linked(waits), [queued], "the files of a chat with a queued message")


@case("FILE-044", "FILE-046")
async def file_named_twice(t: Case) -> None:
    chat = await t.chat([REFERENCE, text("Hello")])
    file = await new_file(t)
    answer = await chat.send([text("See"), part(file), part(file)])
    with t.judging("FILE-044"):
        t.true(t.accepted(answer).get("warnings"), "the answer has a warning", answer.response.body.get("warnings"))
        t.expect(await linked(chat), [file], "the files")
    with t.judging("FILE-046"):
        for word in t.accepted(answer).get("warnings") or ["none"]:
            t.true(isinstance(word, str) and word, "every warning is a text", word, "/warnings")
        await chat.settled()
        again = t.accepted(await chat.send([text("See"), part(file)]))
        t.true("warnings" not in again, "no warnings for a file that is linked already", again.get("warnings"))


@case("FILE-041", "FILE-042", "FILE-043", "FILE-067", needs=["slow"])
async def fifty_files(t: Case) -> None:
    most = t.limit("files.per-chat")
    files = [await new_file(t) for _ in range(most + 1)]
    oldest_go = t.refuses("content.file-unavailable")  # where the newest files always find a place
    with t.judging("FILE-067"):
        made = t.accepted(await t.alice.create([REFERENCE, text("See"), *(part(f) for f in files)]))
        t.true(made.get("warnings"), "the answer has a warning", made.get("warnings"), "/warnings")
        t.expect(await linked(Chat(t.alice, made["id"])), [], "the files of a chat that began with one too many")
        named = [p["file_id"] for p in (await Chat(t.alice, made["id"]).history())[0]["content"] if p["type"] == "file"]
        t.expect(named, files, "the files in its first message", "/content")
    chat = await t.chat([REFERENCE, text("Hello"), *(part(f) for f in files[: most - 1])])
    with t.judging("FILE-042"):
        if not oldest_go:
            too_many = t.accepted(await chat.send([text("See"), part(files[most - 1]), part(files[most])]))
            t.true(too_many.get("warnings"), "the answer has a warning", too_many.get("warnings"), "/warnings")
            t.expect(sorted(await linked(chat)), sorted(files[: most - 1]), "the files after one message too many")
    await chat.settled()
    with t.judging("FILE-041"):
        full = t.accepted(await chat.send([text("See"), part(files[most - 1])]))
        t.true("warnings" not in full, "no warning for the last file that fits", full.get("warnings"), "/warnings")
        t.expect(sorted(await linked(chat)), sorted(files[:most]), "the files, as many as there may be")
    await chat.settled()
    with t.judging("FILE-042"):
        if not oldest_go:
            last = next(m["id"] for m in reversed(await chat.history()) if m["role"] == "user")
            answer = t.accepted(await chat.edit(last, [text("See"), part(files[most])]))
            t.true(answer.get("warnings"), "an edit that names one more file has a warning", answer.get("warnings"), "/warnings")
            t.expect(sorted(await linked(chat)), sorted(files[:most]), "the files after one more was named")
    await chat.settled()
    with t.judging("FILE-043"):
        again = t.accepted(await chat.send([text("See"), part(files[0]), part(files[most - 1])]))
        t.true("warnings" not in again, "no warning for files that are linked", again.get("warnings"), "/warnings")


@case("EDIT-046")
async def an_edit_that_repeats_a_file(t: Case) -> None:
    file = await new_file(t)
    chat = await t.chat([text("See"), part(file)])
    first = (await chat.history())[0]
    before = next(p for p in first["content"] if p["type"] == "file")
    _, media, name = ordinary(t)
    shown = {"file_id": file, "media_type": media, "name": name}
    shown = {key: value for key, value in shown.items() if t.knows("FilePart", key)}
    t.expect({k: before.get(k) for k in shown}, shown, "the file in the message", "/content/1")
    edited = t.message(t.accepted(await chat.edit(first["id"], [text("See again"), part(file)])))
    for message in (edited, next(m for m in await chat.history() if m["role"] == "user")):
        t.expect([p["type"] for p in message["content"]], ["text", "file"], "the parts after the edit", "/content")
        t.expect({k: message["content"][1].get(k) for k in shown}, shown, "the file after the edit", "/content/1")
    t.expect(await linked(chat), [file], "the files of the chat")
    t.accepted(await download(t, file))
