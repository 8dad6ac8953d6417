"""Results of the client's own tools (chats.md section 12)."""

from __future__ import annotations

from fake_server.endpoints.chats.chat import BODY_CAP, require
from fake_server.http.endpoint import CHATS, Call, Reply, guard, reply, route
from fake_server.rules.decode import UNSET, Bool, ListOf, Raw, Struct, Text

SUBMIT = Struct(
    "SubmitToolResultsRequest",
    {"results": ListOf(Struct("ToolResult", {"tool_call_id": Text(), "output": Raw(), "is_error": Bool()}))},
)


@route("submitToolResults", "POST", f"{CHATS}/{{chat}}/tool-results")
async def submit_tool_results(call: Call) -> Reply:
    """Answer all pending calls of the client's tools; the turn goes on."""
    backend, chat = call.backend, call.chat
    require(call, "update")
    guard(call, "tool-results.not-owner", chat.owner_id != call.user.id)
    guard(call, "tool-results.archived", chat.archived)
    body = await call.json(SUBMIT, cap=BODY_CAP if backend.does("tool-results.body-cap") else None)
    guard(call, "tool-results.archived", chat.archived)  # it may have been archived while the body was read
    results = [{k: v for k, v in r.items() if v is not UNSET} for r in body["results"] or ()]
    backend.lifecycle.tool_results(chat, call.user, results, call.token)
    return reply(204)
