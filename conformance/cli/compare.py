"""`chat-conformance compare OLD NEW`: what changed from one run to the next."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Any

from conformance.cli.given import Options, UsageError


def tool() -> Any:
    """The module that compares records."""
    (found,) = metadata.entry_points(group="chat_conformance.tools", name="compare")
    return found.load()


def command(options: Options) -> int:
    comparer = tool()
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
