"""Registered tool servers: made and changed by the site owner, seen by others as far as they may use them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.tool_servers import at, wanted

HIDDEN = ("oauth2_client_id", "oauth2_auth_url", "oauth2_token_url", "oauth2_scopes", "api_key_header")
OTHERS = ("alice", "orgadmin", "auditor")


def keyed(t: Case, **fields: Any) -> dict[str, Any]:
    return wanted(t, auth_type="api_key", api_key_header="X-Key", api_key_value=t.unique("value"), **fields)


async def made(t: Case, body: dict[str, Any]) -> dict[str, Any]:
    """A server of the case's own; removed at the end. Raises Failure."""
    server = t.accepted(await t.root.post(at(t), body))
    t.cleanup(lambda: t.root.delete(at(t, server["id"])))
    return dict(server)


async def read(t: Case, actor: Actor, server: dict[str, Any]) -> dict[str, Any]:
    return dict(t.accepted(await actor.get(at(t, server["id"]))))


async def listed(t: Case, actor: Actor, server: dict[str, Any]) -> dict[str, Any] | None:
    """The server as the list shows it to this actor."""
    return next((row for row in t.accepted(await actor.get(at(t))) if row["id"] == server["id"]), None)


def lasting(server: dict[str, Any]) -> dict[str, Any]:
    """All but what is of the one who asks, and of the moment."""
    return {key: value for key, value in server.items() if key not in ("auth_connected", "updated_at")}


@case("MCP-001", "MCP-003", "MCP-005", "MCP-009", "MCP-011")
async def life_of_a_server(t: Case) -> None:
    sent = keyed(t, tool_allow_list=[" one ", ""], description="  Says what it does. ", enabled=True)
    server = await made(t, sent)
    with t.judging("MCP-001"):
        shown = {**{k: sent[k] for k in ("display_name", "slug", "url", "transport", "availability", "api_key_header")}}
        shown |= {"tool_allow_list": ["one"], "tool_deny_list": [], "description": "Says what it does.", "has_api_key": True}
        t.expect({key: server.get(key) for key in shown}, shown, "the answer")
        back = await t.root.get(at(t, server["id"]))
        t.expect(lasting(t.accepted(back)), lasting(server), "the server read back")
        t.true(sent["api_key_value"] not in str((server, back.response.body)), "no answer shows the secret")
    with t.judging("MCP-003"):
        for seen in (await listed(t, t.alice, server), await read(t, t.alice, server)):
            assert seen is not None
            t.expect((seen["url"], seen["transport"], seen["slug"]), ("", "", sent["slug"]), "address, transport and slug")
            t.true(not any(key in seen for key in HIDDEN), "nothing is said of how it is signed in to", sorted(seen))
    with t.judging("MCP-005"):
        server = await read(t, t.root, server)
        t.accepted(await t.root.patch(at(t, server["id"]), {"display_name": "Another name"}))
        expected = lasting(server | {"display_name": "Another name"})
        t.expect(lasting(await read(t, t.root, server)), expected, "the server after that")
    with t.judging("MCP-009"):
        t.accepted(await t.root.patch(at(t, server["id"]), {"auth_type": "none"}))
        t.accepted(await t.root.patch(at(t, server["id"]), {"auth_type": "api_key"}))
        t.expect((await read(t, t.root, server))["has_api_key"], False, "is there a key still")
    with t.judging("MCP-011"):
        t.accepted(await t.root.delete(at(t, server["id"])))
        t.refused(await t.root.get(at(t, server["id"])), "common.not-found")
        t.expect(await listed(t, t.root, server), None, "the server in the list")


@case("MCP-002", "MCP-004", "MCP-115")
async def rights(t: Case) -> None:
    server = await made(t, wanted(t, enabled=False))
    with t.judging("MCP-002"):
        for other in map(t.actor, OTHERS):
            for path in (at(t, server["id"]), at(t, "nonsense")):
                t.refused(await other.patch(path, {"enabled": "perhaps"}), "common.forbidden")
                t.refused(await other.delete(path), "common.forbidden")
            t.refused(await other.post(at(t), {}), "common.forbidden")
        t.expect(lasting(await read(t, t.root, server)), lasting(server), "the server after that")
    with t.judging("MCP-115"):
        t.expect(await listed(t, t.alice, server), None, "the server in the list of alice")
        t.refused(await t.alice.get(at(t, server["id"])), "common.not-found")
        for reader in (t.root, t.actor("orgadmin")):
            t.true(await listed(t, reader, server), f"the server is in the list of {reader.name}")
            await read(t, reader, server)
    with t.judging("MCP-004"):
        for other in (t.alice, t.actor("orgadmin")):
            t.expect(await listed(t, other, server), None, f"the server in the list of {other.name}")
            t.refused(await other.get(at(t, server["id"])), "common.not-found")
        for reader in (t.root, t.actor("auditor")):
            t.true(await listed(t, reader, server), f"the server is in the list of {reader.name}")
            await read(t, reader, server)
        t.accepted(await t.root.patch(at(t, server["id"]), {"enabled": True}))
        t.true(await listed(t, t.alice, server), "the server is in the list of alice when it is enabled")


@case("MCP-006", "MCP-007", "MCP-008", "MCP-010")
async def what_is_refused(t: Case) -> None:
    first, server = await made(t, wanted(t)), await made(t, wanted(t))
    path = at(t, server["id"])
    with t.judging("MCP-006"):
        t.refused(await t.root.post(at(t), wanted(t, slug=first["slug"])), "mcp.exists")
        t.refused(await t.root.patch(path, {"slug": first["slug"]}), "mcp.slug-taken")
        t.accepted(await t.root.patch(path, {"slug": server["slug"]}))
    with t.judging("MCP-007"):
        server = await read(t, t.root, server)
        for field in ("display_name", "slug", "url", "transport", "auth_type", "availability"):
            t.refused(await t.root.post(at(t), wanted(t, **{field: ""})), "mcp.required", field=field)
        for field in ("transport", "auth_type", "availability"):
            t.refused(await t.root.post(at(t), wanted(t, **{field: "other"})), "mcp.one-of", field=field, value="other")
            t.refused(await t.root.patch(path, {field: "other"}), "mcp.one-of", field=field, value="other")
        t.refused(await t.root.patch(path, {"url": "nowhere"}), "mcp.url", field="url", value="nowhere")
        t.expect(lasting(await read(t, t.root, server)), lasting(server), "the server after that")
    with t.judging("MCP-008"):
        for method in (t.root.get, t.root.delete):
            t.refused(await method(at(t, "nonsense")), "mcp.id", id='"nonsense"')
            t.refused(await method(at(t, uuid4())), "common.not-found")
        t.refused(await t.root.patch(at(t, "nonsense"), {"enabled": False}), "mcp.id", id='"nonsense"')
        t.refused(await t.root.patch(at(t, uuid4()), {"enabled": False}), "common.not-found")
    with t.judging("MCP-010"):
        t.refused(await t.root.post(at(t), wanted(t, auth_type="api_key", api_key_header="X-Key")), "mcp.api-key")
        t.refused(await t.root.post(at(t), wanted(t, auth_type="custom_headers", custom_headers={})), "mcp.headers")
        t.refused(await t.root.post(at(t), wanted(t, auth_type="oauth2", oauth2_client_id="x")), "mcp.oauth2")
        await made(t, wanted(t, auth_type="custom_headers", custom_headers={"X-One": "1"}))
        await made(t, keyed(t))
