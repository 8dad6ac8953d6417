"""`python -m tests.proof.evidence [--every N] [FAULT…]`: what the failures of faulty servers show, and what they lack.

Each fault is played by the cases that the kill matrix names. A failure has to say what was expected and what was there, in the
words of the API and in few lines; no exception of Python, no representation of one of its values may stand in it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import spec
from conformance.play.finding import KINDS
from conformance.play.verdict import Check
from fake_server.faulting import Fault
from fake_server.serve import running_server
from reports import console
from tests.proof.bench import faults_of, options_for, run_against
from tests.proof.matrix import Planner, committed, in_workers, part

PYTHON = re.compile(
    r"\b(Key|Index|Type|Value|Attribute|Lookup|Name|UnboundLocal|Assertion|Recursion|Runtime)Error\b|StopIteration|Traceback"
    r"|\bABSENT\b|\bNone\b|\bTrue\b|\bFalse\b|NoneType|<[\w.]+ object at|not so:|not subscriptable"
)
LINES = 15  # of a failure in the terminal


def lacks(check: Check, exchanges: set[str]) -> Iterator[str]:
    """What is wrong with this failure as a reader sees it."""
    for name, text in (("message", check.message), ("reason", check.reason)):
        if found := PYTHON.search(text):
            yield f"its {name} speaks Python ({found[0]}): {text}"
    if check.finding not in KINDS:
        yield f"it is of no kind: {check.finding!r}"
    line = check.line()
    if "expected" not in line and check.finding not in ("extra-key", "extra-item"):
        yield "it does not say what was expected"
    if "actual" not in line and check.finding not in ("missing-key", "missing-item"):
        yield "it does not say what was there"
    if not check.deciding or check.deciding not in exchanges:
        yield f"no exchange of the record decides it: {check.deciding!r}"


async def judge(fault: Fault, planner: Planner, profile: str) -> tuple[list[str], list[Check]]:
    """What is wrong with the failures of this fault, a line each; and the failures."""
    named = committed(profile)[fault.name]
    cases = planner.named(sorted({case for case in named.values() if case != "preflight"})) or planner.cases(fault)
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "run.ndjson"
        async with running_server([fault.name], options_for(fault.red, profile), profile=profile) as server:
            run = await run_against(server.target, cases, record=record, repeat=1)
        exchanges = set(re.findall(r'^\{"kind":"exchange","id":"([^"]+)"', record.read_text(encoding="utf-8"), re.MULTILINE))
        out = StringIO()
        console.render(record, out, limit=100)
    failures = [check for check in run.checks if check.verdict in ("fail", "warn", "raced")]
    wrong = [f"{fault.name}: {check.requirement}: {why}" for check in failures for why in lacks(check, exchanges)]
    for block in re.split(r"\n\n", out.getvalue())[:-1]:
        if block.count("\n") >= LINES:
            wrong.append(f"{fault.name}: a failure of {block.count(chr(10)) + 1} lines: {block[:60]}")
    return wrong, failures


async def sample(every: int, shard: str, profile: str, names: list[str], verbose: bool) -> list[str]:
    matrix = committed(profile)
    faults = [f for f in faults_of(profile).values() if f.when is None and (not names or f.name in names) and matrix.get(f.name)]
    planner, gate, kinds = Planner.of(matrix, profile), asyncio.Semaphore(3), Counter[str]()

    async def one(fault: Fault) -> list[str]:
        async with gate:
            wrong, failures = await judge(fault, planner, profile)
        kinds.update(check.finding for check in failures)
        for check in failures if verbose else []:
            print(f"{fault.name}: {check.requirement} [{check.finding}] {check.message} | {check.line().get('expected', '-')!r}")
            print(f"    {check.line().get('actual', '-')!r} at {check.pointer or '-'} in {check.deciding} of {check.exchanges}")
        return wrong

    found = [line for lines in await asyncio.gather(*(one(f) for f in part(shard, faults[::every]))) for line in lines]
    if verbose:
        print(dict(kinds))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.evidence")
    parser.add_argument("faults", nargs="*")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th fault")
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--profile", default=spec.DEFAULT, choices=spec.profiles())
    parser.add_argument("-v", action="store_true", help="print every failure")
    options = parser.parse_args()
    if options.workers:
        arguments = ["--every", str(options.every), "--profile", options.profile]
        results = in_workers(options.workers, arguments, "tests.proof.evidence")
        print("".join(output for _, output in results), end="")
        return max(status for status, _ in results)
    wrong = asyncio.run(sample(options.every, options.shard, options.profile, options.faults, options.v))
    print("".join(f"{line}\n" for line in wrong), end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
