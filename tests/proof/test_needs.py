"""A whole run against the fake server is green; of what a target lacks the registry says what is not judged then, and why.

One run serves both: nothing is left that nothing could judge, with all there is and without any part of it.
"""

from __future__ import annotations

import asyncio
import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import spec
from conformance.play.declaration import CaseSpec
from conformance.run.collection import all_cases
from conformance.run.session import Options, Session
from conformance.run.target import Target
from fake_server.serve import running_server
from tests.proof.bench import Run, run_against, telling

PREFLIGHT = "preflight"
ADAPTS = {"routing_routes.retired_routes_are_gone"}  # asks as every user that there is

Json = dict[str, Any]
pytestmark = pytest.mark.slow


class Known:
    """What one run against the whole target shows: what came of it, who judges what, and as whom each case acts."""

    def __init__(self, target: Json, run: Run, actors: dict[str, set[str | None]]) -> None:
        self.target, self.run, self.actors = target, run, actors
        self.judges = {row: set(cases) for row, cases in run.judges().items()}


@pytest.fixture(scope="module")
def known() -> Known:
    return asyncio.run(_look())


async def _look() -> Known:
    actors: dict[str, set[str | None]] = defaultdict(set)

    def listen(session: Session, _: int) -> None:
        session.wire.listeners.append(lambda exchange: actors[exchange.case].add(exchange.actor))

    async with running_server() as server:
        # many at once in a drawn order: test_controls.py plays one by one in another
        run = await run_against(server.target, jobs=64, seed=13, shuffle=True, deadline=10, on_start=listen)
        return Known(server.target, run, actors)


def lacking(target: Json) -> Iterator[tuple[str, str, Json]]:
    """(what is taken away, the actor if it is one, the target without it) for each actor, capability and part of the LLM."""
    for name in target["users"]:
        if name != "alice":  # who owns the chats: without her there is no run
            yield f"no {name}", name, _without(target, "users", name)
    known = {"second-user", "llm", "model-admin", *(c for c, offered in target["capabilities"].items() if offered)}
    for name in sorted(known):
        denied = copy.deepcopy(target)
        denied["capabilities"][name] = False
        yield f"{name}: false", "", denied
        yield f"{name} not declared", "", _without(target, "capabilities", name)
    yield "no control address", "", _without(target, "llm", "control_url")
    yield "no LLM", "", target | {"llm": {"kind": "none"}}


def _without(target: Json, part: str, name: str) -> Json:
    return target | {part: {key: value for key, value in target[part].items() if key != name}}


def left_over(known: Known, cases: list[CaseSpec], session: Session, actor: str) -> list[str]:
    """The requirements that a run on this target ends without a word about, computed without playing it."""
    blocked = {case.name for case in cases if session.blocked(case)}
    stopped = {case.name for case in cases if actor and actor in known.actors.get(case.name, ())} - ADAPTS
    played = {case.name for case in cases} - blocked - stopped | {PREFLIGHT}
    # a case tells of what it declares in any event: judged, blocked, or stopped for want of an actor, each with its reason
    told = {requirement for case in cases for requirement in case.requirements}
    return [
        f"{row.id} {list(row.needs)}: {sorted(known.judges.get(row.id, ()))[:3]}"
        for row in session.profile.requirements.values()
        if row.id not in told
        and not row.excluded
        and not session.obstacle(row.needs)
        and not known.judges.get(row.id, set()) & played
    ]


def test_every_requirement_in_scope_is_judged_and_passes(known: Known) -> None:
    wrong = {r: (v, known.run.why(r)) for r, v in known.run.verdicts.items() if v not in ("pass", "not-applicable")}
    assert wrong == {}
    assert known.run.footer["exit"] == 0


def test_the_needs_of_a_requirement_say_what_its_cases_need(known: Known) -> None:
    async def scene() -> dict[str, list[str]]:
        rows, left = spec.load(known.target["profile"]).requirements, {}
        cases = [held for case in all_cases() if (held := case.held(rows)) is not None]
        for what, actor, target in lacking(known.target):
            session = Session(Target.model_validate(target), Options())
            left[what] = left_over(known, cases, session, actor)
            await session.wire.aclose()
            await session.control.aclose()
        return left

    left = asyncio.run(scene())
    assert len(left) > 30
    assert {what: rows for what, rows in left.items() if rows} == {}


def alone(target: Json) -> Json:
    """Alice, and a server of which nothing more is known."""
    return target | {"users": {"alice": target["users"]["alice"]}, "llm": {"kind": "none"}, "capabilities": {}}


def without_bob(target: Json) -> Json:
    return _without(_without(target, "users", "bob"), "capabilities", "disposable")


@pytest.mark.parametrize("profile", spec.profiles())
@pytest.mark.parametrize("lessened", [alone, without_bob], ids=lambda function: function.__name__)
def test_what_a_target_is_declared_not_to_have_hinders_no_run_from_ending_well(
    profile: str, lessened: Callable[[Json], Json]
) -> None:
    cases = telling(profile, 9, links=2)  # what a base does without them, its extensions do

    async def scene() -> Run:
        async with running_server(profile=profile) as server:
            return await run_against(lessened(server.target), cases)

    run = asyncio.run(scene())
    wrong = {r: run.why(r) for r, verdict in run.told(cases).items() if verdict in ("fail", "untestable", "harness-error")}
    assert wrong == {} and len(run.ids("pass")) > len(spec.load(profile).requirements) / (20 if cases else 6)
    assert cases or run.footer["exit"] == 0
    assert all(check.reason for check in run.checks if check.verdict == "not-applicable")
