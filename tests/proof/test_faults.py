"""Every judged requirement is killed by a fault, and a fault turns red what it names and nothing else.

The matrix is committed and red on drift: `python -m tests.proof.matrix --workers 2` writes it again.
"""

from __future__ import annotations

import pytest

import spec
from fake_server.schedule import Schedule
from tests.proof import matrix
from tests.proof.bench import faults_of

MATRIX = matrix.committed()
FAULTS = faults_of()
STEADY = {name: fault for name, fault in FAULTS.items() if fault.when is None}
INTERMITTENT = {name: fault for name, fault in FAULTS.items() if fault.when is not None}
ROWS = spec.load(spec.DEFAULT).requirements
EACH = pytest.mark.parametrize("profile", spec.profiles())


@EACH
def test_the_matrix_knows_every_fault(profile: str) -> None:
    assert sorted(matrix.committed(profile)) == sorted(faults_of(profile))


def test_each_fault_turns_red_what_it_names_and_nothing_else() -> None:
    wrong = {name: (sorted(f.red), sorted(MATRIX[name])) for name, f in STEADY.items() if f.red != set(MATRIX[name])}
    assert wrong == {}


def test_each_fault_that_comes_now_and_then_is_noticed() -> None:
    assert len(INTERMITTENT) >= 30
    assert {fault.when for fault in INTERMITTENT.values()} >= {Schedule(every=3), Schedule(every=7), Schedule(chance=0.1)}
    unnoticed = [name for name, fault in INTERMITTENT.items() if not MATRIX[name] or not set(MATRIX[name]) <= fault.red]
    assert unnoticed == []


@EACH
def test_every_judged_requirement_is_killed(profile: str) -> None:
    faults, rows = faults_of(profile), spec.load(profile).requirements.values()
    steady = {name for name, fault in faults.items() if fault.when is None}
    killed = {requirement for name, red in matrix.committed(profile).items() if name in steady for requirement in red}
    alive = [r.id for r in rows if r.id not in killed and not r.excluded and not r.unkillable]
    assert alive == []


def test_unkillable_rows_say_why_and_are_few() -> None:
    unkillable = [r for r in ROWS.values() if r.unkillable]
    assert all(len(r.unkillable) > 10 for r in unkillable)
    assert len(unkillable) <= 0.03 * len(ROWS)


@EACH
def test_the_matrix_still_holds(profile: str) -> None:
    # every sixty-fourth fault here, and fewer of an extension of an extension; `python -m tests.proof.matrix --check --workers 2`
    # plays all of them
    every = 64 if len(spec.chain(profile)) < 3 else 192
    results = matrix.in_workers(2, ["--check", "--every", str(every), "--profile", profile])
    assert "".join(output for _, output in results) == ""
    assert [status for status, _ in results] == [0, 0]
