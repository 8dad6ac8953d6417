"""The commands as a user types them, bad input among them: one clear line and exit status 2."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.main import main

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "conformance.cli"]
TRANSCRIPTS = ROOT / "fixtures" / "transcripts" / "experimental-2026-05"


def cli(*arguments: str, cwd: Path | None = None, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, cwd=cwd, timeout=seconds, check=False)


def called(*arguments: str, cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit status and all output of a command in this process: a process of its own takes seconds to start."""
    monkeypatch.chdir(cwd)
    try:
        status = main(arguments)
    except SystemExit as end:  # how argparse ends
        assert isinstance(end.code, int)
        status = end.code
    said = capsys.readouterr()
    return status, said.err + said.out


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Path]:
    target = folder / "target.json"
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--target-file", str(target), *arguments], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline()
        yield target
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rum"], "did you mean run?"),
        (["run", "--requirement", "NOPE-*"], "chat-conformance list"),
        (["run", "--area", "nope"], "known:"),
        (["run", "--jobs", "0"], "--jobs"),
        (["run", "--target", "missing.json"], "serve --target-file missing.json"),
        (["run", "--target", "http://127.0.0.1:9"], "127.0.0.1:9"),
        (["run", "--target", "x", "--fault", "y"], "--fault"),
        (["run", "--profile", "nope"], "unknown profile"),
        (["run", "--expect", "missing.yaml", "--requirement", "PAGE-001"], "no expectations file"),
        (["run", "--fault", "nope"], "nope"),
        (["explain", "PAGE-07"], "did you mean PAGE-0"),
        (["explain", "PAGE-001", "--profile", "nope"], "unknown profile"),
        (["audit", "missing.jsonl"], "missing.jsonl"),
        (["report", "missing.ndjson"], "missing.ndjson"),
        (["doctor"], "--target"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_bad_input_is_told_in_one_line(
    arguments: list[str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = called(*arguments, cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    said = [line for line in told.splitlines() if line.strip()]
    assert status == 2
    assert len(said) == 1, said
    assert hint in said[0]


@pytest.mark.parametrize("text", ['{"base_url": 7}', "{", '{"base_url": "http://x", "user": {}}'], ids=["type", "syntax", "key"])
def test_a_bad_target_file_is_told_in_one_line(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.json").write_text(text)
    status, told = called("run", "--target", "t.json", cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 2
    assert len(told.strip().splitlines()) == 1
    assert "t.json" in told


def test_serve_then_run_as_the_readme_says_and_no_secret_gets_out(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    wanted = re.search(r"^\.venv/bin/chat-conformance (run --target .*)$", readme, re.MULTILINE)
    assert wanted
    with served(tmp_path) as target:
        tokens = [user["token"] for user in json.loads(target.read_text())["users"].values()]
        done = cli(*wanted[1].split(), cwd=tmp_path, seconds=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    record, report = ((tmp_path / name).read_text(encoding="utf-8") for name in ("run.ndjson", "report.html"))
    assert not [token for token in tokens if token in record + report + done.stdout + done.stderr]
    footer = json.loads(record.splitlines()[-1])
    assert footer["kind"] == "footer"
    assert footer["requirements"]["judged"] == footer["requirements"]["in_scope"] >= 150
    assert "<html" in report


def test_the_readme_shows_a_real_failure() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    wanted = re.search(r"`chat-conformance (run --fault [^`]*)`", readme)
    assert wanted
    done = cli(*wanted[1].split())
    assert done.returncode == 1
    shown = readme.split("```text\n")[1].split("```")[0].splitlines()
    for line in (line for line in shown if line.startswith(("FAIL", "  limit", "  case", "  found"))):
        assert line.split("[")[0].strip() in done.stdout


def test_a_fault_served_is_red_for_what_it_names(tmp_path: Path) -> None:
    with served(tmp_path, "--fault", "messages-take-any-page-size") as target:
        record = tmp_path / "r.ndjson"
        done = cli("run", "--target", str(target), "--area", "paging", "--fuzz", "off", "--record", str(record))
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    red = {line["requirement"] for line in lines if line.get("verdict") in ("fail", "warn", "raced")}
    assert done.returncode == 1
    assert red == {"PAGE-031"}


def test_a_generated_failure_tells_its_shortest_way_and_the_command_that_goes_it_again() -> None:
    fault = "second-archiving-is-not-shown"
    done = cli("run", "--fault", fault, "--requirement", "PROP-001", "--seed", "1")
    way = "the shortest way there: create(words='a'); archive(); unarchive(); archive()"
    assert done.returncode == 1 and way in done.stdout, done.stdout
    command = re.search(r"^  again +chat-conformance (.+)$", done.stdout, re.MULTILINE)
    assert command
    again = cli(*command[1].split())
    assert again.returncode == 1 and way in again.stdout, again.stdout


def test_doctor_is_content_with_the_reference(tmp_path: Path) -> None:
    with served(tmp_path) as target:
        done = cli("doctor", "--target", str(target))
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("ready:")


def test_a_record_is_rendered_again(tmp_path: Path) -> None:
    record = tmp_path / "r.ndjson"
    assert cli("run", "--requirement", "PAGE-001", "--record", str(record)).returncode == 0
    done = cli("report", str(record), "--html", str(tmp_path / "a.html"), "--junit", str(tmp_path / "a.xml"))
    assert done.returncode == 0
    assert {p.name for p in tmp_path.iterdir()} == {"r.ndjson", "a.html", "a.xml"}
    assert "PAGE-001" in (tmp_path / "a.xml").read_text(encoding="utf-8")


def _tampered(folder: Path, change: Any) -> Path:
    rows = (TRANSCRIPTS / "create-minimal.jsonl").read_text(encoding="utf-8").split("\n")
    parsed = [json.loads(row) for row in rows if row]
    change(parsed)
    path = folder / "tampered.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in parsed), encoding="utf-8")
    return path


def _messages(rows: list[Any]) -> Any:
    return next(r for r in rows if r.get("request", {}).get("path", "").endswith("/messages"))["response"]


CHANGES: dict[str, Any] = {
    "part key removed": lambda rows: _messages(rows)["body"]["messages"][0]["content"][0].pop("url"),
    "status changed": lambda rows: _messages(rows).update(status=202),
    "id made a string": lambda rows: _messages(rows)["body"]["messages"][0].update(id="10204"),
}


def test_audit_judges_by_the_revision_that_the_file_names() -> None:
    other = TRANSCRIPTS.parent / "experimental-2026-03" / "stream-after-id.jsonl"
    both = cli("audit", str(TRANSCRIPTS / "create-minimal.jsonl"), str(other))
    assert (both.returncode, both.stderr) == (0, ""), both.stdout
    assert cli("audit", "--profile", "experimental-2026-05", str(other)).returncode == 1


@pytest.mark.parametrize("what", CHANGES)
def test_audit_finds_what_was_tampered_with(what: str, tmp_path: Path) -> None:
    done = cli("audit", str(_tampered(tmp_path, CHANGES[what])))
    assert done.returncode == 1
    assert "tampered.jsonl:" in done.stdout


def test_list_and_explain_agree() -> None:
    rows = json.loads(cli("list", "--format", "json").stdout)
    assert len(rows) >= 450
    said = cli("explain", rows[0]["id"])
    assert said.returncode == 0
    assert rows[0]["text"] in said.stdout
    assert re.search(rf"profiles: +{re.escape(', '.join(rows[0]['profiles']))}$", said.stdout, re.M)
    assert cli("explain", rows[0]["id"], "--profile", rows[0]["profiles"][0]).stdout == said.stdout


UNSTEADY = ("-k", "paging_list and cursors", "--fault", "list-gives-one-too-few@every=7", "--repeat", "3", "--seed", "1")


def test_each_case_is_played_as_often_as_asked() -> None:
    done = cli("run", *UNSTEADY)
    assert done.returncode == 1, done.stdout
    assert re.search(r"failed [12] of 3 plays", done.stdout), done.stdout
    assert re.search(r"played several times: 1[0-7] of 18 plays of a judgement passed", done.stdout), done.stdout


def test_what_is_intermittent_only_warns_when_that_is_allowed() -> None:
    done = cli("run", *UNSTEADY, "--allow-intermittent")
    assert done.returncode == 0 and "intermittent: it passed in another play" in done.stdout, done.stdout
