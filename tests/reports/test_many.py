"""Many runs on one page: servers beside each other, and one server over time."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from conformance.cli.main import main
from reports import html, matrix, trend
from tests.reports.records import Row, check, footer, header, http, write
from tests.reports.test_html import EVIL, Page


def _run(path: Path, day: int, *checks: Row, target: str = "http://127.0.0.1:3000", **over: object) -> Path:
    rows = [http("x1"), *checks]
    said = header(started_at=f"2026-11-{day:02}T10:00:00Z", target={"base_url": target}, **over)
    return write(path, [said, *rows, footer(rows)])


ONE = (check("A-1"), check("A-2", "fail", message="Wrong."), check("B-1"))
TWO = (check("A-1"), check("A-2"), check("B-1", "untestable", reason="nobody to ask"))


def test_servers_stand_beside_each_other(tmp_path: Path) -> None:
    html.render(_run(tmp_path / "two", 2, *TWO, target="http://two.test"), tmp_path / "two.html")
    out = io.StringIO()
    matrix.render([_run(tmp_path / "one", 1, *ONE, target="http://one.test"), tmp_path / "two.html"], out)
    seen = " ".join("".join(Page(out.getvalue()).text).split())
    for part in (
        "http://one.test",
        "http://two.test",
        "not conformant",
        "Where the servers differ: 2 of 3 requirements",
        "1 of 2",
    ):
        assert part in seen, part
    assert "✗" in seen and "? untestable" in seen


def test_of_different_profiles_nothing_is_claimed(tmp_path: Path) -> None:
    out = io.StringIO()
    matrix.render([_run(tmp_path / "a", 1, *ONE), _run(tmp_path / "b", 2, check("C-1"), profile="experimental-2026-03")], out)
    assert "different profiles" in out.getvalue() and "not in the run" in out.getvalue()
    assert "http://127.0.0.1:3000 #2" in out.getvalue()


def test_a_folder_over_time(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    _run(folder / "c.ndjson", 3, *ONE)
    _run(folder / "a.ndjson", 1, *TWO)
    html.render(_run(tmp_path / "b", 2, *ONE), folder / "b.html")
    (folder / "broken.ndjson").write_text("{")
    (folder / "notes.txt").write_text("not a run")
    out = io.StringIO()
    runs = trend.render(folder, out)
    assert [run.record.header.started_at[8:10] for run in runs] == ["01", "02", "03"]
    seen = "".join(Page(out.getvalue()).text)
    assert "left out: " in seen and "broken.ndjson" in seen and "2026-11-02T10:00:00Z: 1 new-failure" in seen
    assert "<svg" in out.getvalue()


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    paths = []
    for day, verdict in ((1, "pass"), (2, "fail")):
        one = check(EVIL, verdict, area=EVIL, text=EVIL, message=EVIL)
        paths.append(_run(folder / f"{day}.ndjson", day, one, target=EVIL))
    for renderer, what in ((matrix.render, paths), (trend.render, folder)):
        out = io.StringIO()
        renderer(what, out)  # type: ignore[operator]
        tags = [tag for tag, _ in Page(out.getvalue()).elements]
        assert "script" not in tags and "img" not in tags


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    one = _run(folder / "1.ndjson", 1, *ONE)
    assert main(["matrix", str(one), str(one), "--html", str(tmp_path / "m.html")]) == 0
    assert main(["trend", str(folder), "--html", str(folder / "t.html")]) == 0
    assert main(["trend", str(folder), "--html", str(folder / "t.html")]) == 0, "its own page is no run"
    assert "trend: " in capsys.readouterr().out
    assert main(["matrix", str(tmp_path / "none")]) == 2
    assert main(["trend", str(tmp_path / "none")]) == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["trend", str(empty)]) == 2
    assert "write one with: run --record" in capsys.readouterr().err
