"""`python -m tests.proof.shown [--every N] [FAULT…]`: do the printed commands show the faults?

Of each failure of a faulty server the printed command is run against a new server with the fault, and against a right one: a
line of curl in a shell, with the tokens as exported variables, must print another answer; the way to a failure, played again,
must say that the failure is still so, and no longer so; a command that judges the requirement anew must come to a failure, and
to none.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import spec
from conformance.play.verdict import Check, worst
from conformance.recordings import replay, reproducers
from fake_server.faulting import Fault
from fake_server.serve import running_server
from fixtures.transcripts import read
from tests.proof.bench import faults_of, options_for, run_against
from tests.proof.matrix import Planner, committed, in_workers, part

_VARYING = re.compile(
    r"(?i)^(date|x-request-id|etag|sec-websocket-accept):.*$|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)|127\.0\.0\.1:\d+",
    re.MULTILINE,
)


async def shell(line: str, target: dict[str, Any], made_for: str) -> str:
    """What a shell prints for this line, without what differs from one server to the other."""
    tokens = {f"{re.sub(r'[^A-Z0-9_]', '_', name.upper())}_TOKEN": user["token"] for name, user in target["users"].items()}
    line = line.replace(made_for, target["base_url"])
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", line, env=os.environ | tokens, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return _VARYING.sub("*", out.decode("utf-8", "replace")).replace(target["base_url"], "*")


async def played(path: Path, target: dict[str, Any]) -> str:
    """`still`, `gone` or why the way could not be gone."""
    report = await replay._replay([read(path)], replay.Target.model_validate(target), 1, lambda result: None)
    (file,) = report.files
    if file.finding is None:
        return f"not reached: {dict(file.left_out)} {file.remarks[:2]}"
    return "still" if file.finding.still else "gone"


def translated(target: dict[str, Any], made_for: dict[str, Any], line: str) -> str:
    """The line with the ids of this server for those of the server that it was made for."""
    pairs = [(made_for["organization_id"], target["organization_id"])]
    pairs += [(made_for["users"][name]["id"], user["id"]) for name, user in target["users"].items()]
    pairs += list(zip(made_for["model_config_ids"], target["model_config_ids"], strict=True))
    for old, new in pairs:
        line = line.replace(old, new)
    return line


async def judged(check: Check, target: dict[str, Any], planner: Planner, profile: str) -> str:
    """What its case says of the requirement when it is played alone."""
    run = await run_against(target, planner.named([check.case]), repeat=1, profile=profile)
    return worst([one.verdict for one in run.checks if one.requirement == check.requirement] or ["untestable"])


async def shows(
    check: Check, made_for: dict[str, Any], faulty: Any, right: Any, folder: Path, planner: Planner, profile: str
) -> str:
    """Empty, or why the command of this failure does not show it."""
    (command,) = check.reproduce[-1:] or [""]
    if not command:
        return "no command"
    if command == check.rerun:
        found = [await judged(check, server.target, planner, profile) for server in (faulty, right)]
        return "" if found[0] in ("fail", "warn") and found[1] == "pass" else f"run: {found}"
    if command.startswith("chat-conformance replay"):
        path = folder / f"{check.requirement}.jsonl"
        found = [await played(path, server.target) for server in (faulty, right)]
        return "" if found == ["still", "gone"] else f"replay: {found}"
    lines = [translated(server.target, made_for, command) for server in (faulty, right)]
    prints = [await shell(one, server.target, made_for["base_url"]) for one, server in zip(lines, (faulty, right), strict=True)]
    return "" if prints[0] != prints[1] else f"curl: both print {prints[0][:100]!r} for {command[:300]}"


async def judge(fault: Fault, planner: Planner, profile: str) -> tuple[int, list[str]]:
    """How many failures, and which of them no command shows."""
    named = committed(profile)[fault.name]
    cases = planner.named(sorted({case for case in named.values() if case != "preflight"})) or planner.cases(fault)
    options = options_for(fault.red, profile)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with running_server([fault.name], options, profile=profile) as server:
            made_for = server.target
            run = await run_against(made_for, cases, record=folder / "run.ndjson", repeat=1, reproducers=name, profile=profile)
        reproducers.write(folder / "run.ndjson", folder)
        wrong, seen = [], set()
        async with (
            running_server([fault.name], options, profile=profile) as faulty,
            running_server([], options, profile=profile) as right,
        ):
            for check in run.checks:
                if check.verdict in ("fail", "warn") and check.deciding and check.requirement not in seen:
                    seen.add(check.requirement)
                    try:
                        why = await shows(check, made_for, faulty, right, folder, planner, profile)
                    except Exception as error:
                        why = f"{type(error).__name__}: {error}"
                    if why:
                        wrong.append(f"{fault.name}: {check.requirement} [{check.finding}] {check.case}: {why}")
    return len(seen), wrong


async def sample(every: int, shard: str, profile: str, names: list[str]) -> tuple[int, list[str]]:
    matrix = committed(profile)
    faults = [f for f in faults_of(profile).values() if f.when is None and (not names or f.name in names) and matrix.get(f.name)]
    planner, gate = Planner.of(matrix, profile), asyncio.Semaphore(3)

    async def one(fault: Fault) -> tuple[int, list[str]]:
        async with gate:
            return await judge(fault, planner, profile)

    results = await asyncio.gather(*(one(f) for f in part(shard, faults[::every])))
    return sum(count for count, _ in results), [line for _, lines in results for line in lines]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.shown")
    parser.add_argument("faults", nargs="*")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th fault")
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--profile", default=spec.DEFAULT, choices=spec.profiles())
    options = parser.parse_args()
    if options.workers:
        arguments = ["--every", str(options.every), "--profile", options.profile]
        results = in_workers(options.workers, arguments, "tests.proof.shown")
        print("".join(output for _, output in results), end="")
        return max(status for status, _ in results)
    count, wrong = asyncio.run(sample(options.every, options.shard, options.profile, options.faults))
    print("".join(f"{line}\n" for line in wrong), end="")
    print(f"{count - len(wrong)} of {count} failures are shown by their command")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
