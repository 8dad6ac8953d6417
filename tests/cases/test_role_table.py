"""The role table is walked whole: every operation in it, by every kind of actor in it."""

from __future__ import annotations

from typing import Any

import pytest

import spec
from conformance.cases.ownership import rules
from conformance.run.collection import all_cases
from spec.documents import documents

TABLE: dict[str, Any] = spec.load(spec.DEFAULT).table("roles")
# What other cases walk: who may open streams (ownership_places), up- and download (files).
ELSEWHERE = {"streamChat", "streamGit", "streamDesktop", "uploadFile", "downloadFile", "createChat"}
WALKS = {
    "read": rules.READS,
    "update": rules.CHANGES,
    "own": rules.OWNERS_ONLY | dict.fromkeys(rules.ADMINS, ""),
    "share": rules.SHARES,
    "create": rules.CREATES,
}


def test_every_operation_of_the_table_has_its_try() -> None:
    below = {operation for operation, kind in TABLE["operations"].items() if kind in WALKS}
    assert below - ELSEWHERE == set(rules.DO)
    assert set(TABLE["operations"]) <= set(documents(spec.DEFAULT).operations)


@pytest.mark.parametrize("name", WALKS)
def test_every_kind_of_actor_is_walked(name: str) -> None:
    kinds = set(TABLE["classes"][name]) - {"nobody"}  # without a token: AUTH-001 and AUTH-002, over all operations
    missing = kinds - set(WALKS[name])
    # owner: the send, edit, promote … areas; readers create as members do
    assert missing <= {"own": {"owner"}, "create": {"reader"}}.get(name, set())


@pytest.mark.parametrize("name", WALKS)
def test_allowed_and_denied_are_the_table_s(name: str) -> None:
    allowed = {kind for kind, cell in TABLE["classes"][name].items() if cell == rules.ALLOWED}
    if name == "read":
        assert allowed == set(rules.MAY_READ)
    if name == "update":
        assert allowed == set(rules.MAY_CHANGE)


def test_each_row_of_the_walks_is_a_case() -> None:
    judged = {(case.name.partition("[")[0], r) for case in all_cases() for r in case.requirements}
    for walk in (rules.READS, rules.CHANGES, rules.OWNERS_ONLY, rules.SHARES, rules.CREATES):
        for row in walk.values():
            for requirement in [row] if isinstance(row, str) else row:
                assert any(name.startswith("ownership_rules.") and r == requirement for name, r in judged), requirement
