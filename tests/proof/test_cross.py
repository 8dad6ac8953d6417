"""The fake of one revision, judged as another, is red where the two differ."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import spec
from conformance.play.declaration import CaseSpec
from fake_server.faulting import REGISTRY, Fault
from fake_server.serve import running_server
from tests.proof.bench import Run, cases_for, run_against

BASE, OTHER = "experimental-2026-05", "experimental-2026-03"
# What differs first would hide the rest: the base makes no chat without an organization, the other none without a model.
POINTS = {"create.names-organization", "create.organization-required", "create.default-unreadable"}
PASSABLE = Fault("test-passable", "takes creates of the other revision", frozenset(), off=frozenset(POINTS))
# What can be seen only where there is more than a reference server has (an experiment that is off, workspaces, a git host), or
# behind the providers of the revision, which are red by themselves.
BEHIND = {"gate", "git", "diff", "model-configs", "models"}


@contextmanager
def known(fault: Fault) -> Iterator[list[str]]:
    REGISTRY[fault.name] = fault
    try:
        yield [fault.name]
    finally:
        del REGISTRY[fault.name]


def judged_as(profile: str, of: str, faults: list[str], cases: list[CaseSpec] | None = None) -> Run:
    async def scene() -> Run:
        async with running_server(faults, profile=of) as server:
            return await run_against(server.target | {"profile": profile}, cases, deadline=1)

    return asyncio.run(scene())


def test_each_difference_is_red_on_the_base() -> None:
    with known(PASSABLE) as faults:
        run = judged_as(OTHER, BASE, faults)
    red, named = run.ids("fail", "warn"), spec.load(OTHER).table("differences")
    shown = {name for row in spec.load(OTHER).requirements.values() if row.id in red for name in row.differs}
    assert set(named) - shown == BEHIND
    assert not run.ids("harness-error") and run.footer["exit"] == 1


def test_the_other_is_red_in_what_the_base_has_of_its_own() -> None:
    with known(PASSABLE) as faults:
        run = judged_as(BASE, OTHER, faults)
    rows, other = spec.load(BASE).requirements, spec.load(OTHER).requirements
    own = [row for row in rows.values() if row.id not in other and run.verdicts[row.id] != "not-applicable"]
    red = {row.area for row in own if run.verdicts[row.id] in ("fail", "warn")}
    assert {row.area for row in own} - red == {"races"}  # one of the base's races shows nothing on a server without it
    assert not run.ids("harness-error") and run.footer["exit"] == 1


@pytest.mark.parametrize(("of", "profile"), [(BASE, OTHER), (OTHER, BASE)])
def test_a_server_of_another_revision_is_not_conformant(of: str, profile: str) -> None:
    run = judged_as(profile, of, [], cases_for(None)[::4])  # it shows at once: every fourth is enough
    assert run.footer["exit"] == 1 and len(run.ids("fail")) >= 10


FIRST = "legacy-2025-05"


@pytest.mark.parametrize(("profile", "of"), [(FIRST, BASE), (FIRST, OTHER), (BASE, FIRST), (OTHER, FIRST)])
def test_the_first_generation_and_the_later_ones_are_no_servers_of_each_other(profile: str, of: str) -> None:
    run = judged_as(profile, of, [])
    assert "does not behave as a chat server" in run.refused and not run.verdicts


LATER = "experimental-2026-08"
# Sentences of the base that the later revision contradicts, a few of each area.
CONTRADICTED = ("INT-007", "ARCH-006", "QUEUE-007", "STREAM-024", "CONF-016", "BODY-011", "MODEL-018")


def test_each_difference_of_the_later_revision_is_red_on_its_base() -> None:
    rows = [row for row in spec.load(LATER).requirements.values() if row.differs]
    run = judged_as(LATER, BASE, [], cases_for([row.id for row in rows]))
    differing = {row.id for row in rows}
    assert not differing & run.ids("pass")
    assert len(differing & run.ids("fail", "warn")) >= 20  # where the base has no such route, nothing comes to be judged
    assert run.footer["exit"] == 1


def test_the_later_revision_is_red_in_what_its_base_has_otherwise() -> None:
    run = judged_as(BASE, LATER, [], cases_for(CONTRADICTED))
    assert set(CONTRADICTED) <= run.ids("fail", "warn")


NEWEST = "v2-2026-09"
# What differs at a second prefix alone, which a server of the base has not, and what takes an experiment to be seen.
UNSHOWN = {"links", "files limiter", "advisor"}
# Sentences of the base that the newest revision contradicts, of each area.
OUTDATED = ("ROUTE-011", "ROUTE-147", "CONF-034", "TITLE-004", "MODEL-001", "MODEL-010", "FILE-226")


def _undone(right: Any, app: Any, call: Any) -> Any:
    """What went elsewhere is found where it was."""
    for old, new in sorted(spec.load(NEWEST).moves[-1].items(), key=lambda move: -len(move[1])):
        pattern, place = re.sub("{([a-z]+)}", r"(?P<\1>[^/]+)", new), re.sub("{([a-z]+)}", r"\\g<\1>", old)
        if old != new and re.match(f"{pattern}(/|$)", call.path):
            call.path = re.sub(pattern, place, call.path, count=1)
            break
    return right(app, call)


REACHED = Fault("test-reached", "is reached at the new places, too", frozenset(), around={"App._find": _undone})


def test_each_difference_of_the_newest_revision_is_red_on_its_base() -> None:
    rows = [row for row in spec.load(NEWEST).requirements.values() if row.differs and row.id not in spec.load(LATER).requirements]
    assert "does not behave as a chat server" in judged_as(NEWEST, LATER, [], cases_for(["ROUTE-300"])).refused
    with known(REACHED) as faults:
        run = judged_as(NEWEST, LATER, faults, cases_for([row.id for row in rows]))
    red = run.ids("fail", "warn")
    shown = {topic for row in rows if row.id in red for topic in row.differs}
    assert {topic for row in rows for topic in row.differs} - shown == UNSHOWN
    assert not run.ids("harness-error") and run.footer["exit"] == 1


def test_the_newest_revision_is_red_in_what_its_base_has_otherwise() -> None:
    assert not set(OUTDATED) & spec.load(NEWEST).requirements.keys()
    run = judged_as(LATER, NEWEST, [], cases_for(OUTDATED))
    assert set(OUTDATED) <= run.ids("fail", "warn") and run.footer["exit"] == 1
