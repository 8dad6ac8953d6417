"""`python -m tests.proof.kill FAULT…`: which ids does this fault turn red, and are they the ones that it names?

`all` stands for every fault, `area:NAME` for those declared in fake_server/faults/NAME.py, `NAME@every=3` and the like for a
fault that comes now and then, and `area:intermittent` for those of them that the kill matrix has. With `--write` the ids that
did turn red are put into the source, the first one named staying first; look at the diff before you keep it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from pathlib import Path

import fake_server.faults
import spec
from fake_server.faulting import Fault, named
from tests.proof.bench import Run, cases_for, faults_of, options_for, scoped
from tests.proof.matrix import Planner, committed, differs, play, red_of

FOLDER = Path(fake_server.faults.__file__).parent


async def verdict_on(fault: Fault, planner: Planner, everything: bool, profile: str) -> Run:
    """A run against a server with this fault: the cases that may see it, or all but those of the property phase."""
    cases = planner.cases(fault)
    if everything and not options_for(fault.red, profile):  # a server that is started otherwise suits few of the cases
        cases = [*cases_for(None), *(case for case in cases if case.fuzz)]
    return await play(fault, cases, profile)


def report(fault: Fault, run: Run, verbose: bool) -> bool:
    """Print what came of it; gives whether exactly the named ids turned red."""
    missed, more = differs(fault, red_of(fault, run))
    right = not missed and not more
    print(f"{'ok' if right else 'WRONG':<6} {fault.name}: red {sorted(run.red)}", end="")
    print(f"; NOT RED {sorted(missed)}" if missed else "", end="")
    print(f"; ALSO RED {sorted(more)}" if more else "", f"({run.footer.get('ms')} ms)", flush=True)
    for requirement in sorted(run.red | missed) if verbose or not right else []:
        verdict = run.verdicts.get(requirement, "not judged")
        print(f"       {requirement} {verdict}: {run.why(requirement) if requirement in run.verdicts else ''}"[:300])
    return right


def write(fault: Fault, red: set[str]) -> bool:
    """Put these ids into the declaration of the fault; gives whether it was found."""
    for path in sorted(FOLDER.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        decorated = re.search(rf"red=\[([^\]]*)\],?\s*\)\ndef {fault.name.replace('-', '_')}\(", source)
        called = re.search(rf'\(\s*"{fault.name}",(?:(?!\n\n|\n\w).)*?red=\[([^\]]*)\]', source, re.DOTALL)
        found = decorated or called
        if found:
            old = re.findall(r'"([^"]+)"', found[1])
            new = [i for i in old if i in red] + sorted(red - set(old))
            listed = ", ".join(f'"{i}"' for i in new)
            path.write_text(source[: found.start(1)] + listed + source[found.end(1) :], encoding="utf-8")
            return True
    return False


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.kill")
    parser.add_argument("faults", nargs="+")
    parser.add_argument("--all-cases", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--jobs", type=int, default=3, help="servers at once")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("--profile", default=spec.DEFAULT, choices=spec.profiles(unfinished=True))
    options = parser.parse_args()
    profile = options.profile
    gate, planner = asyncio.Semaphore(options.jobs), Planner.of(committed(profile), profile)

    async def one(fault: Fault) -> bool:
        async with gate:
            run = await verdict_on(fault, planner, options.all_cases, profile)
        right = report(fault, run, options.v)
        if options.write and not right and run.red:
            print("       written" if write(fault, run.red) else "       NOT FOUND IN THE SOURCE")
        return right

    results = await asyncio.gather(*(one(fault) for name in options.faults for fault in chosen(name, profile)))
    print(f"{sum(results)} of {len(results)} faults turn red exactly what they name")
    return 0 if all(results) else 1


def chosen(name: str, profile: str) -> list[Fault]:
    """The faults of an argument of the command line, as far as they are any in this profile."""
    known = faults_of(profile)
    if name == "all":
        return list(known.values())
    if name == "area:intermittent":
        return [fault for fault in known.values() if fault.when is not None]
    if name.startswith("area:"):
        source = (FOLDER / f"{name.removeprefix('area:')}.py").read_text(encoding="utf-8")
        return [f for n, f in known.items() if f'"{n}"' in source or f"def {n.replace('-', '_')}(" in source]
    return [known[name] if name in known else scoped(named(name), profile)]


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
