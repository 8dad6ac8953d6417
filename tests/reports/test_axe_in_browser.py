"""Every page that is made is one that everybody can use: axe finds nothing. Left out without a browser or without axe."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import compare, html, matrix, statement, trend
from tests.reports import records
from tests.reports.browser import Browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 380])
def test_the_report(browser: Browser, mixed: Path, tmp_path: Path, scheme: str, width: int) -> None:
    html.render(mixed, tmp_path / "report.html")
    browser.scheme(scheme)
    browser.size(width, 900)
    browser.open(tmp_path / "report.html")
    closed = browser.axe()
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    browser.until("[...document.querySelectorAll('.r')].every(r => r.children.length > 1)")
    found = browser.axe()
    browser.scheme("light")
    browser.size(1280, 900)
    assert closed + found == []


def test_the_other_pages(browser: Browser, mixed: Path, tmp_path: Path) -> None:
    statement.render(mixed, tmp_path / "statement.html")
    other = records.whole(tmp_path / "other", records.http("x1"), records.check("SEND-004"))
    compare.page(compare.compare(mixed, other), tmp_path / "compare.html")
    matrix.render([mixed, other], tmp_path / "matrix.html")
    (tmp_path / "runs").mkdir()
    for name, verdict in (("1", "pass"), ("2", "fail")):
        records.whole(tmp_path / "runs" / f"{name}.ndjson", records.http("x1"), records.check("A-1", verdict))
    trend.render(tmp_path / "runs", tmp_path / "trend.html")
    for name in ("statement", "compare", "matrix", "trend"):
        browser.open(tmp_path / f"{name}.html")
        assert browser.axe() == [], name
