"""Before a run: outputs that can be written and are no inputs; open files enough."""

from __future__ import annotations

import os
from pathlib import Path

from conformance.cli.given import UsageError


def check_outputs(outputs: dict[str, Path | None], inputs: dict[str, Path | None]) -> None:
    """Every output can be written, and none is another one or a file that is read. Raises UsageError.

    Keys are the options that name the files; `--allure` and `--reproducers` name folders.
    """
    taken = {path.resolve(): option for option, path in inputs.items() if path is not None}
    for option, path in outputs.items():
        if path is None:
            continue
        where = path.resolve()
        if where in taken:
            raise UsageError(f"{option} {path}: that is the file of {taken[where]}; name another one")
        if not _is_device(path):
            taken[where] = option
        folder = option in ("--allure", "--reproducers")
        if path.exists() and path.is_dir() != folder:
            is_now, wanted = ("no folder", "folder") if folder else ("a folder", "file")
            raise UsageError(f"{option} {path}: that is {is_now}; name a {wanted}")
        _check_writable(option, path, folder)


def _is_device(path: Path) -> bool:
    return path.is_char_device() or path.is_fifo()


def _check_writable(option: str, path: Path, folder: bool) -> None:
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if there != path and not there.is_dir():
        raise UsageError(f"{option} {path}: {there} is no folder; name another place")
    if not os.access(there, os.W_OK):
        raise UsageError(f"{option} {path}: {there} can't be written to; check its permissions or name another place")


def need_descriptors(jobs: int) -> None:
    """Open files and connections that a run takes; raises this process's limit if it may. Raises UsageError if it may not."""
    try:
        import resource
    except ImportError:  # a system without that limit
        return
    wanted = 128 + 8 * jobs
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= wanted:
        return
    if hard == unlimited or hard >= wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == unlimited else min(hard, max(wanted, 4096)), hard))
        return
    fewer = max(1, (hard - 128) // 8)
    other = f", or run with --jobs {fewer}" if hard >= 136 else ""
    raise UsageError(f"{hard} open files (ulimit -n) are too few for --jobs {jobs}; raise it with: ulimit -n {wanted}{other}")
