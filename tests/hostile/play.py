"""`python -m tests.hostile.play SECONDS FOLDER… -- GLOB…`: runs whose cases wait only so long for what must come.

Each folder holds a target.json and gets a run.ndjson; all are played at the same time. A line `FOLDER STATUS` is printed for
each.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from conformance.run.whole import Outcome, RunConfig, Selection, play
from tests.proof.bench import cases_for


async def _play(folder: Path, seconds: float, globs: list[str]) -> None:
    config = RunConfig(
        target=str(folder / "target.json"), record=folder / "run.ndjson", seed=1, jobs=16, fuzz="quick", deadline=seconds
    )
    outcome = Outcome()
    await play(config, Selection(cases_for(globs), complete=False), lambda case, checks: None, outcome)
    print(folder, outcome.exit_status, flush=True)


async def main() -> None:
    words = sys.argv[1:]
    at = words.index("--")
    await asyncio.gather(*(_play(Path(folder), float(words[0]), words[at + 1 :]) for folder in words[1:at]))


def _greatest() -> int:
    """The greatest resident size of this process, in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    asyncio.run(main())
    print("KiB", _greatest())
