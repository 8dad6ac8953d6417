"""The printed commands show the faults: in a shell, or as a way that is played again."""

from __future__ import annotations

import asyncio

import spec
from tests.proof.shown import sample

# single requests, ways over several chats and users, feeds, turns held at gates
FAULTS = ["list-gives-one-too-few", "skills-named-otherwise", "messages-take-any-page-size", "any-websocket-key", "ui-chats-wait"]


def test_the_printed_commands_show_the_faults() -> None:
    count, wrong = asyncio.run(sample(1, "1/1", spec.DEFAULT, FAULTS))
    assert wrong == [] and count >= len(FAULTS)
