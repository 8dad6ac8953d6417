"""Against a server that is no chat server not one check passes, and the run says so in one line."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.nulls import KINDS, null_server

TOKEN = "abcdefghij-abcdefghijklmnopqrstuv"


async def _run(url: str, folder: Path) -> tuple[int, str, list[str]]:
    users = {n: {"id": "11111111-1111-4111-8111-111111111111", "username": n, "token": TOKEN} for n in ("root", "alice", "bob")}
    target = folder / "target.json"
    target.write_text(json.dumps({"base_url": url, "organization_id": "11111111-1111-4111-8111-111111111111", "users": users}))
    record = folder / "run.ndjson"
    command = [sys.executable, "-m", "conformance.cli", "run", "--target", str(target), "--record", str(record), "--fuzz", "off"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    _, err = await asyncio.wait_for(process.communicate(), 120)
    lines = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    passed = [line["requirement"] for line in lines if line["kind"] == "check" and line["verdict"] == "pass"]
    assert process.returncode is not None
    return process.returncode, err.decode(), passed


@pytest.mark.parametrize("kind", KINDS)
def test_no_check_passes_against_a_null_server(kind: str, tmp_path: Path) -> None:
    async def scene() -> tuple[int, str, list[str]]:
        async with null_server(kind, tmp_path) as url:
            return await _run(url, tmp_path)

    status, complaint, passed = asyncio.run(scene())
    assert passed == []
    assert status == 2
    assert len(complaint.strip().splitlines()) == 1, complaint


def test_a_closed_port_is_told_in_one_line_and_waits_for_nothing() -> None:
    async def scene() -> tuple[int | None, bytes]:
        command = [sys.executable, "-m", "conformance.cli", "run", "--target", "http://127.0.0.1:9"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, err = await asyncio.wait_for(process.communicate(), 25)  # less than any deadline of a request
        return process.returncode, out + err

    status, said = asyncio.run(scene())
    assert status == 2
    assert len(said.decode().strip().splitlines()) == 1
    assert "127.0.0.1:9" in said.decode()
