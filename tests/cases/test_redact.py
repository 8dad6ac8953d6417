"""No secret survives redaction, wherever in a JSON value it stands and whatever stands around it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.wire.redact import Redactor

KNOWN = 'pass"wörd\n-of-the-target'
SHAPED = "aBcDeFgHiJ-aBcDeFgHiJaBcDeFgHiJkL"
ISSUED = "0123456789-0123456789012345678901"
TOKENS = {"alice": KNOWN, "bob": ISSUED}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def hiding_places(draw: st.DrawFn) -> tuple[Any, str]:
    """A JSON value, and the secret inside it."""
    secret = draw(st.sampled_from([KNOWN, SHAPED, ISSUED]))
    # what looks like a token is one only if no letter or digit touches it
    edge = st.sampled_from(["", "\n", " ", " é ", '"', "\\"]) if secret == SHAPED else TEXTS
    value: Any = draw(edge) + secret + draw(edge)
    for _ in range(draw(st.integers(0, 3))):
        value = draw(
            st.sampled_from([[draw(JSON), value], {draw(TEXTS): value}, {"x": draw(JSON), draw(TEXTS): [value]}]),
        )
    return value, secret


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [t for item in value.values() for t in texts(item)]
    if isinstance(value, list):
        return [t for item in value for t in texts(item)]
    return [value] if isinstance(value, str) else []


@given(hiding_places())
def test_no_secret_is_left(hidden: tuple[Any, str]) -> None:
    value, secret = hidden
    shown = Redactor(TOKENS).json(value)
    assert not [text for text in texts(shown) if secret in text]


@given(JSON)
def test_what_holds_no_secret_is_as_it_was(value: Any) -> None:
    assert Redactor(TOKENS).json(value) == value


@pytest.mark.parametrize("key", ["token", "session_token", "key", "password", "api_key", "api_keys"])
def test_what_stands_under_the_name_of_a_secret_is_hidden(key: str) -> None:
    shown = Redactor({}).json({"a": [{key: "hunter2hunter2"}], key: ["another-secret"]})
    assert b"hunter2" not in orjson.dumps(shown) and b"another" not in orjson.dumps(shown)


def test_a_token_learned_later_is_hidden_from_then_on() -> None:
    redactor = Redactor({})
    assert redactor.headers({"x": KNOWN}) == {"x": KNOWN}
    redactor.learn("fresh", KNOWN)
    redactor.learn("other", ISSUED)
    assert redactor.json([KNOWN, ISSUED]) == ["<token:fresh>", "<token:other>"]
    assert redactor.headers({"x": KNOWN}) == {"x": "<token:fresh>"}
