"""Bodies: what is no JSON, what has the wrong type, what is passed over, and how large they may be."""

from __future__ import annotations

import json
from typing import Any

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.limits import place_for, tries, twins

BAD = "common.bad-json"
BROKEN = [(body, BAD) for body in (b"", b"{broken", b"no json", b'{"content": [', b"\x00")]
# Values of the wrong JSON type, by what is asked.
TYPES: dict[str, list[tuple[Any, str]]] = {
    "create": [
        *tries(BAD, "content", "text", {}, 5, ["text"]),
        *tries(BAD, "content", [{"type": 5}], [{"type": "text", "text": 5}]),
        *tries(BAD, "labels", [], {"a": 1}, "x"),
        *tries(BAD, "plan_mode", 5, True),
        *tries(BAD, "unsafe_dynamic_tools", {}, ["x"]),
        *tries(BAD, "mcp_server_ids", "x", [5]),
        *tries(BAD, "system_prompt", ["x"]),
    ],
    "send": [*tries(BAD, "content", "text"), *tries(BAD, "busy_behavior", 1, True), *tries(BAD, "model_config_id", 7)],
    "edit": [*tries(BAD, "content", "text", {}), *tries(BAD, "model_config_id", [])],
    "patch": [
        *tries(BAD, "title", 5), *tries(BAD, "labels", [], {"a": 1}), *tries(BAD, "archived", "true", 1),
        *tries(BAD, "pin_order", "1", 1.5, True), *tries(BAD, "plan_mode", 1),
    ],
    "share": tries(BAD, "user_roles", [], "x", {"a": 5}),
}  # fmt: skip
UUIDS: dict[str, list[str]] = {
    "create": ["organization_id", "model_config_id", "workspace_id"],
    "send": ["model_config_id"],
    "edit": ["model_config_id"],
    "patch": ["workspace_id"],
}
NO_UUIDS = ("x", "", "5b0e2dea-c7b0-4dd9-8b9c-6bb20b9e7a0", "5b0e2dea-c7b0-4dd9-8b9c-6bb20b9e7a0g")
TABLE: dict[str, dict[str, Any]] = {
    **{f"broken-{on}": {"requirement": "BODY-001", "on": on, "tries": BROKEN} for on in TYPES},
    **{f"type-{on}": {"requirement": "BODY-002", "on": on, "tries": each} for on, each in TYPES.items()},
    **{
        f"uuid-{on}": {"requirement": "BODY-003", "on": on, "tries": [x for f in fields for x in tries(BAD, f, *NO_UUIDS)]}
        for on, fields in UUIDS.items()
    },
}


@case(rows=TABLE)
async def refused_body(t: Case, row: dict[str, Any]) -> None:
    await twins(t, row)


EXTRA = {"unknown": 1, "another_one": {"a": [1, None]}}


@case("BODY-004", rows={on: on for on in ("create", "send", "edit", "patch", "share")})
async def unknown_fields(t: Case, on: str) -> None:
    place = await place_for(t, on)
    t.accepted(await place.ask(EXTRA | ({"archived": True} if on == "patch" else {})))
    if on == "patch":
        t.expect(t.accepted(await place.chat.get())["archived"], True, "the known field beside unknown ones", "/archived")


@case("BODY-005", rows={"text": "text/plain", "form": "application/x-www-form-urlencoded", "nonsense": "x"})
async def media_type_of_a_body(t: Case, media: str) -> None:
    for on in ("create", "send"):
        place = await place_for(t, on)
        t.accepted(await place.ask(json.dumps(place.body({})).encode(), headers={"content-type": media}))


@case("BODY-006")
async def spelling_of_field_names(t: Case) -> None:
    place = await place_for(t, "create")
    body = place.body({})
    shouted = {name.upper(): value for name, value in body.items()}
    first = json.dumps({"content": [text("first")]})
    made = t.accepted(await place.ask(f"{first[:-1]}, {json.dumps(shouted)[1:]}".encode()))
    said = (await Chat(t.alice, made["id"]).history())[0]["content"][0]["text"]
    t.expect(said, body["content"][0]["text"], "the last of two values", "/content/0/text")


@case("BODY-007", rows={"words": b" trailing", "brace": b"}", "value": b'{"content": []}'})
async def bytes_behind_the_body(t: Case, behind: bytes) -> None:
    place = await place_for(t, "create")
    t.accepted(await place.ask(json.dumps(place.body({})).encode() + behind))


@case("BODY-008", rows={"create": "create", "send": "send"})
async def null_as_a_body(t: Case, on: str) -> None:
    place, unowned = await place_for(t, on), "create.organization-required"
    for body in (b"null", b"{}"):
        t.refused(await place.ask(body), unowned if on == "create" and t.refuses(unowned) else "content.required")
    t.accepted(await (await place_for(t, "patch")).ask(b"null"))


@case("BODY-010", rows={"upper": str.upper, "no-dashes": lambda i: i.replace("-", "")})
async def spelling_of_uuids(t: Case, spelled: Any) -> None:
    place = await place_for(t, "create")
    organization = t.session.target.organization_id
    made = t.accepted(await place.ask({"organization_id": spelled(organization)}))
    if t.knows("Chat", "organization_id"):
        t.expect(made["organization_id"], organization, "the organization", "/organization_id")
    model = made["last_model_config_id"]
    again = t.accepted(await place.ask({"model_config_id": spelled(model)}))
    t.expect(again["last_model_config_id"], model, "the model config", "/last_model_config_id")


@case("BODY-013")
async def size_of_tool_results(t: Case) -> None:
    await too_many_results(t, BAD)


@case("BODY-140")
async def size_of_tool_results_of_later_revisions(t: Case) -> None:
    await too_many_results(t, "common.too-large")


async def too_many_results(t: Case, key: str) -> None:
    """Judge that results whose body is too large are refused so, and those that just fit are read."""
    chat = await t.chat()
    before = await chat.history()
    fits = {"results": [{"tool_call_id": "k", "output": ""}]}
    fits["results"][0]["output"] = "x" * (t.limit("body.tool-results") - len(json.dumps(fits)))
    path = chat.url("submitToolResults")
    whole = json.dumps(fits)
    for body in (whole.replace("xx", "xxx", 1), whole.replace("xx", "x" * 100_000, 1)):
        t.refused(await t.alice.request("POST", path, content=body.encode()), key)
    t.refused(await t.alice.request("POST", path, content=whole.encode()), "tool-results.not-waiting")
    t.expect(await chat.history(), before, "the messages")


@case("BODY-014")
async def size_of_a_send(t: Case) -> None:
    chat, said = await t.chat(), "long " * 60_000
    sent = t.accepted(await chat.send(said))
    stored = (sent.get("message") or sent["queued_message"])["content"][0]["text"]
    t.expect(len(stored), len(said.strip()), "characters of the stored text")


@case("BODY-015")
async def size_of_a_patch(t: Case) -> None:
    place = await place_for(t, "patch")
    t.accepted(await place.ask({"padding": "x" * 300_000, "archived": True}))
    t.expect(t.accepted(await Chat(t.alice, place.chat.id).get())["archived"], True, "the field beside them", "/archived")


@case("BODY-036", rows={on: on for on in ("create", "send", "edit", "patch")})
async def broken_body(t: Case, on: str) -> None:
    await twins(t, {"on": on, "tries": BROKEN})


@case("BODY-037")
async def no_bound_of_a_create(t: Case) -> None:
    place = await place_for(t, "create")
    made = t.accepted(await place.ask({"padding": "x" * 400_000}))
    t.accepted(await Chat(t.alice, made["id"]).get())
    long = t.accepted(await place.ask({"content": [text("long " * 60_000)]}))
    stored = (await Chat(t.alice, long["id"]).history())[0]["content"][0]["text"]
    t.expect(len(stored), 299_999, "characters of the stored text")
