"""`list`, `explain` and `diff-profiles`: the contract for reading and for scripts."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections import defaultdict
from collections.abc import Sequence
from difflib import get_close_matches

import orjson

import spec
from conformance.cli.given import Options, UsageError
from conformance.play.declaration import CaseSpec
from conformance.recordings import told
from conformance.wire.redact import without_secrets
from spec.changes import KINDS, Change, changes, only_in
from spec.sources import cited

_BASIS = {
    "seen": "seen: recorded from a real server, or a fact that such recordings show",
    "documented": "documented: the published reference says it",
    "client": "client: a public client relies on it",
    "source": "source: only read in the server's source",
}


def cases_by_requirement() -> dict[str, list[CaseSpec]]:
    """Which cases judge which requirement."""
    from conformance.run.collection import all_cases

    out: dict[str, list[CaseSpec]] = defaultdict(list)
    for case in all_cases():
        for requirement in case.requirements:
            out[requirement].append(case)
    return out


def listed(options: Options) -> int:
    """`list`: the requirements of a profile, or what is not the same in two."""
    options.profile = options.profile or spec.DEFAULT
    if options.against:
        return _list_against(options)
    rows = _chosen(options, _held_in(options.profile))
    if not rows:
        raise UsageError("nothing in the registry matches; see: chat-conformance list")
    if options.format == "json":
        print(orjson.dumps([dataclasses.asdict(r) for r in rows], option=orjson.OPT_INDENT_2).decode())
        return 0
    for row in rows:
        print(_line(row))
    print(f"{len(rows)} requirements in {options.profile}")
    return 0


def _chosen(options: Options, held: dict[str, spec.Requirement]) -> list[spec.Requirement]:
    globs = options.requirement
    return [
        row
        for row in held.values()
        if (not options.area or row.area in options.area) and (not globs or any(fnmatch.fnmatch(row.id, g) for g in globs))
    ]


def _line(row: spec.Requirement) -> str:
    return f"{row.id:<28} {row.level:<6} {row.area:<14} {row.text}"


def _list_against(options: Options) -> int:
    """The requirements that hold in one of two revisions only."""
    names = (options.profile, options.against)
    sides = only_in(*(_loaded(name) for name in names))
    only = {name: _chosen(options, {row.id: row for row in side}) for name, side in zip(names, sides, strict=True)}
    if options.format == "json":
        told = {name: [dataclasses.asdict(row) for row in rows] for name, rows in only.items()}
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return 0
    for name, rows in only.items():
        print(f"only in {name}: {len(rows)}")
        for row in rows:
            print(f"  {_line(row)}")
    return 0


def compared(options: Options) -> int:
    """`diff-profiles`: what changes for a client from one revision to the other."""
    found = changes(options.old, options.new)
    counts = {title: ", ".join(f"{n} {kind}" for kind in KINDS if (n := _count(rows, kind))) for title, rows in found.items()}
    if options.markdown:
        lines = [f"# From {options.old} to {options.new}", ""]
        lines += [f"- [{title}](#{title.lower().replace(' ', '-')}): {count}" for title, count in counts.items()]
        for title, rows in found.items():
            lines += ["", f"## {title}", "", "| | what | before | after |", "|---|---|---|---|"]
            lines += [f"| {row.kind} | {_cell(row.name)} | {_cell(row.before)} | {_cell(row.after)} |" for row in rows]
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"from {options.old} to {options.new}{'' if found else ': nothing changes'}")
    for title, rows in found.items():
        print(f"\n{title}: {counts[title]}")
        for row in rows:
            print(f"  {row.kind:<8} {row.line}")
    return 0


def _count(rows: Sequence[Change], kind: str) -> int:
    return sum(row.kind == kind for row in rows)


def _cell(text: str) -> str:
    """Text in a cell of a Markdown table."""
    return re.sub(r"([\\|*_`<\[\]])", r"\\\1", " ".join(text.split()))


def _held_in(profile: str) -> dict[str, spec.Requirement]:
    return _loaded(profile).requirements


def _loaded(profile: str) -> spec.Profile:
    try:
        return spec.load(profile)
    except spec.UnknownProfile as error:
        raise UsageError(str(error)) from error


def explained(options: Options) -> int:
    """`explain`: all that is known of one requirement."""
    rows = _held_in(options.profile) if options.profile else spec.registry()
    if options.id not in rows:
        near = get_close_matches(options.id, rows, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; see: chat-conformance list"
        raise UsageError(f"no requirement {options.id} in {options.profile or 'the registry'}{hint}")
    row = rows[options.id]
    print(f"{row.id}  {row.level}  {row.area}\n  {row.text}")
    for part in cited(row.source):
        print(f"  source:   {part.name}: {part.text}")
        print(f"            {part.link}")
    print(f"  basis:    {_BASIS[row.basis]}")
    for label, value in (("seen in", row.seen), ("needs", row.needs), ("profiles", row.profiles)):
        if value:
            print(f"  {label + ':':<9} {', '.join(value)}")
    for label, reason in (("not judged", row.excluded), ("no fault", row.unkillable)):
        if reason:
            print(f"  {label}: {reason}")
    for case in cases_by_requirement().get(row.id, []):
        print(f"  judged by: {case.name} ({case.module.replace('.', '/')}.py:{case.line})")
    elsewhere = "" if spec.DEFAULT in row.profiles else f" --profile {options.profile or max(row.profiles)}"
    print(f"  run it:   chat-conformance run{elsewhere} --requirement {row.id}")
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
