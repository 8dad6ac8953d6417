"""Pages for readers, tried from their first command to their last against a server, as they stand there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.test_commands import ROOT, called, cli, served

PAGES = ("i-read-a-report", "comparing-runs", "expectations", "statement")
# A run of everything takes minutes: one that names no requirements is narrowed to these.
FEW = ("--requirement", "PAGE-007", "--fuzz", "off")
_LINE = re.compile(r"^(?: {4}|(?:\.venv/bin/)?)(?:\.venv/bin/)?chat-conformance (.+?)(?:\s+#.*)?$", re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    """The commands of a page, each as its words; those that stand in a sentence are not among them."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return [shlex.split(found[1]) for found in _LINE.finditer(text)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the target file of a server, and the record of an older run."""
    folder = tmp_path_factory.mktemp("docs")
    with served(folder):
        done = cli("run", "--target", "target.json", "--record", "old.ndjson.gz", *FEW, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        yield folder


@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_from_its_first_command_to_its_last(
    page: str, prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = commands(page)
    assert len(found) >= 2
    for words in found:
        narrowed = words[0] == "run" and "--requirement" not in words
        status, said = called(*words, *(FEW if narrowed else ()), cwd=prepared, monkeypatch=monkeypatch, capsys=capsys)
        assert status == (1 if "--fault" in words else 0), f"{page}: {shlex.join(words)}: {said[-2000:]}"
        for name, value in pairwise(words):
            if name in ("--html", "--junit", "--markdown", "--badge", "--statement", "--record", "--write-expectations"):
                assert (prepared / value).stat().st_size > 0, f"{page}: {value} was not written"


@pytest.mark.parametrize(
    "page", [*sorted(path.name for path in (ROOT / "docs").glob("*.md")), "../README.md", "../DEVELOPERS.md"]
)
def test_links_lead_to_files(page: str) -> None:
    path = (ROOT / "docs" / page).resolve()
    for found in re.finditer(r"\]\((?!https?:)([^)#\s]+)(#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / found[1]).exists(), f"{page}: {found[1]}"
