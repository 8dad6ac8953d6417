"""The printed commands show the faults: in a shell, or as a way that is played again."""

from __future__ import annotations

import asyncio

import spec
from tests.proof.shown import sample

# single requests, ways over several chats and users, turns held at gates, tokens, what no answer shows by itself: each with what
# its command must show
SHOWN = {
    "list-gives-one-too-few": "PAGE-007",
    "skills-named-otherwise": "SKILL-007",
    "messages-take-any-page-size": "",
    "any-websocket-key": "",
    "ui-chats-wait": "",
    "unknown-token-is-first-user": "AUTH-008",
    "auditor-interrupts": "OWN-025",
}


def test_the_printed_commands_show_the_faults() -> None:
    count, wrong = asyncio.run(sample(1, "1/1", spec.DEFAULT, list(SHOWN)))
    assert count >= len(SHOWN)
    assert [line for fault, id in SHOWN.items() for line in wrong if line.startswith(f"{fault}: {id}")] == []
