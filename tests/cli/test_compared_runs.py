"""`compare` on real runs: the same twice, a fault added and fixed, a narrowed run, another profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_commands import called, cli

PAGES = ("PAGE-007", "PAGE-031")
WRONG = ("--fault", "list-gives-one-too-few")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of a right server (twice), a wrong one, one narrowed further, and one judged by another profile."""
    folder = tmp_path_factory.mktemp("runs")
    both = [word for id in PAGES for word in ("--requirement", id)]
    for name, options in {
        "right": both,
        "again": both,
        "wrong": [*both, *WRONG],
        "narrow": both[:2],
        "other": [*both[2:], "--profile", "experimental-2026-03"],
    }.items():
        done = cli("run", "--fuzz", "off", "--record", f"{name}.ndjson.gz", *options, cwd=folder, seconds=300)
        assert done.returncode in (0, 1), done.stdout + done.stderr
    return folder


@pytest.mark.parametrize(
    ("old", "new", "status", "said"),
    [
        ("right", "again", 0, "nothing changed"),
        ("right", "wrong", 1, "new-failure: 1"),
        ("wrong", "right", 0, "fixed: 1"),
        ("wrong", "wrong", 0, "still-failing: 1"),
        ("right", "narrow", 0, "not-comparable: 1"),
        ("right", "other", 0, "neither says anything of the other"),
    ],
)
def test_what_changed(
    old: str, new: str, status: int, said: str, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("compare", f"{old}.ndjson.gz", f"{new}.ndjson.gz")
    came_to, told = called(*words, cwd=runs, monkeypatch=monkeypatch, capsys=capsys)
    assert (came_to, said in told) == (status, True), told
