"""Which revision a server is of, found from its answers."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import spec
from conformance.run.revision import Found, find, judged, probes
from conformance.run.target import Target
from conformance.wire.exchange import Response
from fake_server.serve import running_server


def scene(profile: str, work: Any, *faults: str) -> Any:
    async def play() -> Any:
        async with running_server(profile=profile, faults=faults) as server:
            target = {key: value for key, value in server.target.items() if key != "profile"}
            return await work(target)

    return asyncio.run(play())


async def found(target: dict[str, Any]) -> Found | None:
    return await find(Target.model_validate(target))


@pytest.mark.parametrize("profile", spec.profiles())
def test_each_revision_is_found(profile: str) -> None:
    seen = scene(profile, found)
    assert seen is not None and seen.profile == profile
    assert re.match(rf"(\d) of \1 probes are answered as {profile} does", seen.why), seen.why


async def said(target: dict[str, Any], folder: Path, *command: str) -> tuple[int | None, str]:
    """The exit status and all that a command says of a server by this target file."""
    file = folder / "target.json"
    file.write_text(json.dumps(target))
    line = [sys.executable, "-m", "conformance.cli", *command, "--target", str(file)]
    process = await asyncio.create_subprocess_exec(*line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, out.decode()


@pytest.mark.parametrize("profile", spec.profiles())
@pytest.mark.parametrize("command", [("doctor",), ("run", "--requirement", "AUTH-006")], ids=lambda command: command[0])
def test_commands_say_what_decided_it(profile: str, command: tuple[str, ...], tmp_path: Path) -> None:
    status, text = scene(profile, lambda target: said(target, tmp_path, *command))
    assert status == 0, text
    assert f"answered as {profile} does" in text and "/by-workspace answered" in text


def test_a_wrong_name_in_the_target_file_is_told(tmp_path: Path) -> None:
    one, other, *_ = spec.profiles()
    _, text = scene(one, lambda target: said({**target, "profile": other}, tmp_path, "doctor"))
    assert f"the target file names {other}, but" in text


def answers(profile: str, wrong: int) -> dict[str, Response]:
    """What a server of this revision answers that is wrong at the first `wrong` probes; it has none of the others' paths."""
    out = {probe.path: Response(404, {}, None, b"") for name in spec.profiles() for probe in probes(name)}
    for number, probe in enumerate(probes(profile)):
        status = 500 if number < wrong else probe.status[0]
        out[probe.path] = Response(status, {}, None, probe.says.encode())
    return out


@pytest.mark.parametrize("profile", spec.profiles())
@pytest.mark.parametrize("wrong", [0, 2, 3, 4, 5])
def test_most_of_the_answers_decide(profile: str, wrong: int) -> None:
    fits = wrong < len(probes(profile)) / 2
    seen = judged({name: probes(name) for name in spec.profiles()}, answers(profile, wrong))
    assert seen.profile == (profile if fits else "")
    assert fits or ("no known revision" in seen.why and "answered 500" in seen.why and "--profile" in seen.why)
