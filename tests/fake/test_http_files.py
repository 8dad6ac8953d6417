"""Files: what they are taken for, their names, and who may read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_server.rules.disposition import cut_name, header_for, sent_name
from fake_server.rules.sniff import sniff
from tests.fake.served import Served, scene

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0:~\x9bU"


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (PNG + b"\0\0\0\nIDAT", "a", "image/png"),
        (PNG + b"\0\0\0\x08acTL", "a.png", "image/vnd.mozilla.apng"),
        (b"GIF89a\1\0", "a", "image/gif"),
        (b"RIFF\x1a\0\0\0WEBPVP8L", "a", "image/webp"),
        (b"RIFF\x1a\0\0\0WAVEfmt ", "a", "application/x-riff"),
        (b"%PDF-1.4\n", "a.txt", "application/pdf"),
        (b"<svg xmlns='x'/>", "a.txt", "image/svg+xml"),
        (b" \n<?xml version='1.0'?>\n<!-- x --><svg/>", "a", "image/svg+xml"),
        (b"<?xml version='1.0'?><a/>", "a.md", "text/xml"),
        (b"", "a.md", "text/markdown"),
        (b"", "a", "text/plain"),
        (b"# T\n", "A.MARKDOWN", "text/markdown"),
        (b"# T\n", "md", "text/plain"),
        (b"<html><body>x", "a.md", "text/plain"),
        (b"#!/usr/bin/env python3\n", "a.md", "text/plain"),
        (b"a,b\n1,2\n", "a.md", "text/csv"),
        (b"a,b\n1,2,3\n", "a.md", "text/markdown"),
        (b"one,two\n", "a.csv", "text/csv"),
        (b"one,two\n", "a.txt", "text/plain"),
        (b"a\tb\n1\t2\n", "a.csv", "text/plain"),
        (b'{"a": [1, 2]}', "a.md", "application/json"),
        (b"[]", "a", "application/json"),
        (b"5", "a.txt", "text/plain"),
        (b"5", "a.json", "application/json"),
        (b"{bad", "a.json", "text/plain"),
        (b'{"a":1}\n{"a":2}\n', "a.json", "application/x-ndjson"),
        (b'{"type":"Feature"}', "a.json", "application/geo+json"),
        (b'{"type":"text"}', "a.json", "application/json"),
        (b'{"asset":{"version":"2.0"}}', "a.json", "model/gltf+json"),
        (b'{"a":"' + b"x" * 5000, "a", "application/json"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nhi\n", "a", "application/x-subrip"),
        (b"\xff\xfeh\0i\0", "a.txt", "text/plain"),
        (b"caf\xe9\n", "a.txt", "text/plain"),
        (b"a\0b", "a.txt", "application/octet-stream"),
        (b"PK\x03\x04", "a.txt", "application/zip"),
    ],
)
def test_sniffing(data: bytes, name: str, kind: str) -> None:
    assert sniff(data, name) == kind


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", ""),
        ("attachment", ""),
        ('attachment; filename="a;b,c.txt"', "a;b,c.txt"),
        ("ATTACHMENT; FILENAME=caps.txt", "caps.txt"),
        ('attachment; filename="a \\"quoted\\" \\\\ name"', 'a "quoted" \\ name'),
        ("attachment; filename*=UTF-8''gr%C3%BC%C3%9Fe", "grüße"),
        ("attachment; filename=\"x\"; filename*=UTF-8''y", "y"),
        ("attachment; filename*=latin-1''%FC", ""),
        ("attachment; filename*=UTF-8''%0A%00", ""),
        ('attachment; filename="open', ""),
        ('attachment; filename="a" b', ""),
        ("attachment; filename=a; filename=b", ""),
        ("nonsense;;=", ""),
        ("; filename=a", ""),
    ],
)
def test_sent_names(header: str, name: str) -> None:
    assert sent_name(header) == name


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cc", "Cs"])).map(str.strip).filter(bool))
def test_a_served_name_reads_as_the_stored_one(name: str) -> None:
    stored = cut_name(name)
    assert len(stored.encode()) <= 255
    assert name.startswith(stored)
    assert sent_name(header_for("inline", stored)) == stored.strip()


def test_who_may_read_a_file() -> None:
    async def play(s: Served) -> None:
        headers = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename*=utf-8''%C3%BC.txt"}
        up = await s.call("alice", "POST", f"/files?organization={s.organization}", content=b"words", headers=headers)
        file_id = up.json()["id"]

        async def readers() -> str:
            found = []
            for actor in s.tokens:
                answer = await s.call(actor, "GET", f"/files/{file_id}")
                assert answer.status_code in (200, 404)
                if answer.status_code == 200:
                    assert answer.content == b"words"
                    found.append(actor)
            return " ".join(sorted(found))

        assert await readers() == "alice orgadmin root"
        refused = await s.call(
            "bob", "POST", "", json={"organization_id": s.organization, "content": [{"type": "file", "file_id": file_id}]}
        )
        assert refused.json()["detail"] == "content[0].file_id references a file that does not exist."
        body = {"organization_id": s.organization, "content": [{"type": "file", "file_id": file_id}]}
        chat = (await s.call("alice", "POST", "", json=body)).json()
        assert [f["name"] for f in chat["files"]] == ["ü.txt"]
        assert chat["title"] == "New Chat"
        await s.idle(chat["id"])
        await s.call("alice", "PATCH", f"/{chat['id']}/acl", json={"user_roles": {s.ids["bob"]: "read"}})
        assert await readers() == "alice bob orgadmin root"
        s.backend.store.users[s.ids["alice"]].org_roles[s.organization].clear()
        assert await readers() == "bob orgadmin root"

    scene(play)
