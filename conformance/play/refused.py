"""Judging a refusal by the table spec/<profile>/errors/*.yaml: structure is the contract, wording is judged apart."""

from __future__ import annotations

import re
from typing import Any

from conformance.play.evidence import wrong_status
from conformance.play.finding import Words
from conformance.play.verdict import Failure
from conformance.wire.exchange import Exchange
from spec import ErrorRow, Profile


def _pattern(template: str, places: dict[str, Any]) -> re.Pattern[str]:
    """The text with its `{name}` places filled; a place without a value matches anything."""
    out, last = "", 0
    for found in re.finditer(r"\{(\w+)\}", template):
        out += re.escape(template[last : found.start()])
        out += re.escape(str(places[found[1]])) if found[1] in places else "(?s:.*)"
        last = found.end()
    return re.compile(out + re.escape(template[last:]))


def judge_refusal(profile: Profile, exchange: Exchange, key: str, places: dict[str, Any]) -> Failure | None:
    """Raises Failure when status or structure differ; gives a Failure when only the wording does, else None."""
    row: ErrorRow = profile.errors[key]
    response = exchange.response
    if response.status != row.status:
        raise wrong_status(exchange, row.status, key)
    if row.media != "application/json":
        text = (response.content or b"").decode("utf-8", "replace")
        return None if _pattern(row.message, places).search(text) else _wording(row.message, text, "", exchange)
    body = response.body
    if not isinstance(body, dict) or not isinstance(body.get("message"), str):
        raise Failure(
            f"the {row.status} answer has no JSON object with a message",
            expected=Words("a JSON object with a message"),
            actual=body,
            kind="missing-key",
            pointer="/message",
            exchange=exchange.id,
        )
    named = (v.get("field", "").format_map(_Kept(places)) for v in row.validations)
    fields = sorted(field for field in named if "{" not in field)
    shown = sorted(v.get("field", "") for v in body.get("validations") or [] if isinstance(v, dict))
    if fields and not set(fields) <= set(shown):
        raise Failure(
            f"validations name the fields {shown}, not {fields}",
            expected=fields,
            actual=shown,
            kind="missing-item",
            pointer="/validations",
            exchange=exchange.id,
        )
    for name in row.extra:
        if name not in body:
            raise Failure(
                f"the refusal has no {name}",
                expected=name,
                actual=sorted(body),
                kind="missing-key",
                pointer=f"/{name}",
                exchange=exchange.id,
            )
    if not _pattern(row.message, places).fullmatch(body["message"]):
        return _wording(row.message, body["message"], "/message", exchange)
    return None


class _Kept(dict[str, Any]):
    """Places without a value stay as they are."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _wording(expected: str, actual: str, pointer: str, exchange: Exchange) -> Failure:
    return Failure(
        "the refusal is worded differently",
        kind="wording",
        expected=expected,
        actual=actual,
        pointer=pointer,
        exchange=exchange.id,
    )
