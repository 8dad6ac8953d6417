"""Targets by name, by IPv6 and through TLS; and nothing that a run sends goes anywhere else."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.properties.engine import in_thread
from tests.hostile.proxy import ANSWERS, SOCKETS, Behaviour, reset
from tests.hostile.stage import Stage, child, run

NEVER = r"^$"
NARROW = ("--requirement", "PAGE-025", "--requirement", "STREAM-037", "--requirement", "WATCH-00[1-3]", "--jobs", "4")


def test_by_name(stage: Stage, tmp_path: Path) -> None:
    with stage.proxy(reset, NEVER, host="localhost") as proxy:
        played = run(stage.aim(tmp_path, f"http://localhost:{proxy.port}"), *NARROW)
    played.ended_well()
    assert played.status == 0, played.said


def test_by_ipv6(stage: Stage, tmp_path: Path) -> None:
    with stage.proxy(reset, NEVER, host="::1") as proxy:
        played = run(stage.aim(tmp_path, f"http://[::1]:{proxy.port}"), *NARROW)
    played.ended_well()
    assert played.status == 0, played.said


def test_generated_examples_leave_the_loop_its_threads() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))

        def example() -> None:
            asyncio.run_coroutine_threadsafe(loop.getaddrinfo("localhost", 80), loop).result()

        async with asyncio.timeout(30):
            await asyncio.gather(*(in_thread(example) for _ in range(4)))

    asyncio.run(scene())


def test_the_thread_of_an_example_ends_with_the_run() -> None:
    ended = threading.Event()

    async def scene() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def for_ever() -> None:
            begun.set()
            await asyncio.Event().wait()

        def example() -> None:
            try:
                asyncio.run_coroutine_threadsafe(for_ever(), loop).result()
            finally:
                ended.set()

        task = asyncio.create_task(in_thread(example))
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scene())  # returns, though the example waits for what never comes
    assert ended.wait(30)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate of our own for localhost, and a server's context with it."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=own authority"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def test_tls_with_an_authority_of_its_own(stage: Stage, tmp_path: Path, certificate: tuple[Path, ssl.SSLContext]) -> None:
    cert, context = certificate
    with stage.proxy(reset, NEVER, host="localhost", secure=context) as proxy:
        folder = stage.aim(tmp_path, f"https://localhost:{proxy.port}")
        played = run(folder, *NARROW, env={"SSL_CERT_FILE": str(cert)})
        played.ended_well()
        assert played.status == 0, played.said
        out = tmp_path / "doctor.txt"
        command = ("conformance.cli", "doctor", "--target", str(folder / "target.json"))
        assert child(out, *command, env={"SSL_CERT_FILE": str(cert)}) == 0, out.read_text()
        (folder / "run.ndjson").unlink()
        played = run(folder, *NARROW)
        assert played.status == 2
        assert "certificate verify failed" in played.said
        assert len(played.said.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("behaviour", "turns"),
    [(ANSWERS["redirect"], r"/messages|/chats\?"), (SOCKETS["redirected-upgrade"], r"/stream|/watch")],
    ids=["an answer", "an upgrade"],
)
def test_no_redirect_is_followed(behaviour: Behaviour, turns: str, stage: Stage, tmp_path: Path) -> None:
    with (
        stage.proxy(reset, NEVER) as elsewhere,
        stage.proxy(behaviour, turns, elsewhere=elsewhere.url) as proxy,
    ):
        played = run(stage.aim(tmp_path, proxy.url), *NARROW)
        assert proxy.met
        assert elsewhere.heard == 0
    played.ended_well()
    assert played.status in (1, 3)
    statuses = {(line.get("handshake") or line.get("response") or {}).get("status") for line in played.lines}
    assert 302 in statuses
    assert elsewhere.url.rpartition(":")[2] in json.dumps(played.lines)  # where it led to is in the record
