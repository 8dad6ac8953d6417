"""Refusals: every error answer is built here from the table spec/<profile>/errors/*.yaml, by its key."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import spec

_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Said:
    """A refusal in the words of one revision: status and JSON body `{message, detail?, validations?}`, or text of `media`."""

    status: int
    body: dict[str, Any]
    media: str = "application/json"


@dataclass(eq=False)
class Refusal(Exception):
    """An answer that is not the wanted one: the row `key` of the table, its `{name}` places filled with `values`.

    `validations` replaces the row's own list; `extra` are further keys of the body; `beside` are refusals told together with
    this one, of which only the validations are told.
    """

    key: str
    values: dict[str, Any] = field(default_factory=dict)
    validations: list[dict[str, str]] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    beside: tuple[Refusal, ...] = ()

    def said(self, errors: dict[str, spec.ErrorRow]) -> Said:
        """What the client gets, by this table of refusals. Raises KeyError for a key that the table does not have."""
        row = errors[self.key]
        body: dict[str, Any] = {"message": _fill(row.message, self.values)}
        if row.detail is not None:
            body["detail"] = _fill(row.detail, self.values)
        shown = self.validations
        if shown is None:
            shown = [{k: _fill(v, self.values) for k, v in item.items()} for item in row.validations]
        shown = shown + [item for other in self.beside for item in other.said(errors).body.get("validations", ())]
        if shown:
            body["validations"] = shown
        return Said(row.status, body | row.extra | self.extra, row.media)


def _fill(text: str, values: dict[str, Any]) -> str:
    return _PLACE.sub(lambda m: str(values.get(m[1], m[0])), text) if values else text


def refusal(key: str, /, *, validations: list[dict[str, str]] | None = None, **values: Any) -> Refusal:
    """The refusal `key`. `detail=` fills the place `{detail}` of rows whose detail is free text."""
    return Refusal(key, values, validations)


def combined(problems: list[tuple[str, dict[str, Any]]]) -> Refusal:
    """One refusal for several problems, as (key, places): the first one's status and message, everybody's validations."""
    first, *others = [refusal(key, **places) for key, places in problems]
    first.beside = tuple(others)
    return first
