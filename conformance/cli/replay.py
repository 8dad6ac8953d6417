"""`chat-conformance replay`: play recorded scenarios against a server and compare the answers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from conformance.cli.main import UsageError, parser
from conformance.run import target


def command(name: str, argv: Sequence[str]) -> int:
    from conformance.recordings import replay

    p = parser(name)
    p.add_argument("files", nargs="+", type=Path, metavar="FILE", help="transcripts (.jsonl)")
    p.add_argument("--target", help="target file (JSON, TOML, YAML) or URL; none: the embedded fake server")
    p.add_argument("--fault", action="append", default=[], metavar="NAME", help="embedded target only: be wrong in this way")
    p.add_argument("--explain", action="store_true", help="show every difference, those that the rules allow too")
    options = p.parse_args(argv)
    try:
        server = target.load(options.target) if options.target else None
    except target.BadTarget as error:
        raise UsageError(str(error)) from None
    return replay.run(server, options.files, explain=options.explain, out=sys.stdout, faults=options.fault)
