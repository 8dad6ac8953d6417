"""Parsed YAML files, kept beside them as Python keeps what it compiled: parsing the contract costs a process half a second."""

from __future__ import annotations

import marshal
import os
import sys
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parsed(node: Traversable) -> Any:
    """What is in the YAML file, parsed now or when it was last changed. Raises yaml.YAMLError."""
    if not isinstance(node, Path):
        return yaml.load(node.read_text(encoding="utf-8"), Loader=_Loader)
    state, kept = node.stat(), node.parent / "__pycache__" / f"{node.name}.{sys.implementation.cache_tag}"
    of = (state.st_mtime_ns, state.st_size, yaml.__version__)
    try:
        known, value = marshal.loads(kept.read_bytes())
        if known == of:
            return value
    except (OSError, EOFError, ValueError, TypeError):
        pass  # none there, or one that another Python wrote
    value = yaml.load(node.read_text(encoding="utf-8"), Loader=_Loader)
    if not sys.dont_write_bytecode:
        _keep(kept, (of, value))
    return value


def _keep(kept: Path, value: Any) -> None:
    beside = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        kept.parent.mkdir(exist_ok=True)
        beside.write_bytes(marshal.dumps(value))
        beside.replace(kept)
    except (OSError, ValueError):
        beside.unlink(missing_ok=True)  # a folder that may not be written to, a value that marshal does not know
