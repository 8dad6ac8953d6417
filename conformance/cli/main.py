"""The command line: `chat-conformance COMMAND …`. Commands are declared in conformance.cli.options, and imported when called."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import click
from click.core import ParameterSource

from conformance.cli.given import UsageError, closest

__all__ = ["UsageError", "main"]
DEBUG = "CHAT_CONFORMANCE_DEBUG"  # environment variable: tracebacks are shown
PROGRAM = "chat-conformance"

# command → (module of conformance.cli.options, one line for --help)
COMMANDS = {
    "run": ("run", "judge a server (without --target: the embedded fake server)"),
    "serve": ("tools", "run the reference fake server alone"),
    "llm": ("tools", "run the scripted LLM alone"),
    "faults": ("tools", "list the fake server's named faults"),
    "provision": ("run", "make the users, the provider and the model that a run needs on a server"),
    "deprovision": ("run", "take back what a run or provision has made on a server"),
    "doctor": ("tools", "one line for each thing that would spoil a run"),
    "audit": ("tools", "judge recorded traffic offline"),
    "replay": ("tools", "replay recorded traffic against a server and compare"),
    "list": ("tools", "list the requirements"),
    "explain": ("tools", "all that is known of one requirement"),
    "diff-profiles": ("tools", "what changes for a client from one revision to another"),
    "report": ("tools", "render a run record again, state what it says, verify it"),
    "compare": ("tools", "what changed from one run to the next"),
    "matrix": ("tools", "many runs beside each other: servers by areas and requirements"),
    "trend": ("tools", "the runs of a folder over time"),
    "merge": ("tools", "put the records of the shards of one run together"),
    "proxy": ("tools", "judge whatever passes between clients and a server"),
    "completion": ("tools", "print what makes a shell complete commands and options"),
}


class Program(click.Group):
    """All commands, each of which is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = getattr(
            importlib.import_module(f"conformance.cli.options.{COMMANDS[cmd_name][0]}"), cmd_name.upper().replace("-", "_")
        )
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise UsageError(f"unknown command {args[0]!r}{closest(args[0], COMMANDS)}; see: {PROGRAM} --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib import metadata

        click.echo(f"{PROGRAM} {metadata.version(PROGRAM)}")
        ctx.exit()


program = Program(
    PROGRAM,
    params=[
        click.Option(["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version, help="print the version")
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 130},
    epilog="Exit status: 0 conformant, 1 not conformant, 2 usage or harness error, 3 incomplete.",
    subcommand_metavar="COMMAND …",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status (0 conformant, 1 not, 2 usage or harness error, 3 incomplete)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["version"]:
        arguments = ["--version"]
    try:
        status = program.main(arguments, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()  # what can't be written is told here, not by the interpreter as it ends
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.ctx.get_help() if error.ctx else "")
        return 2
    except click.UsageError as error:
        return _complain(_said(error))
    except UsageError as error:
        return _complain(str(error))
    except BrokenPipeError:
        _silence(sys.stdout)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted")
    except Exception as error:  # whatever breaks in the suite is no verdict on the target
        return _broken(arguments[0], error)
    return int(status or 0)


def _said(error: click.UsageError) -> str:
    """What is wrong with an option, where it was given, and what to type next, in a line."""
    ctx = error.ctx
    command = ctx.command_path if ctx else PROGRAM
    name = f"{ctx.info_name}: " if ctx and ctx.parent else ""
    text = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.NoSuchOption):
        text = f"no such option {error.option_name}{closest(error.option_name, error.possibilities or ())}"
    text = text[:1].lower() + text[1:]
    param: Any = getattr(error, "param", None)
    source = ctx.get_parameter_source(param.name) if ctx and param is not None else None
    if source is ParameterSource.ENVIRONMENT:
        text += f" (from the environment variable {param.envvar})"
    elif source is ParameterSource.DEFAULT_MAP and ctx:
        text += f" (from {ctx.meta['config']})"
    return f"{name}{text}; see: {command} --help"


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
    hint = "" if os.environ.get(DEBUG) else f"; for the traceback: {DEBUG}=1 {PROGRAM} {command} …"
    return _complain(f"{command} broke off: {type(error).__name__}{where}{f': {said}' if said else ''}{hint}")


def _silence(stream: TextIO) -> None:
    """Let the interpreter flush this stream into nothing as it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _complain(text: str) -> int:
    from conformance.wire.redact import without_secrets

    with contextlib.suppress(OSError, ValueError):  # nobody listens: the exit status says it
        print(f"{PROGRAM}: {without_secrets(text)}", file=sys.stderr, flush=True)
    return 2
