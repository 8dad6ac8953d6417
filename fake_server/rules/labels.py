"""Labels of a chat: what is wrong with those that a client sends (chats.md section 7)."""

from __future__ import annotations

import re

from fake_server.rules.validate import quote
from fake_server.state.store import State

_LABEL_KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._/-]*")
MAX_LABELS = 50
MAX_LABEL_KEY = 64
MAX_LABEL_VALUE = 256


def _size(backend: State, value: str) -> int:
    return len(value.encode()) if backend.does("labels.counts-bytes") else len(value)


def label_problems(backend: State, labels: dict[str, str]) -> list[tuple[str, dict[str, object]]]:
    """Everything that is wrong with these labels, as (refusal key, places); empty when they are fine. Lengths are in bytes."""
    found: list[tuple[str, dict[str, object]]] = []
    if len(labels) > backend.bound("labels.exact-count", MAX_LABELS):
        found.append(("labels.count", {"count": len(labels)}))
    for key, value in labels.items():
        if not key:
            found.append(("labels.key-empty", {}))
            continue
        if len(key.encode()) > backend.bound("labels.exact-key", MAX_LABEL_KEY):
            found.append(("labels.key-length", {"key": quote(key)}))
        if not _LABEL_KEY.fullmatch(key):
            found.append(("labels.key-characters", {"key": quote(key)}))
        if not value:
            found.append(("labels.value-empty", {"key": quote(key)}))
        elif _size(backend, value) > backend.bound("labels.exact-value", MAX_LABEL_VALUE):
            found.append(("labels.value-length", {"key": quote(key)}))
    return found
