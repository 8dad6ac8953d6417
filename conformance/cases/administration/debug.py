"""Debug runs: what is recorded of a chat's calls of the model, and who sees it."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.checks.times import moment
from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import config_path, deployed, member, put_back
from conformance.play.verdict import Failure
from fixtures.scripts import gate, http_error, script, text, tool_call, turn, turns

Runs = list[dict[str, Any]]
LISTED = 100


async def logged_user(t: Case) -> Actor:
    """A member of the case's own whose chats are recorded."""
    user = await member(t)
    await put_back(t, "debug-logging")
    await deployed(t, "debug-logging", allow_users=True)
    t.given(await user.put(config_path(t, "user-debug-logging"), {"debug_logging_enabled": True}))
    if not t.session.traits.get("titles_members_chats", True):
        t.given(await t.root.put(t.url("putUserRoles", user=user.id), {"roles": ["owner"]}))
    return user


async def listed(t: Case, chat: Chat) -> Runs:
    """The chat's debug runs, newest first."""
    found: Runs = t.accepted(await chat.actor.get(chat.url("listDebugRuns")))
    return found


async def recorded(t: Case, chat: Chat, kind: str, status: str = "completed", count: int = 1) -> Runs:
    """Poll until the chat has so many debug runs of this kind and status; gives these. Raises Failure."""
    loop = asyncio.get_running_loop()
    until, seen = loop.time() + t.deadline, []
    while loop.time() < until:
        seen = await listed(t, chat)
        found = [run for run in seen if (run["kind"], run["status"]) == (kind, status)]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.02)
    told = [(run["kind"], run["status"]) for run in seen]
    raise Failure(f"{count} debug runs of kind {kind} that are {status}", expected=[kind, status], actual=told)


async def read(t: Case, chat: Chat, run: dict[str, Any]) -> dict[str, Any]:
    """One debug run with its steps."""
    return dict(t.accepted(await chat.actor.get(chat.url("getDebugRun", run=run["id"]))))


@case("DEBUG-001", "DEBUG-002", "DEBUG-003", "DEBUG-004", "DEBUG-008", alone=True)
async def runs_of_a_turn(t: Case) -> None:
    user = await logged_user(t)
    chat = await t.chat(script(turns(turn(tool_call("list_templates", {}, id="a")), turn(text("done")))), by=user)
    with t.judging("DEBUG-001"):
        (run,) = await recorded(t, chat, "chat_turn")
    with t.judging("DEBUG-002"):
        greeted = await t.chat("Hello there", by=user)
        for kind in ("title_generation", "quickgen"):
            await recorded(t, greeted, kind)
    with t.judging("DEBUG-003"):
        numbers = [step["step_number"] for step in (await read(t, chat, run))["steps"]]
        t.expect(numbers, [1, 2], "the numbers of the steps of a turn of two calls", "/steps")
    with t.judging("DEBUG-008"):
        alone = await read(t, chat, run)
        t.expect({key: alone.get(key) for key in run}, run, "the run by itself, as far as the list shows it")
    with t.judging("DEBUG-004"):
        await chat.turn(script(text("more")))
        await recorded(t, chat, "quickgen", count=2)
        times = [one["started_at"] for one in await listed(t, chat)]
        t.expect(times, sorted(times, key=moment, reverse=True), "the times at which the runs started, in the order of the list")


@case("DEBUG-005", alone=True)
async def many_runs(t: Case) -> None:
    chat = await t.chat(by=await logged_user(t))
    await recorded(t, chat, "quickgen")
    for _ in range(LISTED - len(await listed(t, chat))):
        t.given(await chat.propose())
    before = await listed(t, chat)
    t.expect(len(before), LISTED, "the number of runs")
    t.given(await chat.propose())
    after = [run["id"] for run in await listed(t, chat)]
    t.expect(after[1:], [run["id"] for run in before[:-1]], "the runs behind the newest")


@case("DEBUG-006")
async def malformed_run_id(t: Case) -> None:
    chat = await t.chat()
    t.refused(await t.alice.get(chat.url("getDebugRun", run="nonsense")), "debug.run-id")
    t.refused(await t.alice.get(chat.url("getDebugRun")), "common.not-found")
    t.accepted(await t.alice.get(chat.url("listDebugRuns")))


@case("DEBUG-007", "DEBUG-010", "DEBUG-011", alone=True)
async def whose_runs(t: Case) -> None:
    user = await logged_user(t)
    chat, other = await t.chat(by=user), await t.chat(by=t.alice)
    (run,) = await recorded(t, chat, "chat_turn")
    with t.judging("DEBUG-007"):
        own = await t.chat(by=user)
        for elsewhere in (own, other):
            t.refused(await elsewhere.actor.get(elsewhere.url("getDebugRun", run=run["id"])), "common.not-found")
        t.expect((await read(t, chat, run))["id"], run["id"], "the run through its own chat", "/id")
    with t.judging("DEBUG-011"):
        t.refused(await t.bob.get(chat.url("getDebugRun", run=run["id"])), "common.not-found")
        t.expect((await read(t, chat.by(t.root), run))["id"], run["id"], "the run, read by the site owner", "/id")
    with t.judging("DEBUG-010"):
        t.given(await user.put(config_path(t, "user-debug-logging"), {"debug_logging_enabled": False}))
        silent = await t.chat(by=user)
        t.expect(await listed(t, silent), [], "the runs of a chat made after that")
        t.expect([one["id"] for one in await listed(t, chat)].count(run["id"]), 1, "the runs from before that")


@case("DEBUG-009", alone=True)
async def runs_that_end_badly(t: Case) -> None:
    user, hold = await logged_user(t), t.gate()
    failed = await t.new_chat(script(http_error(400, "bad")), by=user)
    await failed.settled("error")
    await recorded(t, failed, "chat_turn", "error")
    stopped = await t.new_chat(script(text("a"), gate(hold)), by=user)
    await t.llm.reached(hold)
    t.given(await stopped.interrupt())
    await recorded(t, stopped, "chat_turn", "interrupted")
