"""Whatever breaks on the suite's side ends with exit status 2 and one line; a right answer to nonsense typed by a user."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.cli import main as cli_main
from conformance.run.expectations import BadExpectations, load
from tests.cli.test_commands import COMMAND, cli, served

NARROW = ("run", "--fuzz", "off", "--requirement", "PAGE-001")


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--record", "."], "is a folder"),
        (["--html", "."], "is a folder"),
        (["--record", "file/below"], "is no folder"),
        (["--record", "/dev/full"], "No space left on device"),
        (["--record", "x", "--html", "x"], "--html x: that is the file of --record"),
        (["--expect", "file", "--record", "file"], "--record file: that is the file of --expect"),
        (["--target", "file", "--junit", "./file"], "that is the file of --target"),
        (["--target", "binary"], "not UTF-8"),
        (["--target", "."], "is a folder"),
        (["--expect", "binary"], "not UTF-8"),
        (["--expect", "wide"], "too wide"),
        (["--max-rps", "-1"], "--max-rps"),
        (["--max-rps", "nan"], "--max-rps"),
        (["--timeout", "inf"], "--timeout"),
        (["--seed", "12345678901234567890123456"], "--seed"),
        (["--seed", "-1"], "--seed"),
        (["--jobs", "1000000"], "--jobs"),
        (["--repeat", "0"], "--repeat"),
    ],
    ids=" ".join,
)
def test_one_line_and_exit_2(
    arguments: list[str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("[]")
    Path("binary").write_bytes(b"\xff\xfe\x00")
    Path("wide").write_text("- {requirement: '*', reason: all of it}")
    assert cli_main.main([*NARROW, *arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and hint in said
    assert Path("file").read_text() == "[]"


@pytest.mark.parametrize(
    "entry", ["{requirement: 'S*', reason: x}", "{requirement: SEND-001, reason: ' '}", "{requirement: '[A-Z]*', reason: x}"]
)
def test_an_expectation_names_its_area_and_has_a_reason(entry: str, tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text(f"- {entry}\n")
    with pytest.raises(BadExpectations):
        load(tmp_path / "e.yaml", "experimental-2026-05")


def test_what_nobody_foresaw_is_one_line_and_shows_its_traceback_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from conformance.cli import registry

    def broken(options: object) -> int:
        raise ZeroDivisionError("at http://root:hunter2@host")

    monkeypatch.setattr(registry, "listed", broken)
    assert cli_main.main(["list"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "ZeroDivisionError" in said and f"{cli_main.DEBUG}=1" in said and "hunter2" not in said
    monkeypatch.setenv(cli_main.DEBUG, "1")
    assert cli_main.main(["list"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_output_that_can_not_be_written_is_no_verdict() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "list"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "No space left" in done.stderr and len(lines(done)) == 1


def test_too_few_open_files_are_told_at_the_start() -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    done = subprocess.run([*COMMAND, *NARROW], capture_output=True, text=True, timeout=60, check=False, preexec_fn=few)
    assert done.returncode == 2 and "ulimit -n 256" in done.stderr and len(lines(done)) == 1


def test_a_soft_limit_of_open_files_is_raised() -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1024))

    done = subprocess.run([*COMMAND, *NARROW], capture_output=True, text=True, timeout=120, check=False, preexec_fn=few)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failed_preflight_stands_in_the_record(tmp_path: Path) -> None:
    record = tmp_path / "r.ndjson"
    done = cli("run", "--target", "http://127.0.0.1:9", "--record", str(record))
    first, *_, note, footer = [json.loads(line) for line in record.read_text().splitlines()]
    assert done.returncode == 2 and first["kind"] == "header"
    assert note["kind"] == "note" and "127.0.0.1:9" in note["text"]
    assert footer["kind"] == "footer" and footer["exit"] == 2 and footer["ended"]["how"] == "preflight"
    assert "127.0.0.1:9" in cli("report", str(record)).stdout


def test_the_password_of_an_address_is_shown_nowhere(tmp_path: Path) -> None:
    with served(tmp_path) as target:
        data = json.loads(target.read_text())
        data["base_url"] = data["base_url"].replace("://", "://root:hunter2hunter2@")
        target.write_text(json.dumps(data))
        record, html = tmp_path / "r.ndjson", tmp_path / "r.html"
        done = cli(*NARROW, "--target", str(target), "--record", str(record), "--html", str(html))
    assert done.returncode == 0, done.stderr
    said = record.read_text() + html.read_text() + done.stdout + done.stderr
    assert "hunter2" not in said and "aHVudGVyMmh1bnRlcjI" not in said


@pytest.mark.parametrize(("option", "said"), [("bogus=1", "known:"), ("self-interupts=1", "did you mean self-interrupts?")])
def test_serve_refuses_options_that_it_does_not_know(option: str, said: str) -> None:
    done = cli("serve", "--port", "0", "--option", option)
    assert done.returncode == 2 and said in done.stderr and len(lines(done)) == 1


# -- nothing is left behind --------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ended(pid: int, seconds: float = 30) -> bool:
    """Wait for the end of a process that is not a child of this one."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_killed_leaves_nothing_behind(how: signal.Signals, tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    run = subprocess.Popen([*COMMAND, "run", "--fuzz", "off"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert run.stdout is not None and run.stdout.readline()  # it plays
    (server,) = children(run.pid)
    run.send_signal(how)
    run.communicate(timeout=60)
    assert ended(server), "the embedded server lives on"
    assert list(tmp_path.iterdir()) == []


def test_a_server_started_by_hand_does_not_mind_a_closed_stdin(tmp_path: Path) -> None:
    target = tmp_path / "target.json"
    command = [*COMMAND, "serve", "--port", "0", "--target-file", str(target)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        done = cli(*NARROW, "--target", str(target))
        process.terminate()
    assert done.returncode == 0, done.stderr


def test_the_pipe_of_the_parent_ends_the_server() -> None:
    command = [sys.executable, "-m", "fake_server", "--port", "0", "--parent-pipe"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        assert json.loads(process.stdout.readline())["users"]["alice"]["token"]
        process.stdin.close()
        assert process.wait(timeout=30) == 0
