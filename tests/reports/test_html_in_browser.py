"""The page in a real browser: filters, search, keyboard, addresses, contrast. Left out where there is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports import html
from tests.reports import records
from tests.reports.browser import Browser
from tests.reports.records import check, http, whole
from tests.reports.screenshots import IMAGES, take
from tests.reports.test_html import EVIL

SHOWN = "[...document.querySelectorAll('.r')].filter(r => r.offsetParent).map(r => r.id)"


@pytest.fixture
def page(mixed: Path, tmp_path: Path) -> Path:
    html.render(mixed, tmp_path / "report.html")
    return tmp_path / "report.html"


def test_filters(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.run("document.getElementById('shown').textContent") == "10 of 10 shown"
    browser.click("input[value=fail]")
    assert browser.run(SHOWN) == ["SEND-004"]
    browser.click("input[value=warn]")
    assert browser.run(SHOWN) == ["SEND-004", "SEND-011"]
    browser.click("input[value=SHOULD]")
    assert browser.run(SHOWN) == ["SEND-011"]
    assert browser.run("location.hash") == "#v=fail%2Cwarn&l=SHOULD"
    browser.click("input[value=warn]")
    assert browser.run(SHOWN) == []
    assert browser.run("document.querySelector('#list > .none').offsetParent !== null")
    assert browser.run("[...document.querySelectorAll('.group')].every(g => g.hidden)")
    browser.click("#clear")
    assert len(browser.run(SHOWN)) == 10
    assert browser.run("location.hash") == ""
    assert browser.problems == []


def test_search_and_area(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("document.body.focus()")
    browser.key("/")
    browser.type("ARCHIVED refused")
    assert browser.run(SHOWN) == ["SEND-004"]
    assert browser.run("document.getElementById('shown').textContent") == "1 of 10 shown"
    browser.open(page, "#a=send&q=message")
    assert browser.run(SHOWN) == ["SEND-004", "SEND-011"]
    assert browser.run("document.getElementById('q').value") == "message"


def test_an_address_names_a_requirement(browser: Browser, page: Path) -> None:
    browser.open(page, "#STRM-002")
    assert browser.run("document.getElementById('STRM-002').open")
    place = "document.querySelector('{}').getBoundingClientRect()"
    below = f"{place.format('#STRM-002 summary')}.top - {place.format('.filters')}.bottom"
    assert 0 <= browser.run(below) < 400


def test_rows_have_links_and_are_walked_by_key(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.key("j")
    first = browser.run("document.activeElement.parentElement.id")
    browser.key("j")
    assert first == "TIME-001" and browser.run("document.activeElement.parentElement.id") != first
    browser.key("k")
    browser.key("Enter")
    browser.until("document.querySelector('#TIME-001').open")
    assert browser.run("document.querySelector('#TIME-001 .src a').getAttribute('href')") == "#TIME-001"
    assert "Source: chats.md R82" in browser.run("document.querySelector('#TIME-001 .src').textContent")


def test_open_all_and_copy(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.click("#open")
    assert browser.run("[...document.querySelectorAll('.r')].every(r => r.open)")
    assert browser.run("document.getElementById('open').textContent") == "Close all"
    buttons = browser.run("[...document.querySelectorAll('.cmd button')].map(b => b.textContent)")
    assert buttons and set(buttons) == {"Copy"}
    browser.click(".cmd button")
    copied = "document.querySelector('.cmd button').textContent === 'Copied'"
    selected = "getSelection().toString().startsWith('curl -sS')"
    browser.until(f"{copied} || {selected}")


def test_hostile_text_runs_nothing(browser: Browser, tmp_path: Path) -> None:
    rows = records.mixed()
    for row in rows:
        if row["kind"] == "check":
            row |= {"case": EVIL, "message": EVIL, "area": EVIL, "text": EVIL, "reason": EVIL, "actual": EVIL}
    path = whole(tmp_path / "evil.ndjson", *rows)
    html.render(path, tmp_path / "evil.html")
    before = list(browser.problems)
    browser.open(tmp_path / "evil.html")
    assert browser.run("typeof window.hacked") == "undefined"
    assert browser.run("document.querySelectorAll('script').length") == 2
    assert len(browser.run(SHOWN)) == 10
    assert browser.problems == before


CONTRAST = """
(() => {
  const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const rgb = s => s.match(/[\\d.]+/g).map(Number);
  const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.offsetParent) continue;
    const [a, b] = [lum(rgb(getComputedStyle(e).color).slice(0, 3)), lum(back(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} ${e.textContent.slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return bad;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(browser: Browser, page: Path, scheme: str) -> None:
    browser.scheme(scheme)
    browser.open(page)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    browser.click("input[value=fail]")
    assert browser.run(CONTRAST) == []
    browser.run("document.getElementById('clear').click()")
    assert browser.run(CONTRAST) == []
    browser.scheme("light")


def test_it_fits_a_phone(browser: Browser, page: Path) -> None:
    browser.size(380, 800)
    browser.open(page)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.run("document.documentElement.scrollWidth") <= 380
    browser.size(1280, 900)


def test_a_green_run_is_printed_on_thirty_pages(browser: Browser, tmp_path: Path) -> None:
    sentence = "A chat that is archived keeps its messages, its labels and its place, and takes no message until it is put back."
    rows = [http("x1"), *(check(f"A{n % 16}-{n:03}", area=f"area{n % 16}", text=sentence) for n in range(1650))]
    html.render(whole(tmp_path / "r", *rows), tmp_path / "green.html")
    browser.open(tmp_path / "green.html")
    pages = re.findall(rb"/Type\s*/Page[^s]", browser.printed())
    assert 5 < len(pages) <= 30


def test_on_paper_all_evidence_is_open_and_no_control_is_seen(browser: Browser, page: Path) -> None:
    browser.open(page, "#v=pass")
    browser.medium("print")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    hidden = "[...document.querySelectorAll('.r:has(article) article, .why li')].filter(e => !e.offsetParent).length"
    assert browser.run(hidden) == 0, "what a filter hides on the screen is printed"
    assert browser.run("document.querySelector('.filters').offsetParent === null")
    browser.run("dispatchEvent(new Event('afterprint'))")
    browser.medium("")
    assert browser.run("document.querySelectorAll('.r[open]').length") == 0


def test_twenty_failures_have_their_evidence(browser: Browser, tmp_path: Path) -> None:
    path = whole(tmp_path / "r", *records.large(1650, 1700, failing=20, body=20_000))
    html.render(path, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 1_500_000
    browser.open(tmp_path / "page.html")
    browser.click("input[value=fail]")
    browser.click("#open")
    assert browser.run("document.querySelectorAll('.r[open] article pre').length") >= 3 * 20


def test_it_is_used_by_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page)
    for _ in range(100):
        browser.key("Tab")
        if browser.run("document.activeElement === document.querySelector('.r summary')"):
            break
    browser.key("Enter")
    assert browser.run("document.querySelector('.r').open")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    browser.until(f"{outline} !== 'none'")


def test_a_thousand_rows_filter_at_once(browser: Browser, tmp_path: Path) -> None:
    path = whole(tmp_path / "r", *records.large(450, 1000, failing=60, body=2000))
    html.render(path, tmp_path / "large.html")
    browser.open(tmp_path / "large.html")
    script = (
        "(() => { const q = document.getElementById('q'), began = performance.now();"
        "q.value = 'area8-044 every'; q.dispatchEvent(new Event('input', {bubbles: true}));"
        f"const shown = {SHOWN}; return [shown.length, performance.now() - began] }})()"
    )
    shown, took = browser.run(script)
    assert shown == 1
    assert took < 500, "milliseconds from a key to the filtered list"


def test_the_pictures_for_readers_are_made_from_the_page(browser: Browser, tmp_path: Path) -> None:
    for picture in take(browser, tmp_path, tmp_path):
        made, shown = picture.read_bytes(), (IMAGES / picture.name).read_bytes()
        assert made[:8] == shown[:8] == b"\x89PNG\r\n\x1a\n"
        assert made[16:24] == shown[16:24], "python -m tests.reports.screenshots makes them anew"
