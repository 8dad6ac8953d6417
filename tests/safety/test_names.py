"""The lists of what may be declared or set know all that is asked for anywhere."""

from __future__ import annotations

import re
from pathlib import Path

import fake_server
import spec
from conformance.run.collection import all_cases
from fake_server.serve import START_OPTIONS, assemble, capabilities
from fixtures.transcripts import read

ROOT = Path(__file__).parents[2]


def test_every_capability_that_is_asked_for_or_offered_is_known() -> None:
    wanted = {need for row in spec.registry().values() for need in row.needs} | {need for c in all_cases() for need in c.needs}
    for path in (ROOT / "fixtures" / "transcripts").rglob("*.jsonl"):
        wanted |= {need for need in read(path).needs if not need.startswith(("flag:", "server-option:"))}
    wanted |= set(capabilities(assemble(), bare=False))
    assert wanted <= spec.capabilities().keys(), wanted - spec.capabilities().keys()


def test_every_start_setting_that_the_fake_reads_can_be_given() -> None:
    folder = Path(fake_server.__file__).parent
    read_ = {name for path in folder.rglob("*.py") for name in re.findall(r'backend\.options\.get\("([^"]+)"', path.read_text())}
    assert read_ and read_ <= START_OPTIONS.keys(), read_ - START_OPTIONS.keys()
