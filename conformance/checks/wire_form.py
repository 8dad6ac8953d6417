"""What holds for every answer, whatever was asked: no body where there is none, media types, headers."""

from __future__ import annotations

from conformance.checks.asked import Asked, Rules, Verdict, Wrong
from conformance.wire.exchange import ABSENT

RULES = Rules()
judges = RULES.judges


@judges("SER-009")
def no_content_is_empty(asked: Asked) -> Verdict:
    if asked.status != 204:
        return None
    body = asked.response.content if asked.answer is ABSENT else asked.answer
    return Wrong("a 204 has no body", "", ABSENT, body) if body not in (None, b"", "") else True


@judges("ROUTE-013")
def json_is_named(asked: Asked) -> Verdict:
    if asked.answer is ABSENT or not asked.response.headers:
        return None
    media = asked.response.media_type
    if media == "application/json":
        return True
    return Wrong("a JSON body must be named so", "/headers/content-type", "application/json", media or ABSENT)


@judges("ROUTE-014")
def not_sniffed(asked: Asked) -> Verdict:
    if asked.is_socket or "content-type" not in asked.response.headers:
        return None
    shown = asked.response.headers.get("x-content-type-options", ABSENT)
    return True if shown == "nosniff" else Wrong("no X-Content-Type-Options: nosniff", "/headers", "nosniff", shown)


@judges("AUTH-080")
def no_secret_comes_back(asked: Asked) -> Verdict:
    whose = asked.said.gives_back
    return Wrong(f"the answer gives back a secret: {whose}", "", ABSENT, ABSENT) if whose else True
