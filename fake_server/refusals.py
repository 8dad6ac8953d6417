"""Refusals: every error answer is built here from the table spec/<profile>/errors/*.yaml, by its key."""

from __future__ import annotations

import re
from typing import Any

import spec

PROFILE = spec.DEFAULT
_PLACE = re.compile(r"\{(\w+)\}")


class Refusal(Exception):
    """An answer that is not the wanted one: status and JSON body `{message, detail?, validations?}`."""

    def __init__(
        self,
        key: str,
        status: int,
        body: dict[str, Any],
        headers: dict[str, str] | None = None,
        media: str = "application/json",
    ) -> None:
        super().__init__(key)
        self.key, self.status, self.body, self.headers, self.media = key, status, body, headers or {}, media


def _fill(text: str, values: dict[str, Any]) -> str:
    return _PLACE.sub(lambda m: str(values.get(m[1], m[0])), text) if values else text


def refusal(key: str, /, *, validations: list[dict[str, str]] | None = None, **values: Any) -> Refusal:
    """The refusal `key`, its `{name}` places filled with `values`.

    `detail=` fills the place `{detail}` of rows whose detail is free text; `validations` replaces the row's own list.
    Raises KeyError for a key that the table does not have.
    """
    row = spec.load(PROFILE).errors[key]
    body: dict[str, Any] = {"message": _fill(row.message, values)}
    if row.detail is not None:
        body["detail"] = _fill(row.detail, values)
    shown = validations if validations is not None else [dict(v) for v in row.validations]
    if shown:
        body["validations"] = [{k: _fill(v, values) for k, v in item.items()} for item in shown]
    body.update(row.extra)
    return Refusal(key, row.status, body, media=row.media)


def combined(problems: list[tuple[str, dict[str, Any]]]) -> Refusal:
    """One refusal for several problems, as (key, places): the first one's status and message, everybody's validations."""
    each = [refusal(key, **places) for key, places in problems]
    first = each[0]
    first.body["validations"] = [item for one in each for item in one.body.get("validations", ())]
    return first
