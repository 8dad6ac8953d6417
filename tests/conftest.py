"""The order of the test files: those that take longest come first, so that no worker is left with one of them at the end."""

from __future__ import annotations

import pytest

LONGEST = (
    "tests/proof/test_controls.py",
    "tests/replay/test_reference.py",
    "tests/proof/test_cross.py",
    "tests/proof/test_faults.py",
    "tests/proof/test_needs.py",
    "tests/cli/test_commands.py",
    "tests/proof/test_refuse_all.py",
    "tests/proof/test_ends.py",
    "tests/proof/test_fake_is_green.py",
    "tests/proof/test_gateway.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.split("::")[0], len(places)))
