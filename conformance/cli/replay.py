"""`chat-conformance replay`: play recorded scenarios against a server and compare the answers."""

from __future__ import annotations

import sys

from conformance.cli.given import Options, UsageError
from conformance.recordings import replay
from conformance.run import target


def command(options: Options) -> int:
    try:
        server = target.load(options.target) if options.target else None
    except target.BadTarget as error:
        raise UsageError(str(error)) from None
    return replay.run(server, list(options.files), explain=options.explain, out=sys.stdout, faults=options.fault)
