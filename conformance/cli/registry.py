"""`list` and `explain`: the requirement registry for reading and for scripts."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections import defaultdict
from collections.abc import Sequence
from difflib import get_close_matches

import orjson

import spec
from conformance.cli.main import UsageError, parser
from conformance.play.declaration import CaseSpec
from conformance.recordings import told
from conformance.wire.redact import without_secrets


def command(name: str, argv: Sequence[str]) -> int:
    return _list(argv) if name == "list" else _explain(argv)


def cases_by_requirement() -> dict[str, list[CaseSpec]]:
    """Which cases judge which requirement."""
    from conformance.run.collection import all_cases

    out: dict[str, list[CaseSpec]] = defaultdict(list)
    for case in all_cases():
        for requirement in case.requirements:
            out[requirement].append(case)
    return out


def _list(argv: Sequence[str]) -> int:
    p = parser("list")
    p.add_argument("--profile", default=spec.DEFAULT)
    p.add_argument("--area", action="append", default=[])
    p.add_argument("--requirement", action="append", default=[], metavar="GLOB")
    p.add_argument("--format", choices=["text", "json"], default="text")
    options = p.parse_args(argv)
    rows = list(_held_in(options.profile).values())
    if options.area:
        rows = [r for r in rows if r.area in options.area]
    if options.requirement:
        rows = [r for r in rows if any(fnmatch.fnmatch(r.id, g) for g in options.requirement)]
    if not rows:
        raise UsageError("nothing in the registry matches; see: chat-conformance list")
    if options.format == "json":
        print(orjson.dumps([dataclasses.asdict(r) for r in rows], option=orjson.OPT_INDENT_2).decode())
        return 0
    for row in rows:
        print(f"{row.id:<28} {row.level:<6} {row.area:<14} {row.text}")
    print(f"{len(rows)} requirements in {options.profile}")
    return 0


def _held_in(profile: str) -> dict[str, spec.Requirement]:
    try:
        return spec.load(profile).requirements
    except spec.UnknownProfile as error:
        raise UsageError(str(error)) from error


def _explain(argv: Sequence[str]) -> int:
    p = parser("explain")
    p.add_argument("id")
    p.add_argument("--profile", default="", help="one that it must hold in")
    p.add_argument("--seen", action="store_true", help="print the recorded scenarios that show it")
    options = p.parse_args(argv)
    rows = _held_in(options.profile) if options.profile else spec.registry()
    if options.id not in rows:
        near = get_close_matches(options.id, rows, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; see: chat-conformance list"
        raise UsageError(f"no requirement {options.id} in {options.profile or 'the registry'}{hint}")
    row = rows[options.id]
    print(f"{row.id}  {row.level}  {row.area}\n  {row.text}")
    print(f"  source:   {row.source}")
    for label, value in (("seen in", row.seen), ("needs", row.needs), ("profiles", row.profiles)):
        if value:
            print(f"  {label + ':':<9} {', '.join(value)}")
    for label, reason in (("not judged", row.excluded), ("no fault", row.unkillable)):
        if reason:
            print(f"  {label}: {reason}")
    for case in cases_by_requirement().get(row.id, []):
        print(f"  judged by: {case.name} ({case.module.replace('.', '/')}.py:{case.line})")
    print(f"  run it:   chat-conformance run --requirement {row.id}")
    if options.seen:
        _print_seen(row.seen, sorted(row.profiles, reverse=True))
    return 0


def _print_seen(names: Sequence[str], profiles: Sequence[str]) -> None:
    """The recorded scenarios of these names, a line a step."""
    for name in names:
        transcript = told.scenario(name, profiles)
        print(f"\n{name}: {'this recording is not part of the suite' if transcript is None else ''}".rstrip())
        for line in told.told(transcript) if transcript else ():
            print(f"  {without_secrets(line)}")
    if not names:
        print("\nno recorded scenario shows it")
