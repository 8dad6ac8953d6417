"""Pages that start servers or need one, tried from their first command to their last, as they stand there."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.cli.test_commands import COMMAND, ROOT, called, cli, served
from tests.cli.test_docs import FEW, commands

PAGES = ("i-have-a-server", "fake-server", "recorded-traffic", "scripted-llm")
STAYS = {"serve", "proxy", "provision", "llm"}  # until they are interrupted


@contextmanager
def staying(words: list[str], folder: Path) -> Iterator[None]:
    """A command that has said its first line; it is interrupted at the end, which it takes for no failure."""
    process = subprocess.Popen([*COMMAND, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        while words[0] == "provision" and "^C" not in first and first:
            first = process.stdout.readline()
        assert first, shlex.join(words)
        if words[0] == "proxy":
            _asked_by_way_of(first, words, folder / "target.json")
        yield
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert process.returncode in (0, 130), said


def _asked_by_way_of(greeting: str, words: list[str], target: Path) -> None:
    """One request, without which a proxy has judged nothing."""
    (here,) = [found for found in re.findall(r"http://[\w.]+:\d+", greeting) if found not in words]
    token = json.loads(target.read_text(encoding="utf-8"))["users"]["alice"]["token"]
    asked = urllib.request.Request(f"{here}/api/experimental/chats", headers={"Coder-Session-Token": token})
    assert urllib.request.urlopen(asked, timeout=20).status == 200


@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_from_its_first_command_to_its_last(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = commands(page)
    assert found
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    with served(tmp_path) as target, ExitStack() as until_the_end:
        held = json.loads(target.read_text(encoding="utf-8"))
        monkeypatch.setenv("ADMIN_TOKEN", held["users"]["root"]["token"])
        here = {"https://staging.example.com": held["base_url"], "http://127.0.0.1:3000": held["base_url"]}
        here |= dict.fromkeys(("3000", "3001", "9900", "9901"), "0")  # ports that others may have, too
        for words in found:
            words = [here.get(word, word) for word in words]
            if words[0] in STAYS:
                until_the_end.enter_context(staying(words, tmp_path))
                continue
            if words == ["audit", "run.ndjson"]:  # of an earlier run
                run = ("run", "--target", "target.json", "--record", "run.ndjson", *FEW)
                assert called(*run, cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)[0] == 0
            if words[0] == "faults":  # becomes another program
                assert cli(*words).returncode == 0
                continue
            narrowed = words[0] == "run" and "--requirement" not in words
            few = ("--area", "files", "--fuzz", "off") if "--shard" in words else FEW  # a part for each
            status, said = called(*words, *(few if narrowed else ()), cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
            assert status == 0, f"{page}: {shlex.join(words)}: {said[-2000:]}"
