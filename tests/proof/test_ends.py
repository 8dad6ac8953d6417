"""A run that can't come to its end says so, in words, by its exit status, and in its record; nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "conformance.cli"]
Process = subprocess.Popen[str]


def _started(*arguments: str) -> Process:
    """A command that has printed its first line."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None and process.stdout.readline()
    return process


@contextmanager
def _served(folder: Path) -> Iterator[tuple[Process, Path]]:
    target = folder / "target.json"
    process = _started("serve", "--port", "0", "--target-file", str(target))
    try:
        yield process, target
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate(timeout=20)


def _under_way(record: Path, process: Process, exchanges: int = 60) -> None:
    """Wait until the run has said so much, or has ended."""
    while process.poll() is None:
        lines = record.read_bytes().count(b"\n") if record.exists() else 0
        if lines > exchanges:
            return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(f"the run ended too soon: {process.communicate()[0]}")


def _lines(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_target_that_goes_away_is_not_blamed(end: signal.Signals, tmp_path: Path) -> None:
    record = tmp_path / "run.ndjson"
    with _served(tmp_path) as (server, target):
        run = _started("run", "--target", str(target), "--record", str(record), "--fuzz", "off")
        _under_way(record, run)
        server.send_signal(end)
        said = run.communicate(timeout=120)[0]
    assert run.returncode == 2, said
    assert "BROKEN OFF" in said and "the target went away" in said and "before: " in said
    assert "NOT CONFORMANT" not in said
    lines = _lines(record)
    assert [line["requirement"] for line in lines if line.get("verdict") in ("fail", "warn")] == []
    assert lines[-1]["ended"]["how"] == "target-gone" and lines[-1]["ended"]["exchanges"]
    assert any("the target went away" in line.get("reason", "") for line in lines if line.get("verdict") == "untestable")


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(word) for word in listed.split()]


@pytest.mark.parametrize("whole_group", [True, False], ids=["^C", "to the process alone"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_an_interrupted_run_is_interrupted(sign: signal.Signals, whole_group: bool, tmp_path: Path) -> None:
    record = tmp_path / "run.ndjson"
    run = _started("run", "--record", str(record))
    _under_way(record, run)
    children = _children(run.pid)
    assert children
    os.killpg(run.pid, sign) if whole_group else run.send_signal(sign)
    said = run.communicate(timeout=60)[0]
    assert run.returncode == 3, said
    assert "INTERRUPTED" in said and "CONFORMANT" not in said
    lines = _lines(record)
    assert lines[-1]["kind"] == "footer" and lines[-1]["ended"]["how"] == "interrupted"
    assert [line["requirement"] for line in lines if line.get("verdict") in ("fail", "warn")] == []
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []


def test_the_budget_of_a_run_ends_it(tmp_path: Path) -> None:
    record = tmp_path / "run.ndjson"
    run = _started("run", "--record", str(record), "--timeout", "3")
    said = run.communicate(timeout=60)[0]
    assert run.returncode == 3, said
    assert "were used up (--timeout)" in said
    assert _lines(record)[-1]["ended"]["how"] == "timeout"
