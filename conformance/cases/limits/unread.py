"""Creates where little may be chosen: which model they take, and which fields are not looked at."""

from __future__ import annotations

from typing import Any

from conformance.checks.asked import NIL
from conformance.play.actors import text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.limits import UNKNOWN, first_of, place_for, refused_alike, too_long, tools
from conformance.wire.exchange import ABSENT


@case("CREATE-060", "CREATE-061")
async def fields_that_are_not_read(t: Case) -> None:
    strange: dict[str, Any] = {"labels": {"": 5}, "plan_mode": "x", "client_type": "x", "unsafe_dynamic_tools": tools("", "")}
    with t.judging("CREATE-060"):
        for organization in (ABSENT, UNKNOWN, NIL, "x", 5):
            t.accepted(await t.alice.create(organization_id=organization))
    with t.judging("CREATE-061"):
        for field, value in (strange | too_long(100_000)).items():
            t.accepted(await t.alice.create(**{field: value}))


@case("CREATE-062")
async def default_model_of_who_may_read_settings(t: Case) -> None:
    (default,) = [c["id"] for c in t.given(await t.root.get(t.url("listModelConfigs"))) if c["is_default"]]
    made = t.accepted(await t.root.create(model_config_id=ABSENT))
    t.expect(made["last_model_config_id"], default, "the model of the chat", "/last_model_config_id")


@case("CREATE-063")
async def no_default_model_of_a_member(t: Case) -> None:
    place = await place_for(t, "create")
    await refused_alike(t, place, [({"model_config_id": ABSENT}, "create.default-unreadable")])
    t.accepted(await place.ask({}))


@case("CREATE-064")
async def order_of_a_create(t: Case) -> None:
    place = await place_for(t, "create")
    bad: list[tuple[dict[str, Any], str]] = [
        ({"content": [text(" ")]}, "content.text-empty"),
        ({"workspace_id": UNKNOWN}, "common.workspace"),
        ({"model_config_id": NIL}, "create.model-nil"),
        ({"mcp_server_ids": [UNKNOWN]}, "common.mcp-servers"),
    ]
    await first_of(t, place, bad)
    t.accepted(await place.ask({}))
