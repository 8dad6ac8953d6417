"""`chat-conformance audit`: judge recorded traffic offline."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from conformance.cli.main import parser


def command(name: str, argv: Sequence[str]) -> int:
    from conformance.recordings import audit

    p = parser(name)
    p.add_argument("files", nargs="+", type=Path, metavar="FILE", help="transcript .jsonl, run record .ndjson or HAR")
    p.add_argument("--profile", default="", help="which revision to judge by (default: what the file says)")
    options = p.parse_args(argv)
    return audit.run(options.files, options.profile, sys.stdout)
