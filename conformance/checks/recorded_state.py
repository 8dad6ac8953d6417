"""What a client has set is what the chat then shows: labels, plan mode and archived, over the requests of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.checks.asked import Asked, Judged
from conformance.checks.objects import Seen
from conformance.wire.exchange import Exchange, Finding

_JUDGED_BY = {"labels": "PATCH-012", "plan_mode": "PATCH-015"}


class StateJudge:
    """Remembers what was set on each chat, as long as one request came after the other: those at once overtake each other."""

    def __init__(self) -> None:
        self._set: dict[str, dict[str, Any]] = {}
        self._ended = 0.0  # when the last answer had come, in milliseconds of the recording
        self._at_once = False

    def __call__(self, asked: Asked, objects: list[Seen]) -> Iterator[Judged]:
        if not isinstance(asked.said, Exchange):
            return
        self._at_once = self._at_once or asked.said.t_ms < self._ended
        self._ended = max(self._ended, asked.said.t_ms + asked.said.ms)
        if self._at_once:
            return
        if asked.operation == "patchChat":
            self._patched(asked)
        elif asked.operation == "sendMessage" and "plan_mode" in (asked.body or {}):
            self._set.get(asked.chat, {}).pop("plan_mode", None)
        for seen in objects:
            if seen.kind == "chat":
                yield from self._compare(seen, asked.said)

    def _patched(self, asked: Asked) -> None:
        body = asked.body if asked.status == 204 else None
        if asked.request.method != "PATCH" or body is None:
            # Refused or unreadable: some of it may have been stored all the same.
            self._forget(asked.chat)
            return
        known = self._set.setdefault(asked.chat, {})
        if body.get("labels") is not None:
            known["labels"] = body["labels"]
        if body.get("plan_mode") is not None:
            known["plan_mode"] = body["plan_mode"]
        if body.get("archived") is not None:
            for other in self._set.values():
                other.pop("archived", None)  # a family goes together
            known["archived"] = body["archived"]

    def _forget(self, chat: str) -> None:
        self._set.pop(chat, None)
        for other in self._set.values():
            other.pop("archived", None)

    def _compare(self, seen: Seen, said: Exchange) -> Iterator[Judged]:
        known = self._set.get(str(seen.value.get("id")), {})
        for key, wanted in known.items():
            requirement = _JUDGED_BY.get(key) or ("ARCH-001" if wanted else "ARCH-002")
            shown = seen.value.get(key, "" if key == "plan_mode" else None)
            text = f"{key} is not what was set"
            wrong = Finding(requirement, text, f"{seen.pointer}/{key}", wanted, shown, said.id)
            yield requirement, None if shown == wanted else wrong
