"""Uploads where pictures alone are taken, by what their content shows."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.files import (
    ALLOWED,
    BINARY,
    OCTETS,
    PDF,
    PNG,
    SVG,
    TEXT,
    download,
    extended,
    header,
    kind_of,
    name_of,
    stored,
    upload,
)
from conformance.wire.exchange import ABSENT

PICTURES = {name: row for name, row in ALLOWED.items() if row[2].startswith("image/")}


@case("FILE-089")
async def upload_to_no_organization(t: Case) -> None:
    t.refused(await upload(t, organization=str(uuid4())), "upload.save")
    t.accepted(await upload(t))


@case("FILE-090", rows={who: who for who in ("alice", "carol", "orgauditor", "auditor")})
async def everybody_uploads(t: Case, who: str) -> None:
    made = t.accepted(await upload(t, by=t.actor(who)))
    answer = await download(t, made["id"], by=t.actor(who))
    t.accepted(answer)
    t.expect(answer.response.content, PNG, "the bytes")


@case("FILE-091")
async def kinds_of_pictures(t: Case) -> None:
    for name, data, media in PICTURES.values():
        answer = await stored(t, await upload(t, data, media, f'attachment; filename="{name}"'))
        t.expect((kind_of(answer), answer.response.content), (media, data), "the type and bytes of the download")
    for name, data, media in (*(row for row in ALLOWED.values() if row not in PICTURES.values()), ("a.png", PNG, OCTETS)):
        t.refused(await upload(t, data, media, f'attachment; filename="{name}"'), "upload.type")


@case("FILE-092", rows={"text": TEXT, "pdf": PDF, "svg": SVG, "binary": BINARY, "empty": b""})
async def content_that_is_no_picture(t: Case, data: bytes) -> None:
    for media in ("image/png", "image/jpeg"):
        t.refused(await upload(t, data, media), "upload.type")
    t.accepted(await upload(t))


@case("FILE-093")
async def pictures_declared_as_others(t: Case) -> None:
    for declared in ("image/jpeg", "image/gif", "image/webp"):
        t.expect(kind_of(await stored(t, await upload(t, PNG, declared))), "image/png", f"the type of a PNG declared {declared}")


@case("FILE-094", rows={"none": ABSENT, "no-name": "attachment"})
async def pictures_without_a_name(t: Case, disposition: Any) -> None:
    answer = await stored(t, await upload(t, disposition=disposition))
    t.true("filename" not in header(answer, "content-disposition"), "no name", header(answer, "content-disposition"))


@case("FILE-095", rows={"plain": ('attachment; filename="a b.png"', "a b.png"), "umlauts": (extended("grüße.png"), "grüße.png")})
async def shown_inline(t: Case, row: tuple[str, str]) -> None:
    answer = await stored(t, await upload(t, disposition=row[0]))
    shown = header(answer, "content-disposition")
    t.expect((shown.partition(";")[0], name_of(answer)), ("inline", row[1]), f"the kind and the name in {shown!r}")


@case("FILE-096")
async def organization_before_type(t: Case) -> None:
    for organization, key in ((ABSENT, "upload.organization-missing"), ("abc", "upload.organization-id")):
        both, alone = [await upload(t, media=kind, organization=organization) for kind in ("application/zip", None)]
        t.refused(both, key)
        t.expect(both.response.body, alone.response.body, "the refusal beside that of an allowed type")
    t.refused(await upload(t, media="application/zip"), "upload.type")
    t.accepted(await upload(t))
