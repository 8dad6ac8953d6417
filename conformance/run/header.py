"""The first line of the record: what was run, against what, by which contract."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

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
        "target": session.redactor.json(session.target.redacted()),
        "seed": options.seed,
        "strict": options.strict,
        "options": _options(options),
        "command": [session.redactor.text(word) for word in _command(options)],
        "partial": options.partial,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _options(options: Options) -> dict[str, Any]:
    told = {name: getattr(options, name) for name in ("jobs", "fuzz", "repeat", "allow_intermittent", "timeout")}
    return told | {name: value for name in ("read_only", "max_rps", "faults") if (value := getattr(options, name))}


def _command(options: Options) -> list[str]:
    """The command line that does the same again: with the seed that this run drew."""
    if not options.command:
        return []
    seed = [] if any(word.startswith("--seed") for word in options.command) else ["--seed", str(options.seed)]
    return [shlex.quote(word) for word in (*options.command, *seed)]
