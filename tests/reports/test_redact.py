"""The report's redaction does what its plain definition says, whatever stands around a secret."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports import redact

PLAIN = re.compile(r"[A-Za-z0-9]{10,}-[A-Za-z0-9]{22,}")  # the definition; it takes the square of a long run
RUNS = [letter * count for letter in "aZ0-_ é\n" for count in (1, 2, 9, 10, 11, 21, 22, 23, 40)]
BUSY = settings(suppress_health_check=[HealthCheck.too_slow])  # other work on this machine is no fault of a strategy
TEXTS = st.lists(st.sampled_from(RUNS), max_size=12).map("".join)


@BUSY
@given(TEXTS)
def test_tokens_are_found_as_by_the_plain_definition(text: str) -> None:
    assert redact._TOKEN.sub("<token>", text) == PLAIN.sub("<token>", text)


@BUSY
@given(TEXTS, TEXTS)
def test_user_and_password_of_an_address_go(before: str, after: str) -> None:
    shown = redact.redact(f"{before} http://root:hunter2@host/x {after}")
    assert "hunter2" not in shown and "@host/x" in shown


def test_a_long_run_is_given_back_as_it_was() -> None:
    text = "a" * 2**20 + "-"  # the square of this would take hours
    assert redact.redact(text) == text
