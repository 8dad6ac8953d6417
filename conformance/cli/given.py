"""Commands and their options: declared as data, read by click; what is given wrongly is told in one line.

A value comes from the command line, else from the environment variable of its option, else from the configuration file, else it
is the default.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

VARIABLES = "CHAT_CONFORMANCE_"  # what the environment variables of options begin with
_ELSEWHERE = (ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)
_MOST_SHARDS = 1000
LARGEST_SEED = 2**63 - 1  # what every reader of a record can hold


class UsageError(Exception):
    """Bad input: one line that says what is wrong, where, and what to type next; exit status 2."""


def closest(name: str, known: Iterable[str]) -> str:
    """` (did you mean …?)`, or nothing where nothing is near."""
    found = get_close_matches(name, list(known), n=1)
    return f" (did you mean {found[0]}?)" if found else ""


class Options(SimpleNamespace):
    """What a command was told, by the names of its options; beside them `argv`, the words that say the same again."""


class Command(click.Command):
    """A command. `does`: the module of conformance.cli (its `command`), or module:function, that does its work; imported late.

    `one_of`: options that rule each other out: one that is given nearer to the user (on the command line rather than by
    the environment, there rather than by a file) sets the others aside.
    """

    def __init__(
        self,
        name: str,
        does: str,
        help: str,
        params: Sequence[click.Parameter],
        one_of: Sequence[Sequence[str]] = (),
        **more: Any,
    ) -> None:
        settings = {"help_option_names": ["-h", "--help"], **more.pop("context_settings", {})}
        super().__init__(name, params=list(params), help=help, context_settings=settings, **more)
        self.does, self.one_of = does, one_of

    def invoke(self, ctx: click.Context) -> int:
        for names in self.one_of:
            _keep_the_nearest(ctx, names)
        options = Options(**ctx.params, argv=[*ctx.meta["argv"], *_words_from_elsewhere(ctx)])
        module, _, function = self.does.partition(":")
        status: int = getattr(importlib.import_module(f"conformance.cli.{module}"), function or "command")(options)
        return status

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["argv"] = list(args)
        return super().parse_args(ctx, args)


def _keep_the_nearest(ctx: click.Context, names: Sequence[str]) -> None:
    given = {name: ctx.get_parameter_source(name) for name in names if ctx.params[name] not in (None, "", ())}
    nearest = min((source.value for source in given.values() if source is not None), default=0)
    for name, source in given.items():
        if source is not None and source.value > nearest and source in _ELSEWHERE:
            ctx.params[name] = () if isinstance(ctx.params[name], tuple) else None


def _words_from_elsewhere(ctx: click.Context) -> list[str]:
    """What the environment and the configuration file gave, as words of a command line."""
    words: list[str] = []
    for param in ctx.command.params:
        value = ctx.params.get(str(param.name))
        if ctx.get_parameter_source(str(param.name)) not in _ELSEWHERE or value is None or param.name == "config":
            continue
        if isinstance(param, click.Option) and (param.is_flag or param.count):
            words += [param.opts[-1]] if value else param.secondary_opts[:1]
        else:
            for one in value if isinstance(value, tuple) else (value,):
                words += [param.opts[-1], str(one)]
    return words


def option(*names: str, env: bool = False, **more: Any) -> click.Option:
    """An option. `env`: it has an environment variable, too, by its longest name."""
    made = click.Option(list(names), **more)
    if env:
        made.envvar = VARIABLES + str(made.name).upper()
    return made


def of_environment(options: Iterable[click.Parameter]) -> list[click.Parameter]:
    """These options, each with an environment variable."""
    found = list(options)
    for one in found:
        one.envvar = one.envvar or VARIABLES + str(one.name).upper()
    return found


class FilePath(click.ParamType[Any, Any]):
    """A path; one in the configuration file is meant from the folder of that file."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return value if isinstance(value, Path) else Path(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


class Server(FilePath):
    """A target file, or an address."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value


class OneOf(click.ParamType[str, Any]):
    """One of the words that `known` gives. `what` names their kind."""

    name = "word"

    def __init__(self, what: str, known: Callable[[], Iterable[str]] | Sequence[str]) -> None:
        self.what = what
        self.known = known if callable(known) else lambda: known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        known = list(self.known())
        if value and value not in known:
            self.fail(f"unknown {self.what} {value!r}{closest(str(value), known)}; known: {', '.join(known)}")
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(word) for word in self.known() if word.startswith(incomplete)]


class Listed(click.ParamType[str, Any]):
    """A text for which the shell offers what `known` gives."""

    name = "text"

    def __init__(self, known: Callable[[], Iterable[str]]) -> None:
        self.known = known

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(word) for word in self.known() if word.startswith(incomplete)]


class Lines(click.ParamType[str, Any]):
    """A text with spaces in it: several of them stand on a line each in an environment variable."""

    name = "text"

    def split_envvar_value(self, rv: str) -> list[str]:
        return [line.strip() for line in rv.splitlines() if line.strip()]


class Whole(click.ParamType[int, Any]):
    """A whole number within these bounds."""

    name = "number"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            if isinstance(value, bool | float):
                raise ValueError
            read = int(value) if len(str(value)) < 40 else self.most + 1
        except ValueError:
            self.fail(f"{value!r} is no whole number")
        if not self.least <= read <= self.most:
            self.fail(f"must be from {self.least} to {self.most}, not {_cut(str(value))}")
        return read


class Part(click.ParamType[Any, Any]):
    """A shard, `i/n`."""

    name = "part"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from conformance.run.shards import Shard

        number, slash, of = str(value).partition("/")
        if not (slash and number.isascii() and number.isdigit() and of.isascii() and of.isdigit()):
            self.fail(f"{value!r} is no shard; write it as 1/3")
        if not 1 <= int(number) <= int(of) <= _MOST_SHARDS:
            self.fail(f"shards go from 1/{of} to {of}/{of}, and there are {_MOST_SHARDS} at most; not {value}")
        return Shard(int(number), int(of))


class Number(click.ParamType[float, Any]):
    """A number within these bounds; `zero`: or 0, which switches it off."""

    name = "number"

    def __init__(self, least: float, most: float, *, zero: bool = False) -> None:
        self.least, self.most, self.zero = least, most, zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            if isinstance(value, bool):
                raise ValueError
            read = float(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is no number")
        if not (math.isfinite(read) and (self.least <= read <= self.most or (self.zero and read == 0))):
            off = " (or 0, for none)" if self.zero else ""
            self.fail(f"must be from {self.least:g} to {self.most:g}{off}, not {_cut(str(value))}")
        return read


def _cut(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:20]}…"
