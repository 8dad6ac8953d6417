"""The page as a file: parsed, measured, and attacked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from reports import html
from reports.page_data import read_any, unpacked
from reports.record import InvalidRecord, read
from reports.summary import summarize
from reports.text import MARK, marked, pretty
from tests.reports import records
from tests.reports.records import Row, check, http, socket, whole

_VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """The elements of a page, whether they are nested rightly, and its visible text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {self._open}"
        self.data: dict[str, Any] = unpacked(text.encode()) if 'id="data"' in text else {"requirements": []}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> closes <{self._open[-1:]}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("style", "script"):
            self.text.append(data)

    def rows(self) -> dict[str, str]:
        """Requirement id → area of every row, in the order of the page's data."""
        return {row["id"]: row["area"] for row in self.data["requirements"]}

    @property
    def seen(self) -> str:
        """All that a reader can come to see."""
        return "".join(self.text) + "\n".join(texts_of(self.data))


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (key, *texts_of(item))
    elif isinstance(value, list):
        # A line of a difference is its sign and its text.
        if len(value) == 2 and value[0] in ("-", "+", " ") and isinstance(value[1], str):
            yield f"{value[0]} {value[1]}"
        for item in value:
            yield from texts_of(item)


def page_of(path: Path) -> tuple[str, Page]:
    out = StringIO()
    html.render(path, out)
    return out.getvalue(), Page(out.getvalue())


def test_every_requirement_has_a_row(mixed: Path) -> None:
    _, page = page_of(mixed)
    assert page.rows() == {row["requirement"]: row["area"] for row in records.mixed() if row["kind"] == "check"}
    assert next(iter(page.rows())) == "TIME-001", "the worst first"
    seen = page.seen
    for part in ("8 of 9", "the target file has no capability files", "slowest case", "experimental-2026-05"):
        assert part in seen


def test_a_failure_is_shown_with_all_there_is(mixed: Path) -> None:
    _, page = page_of(mixed)
    seen = page.seen
    for part in (
        "- 400\n",
        "+ 201\n",
        '-   "message": "Invalid request.",\n',
        '+   "message": "Bad request",\n',
        '    "detail": "content[0].type is required"\n',
        "alice → POST /api/experimental/chats/",
        "← 201",
        "bob → WebSocket",
        '22 ms ← [{"type": "message_part"',
        "closed by client: 1000",
        "← no answer: connection reset by peer",
        "chat-conformance run --target target.json --seed 7 --requirement SEND-004",
        "$ALICE_TOKEN",
    ):
        assert part in seen, part


def test_it_needs_no_other_file(mixed: Path) -> None:
    text, page = page_of(mixed)
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    assert "@import" not in text and "url(" not in text
    policy = next(str(a["content"]) for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")


def test_what_the_filters_work_on_is_there(mixed: Path) -> None:
    _, page = page_of(mixed)
    boxes = [(a.get("name"), a.get("value")) for tag, a in page.elements if tag == "input" and a.get("type") == "checkbox"]
    assert [value for name, value in boxes if name == "l"] == ["MUST", "SHOULD", "MAY"]
    assert {value for name, value in boxes if name == "v"} == {r["verdict"] for r in records.mixed() if r["kind"] == "check"}
    areas = [a.get("value") for tag, a in page.elements if tag == "option"]
    assert areas == ["", *sorted(set(filter(None, page.rows().values())))]
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert {"q", "a", "shown", "open", "clear", "list", "data"} <= set(ids)
    assert len(ids) == len(set(ids))


def test_zero_results(tmp_path: Path) -> None:
    text, page = page_of(whole(tmp_path / "r"))
    assert "This run judged nothing" in text
    assert 'class="incomplete"' in text
    assert not page.rows()


LEADS = [
    ([check("A-1")], "Everything in scope was judged"),
    ([check("A-1", "fail")], "The server breaks at least one requirement"),
    ([check("A-1", "unexpected-pass")], "No MUST is broken, but"),
    ([check("A-1"), check("A-2", "untestable", reason="no")], "not everything in scope could be judged"),
    ([check("A-2", "untestable", reason="no")], "Nothing was judged"),
    ([check("A-1", "harness-error")], "The run itself went wrong"),
]


@pytest.mark.parametrize(("checks", "lead"), LEADS, ids=[lead for _, lead in LEADS])
def test_the_first_sentence_says_what_it_means(tmp_path: Path, checks: list[Row], lead: str) -> None:
    assert lead in page_of(whole(tmp_path / "r", http("x1"), *checks))[0]


EVIL = (
    "<script>window.hacked=1</script><img src=x onerror=hacked=1>\"'><b>&amp;</script></style><!--{{7*7}}{% x %}"
    "\x00\x1b\u202e\ud800 ]]>"
)


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    path = whole(
        tmp_path / "r",
        http("x1", case=EVIL, response={"status": 200, "headers": {EVIL: EVIL}, "body": {EVIL: [EVIL]}}),
        socket("x2", events=1, websocket={"path": EVIL, "params": [[EVIL, EVIL]]}),
        check(
            EVIL,
            "fail",
            case=EVIL,
            area=EVIL,
            text=EVIL,
            source=EVIL,
            message=EVIL,
            expected={EVIL: 1},
            actual=EVIL,
            pointer=EVIL,
            reproduce=[EVIL],
            rerun=EVIL,
            reason=EVIL,
            exchanges=["x1", "x2"],
        ),
        check("A-2", case=EVIL, area=EVIL),
        check("A-3", "untestable", reason=EVIL),
        {"kind": "note", "text": EVIL},
    )
    text, page = page_of(path)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 2 and tags.count("style") == 1 and "img" not in tags
    assert not re.search(r"[\x00\x1b\u202e\ud800]", text + page.seen)
    assert "{{7*7}}" in page.seen and "{{7*7}}" in "".join(page.text)
    assert text.isprintable() or "\n" in text
    text.encode("utf-8")


SIZES = [(1000, 1000, 0, 0), (450, 1000, 0, 0), (450, 1000, 60, 20_000), (450, 1000, 1000, 20_000), (1000, 1000, 1000, 2000)]


@pytest.mark.parametrize(("requirements", "checks", "failing", "body"), SIZES)
def test_a_thousand_checks_fit_in_a_page(tmp_path: Path, requirements: int, checks: int, failing: int, body: int) -> None:
    path = whole(tmp_path / "r", *records.large(requirements, checks, failing=failing, body=body))
    html.render(path, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 1_500_000
    _, page = page_of(path)
    assert len(page.rows()) == requirements
    if failing:
        assert page.seen.count("← 201") >= min(failing, 60), "the worst are still shown in full"


def test_controls_have_names(mixed: Path) -> None:
    _, page = page_of(mixed)
    tags = [tag for tag, _ in page.elements]
    assert dict(page.elements)["html"] == {"lang": "en"}
    assert tags.count("h1") == 1 and tags.count("main") == 1
    for tag, attributes in page.elements:
        assert not (tag == "details" and attributes.get("id")), "rows are made by the script alone"
    labels = tags.count("label")
    assert labels == tags.count("input") + tags.count("select")
    assert tags.count("fieldset") == tags.count("legend") == 2


def test_the_deciding_exchange_stands_first_with_its_mark_and_its_twin(tmp_path: Path) -> None:
    frames = socket("w1", events=60)
    path = whole(
        tmp_path / "r",
        http("x1", t_ms=40.5),
        frames,
        http("x2", response={"status": 403, "headers": {}, "body": {"message": "Forbidden."}}),
        check("A-1", "fail", message="The text is wrong.", finding="wrong-value", expected="w29 ", actual="w30 ", deciding="w1")
        | {"exchanges": ["w1", "x1"], "pointer": "/frames/30/0/message_part/part/text"},
        check("A-2", "fail", message="Refused.", finding="status", expected=201, actual=403, deciding="x2", twin="x1")
        | {"exchanges": ["x2", "x1"], "pointer": "/message"},
    )
    seen = page_of(path)[1].seen
    assert "w1 at 0.03 s decides" in seen
    marked = [line for line in seen.split("\n") if line.endswith("◀ here")]
    assert len(marked) == 2 and '"w30 "' in marked[0] and marked[1] == '  "message": "Forbidden."   ◀ here'
    assert seen.index("40 ms   alice: POST") < seen.index("50 ms ← [{"), "calls and frames stand on one time axis"
    assert "nearly the same, was accepted" in seen


def test_a_mark_stands_where_the_pointer_leads() -> None:
    value = {"a": [{"b/c": 1, "d": "x" * 200}, {"b/c": 2}], "e": {"f": [1, 2, 3]}}
    assert [line for line in marked(value, "/a/1/b~1c") if MARK in line] == [f'      "b/c": 2{MARK}']
    assert [line for line in marked(value, "/e/g") if MARK in line] == [f'  "e": {{"f": [1, 2, 3]}}{MARK}']
    assert marked(value, "") == pretty(value).split("\n")
    assert any(MARK in line for line in marked([{"n": number} for number in range(5000)], "/4000/n", 500))


def test_the_page_is_read_as_what_it_was_made_of(mixed: Path, tmp_path: Path) -> None:
    html.render(mixed, tmp_path / "page.html")
    old, new = summarize(read(mixed)), summarize(read_any(tmp_path / "page.html"))
    assert new.state == old.state and new.counts == old.counts and new.words == old.words
    assert {r.requirement: r.verdict for r in new.results} == {r.requirement: r.verdict for r in old.results}
    assert read_any(mixed).exchanges == read(mixed).exchanges


@pytest.mark.parametrize(
    "text", ["<!doctype html><p>no report", '<!doctype html><script type="application/gzip" id="data">QQ==</script>']
)
def test_another_page_is_no_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.html").write_text(text)
    with pytest.raises(InvalidRecord, match="is it a page of run --html"):
        read_any(tmp_path / "page.html")


def test_coverage_says_what_was_never_seen(tmp_path: Path) -> None:
    rows = [http("x1"), check("A-1")]
    covered = {
        "operations": [{"operation": "getChat", "request": "GET /chats/{chat}", "statuses": {"200": 7, "404": 0}}],
        "events": {"streamChat": {"status": 2, "retry": 0}},
        "parts": {"text": 3, "source": 0},
    }
    path = whole(tmp_path / "r", *rows, coverage=covered)
    seen = page_of(path)[1].seen
    for part in ("Operations by status: 1 of 2 seen", "Events and parts: 2 of 4 seen", "404 –", "200 ×7", "retry –", "source –"):
        assert part in re.sub(r"\s+", " ", seen), part
