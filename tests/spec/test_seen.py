"""Every recorded scenario that a requirement names can be shown."""

from __future__ import annotations

import pytest

import spec
from conformance.cli.main import main
from conformance.recordings import told


def test_what_requirements_name_can_be_printed() -> None:
    wanted = {(name, tuple(sorted(row.profiles, reverse=True))) for row in spec.registry().values() for name in row.seen}
    found = {one: told.scenario(*one) for one in wanted}
    assert wanted and [one for one, transcript in found.items() if transcript is None] == []
    assert [one for one, transcript in found.items() if transcript and len(list(told.told(transcript))) < 2] == []


def test_a_requirement_shows_its_exchanges(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "SEND-004", "--seen"]) == 0
    assert "send: 400" in capsys.readouterr().out
    assert main(["explain", "CREATE-001", "--seen"]) == 0
