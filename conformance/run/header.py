"""The first line of the record: what was run, against what, by which contract."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

import spec

if TYPE_CHECKING:
    from conformance.run.session import Options, Session

RECORD = 2  # the format; `reports/rows.py` reads it and the older ones


def header(session: Session) -> dict[str, Any]:
    """The header of this run's record."""
    options = session.options
    base = session.profile.chain[1:2]
    return {
        "kind": "header",
        "record": RECORD,
        "suite_version": metadata.version("chat-conformance"),
        "profile": session.profile.name,
        **({"extends": base[0]} if base else {}),
        "spec_sha256": session.profile.sha256,
        "basis": basis(session.profile),
        "target": session.redactor.json(session.target.redacted()),
        "seed": options.seed,
        "strict": options.strict,
        "options": _options(options),
        "command": [session.redactor.text(word) for word in _command(options)],
        **({"job": session.redactor.text(found)} if (found := job(os.environ)) else {}),
        "partial": options.partial,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def basis(profile: spec.Profile) -> dict[str, int]:
    """How many requirements of this profile rest on what, by the names of spec.BASES; `before` instead of `seen` where nothing
    of the profile itself was recorded."""
    counts = Counter(row.basis for row in profile.requirements.values())
    seen = "before" if "source_at_most" in profile.traits else "seen"
    return {seen if name == "seen" else name: counts[name] for name in spec.BASES if counts[name]}


def job(environment: Mapping[str, str]) -> str:
    """The page of the CI job that this runs in; "" where it runs in none that is known."""
    if {"GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"} <= environment.keys():
        server, repository, run = (environment[f"GITHUB_{name}"] for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
        return f"{server}/{repository}/actions/runs/{run}"
    return next((environment[name] for name in ("CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL") if environment.get(name)), "")


def _options(options: Options) -> dict[str, Any]:
    told = {name: getattr(options, name) for name in ("jobs", "fuzz", "repeat", "allow_intermittent", "timeout")}
    return told | {name: value for name in ("read_only", "max_rps", "faults", "headers") if (value := getattr(options, name))}


def _command(options: Options) -> list[str]:
    """The command line that does the same again: with the seed that this run drew."""
    if not options.command:
        return []
    seed = [] if any(word.startswith("--seed") for word in options.command) else ["--seed", str(options.seed)]
    return [shlex.quote(word) for word in (*options.command, *seed)]
