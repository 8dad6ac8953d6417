"""Faults that come now and then: how they are named, what counts, and that the other times nothing is changed."""

from __future__ import annotations

import pytest

from fake_server.backend import Backend
from fake_server.faulting import Answer, Faults, named
from fake_server.rules.refusals import Refusal
from fake_server.schedule import Occasions, Schedule, parse
from fake_server.serve import main
from tests.fake.served import temporary_fault


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("secret-unchecked@every=3", Schedule(every=3)),
        ("secret-unchecked@chance=0.1", Schedule(chance=0.1)),
        ("secret-unchecked@chance=.5,seed=7", Schedule(chance=0.5, seed=7)),
        ("secret-unchecked", None),
    ],
)
def test_a_name_says_when(name: str, when: Schedule | None) -> None:
    assert parse(name) == ("secret-unchecked", when)
    assert (named(name).name, named(name).when) == (name, when)


@pytest.mark.parametrize(
    "form", ["", "every=0", "every=-1", "every=x", "chance=2", "chance=0.1,seed=", "often", "every=3@every=3"]
)
def test_other_forms_are_unknown(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError):
        named(f"secret-unchecked@{form}")
    assert main(["--fault", f"secret-unchecked@{form}"]) == 2
    assert "unknown fault" in capsys.readouterr().err


def test_a_guard_counts_when_it_would_have_refused() -> None:
    backend = Backend(faults=["secret-unchecked@every=3"])
    (point,) = named("secret-unchecked").off

    def refuses(failed: bool) -> bool:
        try:
            backend.guard(point, failed)
        except Refusal:
            return True
        return False

    assert [refuses(failed) for failed in (True, False, True, False, True, True, True, True)] == [
        *(True, False, True, False, False, True, True, False),
    ]


def _answer(body: object) -> Answer:
    return Answer("listChats", "GET", "/", {}, {}, [], None, None, 200, {"a": "b"}, body, None)


def test_an_answer_counts_when_it_comes_out_otherwise() -> None:
    def change(answer: Answer) -> None:
        if answer.body["items"]:
            answer.body["items"].pop()
            answer.headers["a"] = "c"

    seen = []
    with temporary_fault(answer=change) as name:
        faults = Faults([f"{name}@every=2"])
        for items in ([1], [], [1, 2], [], [3], [4]):
            answer = _answer({"items": list(items)})
            faults.change(answer)
            seen.append((answer.body["items"], answer.headers["a"]))
    assert seen == [([1], "b"), ([], "b"), ([1], "c"), ([], "b"), ([3], "b"), ([], "c")]


def test_a_batch_counts_when_it_comes_out_otherwise() -> None:
    def change(batch: list[dict[str, object]], memory: dict[str, object]) -> list[dict[str, object]]:
        for event in batch:
            event["type"] = "other"
        return batch

    with temporary_fault(socket="stream", events=change) as name:
        faults = Faults([f"{name}@every=2"])
        batches = [[{"type": "a"}], [], [{"type": "b"}], [{"type": "c"}]]
        assert [faults.change_events("stream", batch, {}) for batch in batches] == [
            *([{"type": "a"}], [], [{"type": "other"}], [{"type": "c"}]),
        ]


def test_a_wording_counts_when_it_is_used() -> None:
    with temporary_fault(reworded={"common.not-found": "No."}) as name:
        faults = Faults([f"{name}@every=2"])
        assert [faults.reworded(key) for key in ("common.not-found", "acl.child", "common.not-found")] == [None, None, "No."]


def test_chance_is_drawn_by_the_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        occasions = Occasions(Schedule(chance=0.1, seed=seed))
        return [occasions.due() for _ in range(1000)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 50 < sum(drawn(1)) < 150


def test_a_fault_and_the_same_now_and_then_are_two() -> None:
    faults = Faults(["secret-unchecked@every=3", "secret-unchecked@every=2"])
    (point,) = named("secret-unchecked").off
    assert [faults.is_off(point) for _ in range(6)] == [False, True, True, True, False, True]
