"""What events and calls of the model say, whatever their form."""

from __future__ import annotations

import json
from typing import Any

from conformance.wire.socket import Event


def told(events: list[Event], start: int) -> dict[str, Any]:
    """What events from `start` on say together, whatever their frames, doubles and the order between feeds.

    `texts` and `reasoning` are the live parts joined; the last status counts of the whole connection.
    """
    out: dict[str, Any] = {"messages": {}, "calls": [], "results": [], "retries": [], "errors": [], "actions": []}
    texts, thoughts = "", ""
    deltas: dict[str, str] = {}
    for event in events[start:]:
        kind, value = event.get("type"), event.get(str(event.get("type")))
        if kind == "message" and isinstance(value, dict):
            out["messages"][str(value.get("id"))] = value
        elif kind == "message_part" and isinstance(value, dict) and isinstance(value.get("part"), dict):
            part = value["part"]
            if part.get("type") == "text":
                texts += str(part.get("text") or "")
            elif part.get("type") == "reasoning":
                thoughts += str(part.get("text") or "")
            elif part.get("type") == "tool-call":
                if "args" in part:
                    out["calls"].append({k: part.get(k) for k in ("tool_call_id", "tool_name", "args")})
                else:
                    deltas[str(part.get("tool_call_id"))] = deltas.get(str(part.get("tool_call_id")), "") + str(
                        part.get("args_delta") or ""
                    )
            elif part.get("type") == "tool-result":
                out["results"].append({k: part.get(k) for k in ("tool_call_id", "tool_name", "result", "is_error")})
        elif kind == "queue_update":
            out["queue"] = [entry.get("id") for entry in event.get("queued_messages") or []]
        elif kind == "retry" and isinstance(value, dict):
            out["retries"].append(value.get("attempt"))
        elif kind == "error":
            out["errors"].append(value)
        elif kind == "action_required":
            out["actions"].append(value)
    statuses = [e["status"].get("status") for e in events if e.get("type") == "status" and isinstance(e.get("status"), dict)]
    messages = sorted(out["messages"].values(), key=lambda m: m.get("id") if isinstance(m.get("id"), int) else 0)
    queue = [{"queued_message": {"id": i}} for i in out.pop("queue", [])] if "queue" in out else None
    # an empty update and none are told apart
    return out | {
        "messages": messages,
        "text": texts,
        "reasoning": thoughts,
        "deltas": deltas,
        "status": statuses[-1:],
        "queue": queue,
    }


def request(entry: dict[str, Any]) -> dict[str, Any]:
    """What a model was asked: all that users, models and tools said; the server's own prompts only by their number."""
    body = entry.get("body") or {}
    said, own = [], 0
    for message in body.get("messages") or body.get("input") or []:
        if message.get("role") in ("system", "developer"):
            own += 1
            continue
        calls = [_call(c) for c in message.get("tool_calls") or []]
        said.append(
            {
                "role": message.get("role"),
                "content": _content(message.get("content")),
                "calls": calls,
                "answers": message.get("tool_call_id"),
            }
        )
    tools = sorted(str((t.get("function") or t).get("name")) for t in body.get("tools") or [])
    return {"messages": said, "tools": tools, "model": body.get("model"), "stream": body.get("stream")}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    made = call.get("function") or {}
    return {"id": call.get("id"), "name": made.get("name"), "arguments": _content(made.get("arguments"))}


def _content(content: Any) -> Any:
    """Texts as they are; of data URLs the begin."""
    if isinstance(content, str):
        try:
            value = json.loads(content) if content[:1] in "{[" else content
        except ValueError:
            value = content
        return {"json": value} if not isinstance(value, str) else value
    if isinstance(content, list):
        return [_content(p["text"]) if isinstance(p, dict) and "text" in p else _begin(p) for p in content]
    return content


def _begin(part: Any) -> str:
    return json.dumps(part, sort_keys=True)[:60]
