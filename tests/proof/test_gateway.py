"""A server whose model calls go through a gateway is judged by rows of its own, and which way they go is found out."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

import spec
from conformance.play.routing import DIRECT, GATEWAY, UNKNOWN, Routing, declared, of_call
from fake_server.serve import RunningServer, running_server
from tests.proof.bench import OPTIONS, Run, cases_for, run_against

ON = OPTIONS["gateway-llm"]
ROWS = spec.load(spec.DEFAULT).requirements.values()
NEEDING = {need: {row.id for row in ROWS if need in row.needs} for need in ("direct-llm", "gateway-llm")}


def undeclared(server: RunningServer, **llm: str) -> dict[str, Any]:
    """The target without what it says of its routing, and with other fields of its LLM."""
    target = copy.deepcopy(server.target)
    del target["capabilities"]["direct-llm"]
    target["llm"] |= llm
    return target


def test_through_a_gateway_everything_is_judged_and_passes() -> None:
    async def scene() -> Run:
        async with running_server(options=ON) as server:
            return await run_against(undeclared(server), deadline=10)

    run = asyncio.run(scene())
    wrong = {r: (v, run.why(r)) for r, v in run.verdicts.items() if v not in ("pass", "not-applicable")}
    assert wrong == {}
    assert run.footer["exit"] == 0
    assert run.ids("pass") >= NEEDING["gateway-llm"]
    assert run.ids("not-applicable") >= NEEDING["direct-llm"]


@pytest.mark.parametrize(("options", "judged"), [({}, "direct-llm"), (ON, "gateway-llm")], ids=["direct", "gateway"])
def test_what_reaches_the_model_tells_the_way(options: dict[str, str], judged: str) -> None:
    async def scene() -> Run:
        async with running_server(options=options) as server:
            return await run_against(undeclared(server), cases_for(["ERROR-015", "GATEWAY-012"]))

    run = asyncio.run(scene())
    both = {"ERROR-015", "GATEWAY-012"}
    assert run.ids("pass") & both == both & NEEDING[judged]
    (other,) = both - NEEDING[judged]
    assert run.verdicts[other] == "not-applicable"
    assert "its request" in run.why(other)


def test_without_a_control_address_neither_is_judged() -> None:
    async def scene() -> Run:
        async with running_server() as server:
            return await run_against(undeclared(server, control_url=""), cases_for(["ERROR-015", "GATEWAY-012"]))

    run = asyncio.run(scene())
    for requirement in ("ERROR-015", "GATEWAY-012"):
        assert run.verdicts[requirement] == "not-applicable"
        assert "control_url" in run.why(requirement)


DECLARED: list[tuple[dict[str, bool], str]] = [
    ({}, ""),
    ({"direct-llm": True}, DIRECT),
    ({"direct-llm": False}, GATEWAY),
    ({"gateway-llm": True}, GATEWAY),
    ({"gateway-llm": False}, DIRECT),
]


@pytest.mark.parametrize(("capabilities", "way"), DECLARED, ids=str)
def test_either_capability_declares_the_way(capabilities: dict[str, bool], way: str) -> None:
    assert declared(capabilities) == way


def test_only_a_chat_completion_tells_the_way() -> None:
    seen = [of_call(c).way for c in ({"wire": "chat", "body": {"n": 1}}, {"wire": "chat", "body": {}}, {"wire": "responses"})]
    assert seen == [GATEWAY, DIRECT, UNKNOWN]
    assert [Routing(way).obstacle("direct-llm") == "" for way in (DIRECT, GATEWAY, UNKNOWN)] == [True, False, False]
    assert Routing(UNKNOWN).obstacle("llm") == ""
