"""The pytest plugin: every pytest process loads it where the suite is installed, so it imports nothing of the suite by itself.

It stands outside the packages: a project may have one of its own that is called conformance.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

_HERE = Path(__file__).parent / "conformance"
_FOLDERS = (_HERE / "cases", _HERE / "properties")
_ITEMS = "conformance.items"
_SHORT, _PREFIXED = "--target", "--chat-conformance-target"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chat-conformance")
    group.addoption(
        "--chat-conformance-target", help="target file or URL of the server to judge (none: the embedded fake server)"
    )
    group.addoption("--chat-conformance-record", help="write the run record (NDJSON) here")
    group.addoption("--chat-conformance-seed", type=int, default=None, help="seed of the property phase")
    group.addoption("--chat-conformance-jobs", type=int, default=16, help="cases played at once")


def pytest_load_initial_conftests(args: list[str]) -> None:
    """`pytest --pyargs conformance --target …`: in a process that was asked for these cases no other plugin can mean it."""
    if "--pyargs" in args and "conformance" in args:
        args[:] = [_PREFIXED + word.removeprefix(_SHORT) if _is_short(word) else word for word in args]


def _is_short(word: str) -> bool:
    return word.partition("=")[0] == _SHORT


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: changes something server-wide; played with nothing beside it")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix != ".py" or file_path.name == "__init__.py" or not any(f in file_path.parents for f in _FOLDERS):
        return None
    items = importlib.import_module(_ITEMS)
    if not parent.config.pluginmanager.is_registered(items):
        parent.config.pluginmanager.register(items, _ITEMS)
    found: pytest.Collector = items.CaseFile.from_parent(parent, path=file_path)
    return found
