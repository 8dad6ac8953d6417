"""`doctor`: what it looks at, and what it says of what is wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spec
from conformance.cli.main import main
from conformance.run.checkup import BROKEN, Finding, look_at
from conformance.run.revision import find
from conformance.run.session import Options, Session
from conformance.run.target import Target
from fake_server.serve import RunningServer, running_server
from spec.documents import documents

LOOKED_AT = {"tls", "reachable", "build", "revision", "websocket", "clock", "llm", "routing", "settings"}


def looked(
    profile: str, change: Callable[[dict[str, Any], RunningServer], Any] = lambda target, server: None, **options: Any
) -> list[Finding]:
    """What doctor finds at a right server with a target file that was changed."""

    async def scene() -> list[Finding]:
        async with running_server(profile=profile, options={"CODER_DANGEROUS_DISABLE_RATE_LIMITS": "false"}) as server:
            described = server.target
            done = change(described, server)
            if done is not None:
                await done
            target = Target.model_validate(described)
            session = Session(target, Options(**options))
            try:
                return await look_at(session, await find(target), target.named_profile)
            finally:
                await session.wire.aclose()
                await session.control.aclose()

    return asyncio.run(scene())


@pytest.mark.parametrize("profile", spec.profiles())
def test_everything_is_looked_at(profile: str) -> None:
    found = {finding.name: finding for finding in looked(profile)}
    actors = {f"actor {name}" for name in spec.load(profile).traits["actors"]}
    assert LOOKED_AT | actors <= found.keys()
    assert {finding.state for finding in found.values()} == {"ok"}
    assert found["actor root"].text == "root0, the token is accepted, roles owner, 512 requests a minute"
    settings = {o.id for o in documents(profile).operations.values() if "config" in o.tags}
    assert ("system-prompt" in found["settings"].text) is bool(settings) and "-fake" in found["build"].text
    assert "alone" in {f.name: f for f in looked(profile, config_changes=False)}["settings"].text


def _without_root(target: dict[str, Any], server: RunningServer) -> None:
    target["model_config_ids"] = ["00000000-0000-4000-8000-000000000000"]
    del target["users"]["root"]


WRONG: dict[str, tuple[str, Callable[[dict[str, Any], RunningServer], Any], str]] = {
    "a model that is not there": ("experimental-2026-03", _without_root, "a scripted turn was not answered"),
    "an LLM that is gone": ("experimental-2026-05", lambda target, server: server.llm.stop(), "a scripted turn was not answered"),
    "another organization": (
        "experimental-2026-05",
        lambda target, server: target.update(organization_id="00000000-0000-4000-8000-000000000000"),
        "organization_id",
    ),
    "another role": (
        "experimental-2026-05",
        lambda target, server: target["users"].update(alice=target["users"]["carol"], carol=target["users"]["alice"]),
        "users.alice",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_with_a_cure(what: str) -> None:
    profile, change, hint = WRONG[what]
    broken = [finding for finding in looked(profile, change) if finding.state == BROKEN]
    assert broken and any(hint in finding.text and finding.cure for finding in broken), broken


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.json").write_text('{"base_url": "http://127.0.0.1:9", "users": {"alice": {"token": "abc-def"}}}')
    assert main(["doctor", "--target", str(tmp_path / "t.json"), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert not told["ready"] and told["findings"][-1]["state"] == "broken" and told["findings"][-1]["cure"]


def test_actors_and_capabilities_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--explain"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in (*spec.load(spec.DEFAULT).traits["actors"], *spec.capabilities()))
