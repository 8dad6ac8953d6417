"""What a failed model call means: its kind, whether it is tried again, and what the client is told.

The rules are data (spec/<profile>/tables/error_classes.yaml, `Revision.error_rules`); this only reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

PHRASES = {529: ""}


class ModelError(Exception):
    """A model call failed. `status`: HTTP status, None if there was none; `text`: what the error says, as far as the
    classification sees it; `detail`: what the provider said, for the client; `hint_ms`: its wish for the next attempt.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        detail: str = "",
        hint_ms: float = 0.0,
        signal: str = "",
    ) -> None:
        super().__init__(text)
        self.text, self.status, self.detail, self.hint_ms, self.signal = text, status, detail, hint_ms, signal


def http_error(status: int, message: str, *, detail: str, hint_ms: float) -> ModelError:
    """The error of an answer that is not a success: its text begins with the phrase of the status."""
    try:
        phrase = HTTPStatus(status).phrase.lower()
    except ValueError:
        phrase = PHRASES.get(status, "")
    return ModelError(f"{phrase}: {message}", status=status, detail=detail, hint_ms=hint_ms)


@dataclass(frozen=True, slots=True)
class Failure:
    """A classified error; `payload` is the object of `error` events and of `last_error`."""

    kind: str
    retryable: bool
    message: str
    detail: str = ""
    provider: str = ""
    status: int | None = None
    text: str = ""  # what a retry tells instead of the message

    @property
    def payload(self) -> dict[str, Any]:
        """ChatError: keys without a value are left out."""
        shown: dict[str, Any] = {"message": self.message}
        if self.detail:
            shown["detail"] = self.detail
        shown["kind"] = self.kind
        if self.provider:
            shown["provider"] = self.provider
        shown["retryable"] = self.retryable
        if self.status:
            shown["status_code"] = self.status
        return shown

    def retry_payload(self, attempt: int, delay_ms: int, retrying_at: str) -> dict[str, Any]:
        """ChatStreamRetry for the wait before the next attempt."""
        shown: dict[str, Any] = {"attempt": attempt, "delay_ms": delay_ms, "error": self.text or self.message, "kind": self.kind}
        if self.provider:
            shown["provider"] = self.provider
        if self.status:
            shown["status_code"] = self.status
        shown["retrying_at"] = retrying_at
        return shown


Rules = dict[str, Any]


def _matches(row: dict[str, Any], status: int | None, text: str, signal: str) -> bool:
    if "all_texts" in row:
        return all(part in text for part in row["all_texts"])
    if not {"statuses", "texts", "signals"} & row.keys():
        return True
    return (
        status in row.get("statuses", ())
        or any(part in text for part in row.get("texts", ()))
        or signal in row.get("signals", ())
    )


def classify(rules: Rules, error: ModelError, provider: str, is_off: Callable[[str], bool] = lambda point: False) -> Failure:
    """The failure that this error of a provider of that type is.

    `is_off` turns rows off, by `classify.<name>` or `classify.<name>.<status>`, and what is told, by `error.<what>.<status>`.
    """
    text = error.text.lower()
    status = error.status
    if status is None:
        found = next((m for p in rules["status_in_text"]["patterns"] if (m := re.search(p, text))), None)
        status = int(found.group(1)) if found else None
    rows = {row["name"]: row for row in rules["classes"]}
    row = next(
        row
        for row in rules["classes"]
        if _matches(row, status, text, error.signal)
        and not is_off(f"classify.{row['name']}")
        and not is_off(f"classify.{row['name']}.{error.status}")
        and not ("unless" in row and _matches(rows[row["unless"]], status, text, error.signal))
    )
    kind = "generic_unknown" if row["kind"] == "generic" and not (status or row["retryable"]) else row["kind"]
    if row.get("own_message") and provider and provider in text:
        kind = row["own_message"]
    detail = row.get("detail") or error.detail
    if "raw" in rules:
        # an early revision tells clients what the provider said
        cause = f"provider request failed{error.text}" if error.text.startswith(": ") else error.text
        again = row["retryable"] != is_off(f"error.final.{error.status}")
        return Failure(row["kind"], again, rules["raw"].replace("{text}", cause), text=cause)
    if is_off("error.no-status") and status is None:
        status = 500
    told = "" if is_off(f"error.message.{error.status}") else message(rules, kind, "" if is_off("error.says-who") else provider)
    return Failure(
        kind=row["kind"],
        retryable=row["retryable"] != is_off(f"error.final.{error.status}"),
        message=told,
        detail=detail if is_off("error.short-detail") else shorten(rules, detail),
        provider=provider,
        status=None if is_off(f"error.status.{error.status}") else status,
    )


def message(rules: Rules, kind: str, provider: str = "") -> str:
    """The sentence for this kind of failure."""
    name = rules["providers"].get(provider)
    outside = name or rules["unknown_provider"]["start"]
    inside = name or rules["unknown_provider"]["inside"]
    if kind == "provider_disabled" and not name:
        outside = "AI"
    text: str = rules["messages"][kind]
    return text.replace("{X}", outside).replace("{x}", inside)


def shorten(rules: Rules, detail: str) -> str:
    """A detail text cut to what a client is shown."""
    limit = rules["detail_runes"]
    return detail if len(detail) <= limit else detail[: limit - 1] + "…"
