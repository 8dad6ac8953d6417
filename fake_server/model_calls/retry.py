"""How long to wait before a failed model call is made again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from fake_server.model_calls.classify import Rules


def delay_ms(all_rules: Rules, attempt: int, hint_ms: float) -> int:
    """Milliseconds to wait after the attempt-th failure (from 1): doubling up to a cap, and at least the provider's wish."""
    rules = all_rules["retry"]
    backoff = min(rules["first_ms"] * rules["factor"] ** (attempt - 1), rules["cap_ms"])
    return int(max(backoff, hint_ms))


def max_attempts(rules: Rules) -> int:
    """How often one step is tried in all."""
    attempts: int = rules["retry"]["attempts"]
    return attempts


def silence_seconds(rules: Rules) -> float:
    """How long the provider may send nothing before an attempt is given up."""
    return float(rules["retry"]["silence_seconds"])


def hint_ms(headers: Mapping[str, str], now: datetime) -> float:
    """The provider's wish in its answer's headers (lower-case names): retry-after-ms, else Retry-After. 0: none."""
    millis = _number(headers.get("retry-after-ms"))
    if millis > 0:
        return millis
    raw = headers.get("retry-after")
    seconds = _number(raw)
    if seconds > 0:
        return seconds * 1000
    try:
        until = parsedate_to_datetime(raw or "")
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds() * 1000)


def _number(text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return 0.0
    return value if value == value and abs(value) != float("inf") else 0.0
