"""The scripted LLM's control address: who may speak to it."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from conformance.run.preflight import preflight
from conformance.run.session import Options, Session
from conformance.run.target import Target
from fake_server.llm.server import ScriptedLLM
from fake_server.serve import running_server

TOKEN = "control-token-of-a-test"


def asked(headers: dict[str, str], **options: str) -> int:
    async def scene() -> int:
        async with ScriptedLLM(**options) as llm, httpx2.AsyncClient(timeout=10) as client:  # type: ignore[arg-type]
            url = f"http://127.0.0.1:{llm.control_port}/health"
            return (await client.get(url, headers=headers)).status_code

    return asyncio.run(scene())


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9901", "127.0.0.1:1", "[::1]:9901", "a.localhost"])
def test_loopback_names_are_its_own(host: str) -> None:
    assert asked({"host": host}) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9901", "localhost.evil.example", "10.0.0.1", "[", "127.0.0.1.evil.example"]
)
def test_other_names_are_refused(host: str) -> None:
    assert asked({"host": host}) == 403


@pytest.mark.parametrize(("host", "status"), [("10.0.0.1:9901", 200), ("llm.example", 403)])
def test_on_all_addresses_any_address_will_do_but_no_other_name(host: str, status: int) -> None:
    assert asked({"host": host}, control_host="0.0.0.0") == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
def test_a_token_is_asked_for_where_one_was_given(headers: dict[str, str], status: int) -> None:
    assert asked(headers, control_token=TOKEN) == status


@pytest.mark.parametrize(("token", "complaints"), [(TOKEN, 0), ("", 1)])
def test_a_run_sends_the_token_of_its_target_file(token: str, complaints: int) -> None:
    async def scene() -> list[str]:
        async with running_server(control_token=TOKEN) as server:
            target = Target.model_validate(server.target)
            assert target.llm.control_token == TOKEN
            target.llm.control_token = token
            session = Session(target, Options())
            try:
                return [p.text for p in await preflight(session)]
            finally:
                await session.wire.aclose()
                await session.control.aclose()

    said = asyncio.run(scene())
    assert len(said) == complaints and all("it asks for a token" in text for text in said)
