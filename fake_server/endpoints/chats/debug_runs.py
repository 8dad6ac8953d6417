"""Debug runs of a chat: readable for whoever may read the chat."""

from __future__ import annotations

from typing import Any

from fake_server.chats.debugging import MAX_LISTED, DebugRun
from fake_server.http.endpoint import CHATS, Call, Reply, not_found, reply, route
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadUUID, parse_uuid

PATH = f"{CHATS}/{{chat}}/debug/runs"
ONLY_IN_FULL = ("root_chat_id", "parent_chat_id", "model_config_id", "trigger_message_id", "history_tip_message_id")


@route("listDebugRuns", "GET", PATH)
async def list_runs(call: Call) -> Reply:
    """The chat's debug runs without their steps: the newest 100, newest first."""
    runs = call.backend.store.debug_runs.get(call.chat.id, [])
    newest = runs[::-1] if call.backend.does("debug.newest-first") else runs
    return reply(200, [_summary(run) for run in newest[: call.backend.bound("debug.limit", MAX_LISTED)]])


@route("getDebugRun", "GET", f"{PATH}/{{run}}")
async def get_run(call: Call) -> Reply:
    """One debug run of this chat with its steps."""
    backend = call.backend
    try:
        run_id = parse_uuid(call.params["run"])
    except BadUUID as error:
        raise refusal("debug.run-id", detail=str(error)) from None
    family = [call.chat.id] if backend.does("debug.own-runs") else backend.store.debug_runs
    run = next((r for chat in family for r in backend.store.debug_runs.get(chat, ()) if r.view["id"] == run_id), None)
    if run is None:
        raise not_found()
    return reply(200, run.view | {"steps": run.steps})


def _summary(run: DebugRun) -> dict[str, Any]:
    return {key: value for key, value in run.view.items() if key not in ONLY_IN_FULL}
