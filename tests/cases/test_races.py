"""The sign of a lost turn, in exchanges as real servers answer them; and what several plays of a case come to."""

from __future__ import annotations

from typing import Any

import pytest

import spec
from conformance.play.races import Count, Races, RaceWatch, Sight
from conformance.play.verdict import FAIL, PASS, RACED, UNTESTABLE, WARN, Check
from conformance.run.plays import Play, Plays
from conformance.wire.exchange import ABSENT, Exchange, Request, Response

TRAITS = spec.load(spec.DEFAULT).traits
PATH = f"{TRAITS['chats_path']}/c"
RACE = "self-interrupt"


def said(method: str, below: str = "", answer: Any = ABSENT, asked: Any = ABSENT, status: int = 200) -> Exchange:
    return Exchange("x", "alice", Request(method, PATH + below, body=asked), Response(status, body=answer), case="a case")


def sends(id: int, text: str = "hi", **fields: Any) -> Exchange:
    asked = {"content": [{"type": "text", "text": text}], **fields}
    return said("POST", "/messages", {"message": {"id": id, "role": "user"}}, asked)


def chat(status: str = "waiting", **fields: Any) -> Exchange:
    return said("GET", "", {"status": status, **fields})


def history(*roles: tuple[int, str], queued: tuple[Any, ...] = ()) -> Exchange:
    """What a list of messages shows, oldest first here."""
    rows = [{"id": id, "role": role} for id, role in reversed(roles)]
    return said("GET", "/messages", {"messages": rows, "queued_messages": list(queued)})


INTERRUPT = said("POST", "/interrupt")
EDIT = said("PATCH", "/messages/1", {"message": {"id": 3, "role": "user"}}, {"content": []})
SCENES: dict[str, tuple[list[Exchange], int]] = {
    "an answer came": ([sends(1), chat(), history((1, "user"), (2, "assistant"))], 0),
    "no answer and no error": ([sends(1), chat(), history((1, "user"))], 1),
    "an error instead of an answer": ([sends(1), chat("error", last_error={}), history((1, "user"))], 0),
    "the error is gone again": (
        [sends(1), chat("error", last_error={}), sends(2), chat(), history((1, "user"), (2, "user"), (3, "assistant"))],
        0,
    ),
    "the chat still runs": ([sends(1), chat("running"), history((1, "user"))], 0),
    "something is queued": ([sends(1), chat(), history((1, "user"), queued=({"id": 7},))], 0),
    "the client interrupted": ([sends(1), INTERRUPT, chat(), history((1, "user"))], 0),
    "the client interrupted at rest": ([sends(1), chat(), INTERRUPT, chat(), history((1, "user"))], 1),
    "an edit that is lost itself": ([sends(1), EDIT, chat(), history((3, "user"))], 1),
    "an edit that ends the turn before": ([sends(1), EDIT, chat(), history((1, "user"), (3, "user"), (4, "assistant"))], 0),
    "one of a queue": ([chat("error", last_error={}), history((1, "user"), (2, "assistant"), queued=({"id": 9},)),
                        said("POST", "/queue/9/promote"), chat(),
                        history((1, "user"), (2, "assistant"), (3, "user"), (4, "user"), (5, "assistant"))], 1),
    "an error that is looked at twice explains one turn alone": (
        [chat("error", last_error={}), history((1, "user"), queued=({"id": 9},)), said("PATCH", "", None, {"title": "t"}),
         chat("error", last_error={}), said("POST", "/queue/9/promote"), chat(), history((1, "user"), (2, "user"))], 1),
    "a stop explains one turn alone": ([INTERRUPT, chat(), history((1, "user"), (3, "user"))], 1),
    "a stop explains the oldest answer that is not whole": (
        [INTERRUPT, chat(), history((1, "user"), (2, "assistant"), (3, "user"))],
        1,
    ),
    "stopped while results are awaited, with a queue": (
        [chat("requires_action"), said("POST", "/messages", {"queued": True, "queued_message": {"id": 9}}, {"content": []}),
         INTERRUPT, chat(), said("GET", "/messages", {"queued_messages": [], "messages": [
             {"id": 3, "role": "user"}, {"id": 2, "role": "assistant", "usage": {}}, {"id": 1, "role": "user"}]})], 1),
    "a script that says nothing": ([sends(1, 'script:{"steps": []}'), chat(), history((1, "user"))], 0),
    "a page of the middle is no proof": (
        [sends(1), chat(), Exchange("x", "alice", Request("GET", f"{PATH}/messages", [("before_id", "2")]),
                                    Response(200, body={"messages": [{"id": 1, "role": "user"}], "queued_messages": []}))],
        0,
    ),
    "answers of odd shapes": ([said("GET", "", []), said("GET", "/messages", {"messages": [1, None, {"id": {}}]}), sends(1)], 0),
}  # fmt: skip


@pytest.mark.parametrize("scene", SCENES)
def test_a_lost_turn_is_known_by_its_sign(scene: str) -> None:
    exchanges, lost = SCENES[scene]
    watch = RaceWatch(TRAITS)
    assert sum(sight.seen for x in exchanges for sight in watch.observe(x)) == lost


def check(verdict: str, requirement: str = "A-1", level: str = "MUST") -> Check:
    return Check(requirement, level, verdict, "a case", exchanges=["x1"])


def outcome(*plays: tuple[str, bool], lenient: bool = False, level: str = "MUST") -> list[Check]:
    """What these plays come to: each a verdict, and whether the sign of a race was seen."""
    all_plays = Plays(frozenset({RACE}), lenient)
    for number, (verdict, sign) in enumerate(plays):
        assert number == 0 or all_plays.wants_more()
        all_plays.plays.append(Play([check(verdict, level=level)], frozenset({RACE} if sign else ())))
    assert not all_plays.wants_more()
    return all_plays.conclude()


def test_a_failure_without_a_sign_has_failed_whatever_comes_next() -> None:
    (found,) = outcome((FAIL, False), (PASS, False))
    assert (found.verdict, found.plays, found.passed, found.reason) == (FAIL, 2, 1, "failed 1 of 2 plays")
    (found,) = outcome((WARN, False), (PASS, False), level="SHOULD")
    assert found.verdict == WARN


def test_a_failure_with_a_sign_is_raced_when_a_play_passes() -> None:
    (found,) = outcome((FAIL, True), (FAIL, True), (PASS, False))
    assert (found.verdict, found.races, found.passed) == (RACED, [RACE], 1)


def test_a_failure_with_a_sign_and_then_without_has_failed() -> None:
    (found,) = outcome((FAIL, True), (FAIL, False))
    assert found.verdict == FAIL


def test_no_race_comes_in_every_play() -> None:
    (found,) = outcome(*[(FAIL, True)] * 6)
    assert found.verdict == FAIL and "no race does that" in found.reason


def test_what_passes_at_once_is_played_once() -> None:
    (found,) = outcome((PASS, False))
    assert (found.verdict, found.plays, found.passed) == (PASS, 1, None)


def test_what_could_not_be_judged_is_played_again() -> None:
    assert [c.verdict for c in outcome((UNTESTABLE, True), (UNTESTABLE, True), (PASS, False))] == [PASS]
    assert [c.verdict for c in outcome((UNTESTABLE, False), (UNTESTABLE, False))] == [UNTESTABLE]


def test_leniency_lets_what_is_intermittent_only_warn() -> None:
    assert [c.verdict for c in outcome((FAIL, False), (PASS, False), lenient=True)] == [WARN]
    assert [c.verdict for c in outcome((FAIL, False), (FAIL, False), lenient=True)] == [FAIL]


def test_a_play_whose_connection_broke_is_none() -> None:
    plays = Plays(frozenset())
    plays.plays = [Play([check(FAIL)], broken="POST /x"), Play([check(PASS)])]
    assert not plays.wants_more()
    assert [c.verdict for c in plays.conclude()] == [PASS]
    plays.plays = [Play([check(FAIL)], broken=f"POST /{n}") for n in range(6)]
    assert not plays.wants_more()
    assert [c.verdict for c in plays.conclude()] == [UNTESTABLE]


def test_the_interval_is_wilsons() -> None:
    assert Count(61, 4).interval() == pytest.approx((0.0258, 0.1566), abs=0.001)
    assert Count(0, 0).interval() == (0.0, 1.0)


@pytest.mark.parametrize(("seen", "verdict"), [(1, RACED), (30, FAIL)])
def test_beyond_the_declared_rate_nothing_is_excused(seen: int, verdict: str) -> None:
    races = Races(TRAITS)
    for n in range(60):
        races.sighted(Sight(RACE, "sends", n < seen, "x1"))
    raced = check(RACED)
    raced.races = [RACE]
    changed = list(races.settle([raced]))
    assert raced.verdict == verdict and bool(changed) == (verdict == FAIL)
    assert races.tallies[RACE].line()["excused"] == ([] if changed else ["A-1"])
