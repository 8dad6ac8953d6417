"""`chat-conformance report`: render a run record again."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from conformance.cli.main import UsageError, parser
from conformance.recordings import reproducers

_KINDS = ("html", "junit", "markdown", "badge", "allure")


def command(name: str, argv: Sequence[str]) -> int:
    p = parser(name)
    p.add_argument("record", type=Path, help="a run record (NDJSON)")
    for kind in _KINDS:
        p.add_argument(f"--{kind}", type=Path, metavar="F")
    p.add_argument("--reproducers", type=Path, metavar="DIR", help="write the way to each failure, which `replay` plays again")
    options = p.parse_args(argv)
    if not options.record.is_file():
        raise UsageError(f"no record {options.record}; write one with: chat-conformance run --record {options.record}")
    renderers = {e.name: e for e in metadata.entry_points(group="chat_conformance.renderers")}
    wanted = [(kind, getattr(options, kind)) for kind in _KINDS if getattr(options, kind)]
    try:
        for kind, out in wanted:
            renderers[kind].load()(options.record, out)
            print(f"{kind}: {out}")
        if options.reproducers:
            print(f"reproducers: {options.reproducers}, {len(reproducers.write(options.record, options.reproducers))} files")
        if not wanted and not options.reproducers:
            renderers["console"].load()(options.record, sys.stdout)
    except ValueError as error:
        with contextlib.suppress(ValueError):  # of a run that was cut off, what it came to until then
            renderers["console"].load()(options.record, sys.stdout, cut_off=True)
        raise UsageError(str(error)) from error
    return 0
