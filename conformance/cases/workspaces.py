"""Chats that are bound to a workspace: which of them is asked for by its id, and files that a tool makes there."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.files import download, linked
from fixtures.scripts import script, text, tool_call, turn, turns


def workspaces(t: Case) -> list[str]:
    """Alice's workspaces. Raises Unmet."""
    found = t.session.target.workspace_ids
    if not found:
        raise Unmet("the target file names no workspace_ids")
    return found


async def newest(t: Case, actor: Actor, *ids: str) -> dict[str, Any]:
    """Workspace id → chat id, as the actor is told. Raises Failure."""
    answer = await actor.get(actor.case.url("chatsByWorkspace"), params={"workspace_ids": ",".join(ids)})
    return dict(t.accepted(answer))


@case("CHAT-046", needs=["admin"], alone=True)
async def the_newest_chat_of_a_workspace(t: Case) -> None:
    place, reader = workspaces(t)[0], await t.new_user()
    older, newer, archived = [await t.chat(workspace_id=place) for _ in range(3)]
    t.given(await archived.patch(archived=True))
    t.expect(await newest(t, t.alice, place), {place: newer.id}, "the chat of the workspace")
    t.given(await older.patch(labels={"a": "b"}))  # which moves it to the front
    t.expect(await newest(t, t.alice, place), {place: older.id}, "the chat after a change of the older one")
    t.exactly(await newest(t, reader, place), {}, "the chat for a user who may read none of them")
    await newer.shared_with(reader)
    t.expect(await newest(t, reader, place), {place: newer.id}, "the chat for a reader of one of them")
    t.given(await newer.patch(archived=True))
    t.exactly(await newest(t, reader, place), {}, "the chat for a reader of an archived one")


@case("FILE-068", needs=["second-user"])
async def a_file_that_a_tool_attached(t: Case) -> None:
    path, content = f"/tmp/{t.unique('file')}.txt", f"made by a tool {t.unique()}\n"
    write = turn(tool_call("write_file", {"path": path, "content": content}, id="w"))
    attach = turn(tool_call("attach_file", {"path": path}, id="a"))
    chat = await t.chat(script(turns(write, attach, turn(text("done")))), workspace_id=workspaces(t)[0])
    files = t.accepted(await chat.get()).get("files") or []
    shown = [(f["name"], f["owner_id"], f["mime_type"]) for f in files]
    t.expect(shown, [(path.rpartition("/")[2], t.alice.id, "text/plain")], "the files of the chat", "/files")
    answer = await download(t, files[0]["id"])
    t.accepted(answer)
    t.expect(answer.response.content, content.encode(), "the bytes")
    t.refused(await download(t, files[0]["id"], by=t.bob), "common.not-found")
    reader: Chat = await chat.shared_with(t.bob)
    t.expect(await linked(reader), [files[0]["id"]], "the files that a reader sees")
    t.accepted(await download(t, files[0]["id"], by=t.bob))
