"""A server that is some weeks ahead of v2-2026-09 shows more and serves more, and is not blamed for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fake_server.faulting import REGISTRY, Answer, Fault
from fake_server.http.endpoint import Reply, reply
from fake_server.serve import running_server
from tests.proof import controls
from tests.proof.bench import Run, cases_for, run_against

# What messages and chats have from then on.
MORE = {"created_by": {"queued_message_id": 1}, "last_model_config_id": {"inline_mcp_servers": [{"slug": "more"}]}}


def _ahead(answer: Answer) -> None:
    def add(item: dict[str, Any]) -> None:
        for mark, keys in MORE.items():
            if mark in item:
                item.update(keys)

    if answer.status < 300:
        controls._each_object(answer.body, add)


def _routes(right: Any, app: Any, call: Any) -> Any:
    async def handled(call: Any) -> Reply:
        return reply(201, {"path": "/x", "name": "x", "size": 1, "media_type": "text/plain", "workspace_id": ""})

    route, allowed = right(app, call)
    if route is None and call.path.endswith(("/workspace-files", "/device-grants")) and call.method == "POST":
        route, _ = app.router.find("/api/v2/buildinfo", "GET", {}, call)
        return type(route)("later", "POST", call.path, handled), []
    return route, allowed


AHEAD = Fault("control-october", "shows and serves more", frozenset(), answer=_ahead, around={"App._find": _routes})


@contextmanager
def ahead() -> Iterator[list[str]]:
    REGISTRY[AHEAD.name] = AHEAD
    try:
        yield [AHEAD.name]
    finally:
        del REGISTRY[AHEAD.name]


def test_what_comes_later_is_not_noticed() -> None:
    wanted = ("organizations_", "lifecycle_create", "serialization_objects")
    cases = [case for case in cases_for(None) if case.name.startswith(wanted) and not case.any_model]

    async def scene(faults: list[str]) -> Run:
        async with running_server(faults, profile="v2-2026-09") as server:
            return await run_against(server.target, cases, deadline=10)

    with ahead() as faults:
        run = asyncio.run(scene(faults))
    assert len(run.ids("pass")) > 100
    assert {one: run.why(one) for one in run.ids("fail", "warn", "harness-error")} == {}
