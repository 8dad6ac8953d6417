"""`chat-conformance matrix R…` and `chat-conformance trend DIR`: many runs on one page."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from conformance.cli.given import Options, UsageError


def matrix(options: Options) -> int:
    for path in options.runs:
        if not path.is_file():
            raise UsageError(f"no record {path}; write one with: chat-conformance run --record {path}")
    return _render("matrix", list(options.runs), options.html or Path("matrix.html"))


def trend(options: Options) -> int:
    if not options.folder.is_dir():
        raise UsageError(f"no folder {options.folder}")
    return _render("trend", options.folder, options.html or Path("trend.html"))


def _render(name: str, what: Any, page: Path) -> int:
    (found,) = metadata.entry_points(group="chat_conformance.tools", name=name)
    try:
        runs = found.load().render(what, page)
    except ValueError as error:
        raise UsageError(str(error)) from error
    for run in runs:
        header = run.record.header
        print(f"{header.started_at}  {header.target_name}  {header.profile}: {run.words}")
    print(f"{name}: {page}, {len(runs)} runs")
    return 0
