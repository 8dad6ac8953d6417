"""The text that people read first, word for word."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from reports import console
from tests.reports import records
from tests.reports.records import check, http, whole

GOLDEN = Path(__file__).parent / "golden"


def _text(path: Path, **options: object) -> str:
    out = StringIO()
    console.render(path, out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def test_one_of_every_verdict(mixed: Path) -> None:
    assert _text(mixed) == (GOLDEN / "mixed.txt").read_text(encoding="utf-8")


def test_a_green_run(tmp_path: Path) -> None:
    assert _text(whole(tmp_path / "r", http("x1"), check("A-1"), check("A-1", case="other"))) == (
        "experimental-2026-05 at http://127.0.0.1:3000: CONFORMANT (exit 0)\n"
        "  requirements in scope            1\n"
        "  judged                           1 of 1\n"
        "    passed                         1 of 1\n"
        "    failed                         0 of 1\n"
        "    warned                         0 of 1\n"
        "  untestable                       0 of 1\n"
        "  not applicable                   0\n"
        "  2 checks, 1 exchange, 0 sockets, 21.3 s, seed 7, suite 0.1.0\n"
    )


def test_a_run_that_judged_nothing(tmp_path: Path) -> None:
    text = _text(whole(tmp_path / "r"))
    assert "INCOMPLETE (exit 3)" in text
    assert re.search(r"judged +0 of 0", text)


def test_what_was_not_reached_is_counted(tmp_path: Path) -> None:
    text = _text(whole(tmp_path / "r", http("x1"), check("A-1"), requirements={"in_scope": 5, "judged": 1}))
    assert "INCOMPLETE" in text, "exit 0 does not make a verdict of what was left out"
    assert re.search(r"not reached +4 of 5", text)


def test_the_end_fits_a_screen(tmp_path: Path) -> None:
    checks = [check(f"A-{n}", "fail", message="Wrong.") for n in range(300)]
    checks += [check(f"B-{n}", "warn", message="Odd.") for n in range(300)]
    checks += [check(f"C-{n}", "untestable", reason=f"reason {n} " * 40) for n in range(300)]
    notes = [{"kind": "note", "text": "word " * 300} for _ in range(300)]
    text = _text(whole(tmp_path / "r", http("x1"), *checks, *notes), limit=3)
    end = text[text.index("experimental-2026-05 at") :].splitlines()
    assert len(end) <= 24 and "for 295 further reasons: 295" in text
    assert re.search(r"  failed: A-0, .* and \d+ more", text)
    assert "NOT CONFORMANT" in end[0]


def test_a_failure_takes_at_most_15_lines(tmp_path: Path) -> None:
    rows = records.large(40, 40, failing=40, body=50_000)
    for row in rows:
        if row["kind"] == "check":
            row |= {"text": "many words " * 300, "message": "line\n" * 80, "reproduce": ["curl a\nb" * 500] * 9}
    blocks = _text(whole(tmp_path / "r", *rows), limit=40).split("\n\n")
    failures = [block for block in blocks if block.startswith("FAIL")]
    assert len(failures) == 40
    assert max(len(block.split("\n")) for block in failures) <= 14  # and the empty line after it


def test_many_failures_are_told_in_short(tmp_path: Path) -> None:
    text = _text(whole(tmp_path / "r", *records.large(50, 50, failing=50)), limit=3)
    lines = text.split("\n")
    assert "The other 47 in short:" in lines
    assert sum(bool(re.match(r"FAIL  AREA\d+-\d{3}  MUST  The answer lacks", line)) for line in lines) == 47
    assert all(len(line) <= console.WIDTH for line in lines if line.startswith("FAIL"))


def test_colors_only_when_asked(mixed: Path) -> None:
    assert "\x1b" not in _text(mixed)
    colored = _text(mixed, color=True)
    assert "\x1b[31;1mFAIL\x1b[0m" in colored
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == _text(mixed)


def test_nothing_in_a_record_can_steer_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\r\u202eabc\u2028 tail \ud800"
    path = whole(
        tmp_path / "r",
        http("x1", error=evil, response=None),
        check("A-1", "fail", case=evil, text=evil, message=evil, expected=evil, actual=evil, pointer=evil, rerun=evil),
        {"kind": "note", "text": evil},
    )
    for color in (False, True):
        text = re.sub(r"\x1b\[(31;1|33;1|32;1|2|1|0)m", "", _text(path, color=color))
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800]", text)
        assert "\\u001b[2J" in text


def test_it_goes_to_a_file_as_well(mixed: Path, tmp_path: Path) -> None:
    console.render(mixed, tmp_path / "new" / "folder" / "out.txt")
    assert (tmp_path / "new" / "folder" / "out.txt").read_text(encoding="utf-8") == _text(mixed)
    assert [p.name for p in (tmp_path / "new" / "folder").iterdir()] == ["out.txt"]


def test_a_terminal_without_unicode(tmp_path: Path) -> None:
    path = whole(tmp_path / "r", http("x1"), check("A-1", "fail", message="naïve ✗"))
    with (tmp_path / "ascii.txt").open("w", encoding="ascii") as out:
        console.render(path, out)
    assert r"na\xefve \u2717" in (tmp_path / "ascii.txt").read_text(encoding="ascii")
