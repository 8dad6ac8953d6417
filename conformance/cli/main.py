"""The command line: `chat-conformance COMMAND …`. Each command lives in a module of its own, imported when it is called."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

DEBUG = "CHAT_CONFORMANCE_DEBUG"  # environment variable: tracebacks are shown

# command → (module, one line for --help)
COMMANDS = {
    "run": ("run", "judge a server (without --target: the embedded fake server)"),
    "serve": ("fake", "run the reference fake server alone"),
    "llm": ("fake", "run the scripted LLM alone"),
    "faults": ("fake", "list the fake server's named faults"),
    "provision": ("provision", "make the users, the provider and the model that a run needs on a server"),
    "deprovision": ("provision", "take back what a run or provision has made on a server"),
    "doctor": ("doctor", "one line for each thing that would spoil a run"),
    "audit": ("audit", "judge recorded traffic offline"),
    "replay": ("replay", "replay recorded traffic against a server and compare"),
    "list": ("registry", "list the requirements"),
    "explain": ("registry", "all that is known of one requirement"),
    "report": ("report", "render a run record again, state what it says, verify it"),
    "compare": ("compare", "what changed from one run to the next"),
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
    try:
        module = importlib.import_module(f"conformance.cli.{COMMANDS[name][0]}")
        status: int = module.command(name, rest)
        sys.stdout.flush()  # what can't be written is told here, not by the interpreter as it ends
    except UsageError as error:
        return _complain(str(error))
    except BrokenPipeError:
        _silence(sys.stdout)
        return 2
    except KeyboardInterrupt:
        return _complain("interrupted")
    except Exception as error:  # whatever breaks in the suite is no verdict on the target
        return _broken(name, error)
    return status


def _broken(command: str, error: Exception) -> int:
    """Tell of an error that nobody foresaw, in one line; the traceback only when it is asked for."""
    import traceback

    if isinstance(error, OSError):
        try:
            sys.stdout.flush()
        except OSError:
            _silence(sys.stdout)
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    said = " ".join(str(error).split())[:300]
    hint = "" if os.environ.get(DEBUG) else f"; for the traceback: {DEBUG}=1 chat-conformance {command} …"
    return _complain(f"{command} broke off: {type(error).__name__}{where}{f': {said}' if said else ''}{hint}")


def _silence(stream: TextIO) -> None:
    """Let the interpreter flush this stream into nothing as it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def parser(name: str, description: str = "") -> argparse.ArgumentParser:
    """A parser whose complaints are one line."""
    return _Parser(prog=f"chat-conformance {name}", description=description or COMMANDS[name][1], allow_abbrev=False)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{self.prog}: {message}; see: {self.prog} --help")


def _help() -> str:
    lines = ["usage: chat-conformance COMMAND …", "", "commands:"]
    lines += [f"  {name:<12} {text}" for name, (_, text) in COMMANDS.items()]
    lines += ["", "exit status: 0 conformant, 1 not conformant, 2 usage or harness error, 3 incomplete"]
    return "\n".join(lines)


def _closest(name: str) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, COMMANDS, n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def _complain(text: str) -> int:
    from conformance.wire.redact import without_secrets

    with contextlib.suppress(OSError, ValueError):  # nobody listens: the exit status says it
        print(f"chat-conformance: {without_secrets(text)}", file=sys.stderr, flush=True)
    return 2
