"""Judge recorded traffic offline: transcripts (.jsonl), run records (.ndjson), browser recordings (.har)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import spec
from conformance.checks import passive
from conformance.recordings.reading import Unreadable, read_traffic
from conformance.wire.exchange import ABSENT, Exchange, Finding, SocketLog

_SHOWN = 40
_WIDTH = 200


@dataclass(slots=True)
class Audit:
    """What was read and what was wrong in it. `where` of a finding is file:line."""

    exchanges: int = 0
    sockets: int = 0
    judged: int = 0
    unjudged: list[str] = field(default_factory=list)
    findings: list[tuple[str, Finding]] = field(default_factory=list)
    requirements: set[str] = field(default_factory=set)

    def summary(self) -> str:
        return (
            f"{self.exchanges} exchanges, {self.sockets} socket logs, {self.judged} judged, {len(self.unjudged)} unjudged, "
            f"{len(self.requirements)} requirements seen, {len(self.findings)} findings"
        )


def judge(said: Iterable[Exchange | SocketLog], profile: spec.Profile, into: Audit) -> None:
    """Judge one recording, whose exchanges come in the order of time. Raises Unreadable for one that no check can read."""
    observers = passive.observers(profile, recorded=True)
    for one in said:
        if isinstance(one, SocketLog):
            into.sockets += 1
        else:
            into.exchanges += 1
        seen = False
        try:
            for requirement, finding in observers.observe(one):
                seen = True
                into.requirements.add(requirement)
                if finding is not None:
                    into.findings.append((one.source or one.id, finding))
        except passive.Stumbled as error:
            raise Unreadable(f"{one.source or one.id}: {error}") from error
        if seen:
            into.judged += 1
        else:
            into.unjudged.append(f"{one.source or one.id}: {one.request.method} {one.request.path}")


def audit_files(files: Iterable[Path], profile: str = "") -> Audit:
    """Judge every file. `profile` overrides what a file says it was recorded with. Raises Unreadable."""
    found = Audit()
    for path in files:
        said, named = read_traffic(path)
        name = profile or named or spec.DEFAULT
        try:
            known = spec.load(name)
        except spec.UnknownProfile as error:
            raise Unreadable(f"{path}: {error}; name another one with --profile") from None
        judge(said, known, found)
    return found


def audit(files: Iterable[Path], profile: str = "") -> list[Finding]:
    """The findings alone."""
    return [finding for _, finding in audit_files(files, profile).findings]


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _level(requirement: str) -> str:
    row = spec.all_rows().get(requirement)
    return row.level if row else "MUST"  # answers to what only sets a server up are in no registry


def write(found: Audit, out: TextIO) -> None:
    """Print each finding in three lines at most, then the count of everything."""
    for where, finding in found.findings[:_SHOWN]:
        place = f" {finding.pointer}" if finding.pointer else ""
        print(f"{where}: {finding.requirement} ({_level(finding.requirement)}){place}: {finding.message}", file=out)
        if finding.expected is not ABSENT or finding.actual is not ABSENT:
            print(f"    expected {_shown(finding.expected)}", file=out)
            print(f"    actual   {_shown(finding.actual)}", file=out)
    if len(found.findings) > _SHOWN:
        print(f"… and {len(found.findings) - _SHOWN} more findings", file=out)
    for text in found.unjudged[:_SHOWN]:
        print(f"unjudged: {text}", file=out)
    print(found.summary(), file=out)


def run(files: list[Path], profile: str = "", out: TextIO | None = None) -> int:
    """Judge and print; 0 nothing wrong, 1 findings, 2 unreadable input."""
    out = out or sys.stdout
    try:
        found = audit_files(files, profile)
    except Unreadable as error:
        print(f"audit: {error}", file=out)
        return 2
    write(found, out)
    return 1 if found.findings else 0
