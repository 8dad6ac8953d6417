"""`llm_received` rows: what the scripted LLM got, as its journal tells."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlencode

from conformance.llm_control import control_headers
from conformance.replay.binding import fits
from conformance.replay.compare import Difference
from conformance.replay.player import Unreachable, Wire
from conformance.target import Target

_NOT_PARAMETERS = frozenset({"messages", "model", "tools", "tool_choice"})


def digest(authorization: str) -> str:
    """How the journal shows the key of an `Authorization` header; "" when there is none behind `Bearer`."""
    key = authorization.removeprefix("Bearer").strip()
    return hashlib.sha256(key.encode()).hexdigest()[:12] if key else ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content or [] if isinstance(part, dict))


def _seen(entry: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The request as the recording wrote it down, as far as `wanted` asks."""
    body = entry.get("body") or {}
    messages = body.get("messages") or []
    seen: dict[str, Any] = {}
    for key in wanted:
        if key in ("system", "user"):
            seen[key] = [_text(m.get("content")) for m in messages if m.get("role") == key]
        elif key == "tools":
            seen[key] = sorted(tool.get("function", {}).get("name", "") for tool in body.get("tools") or [])
        elif key == "parameters":
            seen[key] = {k: v for k, v in body.items() if k not in _NOT_PARAMETERS}
        elif key == "authorization":
            seen[key] = entry.get("key")
        else:
            seen[key] = body.get(key, entry.get(key))
    return seen


def _differences(wanted: dict[str, Any], seen: dict[str, Any], where: str) -> list[Difference]:
    found = []
    for key, expected in wanted.items():
        actual = seen[key]
        if key == "authorization":
            same = digest(expected) == actual
        elif key in ("system", "user"):
            same = len(expected) == len(actual) and all(fits(e, a) for e, a in zip(expected, actual, strict=True))
        else:
            same = expected == actual
        if not same:
            found.append(Difference(f"{where}/{key}", expected, actual))
    return found


async def compare_received(wire: Wire, target: Target, received: dict[str, Any]) -> list[Difference]:
    """Compare with the journal: one request is the chat's last streaming one, several are all of its family's."""
    wanted = received["requests"]
    field = "chat" if len(wanted) == 1 else "root_chat"
    url = f"{target.llm.control_url.rstrip('/')}/journal?{urlencode({field: received['chat']})}"
    answer = await wire.get(url, control_headers(target))
    if answer.status != 200:
        raise Unreachable(f"the LLM's journal answered {answer.status}")
    entries = [entry for entry in answer.json()["requests"] if entry.get("stream")]
    if len(wanted) == 1:
        entries = entries[-1:]
    if len(entries) != len(wanted):
        return [Difference("/requests", f"{len(wanted)} requests", f"{len(entries)} requests")]
    if not wanted:
        return []
    if len(wanted) > 1:
        # Root and child run side by side: which request came first is chance.
        key = lambda item: str(sorted(item.items()))  # noqa: E731
        seen = sorted((_seen(entry, wanted[0]) for entry in entries), key=key)
        return [
            d
            for n, (w, s) in enumerate(zip(sorted(wanted, key=key), seen, strict=True))
            for d in _differences(w, s, f"/requests/{n}")
        ]
    return _differences(wanted[0], _seen(entries[0], wanted[0]), "/requests/0")
