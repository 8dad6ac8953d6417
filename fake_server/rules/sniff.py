"""What a file is, judged by its first bytes (chats.md section 13, "Sniffing")."""

from __future__ import annotations

import csv
import json
import re

HEAD = 3072  # bytes that are looked at; only SVG is searched for in the whole file
JSON, CSV, MARKDOWN, TEXT = "application/json", "text/csv", "text/markdown", "text/plain"
BINARY = "application/octet-stream"

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"BM", "image/bmp"),
    (b"ID3", "audio/mpeg"),
    (b"\x7fELF", "application/x-elf"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"Rar!\x1a\x07", "application/x-rar-compressed"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"!<arch>", "application/x-archive"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"OggS", "application/ogg"),
    (b"fLaC", "audio/flac"),
    (b"MThd", "audio/midi"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"#!AMR", "audio/amr"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
_TEXT_BINARY = bytes([*range(0x00, 0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_BOMS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")
_HTML_TAGS = re.compile(
    rb"<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)[\s>]", re.IGNORECASE
)
_SVG = re.compile(rb"(?:\s|<\?xml.*?\?>|<!--.*?-->|<!doctype[^>]*>)*<svg[\s/>]", re.IGNORECASE | re.DOTALL)
_SCRIPT = re.compile(rb"#!\s*\S*(?:/|env\s+(?:-\S+\s+)*)(?:sh|bash|zsh|dash|ksh|python|perl|lua|tclsh|wish|node|nodejs|php)")
_SUBTITLES = re.compile(rb"\d+\r?\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}")
_GEO_SHAPES = ("Point", "LineString", "Polygon")
_GEO_TYPES = frozenset(("Feature", "FeatureCollection", "GeometryCollection", *_GEO_SHAPES, *(f"Multi{s}" for s in _GEO_SHAPES)))


def sniff(data: bytes, name: str) -> str:
    """The media type of a file, its name refining what is plain text. Several texts of a kind count as plain text."""
    head = data[:HEAD]
    if _SVG.match(data.removeprefix(_BOMS[0])):
        return "image/svg+xml"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/vnd.mozilla.apng" if head[37:41] == b"acTL" or b"acTL" in head[33:64] else "image/png"
    if head[:4] == b"RIFF":
        return "image/webp" if head[8:12] == b"WEBP" else "application/x-riff"
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith(_BOMS[1:]):
        return TEXT
    if head.translate(None, _TEXT_BINARY) != head:
        return BINARY
    return _text(data, head, name)


def _text(data: bytes, head: bytes, name: str) -> str:
    text = head.removeprefix(_BOMS[0]).lstrip()
    if text[:5].lower() == b"<?xml":
        return "text/xml"
    if _HTML_TAGS.match(text) or text.startswith((b"<?php", rb"{\rtf", b"BEGIN:VCARD", b"BEGIN:VCALENDAR")):
        return TEXT
    if _SCRIPT.match(text):
        return TEXT
    if text[:1] in (b"{", b"["):
        kind = _json(data)
        if kind:
            return kind
    if _SUBTITLES.match(text):
        return "application/x-subrip"
    if _separated(head, ","):
        return CSV
    if _separated(head, "\t"):
        return TEXT
    return _by_name(data, name)


def _by_name(data: bytes, name: str) -> str:
    """Plain text by the ending of its name."""
    ending = name.lower().rpartition(".")[2] if "." in name else ""
    if ending in ("md", "markdown"):
        return MARKDOWN
    if ending == "csv":
        return CSV
    if ending == "json":
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            return TEXT
        return JSON
    return TEXT


def _json(data: bytes) -> str:
    """The kind of JSON that the file holds, or "" when it holds none. More values, a line each, are a kind of their own."""
    text = data.decode("utf-8", "replace").strip()
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        # Only the head is looked at: what is good as far as that goes counts as good.
        beyond = error.pos >= HEAD or error.msg.startswith("Unterminated string")
        return JSON if len(data) > HEAD and beyond else ""
    except RecursionError:
        return JSON
    if end < len(text):
        return "application/x-ndjson" if text[end] in "\r\n" and _all_values(text) else ""
    if isinstance(value, dict):
        if value.get("type") in _GEO_TYPES and isinstance(value["type"], str):
            return "application/geo+json"
        asset = value.get("asset")
        if isinstance(asset, dict) and asset.get("version") in ("1.0", "2.0"):
            return "model/gltf+json"
    return JSON


def _all_values(text: str) -> bool:
    """Is every line of the text a JSON value, at least one of them an object or an array?"""
    try:
        values = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return False
    return any(isinstance(v, dict | list) for v in values)


def _separated(head: bytes, separator: str) -> bool:
    """Are there at least two lines, with the same number (two or more) of fields each?"""
    lines = head.decode("utf-8", "replace").splitlines()
    if len(head) == HEAD and len(lines) > 1:
        lines.pop()  # it may go on
    try:
        rows = [r for r in csv.reader((x for x in lines if not x.startswith("#")), delimiter=separator) if r]
    except csv.Error:
        return False
    return len(rows) > 1 and len(rows[0]) > 1 and all(len(r) == len(rows[0]) for r in rows)
