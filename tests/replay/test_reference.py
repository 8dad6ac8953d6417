"""The reference fake server answers as the recorded real one did."""

from __future__ import annotations

import pytest

from conformance.recordings.replay import replay_embedded
from fixtures.transcripts import files

# By profile: rows that can be replayed, at least, and the share of them that are answered alike.
WANTED = {"experimental-2026-05": (5000, 0.99), "experimental-2026-03": (1700, 0.98), "legacy-2025-05": (1100, 0.98)}


@pytest.mark.slow
@pytest.mark.parametrize("profile", WANTED)
def test_the_fake_server_answers_as_the_recorded_one(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = replay_embedded(files(profile))
    with capsys.disabled():
        print(f"\n{report.summary()} (in {report.seconds:.0f} s)")
    wrong = [f"{file.name}:{row.line} {row.what}" for file in report.files for row in file.judged if not row.equal]
    rows, share = WANTED[profile]
    assert report.total > rows
    assert report.share >= share, wrong
