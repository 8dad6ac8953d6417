"""Debug runs of a chat: readable for whoever may read the chat. This server records none."""

from __future__ import annotations

from fake_server.http.kit import CHATS, Call, Reply, not_found, reply, route

PATH = f"{CHATS}/{{chat}}/debug/runs"


@route("listDebugRuns", "GET", PATH)
async def list_runs(call: Call) -> Reply:
    """The chat's debug runs."""
    return reply(200, [])


@route("getDebugRun", "GET", f"{PATH}/{{run}}")
async def get_run(call: Call) -> Reply:
    """One debug run with its steps: there is none."""
    raise not_found()
