"""`proxy`: clients notice nothing, and what passes is judged."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.cli.main import main
from conformance.proxy.forward import Forwarder, Upstream
from conformance.recordings.reading import record_lines
from tests.cli.test_commands import COMMAND, served

# Answers, uploads, sockets that stay open and close.
NARROW = (
    "--requirement",
    "PAGE-00[1-3]",
    "--requirement",
    "STREAM-025",
    "--requirement",
    "WATCH-012",
    "--requirement",
    "FILE-001",
)


@contextmanager
def proxied(target: Path, record: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A target file of the server as it is seen through a proxy, and the proxy."""
    described = json.loads(target.read_text())
    command = [*COMMAND, "proxy", "--upstream", described["base_url"], "--port", "0", "--record", str(record)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.match(r"proxy: (\S+) ->", process.stdout.readline())
        assert found
        through = record.with_name("through.json")
        through.write_text(json.dumps(described | {"base_url": found[1]}))
        yield through, process
    finally:
        process.kill()
        process.communicate(timeout=20)


@pytest.mark.parametrize(("fault", "red"), [("", ""), ("breaks-schema-listChats", "SCHEMA-listChats")])
def test_what_passes_is_judged(fault: str, red: str, tmp_path: Path) -> None:
    record = tmp_path / "proxy.ndjson"
    with served(tmp_path, *(("--fault", fault) if fault else ())) as target, proxied(target, record) as (through, process):
        tokens = [user["token"] for user in json.loads(target.read_text())["users"].values()]
        status = main(["run", "--target", str(through), *NARROW, "--fuzz", "off", "-q", "--record", str(tmp_path / "run.ndjson")])
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    lines = list(record_lines(record))
    asked = [line for line in lines if line["kind"] == "exchange"]
    run = [line for line in record_lines(tmp_path / "run.ndjson") if line["kind"] == "exchange"]
    assert (status, process.returncode) == (0, 1 if fault else 0), said[-3000:]  # the run itself was not to look at that
    assert len(asked) == len(run) and sum("websocket" in line for line in asked) == sum("websocket" in line for line in run) > 2
    assert not [token for token in tokens if token in said + record.read_text()]
    assert lines[-1]["kind"] == "footer" and lines[-1]["counts"]["pass"] > 20
    assert re.search(r"^200 GET /api/experimental/chats  [\d.]+ ms$", said, re.MULTILINE)
    assert "101 GET /api/experimental/chats/watch" in said
    assert {*re.findall(r"^  FAIL (\S+)", said, re.MULTILINE)} == ({red} if red else set())


def test_bytes_are_passed_on_as_they_are(tmp_path: Path) -> None:
    """Also what is no HTTP; only Host is put right where the server's is named."""
    sent = bytes(range(256)) * 40 + b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n"
    head = b"GET /x HTTP/1.1\r\nA: b\r\nHost: here\r\n\r\nbody host: here"

    async def through(data: list[bytes], named: bytes) -> tuple[bytes, bytes]:
        heard = bytearray()

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while piece := await reader.read(1000):
                heard.extend(piece)
                writer.write(piece)
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            upstream = Upstream("127.0.0.1", server.sockets[0].getsockname()[1], named=named)
            async with await Forwarder(upstream, lambda number, asked, copy: None).listen("127.0.0.1", 0) as proxy:
                reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname())
                for piece in data:
                    writer.write(piece)
                    await writer.drain()
                writer.write_eof()
                back = await asyncio.wait_for(reader.read(-1), 20)
                writer.close()
                await writer.wait_closed()
        return bytes(heard), back

    assert asyncio.run(through([sent], b"")) == (sent, sent)
    there = head.replace(b"Host: here", b"Host: there")
    assert asyncio.run(through([head], b"there")) == (there, there)


def test_an_address_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy", "--upstream", "nowhere"]) == 2
    assert "--upstream: 'nowhere' is no address" in capsys.readouterr().err
