"""What changes from one profile to another is all there, in each direction, and nothing else."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

import spec
from spec.changes import ADDED, CHANGED, GONE, Change, changes
from spec.documents import documents
from tests.cli.test_commands import called

PROFILES = spec.profiles(unfinished=True)
BASE, CHAT = "experimental-2026-05", "/api/experimental/chats/{chat}"
SMALL = {
    "profile.yaml": f"{{extends: {BASE}, token_header: Session, search_keys: {{search: search}}}}",
    "openapi.yaml": f"""
        paths:
          {CHAT}/title/propose: null
          {CHAT}/interrupt: {{post: {{responses: {{'404': null}}}}}}
        components:
          schemas:
            ChatStatus: {{enum: {{pending: null, paused: paused}}}}
            Chat: {{required: {{client_type: null}}, properties: {{color: {{type: string}}}}}}
    """,
    "errors/chats.yaml": "send.archived: {status: 409}",
    "tables/limits.yaml": "queue.length: {max: 3}",
    "tables/roles.yaml": "operations: {interruptChat: own}",
    "tables/differences.yaml": "send: It is another one.",
}
FOUND = {
    "In short": [Change(CHANGED, "send", "", "It is another one.")],
    "Routes": [Change(GONE, f"POST {CHAT}/title/propose"), Change(GONE, "answer 404 of interruptChat", "Error")],
    "Fields": [
        Change(CHANGED, "ChatStatus.values", "pending", "paused"),
        Change(CHANGED, "Chat.client_type", "string, always", "string, optional"),
        Change(ADDED, "Chat.color", "", "string, optional"),
    ],
    "Traits": [
        Change(CHANGED, "token_header", "Coder-Session-Token", "Session"),
        Change(CHANGED, "search_keys", "nothing", "search"),
    ],
}


def test_a_profile_differs_from_its_base_in_what_it_says(tmp_path: Path) -> None:
    for name, text in SMALL.items():
        (tmp_path / "small" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "small" / name).write_text(text)
    found = changes(BASE, "small", tmp_path)
    assert {title: found[title] for title in FOUND} == FOUND
    assert [(row.name, row.before[:3], row.after[:3]) for row in found["Refusals"]] == [("send.archived", "400", "409")]
    assert [(row.kind, row.name) for title in ("Bounds", "Rights") for row in found[title]] == [
        (CHANGED, "queue.length"),
        (CHANGED, "interruptChat"),
    ]
    assert [(row.kind, row.after[:3]) for row in found["Requirements"]] == [(CHANGED, "409")]  # the row of the wording
    assert found.keys() == {*FOUND, "Refusals", "Bounds", "Rights", "Requirements"}


def test_nothing_changes_from_a_profile_to_itself() -> None:
    assert all(changes(name, name) == {} for name in PROFILES)


@pytest.mark.parametrize(("old", "new"), list(permutations(PROFILES, 2)))
def test_every_route_refusal_and_requirement_of_one_alone_is_told(old: str, new: str) -> None:
    found = changes(old, new)
    rows = {(row.kind, row.name) for rows in found.values() for row in rows}
    a, b = spec.load(old), spec.load(new)
    for kind, one, other in ((GONE, a, b), (ADDED, b, a)):
        api = documents(other.name)
        assert {(kind, key) for key in one.errors.keys() - other.errors.keys()} <= rows
        assert {(kind, f"{row.id} {row.level}") for row in one.requirements.values() if row.id not in other.requirements} <= rows
        alone = [row for name, row in documents(one.name).operations.items() if name not in api.operations]
        assert {(kind, f"{row.method} {row.path}") for row in alone} <= rows
    back = changes(new, old)
    assert {title: len(rows) for title, rows in found.items()} == {title: len(back[title]) for title in back}


def test_the_command_says_it_as_text_and_as_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = (BASE, "experimental-2026-03")
    status, said = called("diff-profiles", *names, "--markdown", "d.md", cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    page = (tmp_path / "d.md").read_text()
    rows = [row for rows in changes(*names).values() for row in rows]
    assert status == 0 and all(row.line in said for row in rows)
    assert sum(line.startswith(f"| {kind} |") for line in page.splitlines() for kind in (ADDED, GONE, CHANGED)) == len(rows)
    assert all(line.count(" | ") == 3 for line in page.splitlines() if line.startswith("| c"))
    listed = called("list", "--profile", names[0], "--against", names[1], cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)[1]
    assert {line.split()[0] for line in listed.splitlines() if line.startswith("  ")} == {
        row.name.split()[0] for row in changes(*names)["Requirements"] if row.kind in (ADDED, GONE)
    }
