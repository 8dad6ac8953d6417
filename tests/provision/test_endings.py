"""Whatever ends a run that provisions for itself: nothing stays behind, or a manifest says what does."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import spec
from tests.cli.test_commands import COMMAND, served
from tests.provision.api import Server

# Those whose providers and models are made by the API.
PROFILES = [name for name in spec.profiles() if spec.load(name).traits["provision"]]


@contextmanager
def bare(folder: Path, *arguments: str) -> Iterator[Server]:
    with served(folder, "--bare", *arguments) as file:
        target = json.loads(file.read_text())
        yield Server(target["base_url"], target["users"]["root"]["token"])


def started(server: Server, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [*COMMAND, *arguments, "--url", server.url, "--admin-token-env", "ADMIN"]
    environment = os.environ | {"ADMIN": server.token, "COLUMNS": "400"}
    return subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def under_way(process: subprocess.Popen[str]) -> str:
    """Wait for the line that a run prints when everything is made."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "judging" in line, line
    return line


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out + err


@pytest.mark.parametrize("profile", [name for name in PROFILES if len(spec.chain(name)) < 3])
def test_an_interrupted_run_takes_everything_back(profile: str, tmp_path: Path) -> None:
    with bare(tmp_path, "--profile", profile) as server:
        before = server.holds()
        process = started(server, tmp_path, "run", "--record", "r.ndjson", "--fuzz", "off")
        under_way(process)
        process.send_signal(signal.SIGINT)
        status, said = ended(process)
        assert status == 3 and "taken back" in said
        assert server.holds() == before
        assert list(tmp_path.glob("*.manifest")) == []
        footer = json.loads((tmp_path / "r.ndjson").read_text().splitlines()[-1])
        assert footer["ended"]["how"] == "interrupted"


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_killed_run_left_is_taken_back_by_its_manifest(profile: str, tmp_path: Path) -> None:
    with bare(tmp_path, "--profile", profile) as server:
        before = server.holds()
        process = started(server, tmp_path, "run", "--record", "r.ndjson", "--fuzz", "off")
        under_way(process)
        process.kill()
        process.communicate()
        assert server.holds() != before
        (manifest,) = tmp_path.glob("*.manifest")
        assert stat.S_IMODE(manifest.stat().st_mode) == 0o600
        assert not re.search(r"[A-Za-z0-9]{10}-[A-Za-z0-9]{22}", manifest.read_text())  # what tokens look like
        done = deprovisioned(server, tmp_path, str(manifest))
        assert done.returncode == 0, done.stderr
        assert server.holds() == before and not manifest.exists()


def deprovisioned(server: Server, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"ADMIN": server.token}
    command = [*COMMAND, "deprovision", *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_provision_serves_the_llm_until_it_is_interrupted(tmp_path: Path) -> None:
    with bare(tmp_path) as server:
        before = server.holds()
        process = started(server, tmp_path, "provision", "--target-file", "made.json")
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert "^C" in lines[-1]
        made = tmp_path / "made.json"
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
        target: dict[str, Any] = json.loads(made.read_text())
        assert sorted(target["users"]) == sorted(spec.load(spec.DEFAULT).traits["actors"])
        assert server.token not in made.read_text()
        run = [*COMMAND, "run", "--target", "made.json", "--requirement", "CREATE-00*", "--requirement", "OWN-00*"]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout
        process.send_signal(signal.SIGINT)
        status, said = ended(process)
        assert (status, server.holds()) == (0, before), said
        assert not made.exists() and list(tmp_path.glob("*.manifest")) == []


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["provision", "--target-file", "t.json"], "--url is missing"),
        (["provision", "--url", "http://127.0.0.1:9", "--target-file", "t.json"], "--admin-token-env"),
        (["provision", "--url", "nonsense", "--admin-token-env", "ADMIN", "--target-file", "t.json"], "is no address"),
        (
            ["provision", "--url", "http://127.0.0.1:9", "--admin-token-env", "UNSET", "--target-file", "t.json"],
            "UNSET is not set",
        ),
        (["run", "--url", "http://127.0.0.1:9", "--admin-token-env", "ADMIN"], "no answer from"),
        (["run", "--url", "http://127.0.0.1:9"], "--admin-token-env"),
        (["run", "--url", "http://127.0.0.1:9", "--admin-token-env", "ADMIN", "--token-env", "ADMIN"], "leave one out"),
        (["run", "--url", "http://127.0.0.1:9", "--target", "t.json"], "leave one out"),
        (["run", "--url", "http://127.0.0.1:9", "--admin-token-env", "ADMIN", "--prefix", "Mine!"], "--prefix"),
        (["deprovision"], "name a manifest"),
        (["deprovision", "missing.manifest"], "missing.manifest"),
        (["deprovision", "--prefix", "cc-"], "--url"),
        (["deprovision", "--prefix", "c", "--url", "http://127.0.0.1:9"], "three characters"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_bad_input_is_told_in_one_line(arguments: list[str], hint: str, tmp_path: Path) -> None:
    environment = os.environ | {"ADMIN": "abcdefghij-abcdefghijabcdefghijab"}
    done = subprocess.run([*COMMAND, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = (done.stderr + done.stdout).strip().splitlines()
    assert (done.returncode, len(said)) == (2, 1), said
    assert hint in said[0] and "abcdefghij" not in said[0]
