"""Links to files, which work without a session for a while."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256

from fake_server.chats.views import stamp
from fake_server.endpoints.chats.files import found_file
from fake_server.http.endpoint import CHATS, Call, Reply, not_found, reply, route
from fake_server.rules.disposition import header_for
from fake_server.rules.validate import BadUUID, parse_uuid

LINK_SECONDS = 300


@route("createFileDownloadURL", "POST", f"{CHATS}/files/{{file}}/download-url")
async def create_link(call: Call) -> Reply:
    """A link to a file that the caller may read. The body is not read."""
    backend = call.backend
    file = found_file(call, "download-url.id")
    token, until = secrets.token_urlsafe(32), backend.clock.now().replace(microsecond=0) + timedelta(seconds=LINK_SECONDS)
    backend.store.links[token] = (file.id, call.user.id, until)
    base = str(backend.options.get("CODER_ACCESS_URL") or f"http://{call.header('host')}").rstrip("/")
    return reply(
        200,
        {
            "url": f"{base}{CHATS}/files/{file.id}/download?token={token}",
            "expires_at": stamp(until),
            "sha256": sha256(file.data).hexdigest(),
            "size_bytes": len(file.data),
            "name": file.name,
            "mime_type": file.media_type,
        },
    )


@route("downloadFileByToken", "GET", f"{CHATS}/files/{{file}}/download", auth=False)
async def follow_link(call: Call) -> Reply:
    """The bytes of a file for whoever has a link to it; the same 404 for all that is wrong."""
    store = call.backend.store
    wanted, maker, until = store.links.get(call.first_query("token"), ("", "", None))
    try:
        file = store.files.get(parse_uuid(call.params["file"]))
    except BadUUID:
        file = None
    user = store.users.get(maker)
    good = file is not None and file.id == wanted and until is not None and until > call.backend.clock.now()
    if file is None or not good or user is None or user.deleted or user.status == "suspended":
        raise not_found()
    kind = "attachment" if file.media_type == "application/pdf" else "inline"
    headers = [(b"content-disposition", header_for(kind, file.name).encode()), (b"cache-control", b"no-store")]
    return reply(200, file.data, headers=headers, media=file.media_type.encode())
