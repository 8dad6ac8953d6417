"""The embedded target: starts the reference fake server as a subprocess. The only module that knows of fake_server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from typing import IO

from conformance.run.target import Llm, Target

_START_SECONDS = 120  # on a machine that starts many of them, and compiles the modules first
_END_SECONDS = 10
_PLAINLY = ("-P",)  # modules are not looked for in the folder that somebody happens to be in


class EmbeddedFailed(RuntimeError):
    """The embedded server did not come up."""


@contextlib.asynccontextmanager
async def embedded_target(faults: Sequence[str] = (), profile: str = "", extra: Sequence[str] = ()) -> AsyncIterator[Target]:
    """A running fake server with a scripted LLM, all on free loopback ports. Raises EmbeddedFailed.

    It ends with this process, however that ends: it watches the pipe that this process holds. Nothing of it is on disk.
    """
    command = ["fake_server", "--port", "0"]
    command += ["--option", "turn-floor-ms=0", "--option", "pick-up-ms=0"]  # a run waits for events and needs no time to watch
    command += ["--profile", profile] if profile else []
    for fault in faults:
        command += ["--fault", fault]
    async with _child("the fake server", *command, *extra) as line:
        yield Target.model_validate_json(line)


@contextlib.asynccontextmanager
async def embedded_llm(host: str, port: int = 0) -> AsyncIterator[Llm]:
    """A scripted LLM that listens at this address, with a control address on loopback; it ends as the embedded server does.

    Raises EmbeddedFailed.
    """
    async with _child("the scripted LLM", "fake_server.llm", "--host", host, "--port", str(port), "--control-port", "0") as line:
        yield Llm.model_validate_json(line)


@contextlib.asynccontextmanager
async def _child(what: str, *command: str) -> AsyncIterator[bytes]:
    """A module that runs as long as this lasts, and the line that it prints as soon as it listens."""
    with tempfile.TemporaryFile() as complaints:
        process = _started(command, complaints)
        try:
            line = await _first_line(what, process)
            if not line:
                complaints.seek(0)
                reason = complaints.read().decode(errors="replace").strip().splitlines()
                raise EmbeddedFailed(f"{what} ended: {reason[-1] if reason else 'no reason given'}")
            yield line
        finally:
            assert process.stdin is not None
            process.stdin.close()  # which it takes for the end of this process
            await asyncio.get_running_loop().run_in_executor(None, _reap, process)


def _started(command: Sequence[str], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    """The module, begun: a session of its own, as ^C is for the run, which ends it.

    Not by asyncio's subprocesses: one that is cancelled while it starts is waited for without end (CPython 3.11).
    """
    line, pipe = [sys.executable, *_PLAINLY, "-m", *command, "--parent-pipe"], subprocess.PIPE
    return subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=complaints, start_new_session=True)


async def _first_line(what: str, process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), process.stdout
    )
    try:
        return await asyncio.wait_for(reader.readline(), _START_SECONDS)
    except TimeoutError:
        raise EmbeddedFailed(f"{what} did not listen within {_START_SECONDS} s") from None
    finally:
        transport.close()


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_fake_server(arguments: Sequence[str]) -> int:
    """Replace this process by `python -m fake_server …` (the commands serve, llm and faults)."""
    module, *rest = arguments
    os.execv(sys.executable, [sys.executable, *_PLAINLY, "-m", module, *rest])
