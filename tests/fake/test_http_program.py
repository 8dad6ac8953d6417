"""The fake server as a program, and many of them in one process."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
import sys
from pathlib import Path

import httpx2
import pytest

from fake_server.serve import running_server
from tests.fake.served import API

ACTORS = {"root", "alice", "bob", "carol", "orgadmin", "orgauditor", "auditor"}


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fake_server", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_listens_writes_the_target_file_and_stops(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "t.json"

    async def run() -> None:
        async with asyncio.timeout(30):
            process = await _start("--port", "0", "--target-file", str(file))
            assert process.stdout is not None
            line = (await process.stdout.readline()).decode()
            target = json.loads(file.read_text())
            assert target["base_url"] in line
            assert all(user["token"] not in line for user in target["users"].values())
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert set(target["users"]) == ACTORS
            assert len(target["model_config_ids"]) == 1
            async with httpx2.AsyncClient(base_url=target["base_url"]) as http:
                token = {"Coder-Session-Token": target["users"]["alice"]["token"]}
                assert (await http.get(API, headers=token)).json() == []
                process.send_signal(number)
                out, err = await process.communicate()
            assert (process.returncode, out, err) == (0, b"", b"")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fault", "no-such-fault"], "(did you mean no-new-default?); list them with: chat-conformance faults"),
        (["--target-file", "/nowhere/t.json"], "make it with: mkdir -p /nowhere"),
    ],
)
def test_bad_arguments_are_one_line_and_status_2(arguments: list[str], words: str) -> None:
    async def run() -> None:
        async with asyncio.timeout(30):
            process = await _start("--port", "0", *arguments)
            out, err = await process.communicate()
            assert (process.returncode, out) == (2, b"")
            assert err.decode().count("\n") == 1
            assert words in err.decode()

    asyncio.run(run())


def test_a_taken_port_is_one_line_and_status_2() -> None:
    async def run() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            async with asyncio.timeout(30):
                process = await _start("--port", str(port))
                _, err = await process.communicate()
        assert process.returncode == 2
        assert err.decode().count("\n") == 1
        assert f"127.0.0.1:{port}" in err.decode()

    asyncio.run(run())


def test_bare_has_only_root() -> None:
    async def run() -> None:
        async with asyncio.timeout(30), running_server(bare=True) as server, httpx2.AsyncClient(base_url=server.base_url) as http:
            assert set(server.target["users"]) == {"root"}
            assert server.target["model_config_ids"] == []
            body = {"organization_id": server.target["organization_id"], "content": [{"type": "text", "text": "hi"}]}
            answer = await http.post(API, json=body, headers={"Coder-Session-Token": server.token("root")})
            assert answer.json() == {"message": "No default chat model config is configured."}

    asyncio.run(run())


def test_servers_in_one_process_share_nothing() -> None:
    async def run() -> None:
        async with asyncio.timeout(30), running_server() as one, running_server() as two, httpx2.AsyncClient() as http:
            assert one.base_url != two.base_url
            token = {"Coder-Session-Token": one.token("alice")}
            assert (await http.get(one.base_url + API, headers=token)).status_code == 200
            assert (await http.get(two.base_url + API, headers=token)).status_code == 401

    asyncio.run(run())
