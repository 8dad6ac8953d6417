"""`serve`, `llm` and `faults`: the commands of the reference fake server, handed on to it as they are."""

from __future__ import annotations

import click

from conformance.cli.given import Options
from conformance.run.embedded import run_fake_server

_MODULES = {"serve": "fake_server", "llm": "fake_server.llm", "faults": "fake_server.faults"}


def command(options: Options) -> int:
    return run_fake_server([_MODULES[str(click.get_current_context().info_name)], *options.argv])
