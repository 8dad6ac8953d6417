"""The command line: `chat-conformance COMMAND …`. Each command lives in a module of its own, imported when it is called."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

# command → (module, one line for --help)
COMMANDS = {
    "run": ("run", "judge a server (without --target: the embedded fake server)"),
    "serve": ("fake", "run the reference fake server alone"),
    "llm": ("fake", "run the scripted LLM alone"),
    "faults": ("fake", "list the fake server's named faults"),
    "doctor": ("doctor", "one line for each thing that would spoil a run"),
    "audit": ("audit", "judge recorded traffic offline"),
    "replay": ("replay", "replay recorded traffic against a server and compare"),
    "list": ("registry", "list the requirements"),
    "explain": ("registry", "all that is known of one requirement"),
    "report": ("report", "render a run record again"),
}


class UsageError(Exception):
    """Bad input: one line that says what is wrong, where, and what to type next; exit status 2."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status (0 conformant, 1 not, 2 usage or harness error, 3 incomplete)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    if name in ("--version", "version"):
        from importlib import metadata

        print(f"chat-conformance {metadata.version('chat-conformance')}")
        return 0
    if name not in COMMANDS:
        return _complain(f"unknown command {name!r}{_closest(name)}; see: chat-conformance --help")
    module = importlib.import_module(f"conformance.cli.{COMMANDS[name][0]}")
    try:
        status: int = module.command(name, rest)
    except UsageError as error:
        return _complain(str(error))
    except BrokenPipeError:
        return 2
    except KeyboardInterrupt:
        return _complain("interrupted")
    return status


def parser(name: str, description: str = "") -> argparse.ArgumentParser:
    """A parser whose complaints are one line."""
    return _Parser(prog=f"chat-conformance {name}", description=description or COMMANDS[name][1], allow_abbrev=False)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{self.prog}: {message}; see: {self.prog} --help")


def _help() -> str:
    lines = ["usage: chat-conformance COMMAND …", "", "commands:"]
    lines += [f"  {name:<10} {text}" for name, (_, text) in COMMANDS.items()]
    lines += ["", "exit status: 0 conformant, 1 not conformant, 2 usage or harness error, 3 incomplete"]
    return "\n".join(lines)


def _closest(name: str) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, COMMANDS, n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def _complain(text: str) -> int:
    print(f"chat-conformance: {text}", file=sys.stderr)
    return 2
