"""`chat-conformance completion SHELL`: what makes a shell complete commands and options."""

from __future__ import annotations

from click.shell_completion import get_completion_class

from conformance.cli.given import Options
from conformance.cli.main import PROGRAM, program


def command(options: Options) -> int:
    made = get_completion_class(options.shell)
    assert made is not None  # the shells that the option knows
    print(made(program, {}, PROGRAM, f"_{PROGRAM.upper().replace('-', '_')}_COMPLETE").source())
    return 0
