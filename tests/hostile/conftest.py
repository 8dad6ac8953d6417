from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.stage import Loop, Stage


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def stage(loop: Loop) -> Iterator[Stage]:
    made = Stage(loop)
    yield made
    made.close()
