"""`python -m tests.proof.walks`: walks from many seeds on a right fake server, and on it under controls, find no difference.

`--seeds N` from `--first` on; `--control NAME` (more than once; `all`: each of them, alone); `--profile`; `--fault NAME` shows
what walks find.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

import spec
from conformance.walks.differ import AREAS
from fake_server.serve import running_server
from tests.proof import controls
from tests.proof.bench import Run, cases_for, run_against


async def walked(
    profile: str, seed: int, *, given: Sequence[str] = (), faults: Sequence[str] = (), fuzz: str = "quick", deadline: float = 5
) -> Run:
    """A run of the walks alone against a server in this process under these controls, with these faults."""
    wrong = [*faults, *(n for n in given if n not in controls.PREPARED)]
    async with running_server(faults=wrong, profile=profile) as server:
        for name in given:
            if name in controls.PREPARED:
                controls.PREPARED[name](server.backend)
        return await run_against(server.target, cases_for(["DIFF-*"]), fuzz=fuzz, seed=seed, deadline=deadline)


def noticed(run: Run) -> dict[str, str]:
    """What the walks found or could not judge, by requirement."""
    mine = {r: f"{v}: {run.why(r)}" for r, v in run.verdicts.items() if r in AREAS.values() and v != "pass"}
    beside = [(key, text) for key in ("not_again", "astray") for text in run.footer["walks"][key]]
    return mine | {f"{key} {n}": text for n, (key, text) in enumerate(beside)}


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.walks")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--control", action="append", default=[])
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--profile", default=spec.DEFAULT, choices=spec.profiles())
    options = parser.parse_args()
    alone = [(name,) for name in controls.NAMES] if "all" in options.control else [tuple(options.control)]
    seen = 0
    with controls.registered():
        for given in alone:
            for seed in range(options.first, options.first + options.seeds):
                run = await walked(options.profile, seed, given=given, faults=options.fault)
                found, walks = noticed(run), run.footer["walks"]
                seen += bool(found)
                name = " ".join(given) or "right"
                print(f"{name} seed {seed}: {walks['walks']} walks, {len(found)} found", flush=True)
                for requirement, why in found.items():
                    print(f"    {requirement} {why[:900]}", flush=True)
    return 1 if seen else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
