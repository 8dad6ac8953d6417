"""What is a record and what is not, told in one line; the schema and the reader say the same."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from conformance.recordings.reading import record_lines
from conformance.run.record import RecordWriter
from conformance.wire.redact import Redactor
from reports.record import BadLine, EmptyRecord, InvalidRecord, MissingFooter, read
from reports.rows import HttpExchange, SocketExchange
from reports.text import deciding
from tests.reports import records
from tests.reports.records import Row, check, footer, header, http, socket, whole, write

SCHEMA = json.loads(resources.files("reports").joinpath("record.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)


def _one_line(error: InvalidRecord, path: Path) -> str:
    text = str(error)
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def test_a_whole_record_is_read(mixed: Path) -> None:
    record = read(mixed)
    assert record.header.profile == "experimental-2026-05"
    assert [check.verdict for check in record.checks[:4]] == ["pass", "pass", "pass", "fail"]
    assert (record.exchanges, record.sockets, len(record.notes)) == (3, 1, 1)
    assert record.footer.exit == 2


def test_exchanges_are_read_when_asked(mixed: Path) -> None:
    record = read(mixed)
    http_one, stream = record.exchange("x1"), record.exchange("x2")
    assert isinstance(http_one, HttpExchange) and http_one.response and http_one.response.status == 201
    assert isinstance(stream, SocketExchange) and len(stream.frames) == 4 and stream.actor == "bob"
    assert record.exchange("x999") is None


def test_null_and_nothing_differ(tmp_path: Path) -> None:
    record = read(whole(tmp_path / "r", http("x1"), check("A-1", expected=None), check("A-2", actual=None)))
    assert [(c.has("expected"), c.has("actual")) for c in record.checks] == [(True, False), (False, True)]


def test_an_empty_file(tmp_path: Path) -> None:
    path = write(tmp_path / "r.ndjson", [])
    with pytest.raises(EmptyRecord) as error:
        read(path)
    assert _one_line(error.value, path) == f"the record is empty; make one with: chat-conformance run --record {path}"


def test_a_run_that_was_cut_off(tmp_path: Path) -> None:
    path = write(tmp_path / "r.ndjson", [header(), http("x1"), check("A-1")])
    with pytest.raises(MissingFooter) as error:
        read(path)
    assert _one_line(error.value, path) == "the record has no footer, so the run was cut off; run it again"


def test_a_line_cut_in_its_middle(tmp_path: Path) -> None:
    path = whole(tmp_path / "r.ndjson", http("x1"), check("A-1"))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(MissingFooter):
        read(path)
    path.write_bytes(path.read_bytes() + b"\n" + path.read_bytes())
    with pytest.raises(BadLine) as error:
        read(path)
    assert error.value.number == 4
    assert _one_line(error.value, path).startswith("line 4: not JSON (")


def test_what_there_is_of_a_run_that_was_cut_off(tmp_path: Path) -> None:
    once = {"kind": "note", "topic": "first-play", "text": "A-2 fail in a.case: not so", "t_ms": 7.0}
    path = whole(tmp_path / "r.ndjson", http("x1"), check("A-1"), once)
    path.write_bytes(path.read_bytes()[:-40])
    record = read(path, cut_off=True)
    assert (record.exchanges, [c.requirement for c in record.checks], record.footer.exit) == (1, ["A-1"], 2)
    assert [note.text for note in record.first_plays] == [once["text"]]
    assert record.notes == []


BAD_FILES: list[tuple[list[Any], str]] = [
    ([check("A-1")], "line 1: the first line must be the header; is this a record of `run --record`?"),
    ([header(), header()], "line 2: a second header; are these two records in one file?"),
    ([header(), footer([]), check("A-1")], "line 3: there is a line after the footer; was the file appended to?"),
    ([header(), http("x1"), http("x1")], "line 3: exchange id 'x1' is used twice"),
    ([header(record=3)], "line 1: record format 3 is newer than 2, which this tool reads"),
    ([[1]], "line 1: no object with a kind of header, exchange, check, note, control or footer"),
    ([header(), {"kind": "chat"}], "line 2: no object with a kind of header, exchange, check, note, control or footer"),
    ([header(), check("A-1", exchanges=[])], "line 2: check: a pass needs at least one exchange with the target"),
    ([header(), check("A-1", "untestable")], "line 2: check: an untestable check says why (reason)"),
    ([header(), check("A-1", "maybe")], "line 2: check: verdict: Input should be 'pass', "),
    ([header(), {"kind": "check", "requirement": "A-1"}], "line 2: check: level: Field required"),
    ([header(), http("x1", t_ms="soon")], "line 2: exchange: t_ms: Input should be a valid number"),
]


@pytest.mark.parametrize(("rows", "message"), BAD_FILES, ids=[message for _, message in BAD_FILES])
def test_bad_lines_are_named(tmp_path: Path, rows: list[Any], message: str) -> None:
    path = write(tmp_path / "r.ndjson", rows)
    with pytest.raises(BadLine) as error:
        read(path)
    assert _one_line(error.value, path).startswith(message)


def test_blank_lines_do_not_matter(tmp_path: Path, mixed: Path) -> None:
    spaced = tmp_path / "spaced.ndjson"
    spaced.write_bytes(mixed.read_bytes().replace(b"\n", b"\n\n"))
    assert read(spaced).checks == read(mixed).checks


def test_what_is_nested_deep_is_shortened_and_not_fatal(tmp_path: Path) -> None:
    deep: Any = "bottom"
    for _ in range(200):
        deep = [deep]
    record = read(whole(tmp_path / "r", http("x1"), check("A-1", actual=deep)))
    assert "too deep" in json.dumps(record.checks[0].actual)
    path = write(tmp_path / "s", [header()])
    with path.open("a") as file:
        file.write('{"kind": "note", "text": ' + "[" * 100_000 + "]" * 100_000 + "}\n")
    with pytest.raises(BadLine, match=r"line 2: not JSON \(nested too deep\)"):
        read(path)


def test_a_lone_surrogate_is_read(tmp_path: Path) -> None:
    record = read(whole(tmp_path / "r", http("x1"), check("A-1", actual="a\ud800b")))
    assert record.checks[0].actual == "a\\ud800b"


def test_the_sample_rows_keep_to_the_schema() -> None:
    rows = records.mixed()
    for row in [header(), *rows, footer(rows), *records.large(3, 9, failing=2, body=100)]:
        VALIDATOR.validate(row)


def _without(*path: str) -> Callable[[Row], None]:
    def change(row: Row) -> None:
        for step in path[:-1]:
            row = row[step]
        del row[path[-1]]

    return change


def _with(value: Any, *path: str) -> Callable[[Row], None]:
    def change(row: Row) -> None:
        for step in path[:-1]:
            row = row[step]
        row[path[-1]] = value

    return change


WRONG: list[tuple[str, Row, Callable[[Row], None]]] = [
    *((f"header without {key}", header(), _without(key)) for key in ("suite_version", "profile", "target", "seed")),
    ("a hash that is none", header(), _with("abc", "spec_sha256")),
    ("a seed in quotes", header(), _with("7", "seed")),
    *((f"exchange without {key}", http("x1"), _without(key)) for key in ("id", "as", "request", "response", "t_ms")),
    ("a request without its method", http("x1"), _without("request", "method")),
    ("an answer without a status", http("x1"), _without("response", "status")),
    ("a status in quotes", http("x1"), _with("201", "response", "status")),
    ("a status of 7", http("x1"), _with(7, "response", "status")),
    ("a header that is a list", http("x1"), _with(["a"], "response", "headers", "via")),
    ("a parameter without value", http("x1"), _with([["limit"]], "request", "params")),
    ("negative time", http("x1"), _with(-1, "t_ms")),
    ("an actor that is a number", http("x1"), _with(1, "as")),
    ("a socket without frames", socket("x1"), _without("frames")),
    ("a frame that goes sideways", socket("x1"), _with([{"t_ms": 1, "direction": "up", "kind": "text", "payload": 1}], "frames")),
    ("a frame without payload", socket("x1"), _with([{"t_ms": 1, "direction": "in", "kind": "text"}], "frames")),
    ("a close without reason", socket("x1"), _without("close", "reason")),
    *((f"check without {key}", check("A-1"), _without(key)) for key in ("requirement", "level", "verdict", "case")),
    ("an unknown level", check("A-1"), _with("SHALL", "level")),
    ("a pass that saw nothing", check("A-1"), _with([], "exchanges")),
    ("untestable without a reason", check("A-1", "fail"), _with("untestable", "verdict")),
    ("attempt 0", check("A-1"), _with(0, "attempt")),
    ("a reproducer that is no list", check("A-1"), _with("curl", "reproduce")),
    ("a note without text", {"kind": "note", "text": "x"}, _without("text")),
    *((f"footer without {key}", footer([]), _without(key)) for key in ("counts", "requirements", "exit")),
    ("exit 9", footer([]), _with(9, "exit")),
    ("counts of an unknown verdict", footer([]), _with({"maybe": 1}, "counts")),
    ("a negative count", footer([]), _with({"pass": -1}, "counts")),
    ("a scope without judged", footer([]), _without("requirements", "judged")),
]


@pytest.mark.parametrize(("row", "change"), [(row, change) for _, row, change in WRONG], ids=[name for name, *_ in WRONG])
def test_the_schema_and_the_reader_refuse_the_same(tmp_path: Path, row: Row, change: Callable[[Row], None]) -> None:
    good = copy.deepcopy(row)
    assert VALIDATOR.is_valid(good)
    bad = copy.deepcopy(row)
    change(bad)
    assert not VALIDATOR.is_valid(bad)
    rows = {"header": [bad, footer([])], "footer": [header(), bad]}.get(row["kind"], [header(), bad, footer([])])
    with pytest.raises(BadLine):
        read(write(tmp_path / "r.ndjson", rows))


def test_the_schema_refuses_unknown_keys_where_the_reader_ignores_them(tmp_path: Path) -> None:
    odd = check("A-1", verdicts="pass")
    assert not VALIDATOR.is_valid(odd)
    assert read(whole(tmp_path / "r.ndjson", http("x1"), odd)).checks[0].requirement == "A-1"


def test_a_packed_record_reads_as_the_plain_one(tmp_path: Path) -> None:
    plain = whole(tmp_path / "run.ndjson", *records.mixed())
    packed = tmp_path / "run.ndjson.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    one, other = read(plain), read(packed)
    assert (one.header, one.footer, one.checks, one.notes) == (other.header, other.footer, other.checks, other.notes)
    ids = [id for check in one.checks for id in check.exchanges]
    assert ids and [one.exchange(id) for id in ids] == [other.exchange(id) for id in ids]


def test_of_a_packed_record_that_was_cut_off_what_was_flushed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.ndjson.gz"
    writer = RecordWriter(path, Redactor({}))
    writer.line(header())
    for number in range(50):
        writer.line(http(f"x{number}"))
    assert writer._file is not None
    writer._file.flush()
    there = path.read_bytes()
    writer.line(http("later"))
    writer.close()
    writer.close()
    path.write_bytes(there + b"\x00\x01")
    with pytest.raises(MissingFooter):
        read(path)
    found = read(path, cut_off=True)
    assert found.exchanges == 50 and found.exchange("x49") is not None
    assert [line.get("id") for line in record_lines(path)][-1] == "x49"


def test_a_record_of_the_older_format_is_read(tmp_path: Path) -> None:
    old = check("A-1", "fail", message="Wrong.", expected=1, actual=2, exchanges=["x1", "x2"])
    rows = [http("x1"), http("x2"), old]
    found = read(write(tmp_path / "r", [header(record=1), *rows, footer(rows)]))
    assert found.header.record == 1 and deciding(found.checks[0]) == "x2"
