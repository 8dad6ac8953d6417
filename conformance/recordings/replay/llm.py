"""`llm_received` rows: what the scripted LLM got, as its journal tells."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from conformance.play.llm_control import control_headers
from conformance.recordings.replay.binding import fits
from conformance.recordings.replay.compare import Difference
from conformance.recordings.replay.player import Unreachable, Wire
from conformance.run.target import Target

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


_MARK = re.compile(r"nonce-\w+")


def _plain(content: Any) -> Any:
    """What a message says: a built-in prompt is any text, JSON in a text is its value, of data URLs the begin counts."""
    if isinstance(content, dict):
        return "$built_in_prompt" if "$built_in_prompt" in content else {key: _plain(item) for key, item in content.items()}
    if isinstance(content, list):
        return [_plain(item) for item in content]
    if isinstance(content, str) and content.startswith("data:"):
        return content[:40]
    if isinstance(content, str) and content.startswith("{"):
        try:
            return json.loads(content)
        except ValueError:
            return content
    return content


def _request(body: dict[str, Any]) -> dict[str, Any]:
    """A request as far as recordings tell of it: without the schemas of tools."""
    kept = {key: value for key, value in body.items() if key not in ("tools", "tool_choice", "messages", "tool_names")}
    tools = body.get("tools") or []
    names = body.get("tool_names") or [t if isinstance(t, str) else t.get("function", t).get("name", "") for t in tools]
    messages = _plain(body.get("messages") or [])
    return kept | {"messages": messages, "tool_names": names}


def _unlike(wanted: dict[str, Any], seen: dict[str, Any], where: str) -> list[Difference]:
    for expected, actual in zip(wanted["messages"], seen["messages"], strict=False):
        if expected.get("content") == "$built_in_prompt" and isinstance(actual.get("content"), str):
            actual["content"] = "$built_in_prompt"
    return [
        Difference(f"{where}/{key}", wanted.get(key), seen.get(key))
        for key in sorted(wanted.keys() | seen.keys())
        if wanted.get(key) != seen.get(key)
    ]


async def _compare_log(wire: Wire, target: Target, received: list[dict[str, Any]]) -> list[Difference]:
    """Compare all requests that hold the scenario's mark: streamed and other ones apart, as they run side by side."""
    marks = _MARK.findall(json.dumps(received))
    answer = await wire.get(f"{target.llm.control_url.rstrip('/')}/journal", control_headers(target))
    if answer.status != 200 or not marks:
        raise Unreachable(f"the LLM's journal answered {answer.status}")
    came = [entry["body"] for entry in answer.json()["requests"] if marks[0] in json.dumps(entry.get("body"))]
    found = []
    for streamed in (False, True):
        wanted = [_request(row["body"]) for row in received if bool(row["body"].get("stream")) == streamed]
        seen = [_request(body) for body in came if bool(body.get("stream")) == streamed]
        if len(wanted) != len(seen):
            found.append(Difference("/requests", f"{len(wanted)} requests", f"{len(seen)} requests"))
        for number, (expected, actual) in enumerate(zip(wanted, seen, strict=False)):
            found += _unlike(expected, actual, f"/{'streamed' if streamed else 'whole'}/{number}")
    return found


Alike = Callable[[Any, Any], bool]


def _prompted(body: dict[str, Any]) -> dict[str, Any]:
    """A request whose first message, a prompt of the server's own, is any text."""
    made = _request(body)
    if made["messages"] and made["messages"][0].get("role") == "system":
        made["messages"][0] = {"role": "system"}
    if "system" in made:
        made["system"] = len(made["system"])  # where prompts stand beside the messages
    return made


async def _compare_each(wire: Wire, target: Target, received: list[dict[str, Any]], alike: Alike) -> list[Difference]:
    """Each of the recorded requests was received here, too; others, of other scenarios, may have been received besides."""
    answer = await wire.get(f"{target.llm.control_url.rstrip('/')}/journal", control_headers(target))
    if answer.status != 200:
        raise Unreachable(f"the LLM's journal answered {answer.status}")
    came = [_prompted(entry["body"]) for entry in answer.json()["requests"] if isinstance(entry.get("body"), dict)]
    found = []
    for number, row in enumerate(row for row in received if "body" in row):
        wanted = _prompted(row["body"])
        match = next((seen for seen in came if alike(wanted, seen)), None)
        if match is None:
            found.append(Difference(f"/requests/{number}", wanted, "no request like it"))
        else:
            came.remove(match)
    return found


async def compare_received(wire: Wire, target: Target, received: Any, alike: Alike) -> list[Difference]:
    """Compare with the journal: one request is the chat's last streaming one, several are all of its family's.

    A list of requests, of a server that names no chat to its LLM, is found by the mark in their texts; where they have none,
    each is to be found among all requests, by `alike`.
    """
    if isinstance(received, list):
        marked = _MARK.search(json.dumps(received)) is not None
        return await (_compare_log(wire, target, received) if marked else _compare_each(wire, target, received, alike))
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
