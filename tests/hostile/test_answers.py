"""Whatever a target answers, a run ends by itself, small, with a verdict on the target and a footer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.proxy import ANSWERS, MIB
from tests.hostile.stage import Played, Stage

BELOW_A_CHAT = r"GET /api/experimental/chats/[0-9a-f-]{36}/(messages|prompts)"
ASKED = ("PAGE-025", "PAGE-030", "PROMPT-001")
MOST = 500 * MIB

TOO_LARGE = ("endless-body", "endless-text", "gzip-bomb", "json-of-300-mb")
LARGE = (*TOO_LARGE, "millions-of-values")  # played by themselves, so that what they take is known
TOO_DEEP = {"nested-300-deep", "nested-1000-deep", "nested-100000-deep", "nested-objects"}


@pytest.fixture(scope="module")
def played(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    small = {kind: behaviour for kind, behaviour in ANSWERS.items() if kind not in LARGE}
    return stage.play(tmp_path_factory.mktemp("small"), small, BELOW_A_CHAT, ASKED)


def _failed_at_the_target(played: Played) -> None:
    played.ended_well()
    assert played.status == 1, played.said
    assert {line["requirement"] for line in played.of("fail")}
    assert not {line["requirement"] for line in played.of("pass")} & {*ASKED}


@pytest.mark.parametrize("kind", sorted(ANSWERS.keys() - {*LARGE}))
def test_odd_answers(kind: str, played: dict[str, Played]) -> None:
    _failed_at_the_target(played[kind])
    if kind in TOO_DEEP:
        assert "nested deeper than 64 levels" in played[kind].told


@pytest.mark.parametrize("kind", LARGE)
def test_large_answers(kind: str, stage: Stage, tmp_path: Path) -> None:
    played = stage.play(tmp_path, {kind: ANSWERS[kind]}, BELOW_A_CHAT, ASKED)[kind]
    _failed_at_the_target(played)
    assert 0 < played.memory < MOST
    if kind in TOO_LARGE:
        assert "the answer is larger than 8,388,608 bytes; reading stopped" in played.told
        kept = [x["response"] for x in played.lines if x["kind"] == "exchange" and "truncated" in (x.get("response") or {})]
        assert {len(answer["content"]) for answer in kept} == {65536}
    if kind == "millions-of-values":
        assert "more than 400,000 values" in played.told
