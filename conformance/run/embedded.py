"""The embedded target: starts the reference fake server as a subprocess. The only module that knows of fake_server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence

from conformance.run.target import Target

_START_SECONDS = 30


class EmbeddedFailed(RuntimeError):
    """The embedded server did not come up."""


@contextlib.asynccontextmanager
async def embedded_target(faults: Sequence[str] = (), profile: str = "", extra: Sequence[str] = ()) -> AsyncIterator[Target]:
    """A running fake server with a scripted LLM, all on free loopback ports. Raises EmbeddedFailed.

    It ends with this process, however that ends: it watches the pipe that this process holds. Nothing of it is on disk.
    """
    command = [sys.executable, "-m", "fake_server", "--port", "0", "--parent-pipe"]
    command += ["--option", "turn-floor-ms=0", "--option", "pick-up-ms=0"]  # a run waits for events and needs no time to watch
    command += ["--profile", profile] if profile else []
    for fault in faults:
        command += ["--fault", fault]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(  # a session of its own: ^C is for the run, which ends it
        *command, *extra, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    try:
        yield await _listening(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()  # which it takes for the end of this process
        try:
            await asyncio.wait_for(process.communicate(), 10)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


async def _listening(process: asyncio.subprocess.Process) -> Target:
    """Wait for the line that the server prints as soon as it listens: its target file."""
    assert process.stdout is not None and process.stderr is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
    except TimeoutError:
        raise EmbeddedFailed(f"the fake server did not listen within {_START_SECONDS} s") from None
    if not line:
        reason = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
        raise EmbeddedFailed(f"the fake server ended: {reason[-1] if reason else 'no reason given'}")
    return Target.model_validate_json(line)


def run_fake_server(arguments: Sequence[str]) -> int:
    """Replace this process by `python -m fake_server …` (the commands serve, llm and faults)."""
    module, *rest = arguments
    os.execv(sys.executable, [sys.executable, "-m", module, *rest])
