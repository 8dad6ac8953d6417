"""What a model is told: the messages of a chat on the wire of chat completions, and the two system prompts."""

from __future__ import annotations

from typing import Any

import orjson

Json = Any

SYSTEM = (
    "You help people who work with Coder. You have tools that read and change their templates and workspaces; use them when a "
    "question needs it, say in plain words what you have found or done, and ask before you delete anything."
)
TITLE = (
    "Answer with a title for the conversation that the user begins: a few words, 40 characters at most, letters and blanks only."
)


class CannotBeTold(ValueError):
    """A message that has no form on this wire; the text says what is wrong with it."""


def told(system: str, messages: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """The messages as the model gets them. Raises CannotBeTold."""
    out: list[dict[str, Json]] = [{"role": "system", "content": system}]
    for message in messages:
        role = message["role"]
        if role == "system":
            out.append({"role": "system", "content": message["content"]})
        elif role == "user":
            out.append({"role": "user", "content": _of_user(message)})
        elif role == "assistant":
            out += _of_assistant(message)
    return out


def _of_user(message: dict[str, Json]) -> list[dict[str, Json]]:
    """The parts alone: what stands in `content` is for people."""
    blocks: list[dict[str, Json]] = []
    for part in message.get("parts", ()):
        if part["type"] == "text":
            blocks.append(_text(part.get("text", "")))
        elif part["type"] == "file":
            blocks.append(_image(f"data:{part.get('mimeType', '')};base64,{part.get('data', '')}"))
    return blocks + [_image(item["url"]) for item in message.get("experimental_attachments", ())]


def _text(text: str) -> dict[str, Json]:
    return {"type": "text", "text": text}


def _image(url: str) -> dict[str, Json]:
    return {"type": "image_url", "image_url": {"url": url}} if url else {"type": "image_url"}


def _of_assistant(message: dict[str, Json]) -> list[dict[str, Json]]:
    """One message for each finished tool call, with the text and the unfinished calls before it, and one for the text behind."""
    out: list[dict[str, Json]] = []
    blocks: list[dict[str, Json]] = []
    calls: list[dict[str, Json]] = []
    for part in message.get("parts", ()):
        if part["type"] == "text":
            blocks.append(_text(part.get("text", "")))
        if part["type"] != "tool-invocation":
            continue
        invocation = part.get("toolInvocation")
        if invocation is None:
            said = "assistant message part has type tool-invocation but nil ToolInvocation field"
            raise CannotBeTold(f"{said} (ID: {message['id']})")
        function = {"name": invocation["toolName"], "arguments": orjson.dumps(invocation["args"]).decode()}
        calls.append({"id": invocation["toolCallId"], "type": "function", "function": function})
        if invocation["state"] == "result":
            content = {"content": blocks} if blocks else {}
            result = orjson.dumps(invocation.get("result")).decode()
            out.append({"role": "assistant", **content, "tool_calls": calls})
            out.append({"role": "tool", "tool_call_id": invocation["toolCallId"], "content": [_text(result)]})
            blocks, calls = [], []
    if blocks:
        out.append({"role": "assistant", "content": blocks})
    return out
