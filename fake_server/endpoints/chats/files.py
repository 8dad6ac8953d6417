"""Files that messages may name: upload and download (chats.md section 13)."""

from __future__ import annotations

from fake_server.http.endpoint import CHATS, Call, Reply, forbidden, not_found, reply, route
from fake_server.rules import authz
from fake_server.rules.disposition import cut_name, header_for, sent_name
from fake_server.rules.refusals import refusal
from fake_server.rules.sniff import BINARY, CSV, JSON, MARKDOWN, TEXT, sniff
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state.records import StoredFile

MAX_SIZE = 10_485_760
ALLOWED = frozenset((JSON, "application/pdf", "image/gif", "image/jpeg", "image/png", "image/webp", CSV, MARKDOWN, TEXT))
PICTURES = frozenset(("image/gif", "image/jpeg", "image/png", "image/webp"))
NO_ORGANIZATION = 'pq: insert or update on table "chat_files" violates foreign key constraint "chat_files_organization_id_fkey"'


@route("uploadFile", "POST", f"{CHATS}/files")
async def upload_file(call: Call) -> Reply:
    """Store the body as a file. The order of the checks is the contract's."""
    backend, user = call.backend, call.user
    if not backend.does("upload.organization-first"):
        backend.guard("upload.type", call.header("content-type") not in PICTURES)
    raw = call.first_query("organization")
    backend.guard("upload.organization-missing", not raw)
    try:
        organization = parse_uuid(raw)
    except BadUUID:
        raise refusal("upload.organization-id") from None
    if not authz.can_create(backend, user, organization):
        if not backend.does("upload.right-first"):
            backend.guard("upload.name", not sent_name(call.header("content-disposition")))
        raise forbidden()
    if not backend.does("upload.type-before-name"):
        backend.guard("upload.name", not sent_name(call.header("content-disposition")))
    declared = call.header("content-type")
    if backend.does("upload.any-type-spelling"):
        declared = declared.partition(";")[0].strip().lower()
    declared = declared or BINARY
    allowed = ALLOWED if backend.does("upload.documents") else PICTURES
    untyped = declared == BINARY and backend.does("upload.untyped")
    backend.guard("upload.type", not untyped and declared not in allowed)
    data = await call.body(backend.bound("upload.exact-size", MAX_SIZE) if backend.does("upload.size") else None)
    if backend.does("upload.size-before-kind"):
        backend.guard("upload.size", call.truncated)
    name = sent_name(call.header("content-disposition"))
    backend.guard("upload.name", not name)
    detected = sniff(data, name if backend.does("upload.refined-by-name") else "") if backend.does("upload.sniff") else declared
    backend.guard("upload.type", detected not in allowed)
    backend.guard("upload.size", call.truncated)
    fits = declared in (detected, BINARY) or (declared == TEXT and detected in (MARKDOWN, CSV, JSON))
    backend.guard("upload.mismatch", not fits, declared=declared, detected=detected)
    backend.guard("upload.save", organization != backend.store.organization_id, detail=NO_ORGANIZATION)
    if backend.does("upload.name-cut"):
        name = cut_name(name)
    kind = detected if backend.does("upload.detected-type") else declared
    if declared == TEXT and not backend.does("upload.refined-text"):
        kind = TEXT
    file = StoredFile(user.id, organization, name, kind, data)
    file.created_at = backend.clock.now()
    backend.store.files[file.id] = file
    return reply(201, {"id": file.id})


@route("downloadFile", "GET", f"{CHATS}/files/{{file}}")
async def download_file(call: Call) -> Reply:
    """The bytes of a file, with its stored type and name."""
    backend = call.backend
    try:
        file = backend.store.files.get(parse_uuid(call.params["file"]))
    except BadUUID:
        raise refusal("download.id") from None
    if file is None or not authz.can_read_file(backend, call.user, file):
        raise not_found()
    kind = "attachment" if file.media_type == "application/pdf" else "inline"
    headers = [(b"content-disposition", header_for(kind, file.name).encode())]
    if backend.does("download.cache-control"):
        headers.append((b"cache-control", b"private, max-age=31536000, immutable"))
    if call.header("range") and not backend.does("download.whole"):
        return reply(206, file.data[:4], headers=headers, media=file.media_type.encode())
    return reply(200, file.data, headers=headers, media=file.media_type.encode())
