"""The configuration file: options of `run`, kept with a project.

`chat-conformance.toml`, or the table `[tool.chat-conformance]` of a `pyproject.toml`, in this folder or the nearest above that
has one. Keys are the long names of options; relative paths are meant from the folder of the file.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click

from conformance.cli.given import FilePath, Server, UsageError, closest

OWN, SHARED = "chat-conformance.toml", "pyproject.toml"


def read(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """The callback of --config: takes what the file says as defaults of the other options. Raises UsageError."""
    if ctx.resilient_parsing:
        return value
    file = value or find(Path.cwd())
    if file is not None:
        ctx.meta["config"] = file
        ctx.default_map = {**defaults(file, ctx.command)}
    return value


def find(folder: Path) -> Path | None:
    """The file that holds in this folder."""
    for place in (folder, *folder.parents):
        if (place / OWN).is_file():
            return place / OWN
        if (place / SHARED).is_file() and "chat-conformance" in _table(place / SHARED).get("tool", {}):
            return place / SHARED
    return None


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: can't be read: {error.strerror}; name another file with --config") from error
    except ValueError as error:
        if file.name == SHARED:
            return {}  # other programs complain of it
        raise UsageError(f"{file}: not readable as TOML: {str(error).splitlines()[0]}") from error


def defaults(file: Path, command: click.Command) -> dict[str, Any]:
    """What the file says, by the names of parameters. Raises UsageError for a key or value that is none."""
    table = _table(file)
    if file.name == SHARED:
        table = table.get("tool", {}).get("chat-conformance", {})
    if not isinstance(table, dict):
        raise UsageError(f"{file}: [tool.chat-conformance] is no table; write its keys below that line")
    known = {str(p.name): p for p in command.params if isinstance(p, click.Option) and p.name not in ("config", "help")}
    named = {p.opts[-1].lstrip("-"): p for p in known.values()}
    out: dict[str, Any] = {}
    for key, value in table.items():
        param = named.get(key) or known.get(key.replace("-", "_"))
        if param is None:
            raise UsageError(
                f"{file}: {key} is no option of {command.name}{closest(key, named)}; see: chat-conformance run --help"
            )
        out[str(param.name)] = _value(file, key, param, value)
    return out


def _value(file: Path, key: str, param: click.Option, value: Any) -> Any:
    if param.is_flag and not param.count and not isinstance(value, bool):
        raise UsageError(f"{file}: {key} is true or false, not {value!r}")
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float | bool) for one in values) or (isinstance(value, list) and not param.multiple):
        raise UsageError(f"{file}: {key}: {value!r} is no value of --{key}")
    if isinstance(param.type, FilePath):
        values = [str(file.parent / str(one)) if not (_is_address(param, one)) else one for one in values]
    return values if param.multiple else values[0]


def _is_address(param: click.Option, value: Any) -> bool:
    return isinstance(param.type, Server) and "://" in str(value)
