"""Whatever is a valid record, every renderer renders it; and no secret in it gets out."""

from __future__ import annotations

import base64
import json
import re
import tempfile
from datetime import UTC
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.cli.given import LARGEST_SEED
from reports import (
    allure,
    annotations,
    badge,
    compare,
    console,
    html,
    junit,
    markdown,
    matrix,
    sarif,
    statement,
    trend,
)
from reports.page_data import unpacked
from tests.reports.records import Row, check, footer, header, http, socket, write
from tests.reports.test_html import Page, texts_of
from tests.reports.test_record import VALIDATOR

VERDICTS = (
    "pass", "fail", "warn", "not-applicable", "untestable", "raced", "harness-error", "expected-fail", "unexpected-pass",
)  # fmt: skip

# Lone surrogates are valid in JSON text, so they are here too.
text = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(["", "\n", "]]>", "```", "| |", "{{ x }}", "a" * 5000])
value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
name = text.filter(bool)
number = st.floats(0, 1e7, allow_nan=False)
headers = st.dictionaries(text, text, max_size=3)
params = st.lists(st.lists(text, min_size=2, max_size=2), max_size=3)
content = st.fixed_dictionaries({}, optional={"body": value, "content": text, "content_length": st.integers(0, 10**9)})
answer = st.builds(
    lambda rest, status, heads: {**rest, "status": status, "headers": heads}, content, st.integers(100, 999), headers
)
frame = st.fixed_dictionaries(
    {
        "t_ms": number,
        "direction": st.sampled_from(["in", "out"]),
        "kind": st.sampled_from(["text", "binary", "ping", "pong", "close"]),
        "payload": value,
    }
)
close = st.none() | st.fixed_dictionaries(
    {"code": st.none() | st.integers(0, 4999), "reason": text, "by": st.sampled_from(["client", "server", ""])}
)
actor = st.none() | text
ids = st.sampled_from(["x1", "x2", "x3", "x4", "x5"])


@st.composite
def exchanges(draw: st.DrawFn) -> list[Row]:
    rows = []
    for id in draw(st.lists(ids, unique=True, max_size=4)):
        common = {"as": draw(actor), "t_ms": draw(number), "case": draw(text)}
        if draw(st.booleans()):
            request = {
                **draw(content),
                "method": draw(name),
                "path": draw(text),
                "params": draw(params),
                "headers": draw(headers),
            }
            rows.append(http(id, **common, request=request, response=draw(st.none() | answer), error=draw(text)))
        else:
            place = {"path": draw(text), "params": draw(params)}
            shown = {"handshake": draw(st.none() | answer), "frames": draw(st.lists(frame, max_size=4)), "close": draw(close)}
            rows.append(socket(id, **common, websocket=place, **shown))
    return rows


@st.composite
def checks(draw: st.DrawFn) -> Row:
    verdict = draw(st.sampled_from(VERDICTS))
    optional = {
        "expected": value,
        "actual": value,
        "reproduce": st.lists(text, max_size=4),
        **dict.fromkeys(("area", "text", "source", "message", "pointer", "rerun"), text),
    }
    return check(
        draw(name | st.sampled_from(["A-1", "A-2"])),
        verdict,
        **draw(st.fixed_dictionaries({}, optional=optional)),
        level=draw(st.sampled_from(["MUST", "SHOULD", "MAY"])),
        case=draw(text),
        reason=draw(name),
        exchanges=draw(st.lists(ids, min_size=1, max_size=6)),
        ms=draw(number),
        attempt=draw(st.integers(1, 3)),
    )


@st.composite
def whole_records(draw: st.DrawFn) -> list[Row]:
    rows = [*draw(exchanges()), *draw(st.lists(checks(), max_size=6))]
    rows += [{"kind": "note", "text": draw(text)} for _ in range(draw(st.integers(0, 2)))]
    first = header(
        profile=draw(name),
        suite_version=draw(name),
        target=draw(st.dictionaries(text, value, max_size=3)),
        seed=draw(st.none() | st.integers(0, LARGEST_SEED)),
        started_at=draw(st.datetimes(timezones=st.just(UTC))).isoformat(),
        strict=draw(st.booleans()),
    )
    scope = {"in_scope": draw(st.integers(0, 9)), "judged": draw(st.integers(0, 9))}
    return [first, *rows, footer(rows, requirements=scope, exit=draw(st.integers(0, 3)), ms=draw(number))]


def _rendered(rows: list[Row]) -> dict[str, str]:
    """Every report of these rows as text; Allure's files joined, and what the page has packed."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "r.ndjson", rows)
        texts = {}
        for module in (console, html, junit, markdown, badge, sarif, annotations):
            out = StringIO()
            module.render(path, out)
            texts[module.__name__] = out.getvalue()
        texts["data of the page"] = "\n".join(texts_of(unpacked(texts["reports.html"].encode())))
        page = Path(folder) / "page.html"
        page.write_text(texts["reports.html"], encoding="utf-8")
        for name, what in (("matrix", [path, page]), ("trend", Path(folder))):
            out = StringIO()
            {"matrix": matrix, "trend": trend}[name].render(what, out)
            texts[name] = out.getvalue()
        for suffix in (".html", ".md", ".json"):
            statement.render(path, Path(folder) / f"statement{suffix}")
            texts[f"statement{suffix}"] = (Path(folder) / f"statement{suffix}").read_text("utf-8")
        out = StringIO()
        compare.page(compare.compare(path, page), out)
        texts["compare"] = out.getvalue()
        allure.render(path, Path(folder) / "allure")
        texts["allure"] = "\n".join(p.read_text("utf-8") for p in sorted((Path(folder) / "allure").iterdir()))
        return texts


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # a record of some size is one
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
@given(whole_records())
def test_every_valid_record_is_rendered(rows: list[Row]) -> None:
    for row in rows:
        VALIDATOR.validate(row)
    texts = _rendered(rows)
    for page in ("reports.html", "matrix", "trend", "compare"):
        Page(texts[page])
    json.loads(texts["reports.sarif"])
    cases = {(r["requirement"], r["case"], r.get("area") or "other") for r in rows if r["kind"] == "check"}
    assert len(list(ElementTree.fromstring(texts["reports.junit"].encode()).iter("testcase"))) == len(cases)
    ElementTree.fromstring(texts["reports.badge"].encode())
    for text in texts.values():
        text.encode("utf-8")
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", text)


letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
tokens = st.builds(
    lambda a, b: f"{a}-{b}", st.text(letters, min_size=10, max_size=10), st.text(letters, min_size=22, max_size=22)
)
keys = st.builds("sk-{}".format, st.text(letters, min_size=20, max_size=40))
bearers = st.builds("0{}".format, st.text(letters, min_size=9, max_size=30))
around = st.sampled_from(["", " ", "a", "\n", '"', "7", "-", "_", "\\n", "/", "\u202e"])


def _everywhere(secret: str) -> list[Row]:
    """The secret in every place that text can stand in."""
    one_request = {
        "method": "POST",
        "path": f"/api/{secret}",
        "params": [[secret, secret]],
        "headers": {"x": secret, secret: "y"},
        "body": {secret: [secret]},
    }
    one_answer = {"status": 200, "headers": {"x": secret}, "content": secret}
    frames = [{"t_ms": 1, "direction": "in", "kind": "text", "payload": [{"a": secret}]}]
    texts = ("case", "area", "text", "source", "message", "pointer", "reason", "rerun", "requirement")
    spread: dict[str, Any] = {**dict.fromkeys(texts, secret), "expected": [secret], "actual": {secret: secret}}
    failed = check("A-1", "fail")
    rows = [
        http("x1", **{"as": secret}, request=one_request, response=one_answer, error=secret),
        http("x3", response=None, error=secret),
        socket("x2", websocket={"path": secret, "params": []}, frames=frames, close={"code": 1, "reason": secret, "by": ""}),
        {**failed, **spread, "reproduce": [f"curl -H 'X: {secret}'"], "exchanges": ["x1", "x2", "x3"]},
        {**check("A-2", "untestable"), "reason": secret},
        {**check("A-3"), "case": secret},
        {"kind": "note", "text": secret},
    ]
    first = header(profile=f"p {secret}", suite_version=secret, started_at=secret, target={"base_url": f"http://a/{secret}"})
    return [first, *rows, footer(rows)]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
@given(tokens | keys, around, around)
def test_no_token_gets_out(secret: str, before: str, after: str) -> None:
    if secret.startswith("sk-") and before and (before.isalnum() or before == "_"):
        before = " "
    for name, text in _rendered(_everywhere(before + secret + after)).items():
        assert secret not in text, name


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
@given(
    bearers,
    st.sampled_from(["Bearer ", "bearer  ", "Basic ", "Coder-Session-Token: ", 'Authorization": "', "coder_session_token="]),
)
def test_no_credential_gets_out(secret: str, carrier: str) -> None:
    for name, text in _rendered(_everywhere(carrier + secret)).items():
        assert secret not in text, name


@pytest.mark.parametrize("key", ["authorization", "Cookie", "Set-Cookie", "Coder-Session-Token", "X-Api-Key"])
def test_headers_that_carry_secrets_are_masked_by_name(key: str) -> None:
    rows = _everywhere("nothing secret")
    rows[1]["request"]["headers"] = {key: "open sesame"}
    for name, text in _rendered(rows).items():
        assert "sesame" not in text, name


@pytest.mark.parametrize("key", ["password", "session_token", "api_key"])
def test_members_that_carry_secrets_are_masked_by_name(key: str) -> None:
    rows = _everywhere("nothing secret")
    rows[1]["request"]["body"] = {"user": {key: "open sesame"}}
    rows[4]["actual"] = {key: "open sesame"}
    for name, text in _rendered(rows).items():
        assert "sesame" not in text, name


def test_what_only_looks_a_little_like_a_secret_stays() -> None:
    chat = "3f0c9a52-6c1d-4f0e-9a3b-0a4f6d1c7e21"
    said = f"A bearer token in the Authorization header names chat {chat}; basic authentication is refused."
    texts = _rendered(_everywhere(said))
    assert said in texts["reports.console"]
    assert (
        '-H "Coder-Session-Token: $ALICE_TOKEN"'
        in _rendered(_everywhere('-H "Coder-Session-Token: $ALICE_TOKEN"'))["reports.console"]
    )
    assert "<token:alice>" in _rendered(_everywhere("Coder-Session-Token: <token:alice>"))["data of the page"]


def test_a_token_in_base64_is_not_ours_to_find() -> None:
    """States the limit: what is encoded cannot be told from other data; the writer of the record masks before."""
    hidden = base64.b64encode(b"ABCDEFGHIJ-ABCDEFGHIJKLMNOPQRSTUV").decode()
    assert hidden in _rendered(_everywhere(hidden))["reports.console"]
