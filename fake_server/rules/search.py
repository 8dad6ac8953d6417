"""The search language of the chat list: `key:value` elements (chats.md section 4, `q`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fake_server.http.endpoint import Problems
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadNumber, parse_int, quote

if TYPE_CHECKING:
    from fake_server.state.store import State

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
_PR_STATUSES = frozenset(("draft", "open", "merged", "closed"))
_GIT_KEYS = ("diff_url", "pr", "pr_title", "repo", "pr_status")


@dataclass(slots=True)
class Search:
    """What to list. `git`: there is a condition on changes in a repository, which no chat here has."""

    archived: bool = False
    has_unread: bool | None = None
    title: str = ""
    git: bool = False

    def matches_title(self, title: str) -> bool:
        """Does the title contain the text? `%` and `_` in it stand for any characters and any one."""
        return not self.title or bool(_pattern(self.title).search(title.lower()))


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    """The text as a LIKE pattern inside a longer text: a backslash takes the next character literally.

    The wildcard that stands behind the text is such a next character: a last backslash asks for a title that ends in `%`.
    """
    out, chars = [], iter(text.lower())
    for c in chars:
        if c == "\\":
            literal = next(chars, None)
            out.append(re.escape(literal) if literal is not None else r"%\Z")
        else:
            out.append(".*" if c == "%" else "." if c == "_" else re.escape(c))
    return re.compile("".join(out), re.DOTALL)


def _split(text: str, separator: str) -> list[str]:
    """Split at the separator, but not inside double quotes."""
    parts, current, quoted = [], "", False
    for c in text:
        if c == '"':
            quoted = not quoted
        if not quoted and (c.isspace() if separator == " " else c == separator):
            parts.append(current)
            current = ""
        else:
            current += c
    return [*parts, current]


def _terms(backend: State, text: str) -> dict[str, list[str]]:
    """The elements by key. Refuses with the first thing that is no element."""
    terms: dict[str, list[str]] = {}
    bare: list[str] = []
    for element in _split(text, " "):
        if not element:
            continue
        if element.startswith(":") or element.endswith(":"):
            raise refusal("list.q-edge", element=quote(element))
        pieces = _split(element, ":")
        if len(pieces) == 1:
            bare.append(element)
        elif len(pieces) == 2:
            terms.setdefault(pieces[0].strip('"').lower(), []).append(pieces[1].strip('"'))
        else:
            raise refusal("list.q-colons", element=quote(element))
    backend.guard("list.q-term", bool(bare), term=quote(" ".join(bare)))
    return terms


def parse(backend: State, text: str) -> Search:
    """Read a search. Refuses with everything that is wrong with its values."""
    search = Search()
    if not text.strip():
        return search
    terms = _terms(backend, text if backend.does("list.q-keeps-case") else text.lower())
    problems = Problems(backend)

    def single(key: str) -> str | None:
        values = terms.get(key, [])
        if len(values) > 1:
            problems.add("list.q-repeated", field=key, count=len(values))
            return None
        return values[0] if values else None

    def boolean(key: str) -> bool | None:
        value = single(key)
        if value is not None and value not in _TRUE | _FALSE:
            problems.add("list.q-bool", field=key, value=quote(value))
        return None if value is None else value in _TRUE

    search.archived = boolean("archived") or False
    if not backend.does("list.q-whole-language"):
        terms.pop("archived", None)
        for key in terms:
            problems.add("list.q-unknown", field=key)
        problems.refuse()
        return search
    search.has_unread = boolean("has_unread")
    statuses = [s.strip().lower() for value in terms.get("pr_status", ()) for s in value.split(",")]
    bad = [s for s in statuses if s not in _PR_STATUSES]
    if bad:
        problems.add("list.q-pr-status", values=", ".join(f"{quote(s)} is not a valid value" for s in bad))
    diff_url = single("diff_url")
    if diff_url:
        _check_url(problems, diff_url)
    search.title = single("title") or ""
    texts = [single("pr_title"), single("repo")]
    number = single("pr")
    if number:
        _check_number(problems, number)
    for key in terms:
        if key not in ("archived", "has_unread", "title", *_GIT_KEYS):
            problems.add("list.q-unknown", field=key)
    problems.refuse()
    search.git = bool(statuses or diff_url or number or any(texts))
    return search


def _check_number(problems: Problems, text: str) -> None:
    try:
        good = parse_int(text, 32) > 0
    except BadNumber:
        good = False
    if not good:
        problems.add("list.q-pr", value=quote(text))


def _check_url(problems: Problems, text: str) -> None:
    try:
        url = urlsplit(text)
    except ValueError:
        problems.add("list.q-diff-url", reason=f"parse {quote(text)}: missing ']' in host")
        return
    if url.scheme not in ("http", "https"):
        problems.add("list.q-diff-url-scheme", scheme=quote(url.scheme))
    elif not url.netloc:
        problems.add("list.q-diff-url-host")
