"""What requirements rest on, and that what was only read is no MUST where nothing was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

import spec
from conformance.cli.main import main
from conformance.run.header import basis
from reports import html, markdown, statement
from tests.reports.records import check, footer, header, http, write

FACTS = """
title: A page
profile: unseen
basis: source
documented: [R2]
client: [R3]
facts: {R1: One is read., R2: Two is written., R3: Three is used., R4: Four is seen.}
"""
ROWS = """
profiles: [unseen]
rows:
- {id: X-001, level: MUST, text: One., source: page.md R1}
- {id: X-002, level: MUST, text: Two., source: page.md R2}
- {id: X-003, level: MUST, text: Three., source: 'page.md R3, page.md R1'}
- {id: X-004, level: MUST, text: Four., source: page.md R1, seen: [some]}
- {id: X-005, level: MUST, text: Five., source: source, basis: documented}
- {id: X-006, level: MAY, text: Six., source: source}
"""


@pytest.fixture
def unseen(tmp_path: Path) -> spec.Profile:
    """A profile of which nothing was recorded."""
    files = {"unseen/profile.yaml": "{statuses: {busy: [], rest: []}, source_at_most: SHOULD}", "contract/page.yaml": FACTS}
    for name, text in (files | {"requirements/x.yaml": ROWS}).items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    return spec.load("unseen", tmp_path)


def test_what_was_only_read_is_no_must_where_nothing_was_recorded(unseen: spec.Profile) -> None:
    assert {row.id: (row.basis, row.level) for row in unseen.requirements.values()} == {
        "X-001": ("source", "SHOULD"),
        "X-002": ("documented", "MUST"),
        "X-003": ("client", "MUST"),
        "X-004": ("seen", "MUST"),
        "X-005": ("documented", "MUST"),
        "X-006": ("source", "MAY"),
    }
    assert spec.all_rows(unseen.folder)["X-001"].level == "MUST"  # a profile that was recorded may have more of it
    assert basis(unseen) == {"before": 1, "documented": 2, "client": 1, "source": 2}
    assert basis(spec.load(spec.DEFAULT)).keys() == {"seen", "source"}


def test_an_area_has_the_level_that_a_profile_says_at_most(tmp_path: Path) -> None:
    files = {"base/profile.yaml": "{statuses: {busy: [], rest: []}}", "late/profile.yaml": "{extends: base, at_most: {x: MAY}}"}
    rows = {"requirements/x.yaml": ROWS.replace("[unseen]", "[base]"), "contract/page.yaml": FACTS.replace("unseen", "base")}
    for name, text in (files | rows).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    levels = {name: {row.level for row in spec.load(name, tmp_path).requirements.values()} for name in ("base", "late")}
    assert levels == {"base": {"MUST", "MAY"}, "late": {"MAY"}}


def test_what_recordings_show_is_seen() -> None:
    rows = spec.registry()
    assert {row.basis for row in rows.values() if row.seen} == {"seen"}
    assert {row.basis for row in rows.values() if row.source == "source" and not row.seen} == {"source"}


def test_it_is_told_with_the_requirement(capsys: pytest.CaptureFixture[str]) -> None:
    for row in (next(r for r in spec.registry().values() if r.basis == kind) for kind in ("seen", "source")):
        assert main(["explain", row.id]) == 0
        assert f"  basis:    {row.basis}: " in capsys.readouterr().out


def test_what_holds_elsewhere_alone_is_run_there(capsys: pytest.CaptureFixture[str]) -> None:
    for row, profile in (("CLEAR-001", " --profile v2-2026-09"), ("SEND-004", "")):
        assert main(["explain", row]) == 0
        assert f"chat-conformance run{profile} --requirement {row}\n" in capsys.readouterr().out


def test_reports_say_of_what_they_judge_how_much_was_never_seen(tmp_path: Path) -> None:
    rows = [http("x1"), check("A-1")]
    path = write(tmp_path / "r", [header(basis={"seen": 1200, "source": 30}), *rows, footer(rows)])
    for render in (html.render, markdown.render):
        render(path, tmp_path / render.__module__)
    statement.render(path, tmp_path / "s.md")
    for name in ("reports.html", "reports.markdown", "s.md"):
        said = (tmp_path / name).read_text()
        assert "1,200 seen on a real server, 30 only read in the server" in said, name
    path = write(tmp_path / "later", [header(basis={"before": 1200, "source": 30}), *rows, footer(rows)])
    statement.render(path, tmp_path / "later.md")
    assert (
        "1,200 seen on real servers of earlier revisions, none of this one, 30 only read" in (tmp_path / "later.md").read_text()
    )
