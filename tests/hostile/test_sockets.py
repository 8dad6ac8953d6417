"""Whatever comes over a socket, a run ends by itself, small, with a verdict on the target and a footer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.proxy import MIB, SOCKETS
from tests.hostile.stage import Played, Stage

STREAMS = r"/api/experimental/chats/[0-9a-f-]{36}/stream"
ASKED = ("STREAM-034", "STREAM-037")
MOST = 500 * MIB

FLOODS = {
    "endless-frames": "the socket has more than 8,000 ",
    "endless-large-frames": "the socket has sent more than 16,777,216 bytes; reading stopped",
    "endless-fragments": "a frame is larger than 4,194,304 bytes; reading stopped",
    "endless-empty-fragments": "reading stopped",
    "ping-flood": "the socket has more than 1,000 pings; reading stopped",
    "frame-of-100-mb": "a frame is larger than 4,194,304 bytes; reading stopped",
    "frame-of-8-exabytes": "a frame is larger than 4,194,304 bytes; reading stopped",
}
BROKEN = {
    "frames-of-bad-utf-8": "what came is no WebSocket frame",
    "reserved-opcode": "what came is no WebSocket frame",
    "frames-nested-deep": "the frame is nested deeper than 64 levels",
}


# played by themselves, so that what they take is known
LARGE = ("endless-large-frames", "endless-fragments", "frame-of-100-mb")


@pytest.fixture(scope="module")
def played(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    small = {kind: behaviour for kind, behaviour in SOCKETS.items() if kind not in LARGE}
    return stage.play(tmp_path_factory.mktemp("sockets"), small, STREAMS, ASKED, seconds=1)


def _failed_at_the_target(played: Played, *, redirected: bool = False) -> None:
    played.ended_well()
    assert played.status == (3 if redirected else 1), played.said
    assert not {line["requirement"] for line in played.of("pass")} & {*ASKED}


@pytest.mark.parametrize("kind", sorted(SOCKETS.keys() - {*LARGE}))
def test_odd_sockets(kind: str, played: dict[str, Played]) -> None:
    _failed_at_the_target(played[kind], redirected=kind == "redirected-upgrade")
    assert (BROKEN | FLOODS).get(kind, "") in played[kind].told


@pytest.mark.parametrize("kind", LARGE)
def test_large_sockets(kind: str, stage: Stage, tmp_path: Path) -> None:
    played = stage.play(tmp_path, {kind: SOCKETS[kind]}, STREAMS, ASKED, seconds=1)[kind]
    _failed_at_the_target(played)
    assert FLOODS[kind] in played.told
    assert 0 < played.memory < MOST
    assert (tmp_path / kind / "run.ndjson").stat().st_size < 32 * MIB
