"""Connections that break, answers that take for ever, sockets that do not close: no judgement, and no waiting without end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from conformance.wire.exchange import Request
from conformance.wire.http import ConnectionLost, TargetUnreachable, Wire
from conformance.wire.patience import Patience
from conformance.wire.socket import NotSeen, open_socket
from tests.hostile.proxy import SOCKETS, Asked, Behaviour, Proxy, reset
from tests.hostile.stage import Stage, child, run

T = TypeVar("T")


async def _drip(asked: Asked) -> None:
    """A byte now and then, for ever."""
    asked.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    while not asked.writer.is_closing():
        asked.writer.write(b" ")
        await asked.writer.drain()
        await asyncio.sleep(0.05)


def _against(behaviour: Behaviour, scene: Callable[[Wire, Proxy], Awaitable[T]], *, every: int = 1) -> T:
    async def play() -> T:
        proxy = Proxy("http://127.0.0.1:9", behaviour, "", every=every)
        await proxy.start()
        wire = Wire(proxy.url, timeout=1)
        try:
            async with asyncio.timeout(60):
                return await scene(wire, proxy)
        finally:
            await wire.aclose()
            await proxy.stop()

    return asyncio.run(play())


def test_one_deadline_for_the_whole_exchange() -> None:
    async def scene(wire: Wire, proxy: Proxy) -> str:
        with pytest.raises(TargetUnreachable) as error:
            await wire.send(Request("GET", "/x"), actor=None)
        assert not isinstance(error.value, ConnectionLost)
        return str(error.value)

    assert _against(_drip, scene) == "GET /x: no whole answer within 1 s"


def test_what_can_be_asked_again_is() -> None:
    async def scene(wire: Wire, proxy: Proxy) -> None:
        with pytest.raises(ConnectionLost) as error:
            await wire.send(Request("GET", "/x"), actor=None)
        assert error.value.sent and proxy.met == 3

    _against(reset, scene)


def test_what_may_have_been_done_is_not_asked_again() -> None:
    async def scene(wire: Wire, proxy: Proxy) -> None:
        heard: list[str] = []
        wire.listeners.append(lambda exchange: heard.append(exchange.error))
        with pytest.raises(ConnectionLost) as error:
            await wire.send(Request("POST", "/x", body={}), actor=None)
        assert error.value.sent and proxy.met == 1
        assert len(heard) == 1 and heard[0]

    _against(reset, scene)


def test_what_was_never_sent_is_told_so() -> None:
    async def scene(wire: Wire, proxy: Proxy) -> None:
        wire.base_url = "http://127.0.0.1:9"
        with pytest.raises(ConnectionLost) as error:
            await wire.send(Request("POST", "/x", body={}), actor=None)
        assert not error.value.sent

    _against(reset, scene)


def test_an_upgrade_that_breaks_is_asked_for_again() -> None:
    async def scene(wire: Wire, proxy: Proxy) -> None:
        with pytest.raises(ConnectionLost):
            await open_socket(wire, Request("GET", "/x"), actor=None)
        assert proxy.met == 3

    _against(reset, scene)


def test_a_socket_that_never_closes_is_left() -> None:
    async def scene(wire: Wire, proxy: Proxy) -> None:
        heard: list[str] = []
        wire.listeners.append(lambda log: heard.append(log.closed_by))
        socket = await open_socket(wire, Request("GET", "/x"), actor=None, deadline=0.2)
        with pytest.raises(NotSeen):
            await socket.until({"type": "status"})
        with pytest.raises(NotSeen):
            await socket.ping()
        with pytest.raises(NotSeen):
            await socket.until_closed()
        await socket.aclose()
        assert socket.closed.is_set() and heard == ["client"]

    _against(SOCKETS["silent"], scene)


def test_ten_cases_in_vain_teach_the_others() -> None:
    patience = Patience()
    for case in range(9):
        for _ in range(3):
            patience.vain("frame", f"case {case}")
    assert patience.of("frame", 10) == 10
    patience.vain("frame", "case 9")
    assert patience.of("frame", 10) < 1 and patience.of("pong", 10) == 10
    patience.met("frame")
    assert patience.of("frame", 10) == 10


def test_a_target_that_drips_is_told_by_the_doctor(tmp_path: Path, stage: Stage) -> None:
    with stage.proxy(_drip, "") as proxy:
        folder = stage.aim(tmp_path, proxy.url)
        status = child(tmp_path / "out.txt", "conformance.cli", "doctor", "--target", str(folder / "target.json"))
    said = (tmp_path / "out.txt").read_text()
    assert status == 2
    assert "no whole answer within 4 s" in said and len(said.strip().splitlines()) == 1


def test_connections_that_break_now_and_then_are_no_judgement(stage: Stage, tmp_path: Path) -> None:
    with stage.proxy(reset, "", every=20) as proxy:
        played = run(stage.aim(tmp_path, proxy.url), "--area", "paging", "-k", "paging_messages", "--jobs", "4")
    assert proxy.met > 3
    played.ended_well()
    assert played.of("fail") == [] and played.of("warn") == []


def test_a_target_that_always_hangs_up_there_is_judged(stage: Stage, tmp_path: Path) -> None:
    with stage.proxy(reset, r"POST .*/messages$") as proxy:
        played = run(stage.aim(tmp_path, proxy.url), "--requirement", "SEND-001", "--jobs", "4")
    assert proxy.met
    played.ended_well()
    assert played.status == 1, played.said
    assert {line["requirement"] for line in played.of("fail")} == {"SEND-001"}
