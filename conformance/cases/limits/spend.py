"""What a reached spend limit (409) comes before, and what comes before it."""

from __future__ import annotations

from functools import partial
from typing import Any

from conformance.checks.asked import NIL
from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.limits import UNKNOWN, Place, kept_busy, priced_model, readable, refused_alike
from conformance.scenes.paging import MAX_ID
from fixtures.scripts import script
from fixtures.scripts import text as says

PRICES = {"input_price_per_million_tokens": "3", "output_price_per_million_tokens": "15"}
REACHED = "limits.exceeded"
SPENT = script(says("ok"), usage={"input_tokens": 10, "output_tokens": 5})
# Bad fields of a create.
BAD: list[tuple[Any, str]] = [
    ({"content": []}, "content.required"),
    ({"client_type": "x"}, "create.client-type"),
    ({"model_config_id": NIL}, "create.model-nil"),
    ({"unsafe_dynamic_tools": [{"name": ""}]}, "create.tool-name"),
]


async def limited(t: Case, amount: int | None) -> None:
    """Limit everybody's spend; None switches limits off. Raises Unmet."""
    body = {"spend_limit_micros": amount, "period": "month"}
    t.given(await t.root.put(t.url("putUsageLimits"), body))


async def who_pays(t: Case) -> dict[str, Any]:
    """Somebody new, and a model that costs, as fields of a chat. Limits are as they were at the end. Raises Unmet."""
    path = t.url("putUsageLimits")
    before = t.given(await t.root.get(path))
    kept = {"spend_limit_micros": before["spend_limit_micros"], "period": before["period"]}
    t.cleanup(partial(t.root.put, path, kept))
    await limited(t, None)
    return {"by": await t.new_user(*t.chat_roles), "model_config_id": await priced_model(t, t.unique("model"), **PRICES)}


async def spender(t: Case) -> Place:
    """A chat at rest of somebody who has spent something, in a server without limits. Raises Unmet."""
    payer = await who_pays(t)
    chat = await t.chat([{"type": "file-reference", "file_name": "a"}, text(SPENT)], **payer)
    return Place(t, "send", chat, (await chat.history())[0]["id"])


@case("CREATE-037", "CREATE-038", "SEND-016", "SEND-017", "EDIT-014", alone=True, needs=["llm", "model-admin", "roles"])
async def order_of_the_spend_limit(t: Case) -> None:
    place = await spender(t)
    actor, chat = place.chat.actor, place.chat
    create, send, edit = (Place(t, kind, Chat(actor, chat.id), place.message, "m") for kind in ("create", "send", "edit"))
    unknown: dict[str, Any] = {"model_config_id": UNKNOWN}
    before = await send.state()
    await limited(t, 1)
    with t.judging("CREATE-037"):
        t.refused(await create.ask({}), REACHED)
        for fields, key in readable(t, "create", BAD):
            t.refused(await create.ask(fields), key)
    with t.judging("CREATE-038"):
        t.refused(await create.ask(unknown), REACHED)
    with t.judging("SEND-016"):
        t.refused(await send.ask(unknown), REACHED)
    with t.judging("SEND-017"):
        t.refused(await send.ask({}), REACHED)
        t.refused(await send.ask({"content": []}), "content.required")
        if t.refuses("send.archived"):
            t.given(await chat.patch(archived=True))
            t.refused(await send.ask({}), "send.archived")
            t.given(await chat.patch(archived=False))
    with t.judging("EDIT-014"):
        t.refused(await edit.ask({}, message=MAX_ID), REACHED)
        t.refused(await edit.ask({}), REACHED)
        t.expect(await send.state(), before, "the chat after all refusals")
    await limited(t, None)
    for key, requirement, asked in (
        ("create.model-unknown", "CREATE-038", create.ask(unknown)),
        ("send.model-unknown", "SEND-016", send.ask(unknown)),
        ("edit.not-found", "EDIT-014", edit.ask({}, message=MAX_ID)),
    ):
        with t.judging(requirement):
            t.refused(await asked, key)
    with t.judging("SEND-017"):
        t.accepted(await send.ask({}))


@case("SEND-015", alone=True, needs=["model-admin"])
async def spend_limit_before_a_full_queue(t: Case) -> None:
    payer = await who_pays(t)
    await t.chat(SPENT, **payer)
    place = await kept_busy(t, **payer)
    for i in range(20):
        t.given(await place.ask({"content": [text(f"message {i}")]}))
    await limited(t, 1)
    await refused_alike(t, place, [({}, REACHED)])
    await limited(t, None)
    await refused_alike(t, place, [({}, "send.queue-full")])
