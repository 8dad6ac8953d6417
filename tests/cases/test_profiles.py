"""What a profile leaves out of a case, and which dialect is spoken to its servers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import spec
from conformance.play.case import Case
from conformance.play.declaration import CaseSpec, case
from conformance.play.verdict import PASS, UNTESTABLE, Check
from conformance.profiles import Dialect, dialect
from conformance.run.target import Target
from conformance.run.whole import Outcome, RunConfig, Selection, play
from conformance.wire.exchange import ABSENT
from fake_server.serve import running_server

TARGET = Target(base_url="http://localhost", organization_id="o", model_config_ids=["m"])
ID, OTHER = "CHATOBJ-001", "NOT-001"


@case(ID, OTHER)
async def other_fails(t: Case) -> None:
    chat = await t.new_chat()
    with t.judging(OTHER):
        t.refused(await chat.get(), "no.such-row")
    with t.judging(ID):
        t.accepted(await chat.get())


@case(ID, OTHER)
async def other_makes_what_this_needs(t: Case) -> None:
    with t.judging(OTHER):
        chat = await t.alice.get(t.url("noSuchOperation"))
    with t.judging(ID):
        t.accepted(chat)


@case(OTHER)
async def other_alone(t: Case) -> None:
    raise AssertionError("played")


def played(function: Any) -> list[Check]:
    """The checks of the one case, played against the fake server."""
    wanted: list[CaseSpec] = list(function.__case__.specs(__name__, function))
    told: list[tuple[CaseSpec, list[Check]]] = []

    async def run() -> None:
        async with running_server() as server:
            config = RunConfig(target=Target.model_validate(server.target), seed=1, fuzz="off")
            await play(config, Selection(wanted, complete=False), lambda spec, checks: told.append((spec, checks)), Outcome())

    asyncio.run(run())
    assert all(spec in wanted for spec, _ in told)
    return [check for _, checks in told for check in checks]


def test_what_another_id_would_judge_is_not_judged() -> None:
    assert [(c.requirement, c.verdict) for c in played(other_fails)] == [(ID, PASS)]


def test_what_rests_on_it_is_nobodys_fault() -> None:
    assert [(c.requirement, c.verdict) for c in played(other_makes_what_this_needs)] == [(ID, UNTESTABLE)]


def test_a_case_none_of_whose_ids_holds_is_not_played() -> None:
    assert played(other_alone) == []


def of(name: str, extends: str, folder: Path) -> Dialect:
    (folder / name).mkdir(parents=True)
    (folder / name / "profile.yaml").write_text(f"extends: {extends}\n", encoding="utf-8")
    return dialect(spec.load(name, folder))


def test_a_profile_speaks_its_own_dialect_or_that_of_what_it_extends(tmp_path: Path) -> None:
    assert type(of("made-up", spec.DEFAULT, tmp_path)) is type(dialect(spec.load(spec.DEFAULT)))
    older = of("experimental-2026-03", spec.DEFAULT, tmp_path)
    assert type(older) is type(of("like-it", "experimental-2026-03", tmp_path)) is not type(dialect(spec.load(spec.DEFAULT)))


@pytest.fixture
def older(tmp_path: Path) -> Dialect:
    return of("experimental-2026-03", spec.DEFAULT, tmp_path)


def test_a_create(older: Dialect) -> None:
    newer = dialect(spec.load(spec.DEFAULT))
    assert newer.creation(TARGET, [], {"labels": {}}) == {"organization_id": "o", "content": [], "labels": {}}
    assert older.creation(TARGET, [], {"workspace_id": "w"}) == {"content": [], "model_config_id": "m", "workspace_id": "w"}
    assert older.creation(TARGET, [], {"model_config_id": ABSENT})["model_config_id"] is ABSENT


def test_the_message_in_an_answer(older: Dialect) -> None:
    newer, message = dialect(spec.load(spec.DEFAULT)), {"id": 1, "role": "user"}
    for answer in ({"message": message}, {"queued": False, "message": message}):
        assert newer.message(answer) == older.message(answer) == message
    assert older.message(message) == message
    for answer in ({"message": "Queued message promotion accepted."}, None, []):
        assert newer.message(answer) == older.message(answer) == {}


def test_why_a_turn_failed(older: Dialect) -> None:
    newer = dialect(spec.load(spec.DEFAULT))
    assert newer.failure({"last_error": {"message": "it broke"}}) == "it broke"
    assert older.failure({"last_error": "it broke"}) == "it broke"
    assert newer.failure({}) == older.failure({"last_error": None}) == ""


def rows(*roles: str) -> dict[str, Any]:
    return {"messages": [{"role": role} for role in reversed(roles)], "queued_messages": []}


def test_a_lost_turn(older: Dialect) -> None:
    for speaks, none in ((dialect(spec.load(spec.DEFAULT)), {}), (older, {"last_error": None})):
        chat = {"status": "waiting"} | none
        assert speaks.lost_turn(chat, rows("user"))
        assert speaks.lost_turn(chat, rows("user", "user", "assistant"))
        assert not speaks.lost_turn(chat, rows("user", "assistant"))
        assert not speaks.lost_turn(chat, rows("user") | {"queued_messages": [{}]})
        assert not speaks.lost_turn({"status": "running"} | none, rows("user"))
        assert not speaks.lost_turn({"status": "waiting", "last_error": {"message": "x"}}, rows("user"))
