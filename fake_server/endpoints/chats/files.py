"""Files that messages may name: upload and download (chats.md section 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_server.faulting import replaceable
from fake_server.http.endpoint import CHATS, Call, Reply, forbidden, not_found, reply, route
from fake_server.rules import authz
from fake_server.rules.disposition import cut_name, header_for, sent_name
from fake_server.rules.refusals import refusal
from fake_server.rules.sniff import BINARY, CSV, JSON, MARKDOWN, TEXT, sniff
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state.records import StoredFile

if TYPE_CHECKING:
    from fake_server.backend import Backend

MAX_SIZE = 10_485_760
ALLOWED = frozenset((JSON, "application/pdf", "image/gif", "image/jpeg", "image/png", "image/webp", CSV, MARKDOWN, TEXT))
PICTURES = frozenset(("image/gif", "image/jpeg", "image/png", "image/webp"))
NO_ORGANIZATION = 'pq: insert or update on table "chat_files" violates foreign key constraint "chat_files_organization_id_fkey"'


@route("uploadFile", "POST", f"{CHATS}/files")
@replaceable
async def upload_file(call: Call) -> Reply:
    """Store the body as a file. The order of the checks is the contract's."""
    backend, user = call.backend, call.user
    raw = call.first_query("organization")
    backend.guard("upload.organization-missing", not raw)
    try:
        organization = parse_uuid(raw)
    except BadUUID:
        raise refusal("upload.organization-id") from None
    check_upload(call, organization)
    declared = declared_type(call)
    allowed = ALLOWED if backend.does("upload.documents") else PICTURES
    untyped = declared == BINARY and backend.does("upload.untyped")
    backend.guard("upload.type", not untyped and declared not in allowed)
    data = await call.body(backend.bound("upload.exact-size", MAX_SIZE) if backend.does("upload.size") else None)
    if backend.does("upload.size-before-kind"):
        backend.guard("upload.size", call.truncated)
    name = sent_name(call.header("content-disposition"))
    backend.guard("upload.name", not name)
    detected = detected_type(backend, data, name, declared)
    backend.guard("upload.type", detected not in allowed)
    backend.guard("upload.size", call.truncated)
    fits = declared in (detected, BINARY) or (declared == TEXT and detected in (MARKDOWN, CSV, JSON))
    backend.guard("upload.mismatch", not fits, declared=declared, detected=detected)
    backend.guard("upload.save", organization != backend.store.organization_id, detail=NO_ORGANIZATION)
    file = StoredFile(user.id, organization, cut_name(name), detected, data)
    file.created_at = backend.clock.now()
    keep_file(call, file)
    return reply(201, {"id": file.id})


@replaceable
def check_upload(call: Call, organization: str) -> None:
    """May the caller upload files there?"""
    if not authz.can_create(call.backend, call.user, organization):
        raise forbidden()


@replaceable
def declared_type(call: Call) -> str:
    """The media type that the request gives."""
    return call.header("content-type").partition(";")[0].strip().lower() or BINARY


@replaceable
def detected_type(backend: Backend, data: bytes, name: str, declared: str) -> str:
    """The media type that the bytes have, and their name if it can say more."""
    return sniff(data, name if backend.does("upload.refined-by-name") else "")


@replaceable
def keep_file(call: Call, file: StoredFile) -> None:
    """Store an uploaded file."""
    call.backend.store.files[file.id] = file


def found_file(call: Call, bad_id: str) -> StoredFile:
    """The file of the path, if the caller may read it. Refuses with `bad_id` and 404."""
    try:
        file = call.backend.store.files.get(parse_uuid(call.params["file"]))
    except BadUUID:
        raise refusal(bad_id) from None
    if file is None or not authz.can_read_file(call.backend, call.user, file):
        raise not_found()
    return file


@route("downloadFile", "GET", f"{CHATS}/files/{{file}}")
@replaceable
async def download_file(call: Call) -> Reply:
    """The bytes of a file, with its stored type and name."""
    backend = call.backend
    file = found_file(call, "download.id")
    kind = "attachment" if file.media_type == "application/pdf" else "inline"
    headers = [(b"content-disposition", header_for(kind, file.name).encode())]
    if backend.does("download.cache-control"):
        headers.append((b"cache-control", b"private, max-age=31536000, immutable"))
    return reply(200, file.data, headers=headers, media=file.media_type.encode())
