"""Message content as clients send it: its shape, its checks, and the parts that are stored (chats.md section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.rules import authz
from fake_server.rules.decode import Integer, ListOf, Struct, Text, Uuid
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import NIL_UUID, quote, trim
from fake_server.state.records import Part, User

if TYPE_CHECKING:
    from fake_server.state.store import State

INPUT_PART = Struct(
    "ChatInputPart",
    {
        "type": Text("codersdk.ChatInputPartType"),
        "text": Text(),
        "file_id": Uuid(),
        "file_name": Text(),
        "start_line": Integer(64, "int"),
        "end_line": Integer(64, "int"),
        "content": Text(),
    },
)
CONTENT = ListOf(INPUT_PART)


def stored_parts(backend: State, user: User, content: list[dict[str, Any]] | None) -> list[Part]:
    """The parts to store. Refuses with the first bad part; a file counts as missing when the user may not read it."""
    backend.guard("content.required", not content)
    return [_stored_part(backend, user, part, index) for index, part in enumerate(content or ())]


def _stored_part(backend: State, user: User, part: dict[str, Any], index: int) -> Part:
    kind = trim(part["type"]).lower() if backend.does("content.type-normalised") else part["type"]
    if kind == "text":
        text = trim(part["text"])
        backend.guard("content.text-empty", not text, index=index)
        return {"type": "text", "text": text if backend.does("content.text-trimmed") else part["text"]}
    if kind == "file":
        backend.guard("content.file-id", part["file_id"] == NIL_UUID, index=index)
        file = backend.store.files.get(part["file_id"])
        if file is None:
            backend.guard("content.file-unavailable", part["file_id"] in backend.store.evicted)
            raise refusal("content.file-unknown", index=index)
        backend.guard("content.file-unknown", not authz.can_read_file(backend, user, file), index=index)
        return {"type": "file", "media_type": file.media_type, "name": file.name, "file_id": file.id}
    if kind == "file-reference":
        backend.guard("content.file-name", not part["file_name"], index=index)
        stored = {"type": kind, "file_name": part["file_name"]}
        return stored | {key: part[key] for key in ("start_line", "end_line", "content") if part[key]}
    if not backend.does("content.known-types"):
        return {"type": "text", "text": part["text"]}
    raise refusal("content.type", index=index, type=quote(part["type"]))


def file_ids(parts: list[Part]) -> list[str]:
    """The files that these parts name, in order, repetitions included."""
    return [part["file_id"] for part in parts if part["type"] == "file"]
