"""A server that varies where the API lets it stays green, whatever the order of the cases and how many are played at once.

One group is played case by case in a drawn order, the others sixteen at once; test_needs.py plays many at once in a drawn order.
"""

from __future__ import annotations

import asyncio

import pytest

from fake_server.serve import running_server
from fake_server.state.records import Chat
from tests.proof import controls
from tests.proof.bench import Run, cases_for, run_against
from tests.proof.controls import NAMES


def test_there_are_enough() -> None:
    assert len(NAMES) >= 15


STEADY = [n for n in NAMES if not n.endswith("-now-and-then")]
# Together they prove as much as one by one, in a fraction of the time; `python -m tests.proof.kill NAME` plays one alone.
GROUPS = {
    "answers and frames": [n for n in STEADY if n not in controls.OFF and n not in controls.PREPARED],
    "now and then, late labels": [*(n for n in NAMES if n not in STEADY), "control-late-labels"],
    "feeds": [
        *(n for n in controls.OFF if n != "control-slow-frames"),
        *(n for n in controls.PREPARED if n != "control-late-labels"),
    ],
    "slow frames": ["control-slow-frames"],
}


def test_every_control_is_in_a_group() -> None:
    assert sorted(n for names in GROUPS.values() for n in names) == sorted(NAMES)


@pytest.mark.parametrize("group", GROUPS)
def test_the_suite_does_not_notice(group: str) -> None:
    feeds = ("streaming_", "sequences_") if group == "slow frames" else ("",)
    cases = [case for case in cases_for(None) if case.name.startswith(feeds) and not case.any_model]
    declared = {requirement for case in cases for requirement in case.requirements}

    async def scene() -> Run:
        async with running_server(faults=[n for n in GROUPS[group] if n not in controls.PREPARED]) as server:
            for name in GROUPS[group]:
                if name in controls.PREPARED:
                    controls.PREPARED[name](server.backend)
            if group == "slow frames":
                # a feed that takes its time for each frame falls behind what many cases do at once; answers know nothing of it
                return await run_against(server.target, cases, deadline=20, jobs=4)
            if group == "feeds":
                return await run_against(server.target, jobs=1, seed=11, shuffle=True, deadline=10)
            return await run_against(server.target, deadline=10)

    with controls.registered():
        run = asyncio.run(scene())
    assert run.ids("pass")
    other = {r: v for r, v in run.verdicts.items() if v not in ("pass", "not-applicable")}
    noticed = {r: (v, run.why(r)) for r, v in other.items() if v != "untestable" or r in declared}
    # that it skips what a declared race skips is told, and nothing else is
    assert noticed.keys() == ({"RACE-002"} if "control-skips-intermediate-statuses" in GROUPS[group] else set()), noticed


def test_turns_that_get_lost_fail_nothing() -> None:
    async def scene() -> Run:
        async with running_server(options={"self-interrupts": 0.06}) as server:
            return await run_against(server.target, deadline=5)

    run = asyncio.run(scene())
    wrong = {r: (v, run.why(r)) for r, v in run.verdicts.items() if v not in ("pass", "not-applicable", "raced")}
    # the races' own rows tell of them, or could not be judged for them
    assert set(wrong) <= {"RACE-001", "RACE-002"}, wrong
    (race,) = [r for r in run.footer["races"] if r["race"] == "self-interrupt"]
    assert race["excused"] == sorted(run.ids("raced")) and sum(o["seen"] for o in race["occasions"]) > 0
    assert run.footer["exit"] == (0 if "RACE-002" not in wrong else 3)


def test_a_turn_that_got_lost_once_is_raced() -> None:
    once = iter([True])

    async def scene() -> Run:
        async with running_server() as server:
            users = server.backend.store.messages

            def loses_one(chat: Chat) -> bool:
                return sum(m.role == "user" for m in users[chat.id]) > 1 and next(once, False)

            server.backend.runner._interrupts_itself = loses_one  # type: ignore[method-assign]
            cases = [case for case in cases_for(["QUEUE-011"]) if case.name.startswith("lifecycle_queue")]
            return await run_against(server.target, cases, deadline=5)

    run = asyncio.run(scene())
    assert run.verdicts["QUEUE-011"] == "raced" and not run.ids("fail")
    (race,) = [r for r in run.footer["races"] if r["race"] == "self-interrupt"]
    assert race["excused"] == ["QUEUE-011"]


@pytest.mark.parametrize("requirement", ["RACE-002", "PROP-003"])
def test_a_lost_turn_is_noticed_long_before_the_deadline(requirement: str) -> None:
    async def scene() -> Run:
        async with running_server(options={"self-interrupts": 1}) as server:
            return await run_against(server.target, cases_for([requirement]), deadline=8, fuzz="quick")

    run = asyncio.run(scene())
    assert run.verdicts[requirement] == "untestable"
    assert "a turn got lost" in run.why(requirement) or "no reply to 5 sends" in run.why(requirement)
