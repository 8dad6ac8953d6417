"""The search language of the chat list: `key:value` elements (chats.md section 4, `q`)."""

from __future__ import annotations

import re
from collections.abc import Callable
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
SOURCES = ("created_by_me", "shared_with_me")
_PR_STATUSES = frozenset(("draft", "open", "merged", "closed"))
_GIT_KEYS = ("diff_url", "pr", "pr_title", "repo", "pr_status")


@dataclass(slots=True)
class Search:
    """What to list. `git`: there is a condition on changes in a repository, which no chat here has."""

    archived: bool = False
    has_unread: bool | None = None
    title: str = ""
    git: bool = False
    sources: frozenset[str] = frozenset()  # of SOURCES; none: the caller's own
    words: str = ""  # a search of the whole text

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
    later = ("source", "search") if backend.does("list.sources") else ()
    if later:
        _read_later(search, terms, single, problems)
    number = single("pr")
    if number:
        _check_number(problems, number)
    for key in terms:
        if key not in ("archived", "has_unread", "title", *later, *_GIT_KEYS):
            problems.add("list.q-unknown", field=key)
    problems.refuse()
    search.git = bool(statuses or diff_url or number or any(texts))
    return search


def _read_later(search: Search, terms: dict[str, list[str]], single: Callable[[str], str | None], problems: Problems) -> None:
    """Whose chats are wanted, and words of their text: what later revisions know besides."""
    named = [s.strip() for value in terms.get("source", ()) for s in value.split(",") if s.strip()]
    bad = [s for s in named if s.lower() not in SOURCES]
    for value in bad[:1]:
        problems.add("list.q-source", value=quote(value))
    search.sources = frozenset(s.lower() for s in named)
    if "search" not in terms:
        return
    search.words = single("search") or ""
    if not search.words and len(terms["search"]) == 1:
        problems.add("list.q-search-empty")
    beside = [quote(key) for key in ("title", "pr_title", "pr") if key in terms]
    if beside and search.words:
        problems.add("list.q-search-combined", keys=", ".join(beside))


def stem(word: str) -> str:
    """The stem of an English word, as far as endings go that are common."""
    ends = (end for end in ("ing", "ed", "es", "s") if word.endswith(end) and len(word) > len(end) + 2)
    return word.removesuffix(next(ends, ""))


def searchable(wanted: str) -> bool:
    """Is there any word to search for?"""
    return bool(re.search(r"\w", wanted))


def has_words(wanted: str, text: str, form: Callable[[str], str] = str) -> bool:
    """Does the text have the words: all of them, `or` between those of which one is enough, `-` before one that is not there?

    `form`: what of a word is compared.
    """
    known = [form(word) for word in re.findall(r"\w+", text.lower())]

    def there(phrase: str) -> bool:
        words = [form(word) for word in re.findall(r"\w+", phrase.lower())]
        return not words or any(known[n : n + len(words)] == words for n in range(len(known)))

    alternatives: list[list[tuple[bool, str]]] = [[]]
    for minus, quoted, word in re.findall(r'(-?)(?:"([^"]*)"|(\S+))', wanted):
        if word.lower() == "or" and not minus:
            alternatives.append([])
        else:
            alternatives[-1].append((bool(minus), quoted or word))
    return any(one and all(there(phrase) != minus for minus, phrase in one) for one in alternatives)


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
