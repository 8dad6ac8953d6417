"""What failures show: typed, with what was expected and what was there, and the exchange that decides."""

from __future__ import annotations

import spec
from tests.proof.matrix import in_workers


def test_the_failures_of_faulty_servers_say_what_is_wrong() -> None:
    # every ninetieth fault here; `python -m tests.proof.evidence --workers 2` plays all of them
    results = in_workers(2, ["--every", "90", "--profile", spec.DEFAULT], "tests.proof.evidence")
    assert "".join(output for _, output in results) == ""
    assert [status for status, _ in results] == [0, 0]
