"""Rate limits, on servers that have them switched on."""

from __future__ import annotations

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.files import ordinary
from conformance.wire.exchange import Exchange

LIMIT = 12  # uploads of one user, and downloads of one file by one user, within a minute


async def upload(t: Case, actor: Actor) -> Exchange:
    return await actor.upload(*ordinary(t))


@case("ROUTE-018", writes=False)
async def rate_limit_headers(t: Case) -> None:
    first, second = [(await t.alice.get(t.url("chatsByWorkspace"))).response.headers for _ in range(2)]
    for name in ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"):
        t.true(first.get(name, "").isdigit(), f"{name} is a number", first.get(name))
    t.expect(second["x-ratelimit-limit"], first["x-ratelimit-limit"], "the limit of the next answer")
    t.true(int(first["x-ratelimit-remaining"]) < int(first["x-ratelimit-limit"]), "fewer remain than the limit", first)


@case("ROUTE-019")
async def uploads_are_limited(t: Case) -> None:
    user, other = await t.new_user(*t.chat_roles), await t.new_user(*t.chat_roles)
    for _ in range(LIMIT):
        t.accepted(await upload(t, user))
    refused = await upload(t, user)
    t.refused(refused, "rate.limited", count=LIMIT)
    t.true(refused.response.headers.get("retry-after", "").isdigit(), "Retry-After is a number of seconds")
    t.accepted(await upload(t, other))


@case("ROUTE-020")
async def downloads_are_limited(t: Case) -> None:
    user = await t.new_user(*t.chat_roles)
    first, second = [t.given(await upload(t, user))["id"] for _ in range(2)]
    for _ in range(LIMIT):
        t.accepted(await user.get(t.url("downloadFile", file=first)))
    t.refused(await user.get(t.url("downloadFile", file=first)), "rate.limited", count=LIMIT)
    t.accepted(await user.get(t.url("downloadFile", file=second)))
