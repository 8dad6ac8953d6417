"""Script files: read them (YAML or JSON) and say by line what is wrong with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from fake_server.llm.orders import read_file
from fake_server.llm.script import BadScript, leaves

Json = Any
MAX_SIZE = 8 << 20


class Wrong(ValueError):
    """The file can't be used; the message is one line: file, line, place, reason."""


def load(path: Path) -> Json:
    """The JSON value of a script file, by suffix .json or YAML. Raises Wrong."""
    try:
        if path.stat().st_size > MAX_SIZE:
            raise Wrong(f"{path}: larger than {MAX_SIZE >> 20} MiB; a script file is not that large")
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise Wrong(f"{path}: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        raise Wrong(f"{path}: not UTF-8 at byte {problem.start}") from None
    try:
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except json.JSONDecodeError as problem:
        raise Wrong(f"{path}:{problem.lineno}:{problem.colno}: not JSON: {problem.msg}") from None
    except yaml.MarkedYAMLError as problem:
        at = f":{problem.problem_mark.line + 1}:{problem.problem_mark.column + 1}" if problem.problem_mark else ""
        raise Wrong(f"{path}{at}: not YAML: {problem.problem}") from None
    except yaml.YAMLError as problem:
        raise Wrong(f"{path}: not YAML: {str(problem).splitlines()[0]}") from None
    except RecursionError:
        raise Wrong(f"{path}: nested too deeply to be a script") from None


def _line(path: Path, where: str) -> str:
    """`:line` of a JSON pointer in the file, as far down as the pointer leads; empty when it can't be told."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return ""
    if node is None:
        return ":1"
    line = node.start_mark.line
    for part in where.split("/")[1:]:
        if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line
        elif isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        else:
            break
    return f":{line + 1}"


def check(path: Path) -> str:
    """One line that says what a good file holds. Raises Wrong."""
    value = load(path)
    try:
        script, orders = read_file(value)
    except BadScript as problem:
        place = f" at {problem.where}" if problem.where else ""
        raise Wrong(f"{path}{_line(path, problem.where)}:{place} {problem.problem}") from None
    if script is not None:
        return f"{path}: a script of {len(leaves(script.node))} turn(s)"
    return f"{path}: {len(orders)} order(s)"


def load_orders(path: Path) -> Json:
    """The orders of a checked file. Raises Wrong, also for a file that holds a script and no orders."""
    if "order(s)" not in check(path):
        raise Wrong(f'{path}: holds a script, not orders; write {{"orders": [{{"reply": …}}]}}')
    return load(path)


def validate_command(names: list[str]) -> int:
    """`validate FILE…`: one line a file; exit status 0, or 2 when a file is wrong or none is named."""
    if not names or names[0] in ("-h", "--help"):
        print("usage: validate FILE…    (script or orders, YAML or JSON; grammar: docs/scripted-llm.md)", file=sys.stderr)
        return 0 if names else 2
    status = 0
    for name in names:
        try:
            print(check(Path(name)))
        except Wrong as problem:
            print(problem, file=sys.stderr)
            status = 2
    return status
