"""What is told while a run goes on: how far it is, what fails, what it waits for."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

RUN = (sys.executable, "-m", "conformance.cli", "run", "--requirement", "PAGE-007", "--fuzz", "off", "--seed", "1")
FAULT = ("--fault", "list-gives-one-too-few")


def _said(*options: str) -> str:
    return subprocess.run([*RUN, *options], capture_output=True, text=True, timeout=300, check=False).stdout


def test_failures_are_told_as_they_happen_and_again_at_the_end() -> None:
    lines = _said(*FAULT).splitlines()
    first = next(number for number, line in enumerate(lines) if "failed once, is played again: PAGE-007" in line)
    assert lines[0].startswith("judging the embedded fake server against experimental-2026-05: ")
    assert first < next(number for number, line in enumerate(lines) if line.startswith("FAIL  PAGE-007"))
    assert any(line.strip() == "failed: PAGE-007" for line in lines[-16:]), "the end names what failed"
    assert "- requirement: PAGE-007" in lines[-3:], "and the entry to paste into a file of expectations"


def test_quiet_says_the_verdict_and_a_line_for_each_failure() -> None:
    lines = _said(*FAULT, "-q").splitlines()
    assert not any(line.startswith("judging") for line in lines)
    assert len([line for line in lines if line.startswith("FAIL")]) == 1
    assert len(lines) <= 20


def test_verbose_names_each_case_that_is_done() -> None:
    assert "  done: paging_list.cursors_walk_the_list: " in _said("-v")


def test_on_a_terminal_the_line_is_rewritten(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    # The server waits for a second before it tries again, and so does the case.
    words = [*RUN, *FAULT, "--requirement", "RETRY-001"]
    process = subprocess.Popen(words, stdout=theirs, stderr=theirs, cwd=tmp_path)
    os.close(theirs)
    said = io.BytesIO()
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not data:
            break
        said.write(data)
    os.close(ours)
    assert process.wait(60) == 1
    text = said.getvalue().decode()
    assert "\r\x1b[K  0 of 4 cases" in text and "\r\x1b[K  3 of 4 cases" in text
    assert re.search(r"of 4 cases, [^\r]*; waits for [a-z_.0-9\[\]…]+ \(\d s\)", text)
