"""`serve`, `llm` and `faults`: the commands of the reference fake server, handed on to it as they are."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.run.embedded import run_fake_server

_MODULES = {"serve": "fake_server", "llm": "fake_server.llm", "faults": "fake_server.faults"}


def command(name: str, argv: Sequence[str]) -> int:
    return run_fake_server([_MODULES[name], *argv])
