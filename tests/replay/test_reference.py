"""The reference fake server answers as the recorded real one did."""

from __future__ import annotations

import pytest

from conformance.replay import replay_embedded
from fixtures.transcripts import files

WANTED = 0.99


@pytest.mark.slow
def test_the_fake_server_answers_as_the_recorded_one(capsys: pytest.CaptureFixture[str]) -> None:
    report = replay_embedded(files("experimental-2026-05"))
    with capsys.disabled():
        print(f"\n{report.summary()} (in {report.seconds:.0f} s)")
    wrong = [f"{file.name}:{row.line} {row.what}" for file in report.files for row in file.judged if not row.equal]
    assert report.total > 5000
    assert report.share >= WANTED, wrong
