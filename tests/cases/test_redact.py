"""No secret survives redaction, wherever in a JSON value it stands and whatever stands around it."""

from __future__ import annotations

import string
from base64 import b64encode, urlsafe_b64encode
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.play.verdict import Check
from conformance.wire.needles import Needles
from conformance.wire.redact import Redactor

KNOWN = 'pass"wörd\n-of-the-target'
SHAPED = "aBcDeFgHiJ-aBcDeFgHiJaBcDeFgHiJkL"
ISSUED = "0123456789-0123456789012345678901"
TOKENS = {"alice": KNOWN, "bob": ISSUED}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
BUSY = settings(suppress_health_check=[HealthCheck.too_slow])  # other work on this machine is no fault of a strategy
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


@BUSY
@given(hiding_places())
def test_no_secret_is_left(hidden: tuple[Any, str]) -> None:
    value, secret = hidden
    shown = Redactor(TOKENS).json(value)
    assert not [text for text in texts(shown) if secret in text]


@BUSY
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


ENCODINGS: dict[str, Any] = {
    "plain": lambda s: s,
    "base64": lambda s: b64encode(s.encode()).decode(),
    "base64 behind one byte": lambda s: b64encode(b"a" + s.encode()).decode(),
    "base64 behind two bytes": lambda s: b64encode(b"ab" + s.encode() + b"zz").decode().rstrip("="),
    "url-safe base64": lambda s: urlsafe_b64encode(b"\xff\xfe" + s.encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "upper-case hex": lambda s: s.encode().hex().upper(),
    "percent-encoding of every character": lambda s: "".join(f"%{b:02x}" for b in s.encode()),
    "percent-encoding of some": lambda s: s.replace("-", "%2D").replace("a", "%61"),
    "percent-encoding twice": lambda s: s.replace("-", "%252D"),
    "JSON escapes": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "JSON escapes of some": lambda s: s.replace("-", "\\u002d"),
    "first half": lambda s: s[: len(s) // 2],
    "last half": lambda s: s[len(s) // 2 :],
    "one character short": lambda s: s[:-1],
    "padded": lambda s: f"000{s}xyz",
    "first half in hex": lambda s: s[: len(s) // 2].encode().hex(),
}
ALPHABET = string.ascii_letters + string.digits
LETTERS = st.sampled_from(ALPHABET)


def random_token(seed: int) -> str:
    drawn = Random(seed).choices(ALPHABET, k=32)
    return "".join([*drawn[:10], "-", *drawn[10:]])


RANDOM_TOKENS = st.integers(0, 2**32).map(random_token)  # of chance, as tokens are


@pytest.mark.parametrize("encoding", ENCODINGS)
@BUSY
@given(token=RANDOM_TOKENS, before=TEXTS, after=TEXTS)
def test_a_known_token_is_masked_in_every_encoding(encoding: str, token: str, before: str, after: str) -> None:
    hidden = ENCODINGS[encoding](token)
    redactor = Redactor({"alice": token})
    for value in ({"x": before + hidden + after}, {before + hidden + after: 1}, [[before + hidden + after]]):
        said = str(redactor.json(value))
        assert hidden not in said and "<token:alice>" in said, said


@BUSY
@given(RANDOM_TOKENS, st.integers(12, 33), st.integers(0, 21), st.text(LETTERS, max_size=40), st.text(LETTERS, max_size=40))
def test_no_part_of_twelve_characters_is_left(token: str, length: int, start: int, before: str, after: str) -> None:
    part = token[start : start + length]
    shown = Redactor({"alice": token}).text(f"{before}{part}{after}")
    assert len(part) < 12 or part not in shown


@BUSY
@given(st.lists(RANDOM_TOKENS, min_size=1, max_size=4), st.lists(st.text(max_size=40), max_size=6), st.booleans())
def test_a_text_with_a_secret_is_the_one_that_is_changed(tokens: list[str], texts: list[str], hidden: bool) -> None:
    needles = Needles()
    for token in tokens:
        needles.add("x", token)
    text = " ".join([*texts, tokens[0]] if hidden else texts)
    assert needles.within(text.encode("utf-8", "surrogatepass")) == (needles.masked(text, "<%s>") != text) == hidden


@pytest.mark.parametrize(
    "secret", ["hunter2", "twelve-chars", "sk-provider-1f-1-0123456789ab", "pa:ss/w&rd%41", "eyJhbGciOiJI.eyJzdWIi.c2lnbmF0dXJl"]
)
@pytest.mark.parametrize("encoding", ["plain", "base64", "base64 behind two bytes", "hex"])
def test_secrets_of_other_shapes_are_masked_too(secret: str, encoding: str) -> None:
    hidden = ENCODINGS[encoding](secret)
    shown = Redactor({"alice": secret}).text(f"x {hidden} y")
    assert hidden not in shown and "<token:alice>" in shown


def test_user_and_password_of_an_address_are_masked() -> None:
    assert Redactor({}).text("GET http://root:pw@host:3000/x?a=b@c") == "GET http://<redacted>@host:3000/x?a=b@c"


@pytest.mark.parametrize("before", [0, 100, 2**15 - 40, 2**15 - 5, 2**17, 2**20])
def test_a_secret_in_a_very_long_word_is_masked_where_it_is_shown(before: int) -> None:
    token = random_token(1)
    text = "a" * before + token + "b" * 2**17
    check = Check("X-1", "MUST", "fail", "case", message=text, actual={"x": [text]})
    Redactor({"alice": token}).check(check)
    assert token not in check.message and token not in check.actual["x"][0]


def test_what_a_large_text_costs_grows_with_its_length() -> None:
    """Counted, not timed: each place of a word is looked up once, however many secrets begin alike."""
    needles = Needles()
    for n in range(300):
        needles.add(f"k{n}", f"sk-provider-0123456789-{n:04}")
    assert max(len(alike) for alike in needles._pieces.values()) <= 4
