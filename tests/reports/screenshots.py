"""`python -m tests.reports.screenshots` makes the pictures of the pages for readers (docs/images), from a record made for it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from reports import html
from tests.reports import records
from tests.reports.browser import Browser, browsing, chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDE, HIGH = 1000, 700


def take(browser: Browser, folder: Path, out: Path) -> list[Path]:
    """The head of a report and a failure, opened, as PNG in `out`. `folder`: for what is made on the way."""
    html.render(records.whole(folder / "mixed.ndjson", *records.mixed()), folder / "report.html")
    made = []
    browser.size(WIDE, HIGH)
    browser.open(folder / "report.html")
    made.append(out / "report.png")
    browser.screenshot(made[-1], width=WIDE, height=HIGH)
    browser.open(folder / "report.html", "#SEND-004")
    made.append(out / "failure.png")
    browser.screenshot(made[-1], width=WIDE, height=HIGH)
    browser.size(1280, 900)
    return made


def main() -> int:
    program = chromium()
    if program is None:
        print("no Chromium here", file=sys.stderr)
        return 1
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, browsing(program, Path(name) / "chromium") as browser:
        for path in take(browser, Path(name), IMAGES):
            print(f"{path.relative_to(IMAGES.parents[1])}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
