"""`chat-conformance compare OLD NEW`: what changed from one run to the next."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from conformance.cli.main import UsageError, parser


def command(name: str, argv: Sequence[str]) -> int:
    (found_tool,) = metadata.entry_points(group="chat_conformance.tools", name="compare")
    comparer = found_tool.load()
    p = parser(name)
    p.add_argument("old", type=Path, metavar="OLD", help="a run record")
    p.add_argument("new", type=Path, metavar="NEW", help="a later one")
    p.add_argument("--markdown", type=Path, metavar="F.md", help="write a comment for a pull request")
    p.add_argument("--html", type=Path, metavar="F.html", help="write both side by side")
    p.add_argument(
        "--gate",
        action="append",
        choices=[*comparer.CLASSES, "none"],
        help=f"exit 1 if there is a change of this class (repeatable; default {', '.join(comparer.GATES)})",
    )
    options = p.parse_args(argv)
    for path in (options.old, options.new):
        if not path.is_file():
            raise UsageError(f"no record {path}; write one with: chat-conformance run --record {path}")
    try:
        found = comparer.compare(options.old, options.new)
    except ValueError as error:
        raise UsageError(str(error)) from error
    comparer.console(found, sys.stdout)
    if options.markdown:
        comparer.markdown(found, options.markdown)
    if options.html:
        comparer.page(found, options.html)
    return int(found.exit_status(options.gate or comparer.GATES))
