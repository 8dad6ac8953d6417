"""Edits that choose tool servers."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.lifecycle import first
from conformance.scenes.tool_servers import at, wanted


@case("EDIT-300")
async def tool_servers_of_an_edit(t: Case) -> None:
    server = t.given(await t.root.post(at(t), wanted(t, enabled=True)))["id"]
    t.cleanup(lambda: t.root.delete(at(t, server)))
    chat = await first(t, mcp_server_ids=[server])
    message = (await chat.history())[0]["id"]
    for named, kept in (({}, True), ({"mcp_server_ids": []}, False), ({"mcp_server_ids": [server]}, True)):
        t.accepted(await chat.edit(message, **named))
        message = next(m["id"] for m in await chat.history() if m["role"] == "user")
        t.expect(server in t.accepted(await chat.get())["mcp_server_ids"], kept, "is the server among those of the chat")
        await chat.settled()
