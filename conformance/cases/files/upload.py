"""Upload: who may, what is refused and in which order, what a file turns out to be, and its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import uuid4

from conformance.checks.asked import NIL
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.files import (
    ALLOWED,
    BINARY,
    CSV,
    JSON,
    MARKDOWN,
    OCTETS,
    PNG,
    SVG,
    TEXT,
    download,
    extended,
    header,
    kind_of,
    media_types,
    name_of,
    ordinary,
    stored,
    upload,
)
from conformance.wire.exchange import ABSENT


@case("FILE-001")
async def uploaded(t: Case) -> None:
    first, second = t.accepted(await upload(t)), t.accepted(await upload(t))
    t.true(isinstance(first.get("id"), str) and len(first["id"]) == 36, "the answer has a UUID as id", first, "/id")
    t.true(first["id"] != second["id"], "every upload makes a file of its own", second["id"], "/id")
    t.accepted(await download(t, first["id"]))


# What is refused, each beside an ordinary upload that differs in this alone.
REFUSED: dict[str, dict[str, Any]] = {
    "no-organization": {"requirement": "FILE-002", "sent": {"organization": ABSENT}, "key": "upload.organization-missing"},
    "empty-organization": {"requirement": "FILE-002", "sent": {"organization": ""}, "key": "upload.organization-missing"},
    "organization-id": {"requirement": "FILE-003", "sent": {"organization": "abc"}, "key": "upload.organization-id"},
    "organization-name": {"requirement": "FILE-003", "sent": {"organization": "default"}, "key": "upload.organization-id"},
    "foreign-organization": {"requirement": "FILE-004", "sent": {"organization": str(uuid4())}, "key": "common.forbidden"},
    "nil-organization": {"requirement": "FILE-004", "sent": {"organization": NIL}, "key": "common.forbidden"},
    "right-first": {
        "requirement": "FILE-007", "sent": {"organization": NIL, "media": "application/zip"}, "key": "common.forbidden",
    },
    "right-before-name": {
        "requirement": "FILE-007", "sent": {"organization": NIL, "disposition": ABSENT}, "key": "common.forbidden",
    },
    "right-before-content": {
        "requirement": "FILE-007", "sent": {"organization": NIL, "media": "image/png"}, "key": "common.forbidden",
    },
    **{
        f"type-{media.split('/')[1]}": {"requirement": "FILE-008", "sent": {"media": media}, "key": "upload.type"}
        for media in ("application/zip", "image/svg+xml", "text/html", "text/x")
    },
    "no-disposition": {"requirement": "FILE-009", "sent": {"disposition": ABSENT}, "key": "upload.name"},
    "no-name": {"requirement": "FILE-009", "sent": {"disposition": "attachment"}, "key": "upload.name"},
    "empty-name": {"requirement": "FILE-009", "sent": {"disposition": 'attachment; filename=""'}, "key": "upload.name"},
    "blank-name": {"requirement": "FILE-009", "sent": {"disposition": 'attachment; filename="  "'}, "key": "upload.name"},
    "control-name": {
        "requirement": "FILE-009", "sent": {"disposition": "attachment; filename*=UTF-8''%0A%00"}, "key": "upload.name",
    },
    "text-as-png": {"requirement": "FILE-014", "sent": {"media": "image/png"}, "key": "upload.mismatch"},
    "text-as-pdf": {"requirement": "FILE-014", "sent": {"media": "application/pdf"}, "key": "upload.mismatch"},
    "text-as-json": {"requirement": "FILE-014", "sent": {"media": "application/json"}, "key": "upload.mismatch"},
    "png-as-text": {"requirement": "FILE-014", "sent": {"data": PNG}, "key": "upload.mismatch"},
    "png-as-jpeg": {"requirement": "FILE-014", "sent": {"data": PNG, "media": "image/jpeg"}, "key": "upload.mismatch"},
    "svg-as-text": {"requirement": "FILE-015", "sent": {"data": SVG}, "key": "upload.type"},
    "svg-as-png": {"requirement": "FILE-015", "sent": {"data": SVG, "media": "image/png"}, "key": "upload.type"},
    "svg-sniffed": {
        "requirement": "FILE-015", "sent": {"data": SVG, "media": "application/octet-stream"}, "key": "upload.type",
    },
    "binary-as-text": {"requirement": "FILE-015", "sent": {"data": BINARY}, "key": "upload.type"},
    "binary-sniffed": {
        "requirement": "FILE-015", "sent": {"data": BINARY, "media": "application/octet-stream"}, "key": "upload.type",
    },
}  # fmt: skip


# One case for each requirement: an upload counts against a limit of few a minute on real servers.
BY_REQUIREMENT = {row["requirement"]: {"requirement": row["requirement"]} for row in REFUSED.values()}


@case(rows=BY_REQUIREMENT)
async def refused_upload(t: Case, row: dict[str, Any]) -> None:
    for refused in REFUSED.values():
        if refused["requirement"] == row["requirement"]:
            t.refused(await upload(t, **refused["sent"]), refused["key"])
    t.accepted(await upload(t))


@case("FILE-012")
async def order_of_the_checks(t: Case) -> None:
    bad_type: dict[str, Any] = {"media": "application/zip"}
    clash: dict[str, Any] = {"media": "image/png"}
    nameless: dict[str, Any] = {"disposition": ABSENT}
    for first, both, key in ((bad_type, bad_type | nameless, "upload.type"), (nameless, clash | nameless, "upload.name")):
        alone, together = await upload(t, **first), await upload(t, **both)
        t.refused(together, key)
        t.expect(
            together.response.body,
            alone.response.body,
            f"{key}, with a later fault besides: the refusal, beside that of this fault alone",
        )
    t.refused(await upload(t, **clash), "upload.mismatch")
    t.accepted(await upload(t))


WHO = {"carol": 403, "orgauditor": 403, "auditor": 403, "orgadmin": 201, "root": 201}


@case(rows={who: {"requirement": f"FILE-00{5 if status == 403 else 6}", "who": who} for who, status in WHO.items()})
async def upload_by_role(t: Case, row: dict[str, Any]) -> None:
    answer = await upload(t, by=t.actor(row["who"]))
    if row["requirement"] == "FILE-005":
        t.refused(answer, "common.forbidden")
        t.refused(await upload(t, media="application/zip", disposition=ABSENT, by=t.actor(row["who"])), "common.forbidden")
        t.accepted(await upload(t))
    else:
        t.accepted(await download(t, t.accepted(answer)["id"], by=t.actor(row["who"])))


@cache
def large(begin: bytes, size: int) -> bytes:
    """Exactly that many bytes, which begin so."""
    return (begin + b"0123456789abcdef" * (size // 16 + 1))[:size]


@case("FILE-010", "FILE-011", "FILE-013")
async def size_of_an_upload(t: Case) -> None:
    most, begin = t.limit("upload.size"), ordinary(t)[0]
    fits, over = large(begin, most), large(begin, most + 1)
    with t.judging("FILE-010"):
        answer = await stored(t, await upload(t, fits))
        t.true(t.accepted(answer) is not None and answer.response.content == fits, "the whole file comes back")
    with t.judging("FILE-011"):
        t.refused(await upload(t, over), "upload.size")
    with t.judging("FILE-013"):
        t.refused(await upload(t, over, "application/zip"), "upload.type")
        t.refused(await upload(t, over, disposition=ABSENT), "upload.size")


@case("FILE-016", "FILE-029", rows=ALLOWED)
async def allowed_type(t: Case, row: tuple[str, bytes, str]) -> None:
    name, data, media = row
    made = await upload(t, data, media, f'attachment; filename="{name}"')
    with t.judging("FILE-016"):
        answer = await stored(t, made)
        t.expect((kind_of(answer), answer.response.content), (media, data), "the type and bytes of the download")
    with t.judging("FILE-029"):
        shown = header(answer, "content-disposition").partition(";")[0]
        t.expect(shown, "attachment" if media == "application/pdf" else "inline", f"the disposition of {media}")


# Declared type, name, content, and the type that is stored.
REFINED: dict[str, tuple[str, Any, str, bytes, str]] = {
    **{f"octets-{k}": ("FILE-017", OCTETS, ALLOWED[k][0], ALLOWED[k][1], ALLOWED[k][2]) for k in ("png", "pdf", "json")},
    "octets-text": ("FILE-017", OCTETS, "words", TEXT, "text/plain"),
    "undeclared-png": ("FILE-017", ABSENT, "picture", PNG, "image/png"),
    "text-json": ("FILE-018", "text/plain", "a.txt", JSON, "application/json"),
    "text-csv": ("FILE-018", "text/plain", "a.txt", CSV, "text/csv"),
    "text-markdown": ("FILE-018", "text/plain", "a.md", MARKDOWN, "text/markdown"),
    "charset": ("FILE-019", "text/plain; charset=utf-8", "a.txt", TEXT, "text/plain"),
    "capitals": ("FILE-019", "IMAGE/Png; x=y", "a.png", PNG, "image/png"),
    "named-md": ("FILE-020", OCTETS, "a.md", b"just words\n", "text/markdown"),
    "named-csv": ("FILE-020", OCTETS, "a.csv", b"one,two\n", "text/csv"),
    "named-other": ("FILE-020", OCTETS, "a.xyz", b"one,two\n", "text/plain"),
    "html": ("FILE-021", OCTETS, "a.html", b"<html><body>x</body></html>", "text/plain"),
    "script": ("FILE-021", "text/plain", "a.sh", b"#!/bin/sh\necho\n", "text/plain"),
    "source": ("FILE-021", OCTETS, "a.py", b"import os\nprint(1)\n", "text/plain"),
}


@case(rows={k: {"requirement": row[0], "row": row[1:]} for k, row in REFINED.items()})
async def refined_type(t: Case, row: dict[str, Any]) -> None:
    media, name, data, wanted = row["row"]
    if media is not ABSENT and media.partition(";")[0].lower() not in media_types(t):
        raise Unmet(f"this revision takes no {media}")
    answer = await stored(t, await upload(t, data, media, f'attachment; filename="{name}"'))
    t.expect(kind_of(answer), wanted, f"the type of {name}, declared {media!r}")
    t.expect(answer.response.content, data, "the bytes")


# Names a little too long or just not, by the bytes that names are cut to: what is sent, and what is then shown.
LONG_NAMES: dict[str, Callable[[int], tuple[str, str]]] = {
    "255-bytes": lambda most: (f'attachment; filename="{"n" * most}"', "n" * most),
    "256-bytes": lambda most: (f'attachment; filename="{"n" * (most - 3)}.txt"', "n" * (most - 3) + ".tx"),
    "inside-a-character": lambda most: (extended("ü" * (most // 2 + 1)), "ü" * (most // 2)),
}
NAMES = {
    "umlauts": ("FILE-023", extended("grüße 😀.txt"), "grüße 😀.txt"),
    "kanji": ("FILE-023", extended("日本.txt"), "日本.txt"),
    "control": ("FILE-024", extended("a\nb\0c.txt"), "abc.txt"),
    "blanks": ("FILE-024", 'attachment; filename="  trimmed.txt  "', "trimmed.txt"),
}


@case(
    rows={k: {"requirement": "FILE-022", "long": name} for k, name in LONG_NAMES.items()}
    | {k: {"requirement": row[0], "row": row[1:]} for k, row in NAMES.items()}
)
async def name_of_a_file(t: Case, row: dict[str, Any]) -> None:
    disposition, wanted = row["long"](t.limit("upload.name", "cut_to")) if "long" in row else row["row"]
    t.expect(name_of(await stored(t, await upload(t, disposition=disposition))), wanted, "the name of the download")
