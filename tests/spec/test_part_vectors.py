"""Golden parts of recorded servers (fixtures/parts.jsonl): each is right as it stands, and wrong when one thing is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import fixtures
import spec
from conformance.checks.part_presence import Parts, Presence
from conformance.wire.exchange import Finding

VECTORS = [
    json.loads(line) for line in (Path(fixtures.__file__).parent / "parts.jsonl").read_text(encoding="utf-8").split("\n") if line
]
TABLE = spec.load(spec.DEFAULT).table("part_presence")
PARTS = Parts(TABLE)  # remembers the shapes of all tests


def findings(part: Any, place: str) -> list[Finding]:
    judged, anew = Presence(), Presence()
    PARTS.judge(part, "", "live" if place == "delta" else place, judged, "")
    Parts(TABLE).judge(part, "", "live" if place == "delta" else place, anew, "")
    assert (judged.ids, judged.wrong) == (anew.ids, anew.wrong), "what is remembered says the same"
    return judged.wrong


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['type']}-{v['place']}-{v['from']}")
def test_a_golden_part_is_right_and_its_like_is_wrong(vector: dict[str, Any]) -> None:
    part, place = vector["part"], vector["place"]
    assert findings(part, place) == []
    for key in PARTS.common:
        assert findings({k: v for k, v in part.items() if k != key}, place), f"without {key}"
    assert findings({**part, "title": ""}, place), "an empty key"
    assert findings({**part, "provider_metadata": {}}, place), "a key of the server's own"
    assert findings({**part, "type": "other"}, place), "another type"


def test_every_kind_that_was_recorded_has_a_vector() -> None:
    assert {v["type"] for v in VECTORS} >= {"text", "reasoning", "tool-call", "tool-result", "source", "file", "file-reference"}
