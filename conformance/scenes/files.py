"""Files: what they hold, how they are uploaded and read back."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.wire.exchange import ABSENT, Exchange


async def linked(chat: Chat) -> list[str]:
    """The ids of the files that a chat shows; of those in its first message where chats show none. Raises Failure."""
    if not chat.case.knows("Chat", "files"):
        return [p["file_id"] for p in (await chat.history())[0]["content"] if p["type"] == "file"]
    return [f["id"] for f in chat.case.accepted(await chat.get()).get("files") or []]


PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0:~\x9bU"
    b"\0\0\0\nIDATx\x9cc`\0\0\0\2\0\1H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82"
)
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0C\0" + b"\1" * 64 + b"\xff\xd9"
GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
WEBP = b"RIFF\x1a\0\0\0WEBPVP8L\r\0\0\0/\0\0\0\x10\7\x10\x11\x11\x88\x88\xfe\7\0"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>'
BINARY = b"\0\1\2\3\4\5\6\7\xfe\xed"
TEXT, CSV, MARKDOWN, JSON = b"plain words\n", b"a,b\n1,2\n3,4\n", b"# Title\n\ntext\n", b'{"a": 1}'
# Every allowed type: name, content, type.
ALLOWED = {
    "png": ("a.png", PNG, "image/png"),
    "jpeg": ("a.jpg", JPEG, "image/jpeg"),
    "gif": ("a.gif", GIF, "image/gif"),
    "webp": ("a.webp", WEBP, "image/webp"),
    "pdf": ("a.pdf", PDF, "application/pdf"),
    "text": ("a.txt", TEXT, "text/plain"),
    "markdown": ("a.md", MARKDOWN, "text/markdown"),
    "csv": ("a.csv", CSV, "text/csv"),
    "json": ("a.json", JSON, "application/json"),
}


def media_types(t: Case) -> set[str]:
    """The media types that may be declared."""
    return set(t.session.documents.operations["uploadFile"].request)


def ordinary(t: Case) -> tuple[bytes, str, str]:
    """Content that the revision takes whatever follows it, its media type, and a name: text, or a picture where that is all."""
    return (TEXT, "text/plain", "a.txt") if "text/plain" in media_types(t) else (PNG, "image/png", "a.png")


async def upload(
    t: Case,
    data: bytes | None = None,
    media: Any = None,
    disposition: Any = None,
    *,
    by: Actor | None = None,
    organization: Any = None,
) -> Exchange:
    """An upload, an ordinary one but for what is given; a header or the organization given as ABSENT is left out."""
    actor, (plain, kind, name) = by or t.alice, ordinary(t)
    data, media = plain if data is None else data, kind if media is None else media
    disposition = f'attachment; filename="{name}"' if disposition is None else disposition
    headers = {"content-type": media, "content-disposition": disposition}
    wanted = t.session.target.organization_id if organization is None else organization
    return await actor.post(
        actor.case.url("uploadFile"),
        params={} if wanted is ABSENT else {"organization": wanted},
        content=data,
        headers={k: v for k, v in headers.items() if v is not ABSENT},
    )


async def download(t: Case, file: str, by: Actor | None = None, headers: dict[str, str] | None = None) -> Exchange:
    actor = by or t.alice
    return await actor.get(actor.case.url("downloadFile", file=file), headers=headers)


async def stored(t: Case, answer: Exchange) -> Exchange:
    """The download of what this upload made. Raises Failure."""
    return await download(t, t.accepted(answer)["id"])


def header(answer: Exchange, name: str) -> str:
    return str(dict(answer.response.headers).get(name, ""))


def kind_of(answer: Exchange) -> str:
    """The media type of a download, without parameters."""
    return header(answer, "content-type").partition(";")[0]


def name_of(answer: Exchange) -> str:
    """The file name that a download has in Content-Disposition."""
    shown = header(answer, "content-disposition").partition(";")[2].strip()
    if shown.lower().startswith("filename*="):
        return unquote(shown.split("'", 2)[2])
    return shown.removeprefix("filename=").strip('"').replace('\\"', '"').replace("\\\\", "\\")


OCTETS = "application/octet-stream"


def extended(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


async def new_file(t: Case, data: bytes | None = None, **options: Any) -> str:
    """The id of a file just uploaded. Raises Unmet."""
    return str(t.given(await upload(t, data, **options))["id"])


def part(file: str) -> dict[str, str]:
    return {"type": "file", "file_id": file}
