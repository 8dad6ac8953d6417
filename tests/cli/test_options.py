"""Where the values of options come from, and what is told of wrong ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from conformance.cli.given import UsageError
from conformance.cli.main import COMMANDS, main, program
from conformance.cli.options.run import RUN
from tests.cli.test_commands import COMMAND, ROOT, called, cli

DESIGNED = {
    "run": "--target --profile --record --html --junit --markdown --badge --allure --expect --strict --requirement --area --seed "
    "--jobs --fuzz --read-only --max-rps --url --admin-token-env --llm-url --allow-intermittent --repeat --timeout "
    "--fuzz-time --reproducers --statement --write-expectations --token-env --allow-config-changes",
    "provision": "--url --admin-token-env --llm-url --target-file",
    "doctor": "--target",
    "audit": "--profile",
    "list": "--profile --against",
}


def params(*words: str) -> dict[str, object]:
    with RUN.make_context("run", list(words)) as ctx:
        return dict(ctx.params)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_options(command: str) -> None:
    ctx = click.Context(program)
    found = program.get_command(ctx, command)
    assert found is not None and found.name == command and found.help
    named = {name for param in found.params for name in param.opts}
    assert set(DESIGNED.get(command, "").split()) <= named


def test_a_value_comes_from_the_nearest_place(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert params()["jobs"] == 16
    (here / "pyproject.toml").write_text("[tool.chat-conformance]\njobs = 2\n")
    assert params()["jobs"] == 2
    (here / "chat-conformance.toml").write_text("jobs = 3\n")
    assert params()["jobs"] == 3
    (here / "other.toml").write_text("jobs = 4\n")
    assert params("--config", str(here / "other.toml"))["jobs"] == 4
    monkeypatch.setenv("CHAT_CONFORMANCE_CONFIG", str(here / "other.toml"))
    assert params()["jobs"] == 4
    monkeypatch.setenv("CHAT_CONFORMANCE_JOBS", "5")
    assert params()["jobs"] == 5
    assert params("--jobs", "6")["jobs"] == 6


def test_every_option_of_run_can_be_given_by_a_variable_and_by_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values: dict[str, object] = {"allow_config_changes": False, "profile": "experimental-2026-03", "fuzz": "deep", "config": None}
    values["shard"] = "2/3"
    options = [param for param in RUN.params if isinstance(param, click.Option)]
    by_variable: dict[str, object] = {}
    by_file: dict[str, object] = {}
    for param in options:
        name = str(param.name)
        known = values.get(name, True if param.is_flag else 7 if param.type.name == "number" else "word")
        if known is not None:
            by_file[param.opts[-1].lstrip("-")] = [known] if param.multiple else known
            by_variable[f"CHAT_CONFORMANCE_{name.upper()}"] = known
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in by_file.items())
    (here / "chat-conformance.toml").write_text("".join(lines))
    read = params()
    (here / "chat-conformance.toml").unlink()
    for variable, value in by_variable.items():
        monkeypatch.setenv(variable, str(value))
    variables = params()
    plain = {name: value for name, value in read.items() if not isinstance(value, Path) and name != "target"}
    assert plain == {name: variables[name] for name in plain}
    assert all(value not in (None, (), 0, "") or name in values for name, value in read.items())


def test_paths_in_the_file_are_meant_from_its_folder(here: Path) -> None:
    (here / "chat-conformance.toml").write_text('target = "t.json"\nrecord = "out/r.ndjson"\n')
    assert (params()["target"], params()["record"]) == (str(here / "t.json"), here / "out" / "r.ndjson")
    (here / "chat-conformance.toml").write_text('target = "http://127.0.0.1:9"\n')
    assert params()["target"] == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("jbos = 3", "jbos is no option of run (did you mean jobs?)"),
        ("jobs = 0", "must be from 1 to 1024, not 0 (from "),
        ("jobs = [1]", "jobs: [1] is no value of --jobs"),
        ("strict = 'yes'", "strict is true or false"),
        ("fuzz = 'quik'", "did you mean quick?"),
        ("jobs", "not readable as TOML"),
    ],
)
def test_a_slip_in_the_file_is_told_in_one_line(
    text: str, hint: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "chat-conformance.toml").write_text(text)
    status, told = called("run", cwd=here, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 2 and told.count("\n") == 1 and hint in told and "chat-conformance.toml" in told


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["run", "--jbos", "3"], "no such option --jbos (did you mean --jobs?)"),
        (["run", "--profile", "experimental-2026-04"], "did you mean experimental-2026-0"),
        (["run", "--area", "pagin"], "did you mean paging?"),
        (["list", "--area", "pagin"], "did you mean paging?"),
        (["run", "--fault", "list-gives-one-too-fw"], "did you mean list-gives-one-too-few?"),
        (["completion", "bsh"], "did you mean bash?"),
    ],
)
def test_what_is_nearly_right_is_told(
    words: list[str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = called(*words, cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 2 and told.count("\n") == 1 and hint in told, told


@pytest.mark.parametrize("module", ["fake_server", "fake_server.llm", "fake_server.faults"])
def test_the_fakes_complain_in_one_line(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--hlep"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "did you mean --help?" in done.stderr


def test_a_variable_with_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CHAT_CONFORMANCE_JOBS", "many")
    assert main(["run"]) == 2
    assert "(from the environment variable CHAT_CONFORMANCE_JOBS)" in capsys.readouterr().err


def test_a_server_named_on_the_command_line_sets_aside_one_named_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHAT_CONFORMANCE_URL", "http://127.0.0.1:9")
    status, told = called("run", "--target", "missing.json", cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 2 and "no target file missing.json" in told
    monkeypatch.setenv("CHAT_CONFORMANCE_TARGET", "t.json")
    status, told = called("run", cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 2 and "both name the server" in told


def test_the_command_in_a_record_says_what_was_given_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "run.ndjson"
    monkeypatch.setenv("CHAT_CONFORMANCE_JOBS", "3")
    monkeypatch.setenv("CHAT_CONFORMANCE_STRICT", "1")
    assert main(["run", "--requirement", "PAGE-001", "--record", str(record), "--seed", "4", "-q"]) == 0
    header = json.loads(record.read_text().splitlines()[0])
    assert header["command"][-3:] == ["--strict", "--jobs", "3"] and header["options"]["jobs"] == 3


@pytest.mark.parametrize(("option", "shown"), [("-q", 0), ("-v", 2)])
def test_how_much_is_told(option: str, shown: int) -> None:
    fault = ("--fault", "list-gives-one-too-few", "--fault", "messages-take-any-page-size")
    done = cli("run", *fault, "--requirement", "PAGE-007", "--requirement", "PAGE-031", "--seed", "1", "--fuzz", "off", option)
    assert done.returncode == 1
    assert len(re.findall(r"^  (?:sent|case) ", done.stdout, re.MULTILINE)) == 2 * shown
    assert done.stdout.startswith("judging") == (option != "-q")


def test_the_version() -> None:
    done = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert re.fullmatch(r"chat-conformance \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_CHAT_CONFORMANCE_COMPLETE" in capsys.readouterr().out


def test_options_and_values_are_completed() -> None:
    def offered(*words: str) -> list[str]:
        from click.shell_completion import ShellComplete

        shell = ShellComplete(program, {}, "chat-conformance", "_CHAT_CONFORMANCE_COMPLETE")
        return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]

    assert offered("de") == ["deprovision"]
    assert offered("run", "--fu") == ["--fuzz", "--fuzz-time"]
    assert offered("run", "--fuzz", "q") == ["quick"]
    assert offered("explain", "PAGE-007") == ["PAGE-007"]
    assert offered("run", "--profile", "experimental-2026-03") == ["experimental-2026-03"]


def test_help_is_quick_to_import() -> None:
    script = "import sys; from conformance.cli.main import main\ntry: main(['run', '--help'])\nfinally: print(len(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout.splitlines()[-1]) < 200
    assert "usage" in done.stdout.lower()


def test_usage_errors_say_nothing_twice() -> None:
    with pytest.raises(UsageError):
        program.main(["rum"], standalone_mode=False)


def test_what_the_longest_path_is_made_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--requirement", "PAGE-00[1-6]", "--fuzz", "off", "-q", "--profile-time"]) == 0
    said = capsys.readouterr().out
    phases = re.findall(r"^ +([\d.]+) s  (the target started|preflight|played together)", said, re.MULTILINE)
    assert [name for _, name in phases] == ["the target started", "preflight", "played together"]
    whole = re.search(r"^longest path: ([\d.]+) s", said, re.MULTILINE)
    assert whole and float(whole[1]) > 0 and re.search(r"paging_list\.\w+.*until answers came", said)
