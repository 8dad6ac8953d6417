"""Refusals as the table has them: a message that it knows comes with that refusal's status, for that operation.

Other wordings are not judged here: a server may say it otherwise, and that is told by the cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from conformance.checks.asked import Asked, Judged
from conformance.wire.exchange import ABSENT, Finding
from spec import ErrorRow, Profile

_PLACE = re.compile(r"\{\w+\}")


def pattern(template: str) -> re.Pattern[str]:
    """A text of the table with its places open."""
    return re.compile("(?s:.*)".join(re.escape(piece) for piece in _PLACE.split(template)))


@cache
def _rows(profile: Profile) -> dict[str, list[tuple[ErrorRow, re.Pattern[str]]]]:
    """The rows by operation; those of any operation stand under ""."""
    found: dict[str, list[tuple[ErrorRow, re.Pattern[str]]]] = {}
    for row in profile.errors.values():
        # A message that is nothing but a place would fit every text.
        if _PLACE.sub("", row.message).strip():
            for operation in row.operations or ("",):
                found.setdefault(operation, []).append((row, pattern(row.message)))
    return found


class RefusalJudge:
    """Judges each error answer by the table of its operation, under the requirement of the refusal's wording."""

    def __init__(self, profile: Profile) -> None:
        self._rows = _rows(profile)

    def __call__(self, asked: Asked) -> Iterator[Judged]:
        if asked.status < 300 and not isinstance(asked.answer, dict):
            return
        if not (message := _message(asked.answer, asked.response.content)):
            return
        rows = self._rows.get(asked.operation, []) + self._rows.get("", [])
        fitting = [row for row, form in rows if form.fullmatch(message)]
        if not fitting:
            return
        good = next((row for row in fitting if row.status == asked.status), None)
        requirement = (good or fitting[0]).prose or "SER-001"
        if good is not None:
            yield requirement, None
            return
        text = f"the answer says what the refusal {fitting[0].key} says, but has another status"
        yield requirement, Finding(requirement, text, "", sorted({row.status for row in fitting}), asked.status, asked.said.id)


def _message(body: object, content: bytes | None) -> str:
    if isinstance(body, dict):
        # An answer with keys of its own, such as a chat whose text is `message`, is no refusal.
        known = body.keys() <= {"message", "detail", "validations", "spent_micros", "limit_micros", "resets_at"}
        message = body.get("message")
        return message if known and isinstance(message, str) else ""
    return (content or b"").decode("utf-8", "replace") if body is ABSENT and len(content or b"") < 2000 else ""
