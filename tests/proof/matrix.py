"""The kill matrix: which fault turns which requirement red, and in which case; generated, committed, checked.

`python -m tests.proof.matrix` plays every fault against all cases that may see it and writes tests/proof/matrix.json.
`--only FAULT…` makes the rows of these faults anew and leaves all others as they are.
`--like PROFILE` plays for each fault the cases that the matrix of that profile names and those that declare what it names.
`--check` plays for each fault only the cases that the committed matrix names, and says what is not as it says there.
`--shard i/n` does the i-th of n parts; `--workers N` starts N processes that share the work.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import spec
from conformance.play.declaration import CaseSpec
from conformance.run.collection import all_cases
from fake_server.faulting import Fault
from fake_server.serve import running_server
from tests.proof.bench import PROPERTIES, Run, faults_of, judged_only_with, options_for, run_against

FILE = Path(__file__).with_name("matrix.json")  # of the profile of a run that names none
AT_ONCE = 3  # servers of one process at a time: a run waits more than it works
_MOST = 25  # cases that judge a requirement in passing; more add time, not knowledge
_FEW = 4  # of them where the matrix of another profile is followed


def family(requirement: str) -> str:
    return requirement.rsplit("-", 1)[0]


class Planner:
    """Chooses the cases that may see a fault: those of the families it names, and those that judge in passing what it names."""

    def __init__(self, judges: dict[str, list[str]], profile: str = spec.DEFAULT) -> None:
        self._judges, self._profile = judges, profile
        self._cases = {case.name: case for case in all_cases()}
        self._families: dict[str, set[str]] = {}
        for case in self._cases.values():
            for requirement in case.requirements:
                self._families.setdefault(family(requirement), set()).add(case.name)

    @classmethod
    def of(cls, matrix: dict[str, dict[str, str]], profile: str = spec.DEFAULT) -> Planner:
        """One that knows who judges what in passing from a matrix, without a run of its own."""
        known: dict[str, list[str]] = {}
        for killers in matrix.values():
            for requirement, case in killers.items():
                known.setdefault(requirement, []).append(case)
        return cls({requirement: sorted(set(cases)) for requirement, cases in known.items()}, profile)

    def judging(self, requirements: set[str]) -> list[CaseSpec]:
        """Every case that judges one of these, in passing or not."""
        return self.named(sorted({n for r in requirements for n in self._judges.get(r, []) if n in self._cases}))

    def few(self, requirements: set[str]) -> list[CaseSpec]:
        """The cases that declare one of these, and of those that judge them in passing the first ones."""
        names = {c.name for c in self._cases.values() if requirements & set(c.requirements)}
        known = {n for r in requirements for n in [n for n in self._judges.get(r, []) if n in self._cases][:_FEW]}
        return [self._cases[n] for n in sorted(names | known)]

    def cases(self, fault: Fault) -> list[CaseSpec]:
        names: set[str] = set()
        options = options_for(fault.red, self._profile)
        for requirement in fault.red:
            if requirement.startswith(PROPERTIES):
                names |= {c.name for c in self._cases.values() if requirement in c.requirements}
            else:
                found = self._families.get(family(requirement), set())
                names |= {n for n in found if not self._cases[n].fuzz}
                names |= set([n for n in self._judges.get(requirement, []) if n in self._cases][:_MOST])
        if options:  # such a server suits few of the cases
            wanted = judged_only_with(options, self._profile)
            names = {case.name for case in self._cases.values() if set(case.requirements) & wanted}
        return [self._cases[n] for n in sorted(names)]

    def named(self, names: list[str]) -> list[CaseSpec]:
        """The cases of these names; one that is gone is left out, and what it judged is looked for anew."""
        return [self._cases[name] for name in names if name in self._cases]


def differs(fault: Fault, red: set[str], named: Iterable[str] | None = None) -> tuple[set[str], set[str]]:
    """What should have turned red and did not, and what did and should not; `named` stands for what the fault names.

    Of a fault that comes now and then it is enough that one of its ids turned red. Which ones do is an accident, and that its
    answers contradict each other may turn others red.
    """
    wanted = set(fault.red if named is None else named)
    if fault.when is not None:
        return (set() if red & fault.red else wanted), set()
    return wanted - red, red - wanted


def red_of(fault: Fault, run: Run) -> set[str]:
    """What counts as red: for a fault that comes now and then, no failure that a race excuses."""
    return run.red if fault.when is None else run.failed


async def play(fault: Fault, cases: list[CaseSpec], profile: str = spec.DEFAULT) -> Run:
    """A run of these cases against a server of this profile with this fault."""
    fuzz = "quick" if any(case.fuzz for case in cases) else "off"
    async with running_server([fault.name], options_for(fault.red, profile), profile=profile) as server:
        return await run_against(server.target, cases, fuzz=fuzz)


async def judges(profile: str = spec.DEFAULT) -> dict[str, list[str]]:
    """Who judges what, from a run against the fake server without a fault."""
    async with running_server(profile=profile) as server:
        return (await run_against(server.target)).judges()


async def generate(faults: list[Fault], profile: str = spec.DEFAULT) -> dict[str, dict[str, str]]:
    planner, gate = Planner(await judges(profile), profile), asyncio.Semaphore(AT_ONCE)
    out: dict[str, dict[str, str]] = {}

    async def one(fault: Fault) -> None:
        async with gate:
            run = await play(fault, planner.cases(fault), profile)
            if differs(fault, red_of(fault, run))[0]:  # what is judged in passing may be judged elsewhere
                more = {c.name: c for c in (*planner.cases(fault), *planner.judging(fault.red - run.red))}
                run = await play(fault, list(more.values()), profile)
        killers = run.killers()
        out[fault.name] = killers if fault.when is None else {r: killers[r] for r in sorted(fault.red & run.failed)}
        missed, surplus = differs(fault, red_of(fault, run))
        if missed or surplus:
            print(f"{fault.name}: not red {sorted(missed)}, also red {sorted(surplus)}", flush=True)

    await asyncio.gather(*(one(fault) for fault in faults))
    return out


async def follow(faults: list[Fault], like: dict[str, dict[str, str]], profile: str) -> dict[str, dict[str, str]]:
    """The rows of these faults, from the cases that another matrix names; from more, if those don't see what a fault names."""
    planner, gate = Planner.of(like, profile), asyncio.Semaphore(AT_ONCE)
    out: dict[str, dict[str, str]] = {}

    async def one(fault: Fault) -> None:
        found: dict[str, str] = {}
        known = planner.named(sorted({c for r, c in like.get(fault.name, {}).items() if r in fault.red}))
        for cases in (known, planner.few(fault.red), planner.cases(fault) if fault.when is not None else []):
            enough = fault.red <= found.keys() if fault.when is None else fault.red & found.keys()
            if cases and not enough:
                async with gate:
                    run = await play(fault, cases, profile)
                found = run.killers() | found
        named = fault.red & found.keys() if fault.when is not None else found.keys()
        out[fault.name] = {r: found[r] for r in sorted(named)}
        missed, surplus = differs(fault, set(found))
        if missed or surplus:
            print(f"{fault.name}: not red {sorted(missed)}, also red {sorted(surplus)}", flush=True)

    await asyncio.gather(*(one(fault) for fault in faults))
    return out


async def check(faults: list[Fault], matrix: dict[str, dict[str, str]], profile: str = spec.DEFAULT) -> list[str]:
    """Play what the matrix names; gives a line for each id that does not turn red any more."""
    planner, gate = Planner.of(matrix, profile), asyncio.Semaphore(2 * AT_ONCE)
    wrong: list[str] = []

    async def one(fault: Fault) -> None:
        killers = matrix[fault.name]
        run = Run()
        if fault.when is None:  # what comes now and then needs the traffic of many cases
            async with gate:
                run = await play(fault, planner.named(sorted({c for c in killers.values() if c != "preflight"})), profile)
        if differs(fault, red_of(fault, run), killers)[0]:  # a judgement in passing may need the traffic of more cases than one
            async with gate:
                run = await play(fault, planner.cases(fault), profile)
        alive, more = differs(fault, red_of(fault, run), killers)
        more -= fault.red  # a matrix that follows another one holds what few cases show
        if alive or more:
            wrong.append(f"{fault.name}: not red {sorted(alive)}, also red {sorted(more)}")

    await asyncio.gather(*(one(fault) for fault in faults))
    if wrong:  # once more with nothing beside it: a busy machine is no finding
        names = [line.split(":")[0] for line in wrong]
        wrong.clear()
        for fault in faults:
            if fault.name in names:
                await one(fault)
    return wrong


def chosen(names: list[str], profile: str) -> list[Fault]:
    """The faults of these names that are any in this profile; without names all."""
    return [fault for fault in faults_of(profile).values() if fault.name in names or not names]


def file_of(profile: str) -> Path:
    """Where the matrix of a profile stands."""
    return FILE if profile == spec.DEFAULT else FILE.with_name(f"matrix-{profile}.json")


def part(shard: str, faults: list[Fault]) -> list[Fault]:
    index, count = (int(n) for n in shard.split("/"))
    return [fault for place, fault in enumerate(faults) if place % count == index - 1]


def committed(profile: str = spec.DEFAULT) -> dict[str, dict[str, str]]:
    """The matrix as it stands in its file; empty when there is none yet."""
    file = file_of(profile)
    found: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def in_workers(count: int, arguments: list[str], module: str = "tests.proof.matrix") -> list[tuple[int, str]]:
    """Run a module in `count` processes, a shard each; gives their exit statuses and outputs."""
    command = [sys.executable, "-m", module, *arguments]
    workers = [
        subprocess.Popen([*command, "--shard", f"{i + 1}/{count}"], stdout=subprocess.PIPE, text=True) for i in range(count)
    ]
    outputs = [worker.communicate()[0] for worker in workers]
    return [(worker.returncode, output) for worker, output in zip(workers, outputs, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.matrix")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument(
        "--update", action="store_true", help="only the faults whose row is missing or differs from what they name"
    )
    parser.add_argument("--only", nargs="+", metavar="FAULT", default=[], help="only these faults, whatever their rows say")
    parser.add_argument("--like", choices=spec.profiles(), help="follow the matrix of this profile")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="check only every N-th fault")
    parser.add_argument("--json", action="store_true", help="print the part of the matrix instead of writing it")
    parser.add_argument("--profile", default=spec.DEFAULT, choices=spec.profiles(unfinished=True))
    options = parser.parse_args()
    profile = options.profile
    rest = kept(profile) if options.update or options.only else {}
    if options.workers:
        mode = ["--check", "--every", str(options.every)] if options.check else ["--json", *["--update"] * options.update]
        mode += ["--profile", profile]
        mode += ["--only", *options.only] if options.only else []
        mode += ["--like", options.like] if options.like else []
        results = in_workers(options.workers, mode)
        if options.check:
            print("".join(output for _, output in results), end="")
            return max(status for status, _ in results)
        for _, output in results:
            *notes, last = output.strip().split("\n")
            rest |= json.loads(last)
            print("\n".join(notes))
        return save(rest, profile)
    if options.check:
        checked = part(options.shard, chosen(options.only, profile)[:: options.every])
        wrong = asyncio.run(check(checked, committed(profile), profile))
        print("".join(f"{line}\n" for line in wrong), end="")
        return 1 if wrong else 0
    wanted = chosen(options.only, profile)
    if options.update:
        known = committed(profile)
        wanted = [fault for fault in wanted if any(differs(fault, set(known.get(fault.name, {}))))]
    wanted = part(options.shard, wanted)
    found = asyncio.run(follow(wanted, committed(options.like), profile) if options.like else generate(wanted, profile))
    if options.json:
        print(json.dumps(found))
        return 0
    return save(rest | found, profile)


def kept(profile: str) -> dict[str, dict[str, str]]:
    """The rows of the committed matrix whose faults there still are."""
    known = faults_of(profile)
    return {name: row for name, row in committed(profile).items() if name in known}


def save(matrix: dict[str, dict[str, str]], profile: str = spec.DEFAULT) -> int:
    lines = [f"{json.dumps(name)}: {json.dumps(matrix[name], sort_keys=True)}" for name in sorted(matrix)]
    file = file_of(profile)
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{len(matrix)} faults, {len({i for ids in matrix.values() for i in ids})} requirements written to {file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
