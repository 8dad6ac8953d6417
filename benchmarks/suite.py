"""How fast the suite judges: `python -m benchmarks.suite`, beside the Schemathesis command line on the same fake server.

Printed: exchanges judged a second by a run, the same for `schemathesis run` (its requests a second) and the ratio; the share
of the wall time that judging takes; and the wall time at 1, 2, 4 and 8 times the cases, as ratios to once. One run is bounded
from below by a case that waits for the server's own back-off; from twice the cases on the rate is the suite's own.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import spec
from conformance.play.declaration import CaseSpec
from conformance.run.collection import all_cases
from conformance.run.embedded import embedded_target
from conformance.run.target import Target
from conformance.run.whole import Outcome, RunConfig, Selection, play


class Played(NamedTuple):
    """What a run came to; times in seconds."""

    seconds: float
    exchanges: int
    judging: float
    longest: float  # case

    @property
    def rate(self) -> float:
        """Exchanges a second."""
        return self.exchanges / self.seconds

    def __str__(self) -> str:
        return f"{self.exchanges} exchanges in {self.seconds:.1f} s, {self.rate:.0f} a second"


async def judged(target: Target, cases: list[CaseSpec], folder: Path) -> Played:
    """One run over these cases."""
    record = folder / "run.ndjson"
    outcome = Outcome()
    began = time.perf_counter()
    await play(RunConfig(target=target, record=record, fuzz="off", seed=1), Selection(cases), lambda case, checks: None, outcome)
    seconds = time.perf_counter() - began
    exchanges = sum(line.startswith(b'{"kind":"exchange"') for line in record.read_bytes().split(b"\n"))
    footer = outcome.footer
    return Played(seconds, exchanges, footer["judging_ms"] / 1000, footer["slowest"][0]["ms"] / 1000)


async def schemathesis(target: Target, folder: Path) -> tuple[float, int]:
    """Seconds and requests of `schemathesis run` over the chat operations."""
    document = dict(spec.load(target.profile).openapi)
    sockets = ("/stream", "/watch", "/git", "/desktop")
    wanted = {p: i for p, i in document["paths"].items() if "/experimental/chats" in p and not p.endswith(sockets)}
    document["paths"] = {p: i for p, i in wanted.items() if "config" not in p and "usage" not in p and "cost" not in p}
    path = folder / "openapi.json"
    path.write_text(json.dumps(document, default=str), encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(path), "--url", target.base_url, "--max-examples", "10"]
    command += ["--header", f"Coder-Session-Token: {target.users['alice'].token}", "--seed", "1"]
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder
    )
    said = (await process.communicate())[0].decode(errors="replace")
    seconds = time.perf_counter() - began
    counts = [int(n) for n in re.findall(r"(\d+) generated", said)]
    if not counts:
        raise RuntimeError(f"schemathesis told no count of its cases: {said[-500:]}")
    return seconds, counts[-1]


async def main() -> None:
    cases = [case for case in all_cases() if not case.fuzz]
    light = [case for case in cases if not case.alone]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with embedded_target() as target:
            run = await judged(target, cases, folder)
            print(f"run: {run}; its longest case takes {run.longest:.1f} s")
            print(f"judging takes {run.judging / run.seconds:.0%} of the wall time (goal: at most 10 %)")
        async with embedded_target() as target:
            other, requests = await schemathesis(target, folder)
        theirs, once = requests / other, 0.0
        print(f"schemathesis run: {requests} cases in {other:.1f} s, {theirs:.0f} a second")
        print(f"ratio: {run.rate / theirs:.1f} x")
        for times in (1, 2, 4, 8):
            async with embedded_target() as target:
                run = await judged(target, light * times, folder)
            once = once or run.seconds
            print(f"{times} x the cases: {run.seconds / once:.2f} x once; {run}, ratio {run.rate / theirs:.1f} x (goal 10)")


if __name__ == "__main__":
    asyncio.run(main())
