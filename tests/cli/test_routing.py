"""`doctor` says how the target's model calls go, and when the target file says otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import cli, served


@pytest.mark.parametrize(("gateway", "way"), [("true", "through a gateway"), ("false", "directly")])
def test_doctor_tells_the_routing(gateway: str, way: str, tmp_path: Path) -> None:
    with served(tmp_path, "--option", f"CODER_CHAT_AI_GATEWAY_ROUTING_ENABLED={gateway}") as file:
        target = json.loads(file.read_text())
        said = target["capabilities"].pop("direct-llm")
        file.write_text(json.dumps(target))
        done = cli("doctor", "--target", str(file))
        assert done.returncode == 0
        assert f"routing: model calls go {'to the provider ' if gateway == 'false' else ''}{way}: its request" in done.stdout
        target["capabilities"]["direct-llm"] = not said
        file.write_text(json.dumps(target))
        assert "note: the target file declares another routing" in cli("doctor", "--target", str(file)).stdout
