"""Walks find no difference where there is none, find what is wrong, make it small, and write it so that it can be replayed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import spec
from conformance.recordings.replay import replay
from conformance.run.target import Target
from conformance.walks.coverage import acts_of, kind_of, possible
from conformance.walks.differ import AREAS, chances, left_out
from conformance.walks.fixed import FIXED
from conformance.walks.kinds import KINDS, prompt
from conformance.walks.verbs import VERBS
from fake_server.serve import running_server
from tests.proof import controls
from tests.proof.bench import Run, cases_for, run_against
from tests.proof.walks import noticed
from tests.proof.walks import walked as of_a_control

PROFILES = [name for name in spec.profiles() if "walks" in spec.load(name).tables]


def walked(fault: tuple[str, ...] = (), profile: str = spec.DEFAULT, **options: Any) -> Run:
    """A run of the walks alone against a server in this process."""

    async def scene() -> Run:
        async with running_server(faults=fault, profile=profile) as server:
            return await run_against(server.target, cases_for(["DIFF-*"]), fuzz="quick", deadline=5, **options)

    return asyncio.run(scene())


# An extension of an extension walks once.
@pytest.mark.parametrize(("seed", "profile"), [(s, p) for s in (1, 2) for p in PROFILES if s == 1 or len(spec.chain(p)) < 3])
def test_a_right_server_shows_no_difference(profile: str, seed: int) -> None:
    run = walked(profile=profile, seed=seed)
    assert {r: (v, run.why(r)) for r, v in run.verdicts.items() if r in AREAS.values() and v != "pass"} == {}
    footer = run.footer["walks"]
    assert footer["walks"] >= len(FIXED) and not footer["not_again"] and not footer["astray"] and not footer["raced"]
    assert 0 < footer["triples"]["walks"] <= footer["triples"]["together"] <= footer["triples"]["possible"]


STEADY = [n for n in controls.NAMES if n not in controls.OFF and n not in controls.PREPARED]
FEEDS = [n for n in (*controls.OFF, *controls.PREPARED) if n != "control-slow-frames"]


@pytest.mark.parametrize("given", [STEADY, FEEDS], ids=["answers and frames", "feeds"])
def test_what_a_server_may_do_otherwise_is_no_difference(given: list[str]) -> None:
    with controls.registered():
        run = asyncio.run(of_a_control(spec.DEFAULT, 3, given=given))
    assert noticed(run) == {}


def test_a_difference_is_made_small_and_can_be_replayed(tmp_path: Path) -> None:
    fault = "pins-hide-while-a-queue-waits"
    run = walked((fault,), walks=str(tmp_path))
    assert run.red & set(AREAS.values()) == {"DIFF-003"}
    assert run.why("DIFF-003").startswith("GET chat c0 /body/pin_order: 0 instead of 1")
    file = tmp_path / "DIFF-003.jsonl"
    about = json.loads(file.read_text().splitlines()[0])["about"]
    assert about.count(";") <= 3 and "pin(c0" in about

    async def target(*faults: str) -> None:
        async with running_server(faults=faults) as server:
            report = await asyncio.to_thread(replay, [file], Target.model_validate(server.target))
            equal = {row.what for row in report.files[0].rows if not row.equal}
            assert bool(equal) == bool(faults), report.files[0].rows

    asyncio.run(target())
    asyncio.run(target(fault))


def test_a_refusal_in_other_words_is_judged_under_its_own_row() -> None:
    run = walked(("prose-send-not-owner",))
    assert "instead of 'Only the chat owner may send messages.'" in run.why("ERR-049")
    assert run.verdicts["ERR-049"] == "warn" and run.verdicts["DIFF-002"] == "pass" and not run.ids("fail")


@pytest.mark.parametrize("kind", KINDS)
def test_coverage_knows_the_kinds_of_turns(kind: str) -> None:
    group = kind_of({"content": [{"type": "text", "text": prompt(kind, "w1", "g1")}]})
    assert group == KINDS[kind].group


def test_coverage_names_what_is_done_to_a_chat() -> None:
    assert acts_of("patchChat", {"title": "a", "labels": {}, "archived": True}) == ["rename", "label", "archive"]
    assert acts_of("sendMessage", None) == ["send"] and acts_of("listChats", None) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_the_table_says_why(profile: str) -> None:
    loaded = spec.load(profile)
    assert all(row.why for row in left_out(loaded)) and possible(loaded) > 500
    assert {verb for verb, _ in chances(loaded)} <= VERBS.keys()
