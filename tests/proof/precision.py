"""`python -m tests.proof.precision`: does any fault turn red what it does not name, in whichever case?

The matrix plays for each fault the cases of the families that it names. Here every fault meets every case, several faults in
one server: what turns red and is named by none of them is traced to its fault by playing those cases against each one alone.
Takes about a quarter of an hour; `--shard i/n` does a part.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Sequence

from fake_server.faulting import Fault, load_all
from fake_server.serve import running_server
from tests.proof.bench import PROPERTIES, Run, options_for, run_against
from tests.proof.matrix import Planner, part, play

TOGETHER = 6  # more of them hide each other
AT_ONCE = 2


async def all_cases_against(faults: Sequence[Fault]) -> Run:
    async with running_server(faults=[fault.name for fault in faults]) as server:
        return await run_against(server.target)


async def strays(group: Sequence[Fault], planner: Planner) -> list[str]:
    """A line for each fault of the group that turns red what it does not name."""
    run = await all_cases_against(group)
    if run.refused and len(group) > 1:  # a server that the preflight refuses is judged by nothing
        return [line for fault in group for line in await strays([fault], planner)]
    named = {requirement for fault in group for requirement in fault.red}
    killers = {requirement: case for requirement, case in run.killers().items() if requirement not in named}
    if not killers:
        return []
    cases = planner.named(sorted({case for case in killers.values() if case != "preflight"}))
    lines = []
    for fault in group:
        alone = await play(fault, cases)
        more = alone.red - fault.red
        if more:
            lines.append(f"{fault.name}: also red {sorted(more)}: {', '.join(alone.why(r)[:160] for r in sorted(more))}")
    return lines or [f"{', '.join(f.name for f in group)}: together also red {sorted(killers)}"]


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.precision")
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    faults = [f for f in load_all().values() if not options_for(f.red) and not all(r.startswith(PROPERTIES) for r in f.red)]
    random.Random(options.seed).shuffle(faults)
    faults = part(options.shard, faults)
    planner, gate, found = Planner({}), asyncio.Semaphore(AT_ONCE), 0

    async def one(group: Sequence[Fault]) -> None:
        nonlocal found
        async with gate:
            for line in await strays(group, planner):
                found += 1
                print(line, flush=True)

    groups = [faults[at : at + TOGETHER] for at in range(0, len(faults), TOGETHER)]
    await asyncio.gather(*(one(group) for group in groups))
    print(f"{len(faults)} faults in {len(groups)} servers, {found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
