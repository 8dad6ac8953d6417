"""`python -m tests.proof.precision`: does any fault turn red what it does not name, in whichever case?

The matrix plays for each fault the cases of the families that it names. Here every fault meets every case, several faults in
one server: what turns red and is named by none of them is traced to its fault by playing those cases against each one alone.
Takes about forty minutes; `--shard i/n` does a part. `--write` puts what was found into the faults' own lists and the matrix,
for you to look at: a fault that breaks more than it says should say so, or a case judges what it is not about.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from fake_server.faulting import REGISTRY, Fault
from fake_server.serve import running_server
from tests.proof.bench import PROPERTIES, Run, faults_of, options_for, run_against
from tests.proof.kill import write
from tests.proof.matrix import Planner, committed, part, play, save

TOGETHER = 6  # more of them hide each other
AT_ONCE = 2


async def all_cases_against(faults: Sequence[Fault]) -> Run:
    async with running_server(faults=[fault.name for fault in faults]) as server:
        return await run_against(server.target)


async def strays(group: Sequence[Fault], planner: Planner) -> dict[str, dict[str, str]]:
    """For each fault of the group that turns red what it does not name: these ids, each with the case in which it did."""
    run = await all_cases_against(group)
    if run.refused and len(group) > 1:  # a server that the preflight refuses is judged by nothing
        return {name: more for fault in group for name, more in (await strays([fault], planner)).items()}
    named = {requirement for fault in group for requirement in fault.red}
    killers = {requirement: case for requirement, case in run.killers().items() if requirement not in named}
    if not killers:
        return {}
    cases = planner.named(sorted({case for case in killers.values() if case != "preflight"}))
    found = {}
    for fault in group:
        alone = await play(fault, cases)
        more = {requirement: case for requirement, case in alone.killers().items() if requirement not in fault.red}
        if more:
            found[fault.name] = more
            why = "; ".join(f"{r}: {alone.why(r)[:120]}" for r in more)
            print(f"{fault.name}: also red {sorted(more)}: {why}", flush=True)
    if not found:
        print(f"{', '.join(f.name for f in group)}: together also red {sorted(killers)}", flush=True)
    return found


def merge(found: dict[str, dict[str, str]]) -> None:
    """Put these ids into the sources of the faults and into the matrix."""
    matrix = committed()
    for name, more in found.items():
        fault = REGISTRY[name]
        if write(fault, set(fault.red) | more.keys()):
            matrix[name] = dict(sorted((matrix.get(name, {}) | more).items()))
        else:
            print(f"{name}: not found in the sources")
    save(matrix)


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.precision")
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--findings", type=Path, help="a file for what was found, as JSON")
    options = parser.parse_args()
    steady = [f for f in faults_of().values() if f.when is None]
    faults = [f for f in steady if not options_for(f.red) and not all(r.startswith(PROPERTIES) for r in f.red)]
    random.Random(options.seed).shuffle(faults)
    faults = part(options.shard, faults)
    planner, gate = Planner({}), asyncio.Semaphore(AT_ONCE)
    found: dict[str, dict[str, str]] = {}

    async def one(group: Sequence[Fault]) -> None:
        async with gate:
            found.update(await strays(group, planner))

    groups = [faults[at : at + TOGETHER] for at in range(0, len(faults), TOGETHER)]
    await asyncio.gather(*(one(group) for group in groups))
    print(f"{len(faults)} faults in {len(groups)} servers; {len(found)} turn red what they do not name")
    if options.findings:
        options.findings.write_text(json.dumps(found, indent=1), encoding="utf-8")
    if options.write:
        merge(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
