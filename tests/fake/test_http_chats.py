"""The chat endpoints where a recorded scenario can't reach: order of checks, order of lists, pins, search."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.backend import Backend
from fake_server.rules.search import Search
from fake_server.state import pins
from fake_server.state.records import Chat
from tests.fake.served import Served, scene

NOWHERE = "11111111-2222-4333-8444-555555555555"
NIL = "00000000-0000-0000-0000-000000000000"


def _create_steps(organization: str) -> list[tuple[dict[str, Any], str]]:
    """Create bodies, each with one thing more that is right, and what is answered: the order of the checks."""
    good: dict[str, Any] = {}
    wrong: dict[str, Any] = {
        "system_prompt": "ü" * 5001,
        "content": [],
        "workspace_id": NOWHERE,
        "model_config_id": NIL,
        "plan_mode": "x",
        "mcp_server_ids": [NOWHERE],
        "labels": {"": ""},
        "unsafe_dynamic_tools": [{"name": ""}],
        "client_type": "x",
    }
    steps: list[tuple[dict[str, Any], str]] = [(wrong, "organization_id is required.")]
    steps.append((wrong | {"organization_id": NOWHERE}, "You are not a member of the specified organization."))
    good["organization_id"] = organization
    said = [
        ("system_prompt", "ü" * 5000, "System prompt exceeds maximum length."),
        ("content", [{"type": "text", "text": "hi"}], "Content is required."),
        ("workspace_id", None, "Workspace not found or you do not have access to this resource"),
        ("model_config_id", None, "Invalid model config ID."),
        ("plan_mode", "plan", "Invalid plan_mode value."),
        ("mcp_server_ids", [], "One or more MCP server IDs are invalid."),
        ("labels", {"a": "b"}, "Invalid labels."),
        ("unsafe_dynamic_tools", [{"name": "t"}], "Dynamic tool name must not be empty."),
        ("client_type", "ui", "Invalid client_type."),
    ]
    for field, right, message in said:
        steps.append((wrong | good, message))
        good[field] = right
    return [*steps, (wrong | good, "")]


def test_order_of_the_checks_of_create() -> None:
    async def play(s: Served) -> None:
        for body, message in _create_steps(s.organization):
            answer = await s.call("alice", "POST", "", json=body)
            assert answer.json().get("message", "") == message
        assert answer.status_code == 201
        assert len(s.backend.store.chats) == 1

    scene(play)


def test_order_of_the_checks_of_send_and_edit() -> None:
    async def play(s: Served) -> None:
        chat = await s.create()
        await s.idle(chat["id"])
        send, edit = f"/{chat['id']}/messages", f"/{chat['id']}/messages/0"
        assert (await s.call("bob", "POST", send, content=b"{")).status_code == 404
        for actor in ("root", "orgadmin"):
            assert (await s.call(actor, "POST", send, content=b"{")).json()["message"].startswith("Only the chat owner")
            assert (await s.call(actor, "PATCH", edit, content=b"{")).json()["message"].startswith("Only the chat owner")
        body: dict[str, Any] = {
            "content": [{"type": "image"}],
            "mcp_server_ids": [NOWHERE],
            "plan_mode": "x",
            "busy_behavior": "x",
        }
        for field, right, message in (
            ("content", [{"type": "text", "text": " x "}], "Invalid input part."),
            ("mcp_server_ids", [], "One or more MCP server IDs are invalid."),
            ("plan_mode", "plan", "Invalid plan_mode value."),
            ("busy_behavior", "", "Invalid busy_behavior value."),
        ):
            assert (await s.call("alice", "POST", send, json=body)).json()["message"] == message
            body[field] = right
        unknown_model = await s.call("alice", "POST", send, json=body | {"model_config_id": NOWHERE})
        assert unknown_model.json() == {"message": "Invalid model config ID."}
        assert "plan_mode" not in (await s.call("alice", "GET", f"/{chat['id']}")).json()
        sent = await s.call("alice", "POST", send, json=body | {"model_config_id": NIL})
        assert sent.json()["message"]["content"][0]["text"] == "x"
        assert (await s.call("alice", "PATCH", edit, content=b"{")).json()["message"] == "Invalid chat message ID."
        await s.idle(chat["id"])
        await s.call("alice", "PATCH", f"/{chat['id']}", json={"archived": True})
        assert (await s.call("alice", "POST", send)).json()["message"] == "Cannot send messages to an archived chat."
        assert (await s.call("alice", "PATCH", edit)).json()["message"] == "Cannot edit messages in an archived chat."

    scene(play)


def test_patch_leaves_earlier_steps_in_force() -> None:
    async def play(s: Served) -> None:
        chat = await s.create()
        await s.idle(chat["id"])
        path = f"/{chat['id']}"
        body = {"title": " New ", "labels": {"a": "b"}, "pin_order": -1, "plan_mode": "plan"}
        assert (await s.call("alice", "PATCH", path, json=body)).status_code == 400
        now = (await s.call("alice", "GET", path)).json()
        assert (now["title"], now["labels"], now.get("plan_mode")) == ("New", {"a": "b"}, None)
        assert (await s.call("alice", "PATCH", path, json=body | {"title": "X", "plan_mode": "x"})).status_code == 400
        assert (await s.call("alice", "GET", path)).json()["title"] == "New"

    scene(play)


def test_a_walk_with_any_page_size_sees_every_chat_once() -> None:
    async def play(s: Served) -> None:
        ids = [(await s.create(text=f"chat {n}", labels={"n": str(n % 2)}))["id"] for n in range(9)]
        for chat_id in ids:
            await s.idle(chat_id)
        await s.call("alice", "PATCH", f"/{ids[4]}", json={"pin_order": 1})
        await s.call("alice", "PATCH", f"/{ids[2]}", json={"pin_order": 1})
        whole = [c["id"] for c in (await s.call("alice", "GET", "")).json()]
        assert whole[:2] == [ids[4], ids[2]]
        assert sorted(whole) == sorted(ids)
        for size in (1, 2, 4, 8, 9, 100):
            seen: list[str] = []
            page = (await s.call("alice", "GET", f"?limit={size}")).json()
            while page:
                seen += [c["id"] for c in page]
                page = (await s.call("alice", "GET", f"?limit={size}&after_id={seen[-1]}")).json()
            assert seen == whole
        odd = [c["id"] for c in (await s.call("alice", "GET", "?label=n:1&offset=1&limit=2")).json()]
        assert odd == [i for i in whole if ids.index(i) % 2][1:3]
        assert (await s.call("bob", "GET", "")).json() == []
        assert (await s.call("root", "GET", "")).json() == []

    scene(play)


@pytest.mark.parametrize(
    ("pattern", "title", "found"),
    [
        ("login", "Fix the Login page", True),
        ("l_gin", "Login", True),
        ("1%now", "100% done_now", True),
        ("done", "undone", True),
        (r"\%", "100% done", True),
        (r"\%", "100 done", False),
        ("\\", "ends in \\", False),
        ("\\", "ends in %", True),
        ("ÜBUNG", "übung", True),
        (".*", "anything", False),
        ("", "anything", True),
    ],
)
def test_title_search(pattern: str, title: str, found: bool) -> None:
    assert Search(title=pattern).matches_title(title) is found


def _chat(number: int) -> Chat:
    return Chat(owner_id="o", organization_id="g", title=str(number), last_model_config_id="m", id=f"{number:04}")


_changes = st.lists(
    st.tuples(st.sampled_from(["new", "touch", "archive", "pin", "unpin", "move", "look"]), st.integers(0, 30)), max_size=60
)


@given(_changes)
@settings(max_examples=150, deadline=None)
def test_list_order_equals_sorting(changes: list[tuple[str, int]]) -> None:
    """However chats change between looks, the kept order is what sorting them all would give; pins stay 1, 2, 3 …"""
    backend = Backend()
    store, time = backend.store, datetime(2026, 1, 1, tzinfo=UTC)
    chats: list[Chat] = []

    def check() -> None:
        for archived in (False, True):
            wanted = [c for c in chats if c.archived == archived]
            wanted.sort(key=lambda c: c.id, reverse=True)
            wanted.sort(key=lambda c: c.updated_at, reverse=True)
            wanted.sort(key=lambda c: c.pin_order or 1_000_000)
            assert [c.id for c in store.order.walk("o", archived)] == [c.id for c in wanted]

    for step, (what, number) in enumerate(changes):
        if what == "new" or not chats:
            chat = _chat(len(chats))
            chat.updated_at = time + timedelta(seconds=step // 3)  # ties too
            chats.append(chat)
            store.chats[chat.id] = chat
            store.chats_of.setdefault("o", []).append(chat.id)
            continue
        chat = chats[number % len(chats)]
        if what == "touch":
            chat.updated_at = time + timedelta(seconds=step)
        elif what == "archive":
            chat.archived, chat.pin_order = not chat.archived, 0
        elif what == "pin" and not chat.archived and not chat.pin_order:
            pins.pin(backend, chat)
        elif what == "unpin":
            pins.unpin(backend, chat)
        elif what == "move" and chat.pin_order:
            pins.move(backend, chat, number)
        elif what == "look":
            check()
        if what in ("pin", "unpin", "move"):
            numbers = [c.pin_order for c in pins.pinned(backend, "o")]
            assert all(a < b for a, b in pairwise(numbers))
    check()


def test_sharing_is_read_only_and_follows_the_root() -> None:
    async def play(s: Served) -> None:
        chat = await s.create()
        await s.idle(chat["id"])
        path = f"/{chat['id']}"
        everyone = {"group_roles": {s.organization: "read"}}
        assert (await s.call("alice", "PATCH", f"{path}/acl", json=everyone)).status_code == 204
        for actor in ("bob", "carol", "auditor", "orgauditor"):
            assert (await s.call(actor, "GET", path)).status_code == 200
            assert (await s.call(actor, "PATCH", path, json={"title": "x"})).status_code == 404
            assert (await s.call(actor, "PATCH", f"{path}/acl", json={})).status_code == 403
            assert (await s.call(actor, "POST", f"{path}/interrupt")).status_code == 404
            assert (await s.call(actor, "GET", "")).json() == []
        group = (await s.call("bob", "GET", f"{path}/acl")).json()["groups"][0]
        assert (group["total_member_count"], group["members"], group["role"]) == (7, [], "read")
        s.backend.options["CODER_DISABLE_CHAT_SHARING"] = "true"
        assert (await s.call("bob", "GET", path)).status_code == 404
        assert (await s.call("alice", "GET", f"{path}/acl")).status_code == 403

    scene(play)
