"""The embedded target: starts the reference fake server as a subprocess. The only module that knows of fake_server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from conformance.target import Target, load

_START_SECONDS = 30


class EmbeddedFailed(RuntimeError):
    """The embedded server did not come up."""


@contextlib.asynccontextmanager
async def embedded_target(faults: Sequence[str] = (), profile: str = "", extra: Sequence[str] = ()) -> AsyncIterator[Target]:
    """A running fake server with a scripted LLM, all on free loopback ports. Raises EmbeddedFailed."""
    with tempfile.TemporaryDirectory(prefix="chat-conformance-") as folder:
        file = Path(folder) / "target.json"
        command = [sys.executable, "-m", "fake_server", "--port", "0", "--target-file", str(file)]
        command += ["--option", "turn-floor-ms=0"]  # a run waits for events and needs no time to watch
        command += ["--profile", profile] if profile else []
        for fault in faults:
            command += ["--fault", fault]
        process = await asyncio.create_subprocess_exec(
            *command,
            *extra,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a ^C is for the run, which then ends its server
        )
        try:
            yield await _listening(process, file)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.communicate(), 10)
            except TimeoutError:
                process.kill()
                await process.communicate()


async def _listening(process: asyncio.subprocess.Process, file: Path) -> Target:
    """Wait for the line that the server prints as soon as it listens; the target file is there by then."""
    assert process.stdout is not None and process.stderr is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
    except TimeoutError:
        raise EmbeddedFailed(f"the fake server did not listen within {_START_SECONDS} s") from None
    if not line:
        reason = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
        raise EmbeddedFailed(f"the fake server ended: {reason[-1] if reason else 'no reason given'}")
    return load(str(file))


def run_fake_server(arguments: Sequence[str]) -> int:
    """Replace this process by `python -m fake_server …` (the commands serve, llm and faults)."""
    module, *rest = arguments
    os.execv(sys.executable, [sys.executable, "-m", module, *rest])
