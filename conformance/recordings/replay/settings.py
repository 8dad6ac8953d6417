"""What the words of a recording mean for the comparison: header notes, racy rows, generated fields."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import spec
from conformance.recordings.replay.compare import Rules, racy_paths
from fixtures.transcripts import Row

_ORDERED_BY = re.compile(r"((?:\w+(?:, | and ))*\w+) (?:is|are) ordered by")


def header_rules(head: dict[str, Any]) -> Rules:
    """`generated` names fields that the server makes up, one a sentence; `racy` says in words whose order is free."""
    ignored = frozenset(re.split(r"\W", text, maxsplit=1)[0] for text in head.get("generated") or ())
    unordered: set[str] = set()
    for sentence in head.get("racy") or ():
        if found := _ORDERED_BY.search(sentence):
            unordered |= set(re.findall(r"\w+", found[1])) - {"and"}
    statuses = spec.load(head["profile"]).traits["statuses"]
    return Rules(ignored=ignored, unordered=frozenset(unordered), turning=frozenset({*statuses["busy"], statuses["idle"]}))


def row_rules(rules: Rules, row: Row, *, post: bool) -> Rules:
    """The rules for one row."""
    paths = row.racy if isinstance(row.racy, tuple) else ("",) if row.racy else ()
    racy = racy_paths(paths)
    if post and "(racy" in str(row.data.get("note", "")) and row.kind == "request":
        # A create is answered after the run was woken: it may already have failed.
        racy += racy_paths(("last_error",))
    return replace(rules, racy=racy, post=post)
