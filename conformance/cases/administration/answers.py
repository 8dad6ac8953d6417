"""Smaller rules of the administration's answers."""

from __future__ import annotations

from uuid import uuid4

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import keys_path, new_provider, secret


@case("KEY-013")
async def keys_of_blanks(t: Case) -> None:
    user, provider = await t.new_user(), (await new_provider(t))["id"]
    for bad, key in (("", "missing"), (" ", "space"), ("\t\n", "space")):
        t.refused(await user.put(keys_path(t, "me", provider), {"api_key": bad}), f"userkeys.{key}")
        t.expect(
            [row["has_user_api_key"] for row in t.accepted(await user.get(keys_path(t, "me")))].count(True), 0, "keys after that"
        )
    t.accepted(await user.put(keys_path(t, "me", provider), {"api_key": secret(t)}))


@case("ROUTE-023", writes=False)
async def answers_depend_on_the_cookie(t: Case) -> None:
    chats = t.url("listChats")
    for answer in (
        await t.alice.list(),
        await t.nobody.get(chats),
        await t.alice.get(f"{chats}/{uuid4()}"),
        await t.alice.get("/api/experimental/nowhere"),
        await t.alice.delete(chats),
    ):
        named = [name.strip().lower() for name in answer.response.headers.get("vary", "").split(",")]
        t.true("cookie" in named or "*" in named, f"Vary of the {answer.response.status} names the cookie", named)
