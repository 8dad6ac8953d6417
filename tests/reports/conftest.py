"""A run with one of every verdict, and Chromium where this machine has one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reports import records
from tests.reports.browser import AXE, Browser, browsing, chromium

# Without a browser test_html.py alone judges the page, by parsing it.
collect_ignore = [] if chromium() else ["test_html_in_browser.py"]
if not (chromium() and AXE.is_file()):
    collect_ignore.append("test_axe_in_browser.py")


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return records.whole(tmp_path / "mixed.ndjson", *records.mixed())


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = chromium()
    assert program is not None
    with browsing(program, tmp_path_factory.mktemp("chromium")) as running:
        yield running
