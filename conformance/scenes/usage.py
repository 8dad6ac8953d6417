"""Models with a price, and limits of spending."""

from __future__ import annotations

from functools import partial
from typing import Any

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.provisioning import member, new_model
from conformance.wire.exchange import Exchange
from fixtures.scripts import script
from fixtures.scripts import text as says

PRICES = {"input_price_per_million_tokens": "3", "output_price_per_million_tokens": "15"}
TOKENS = {"input_tokens": 10, "output_tokens": 5}
COST = 105  # of TOKENS at PRICES, in micro-dollars
PAID = script(says("ok"), usage=TOKENS)


async def payer(t: Case, **model: Any) -> dict[str, Any]:
    """Somebody new, and a model that costs, as fields of a chat. Raises Unmet."""
    config = await new_model(t, context_limit=128_000, model_config={"cost": PRICES}, **model)
    return {"by": await member(t), "model_config_id": config["id"]}


async def status(actor: Actor) -> dict[str, Any]:
    """The actor's limit status. Raises Unmet."""
    return dict(actor.case.given(await actor.get(actor.case.url("getUsageLimitStatus"))))


OWN = {"overrides": ("putUserUsageLimit", "user"), "group-overrides": ("putGroupUsageLimit", "group")}


def path(t: Case, tail: str = "", whose: Any = "") -> str:
    """The path of the limits, or of the own limit of a user or group."""
    if not tail:
        return t.url("getUsageLimits")
    operation, place = OWN[tail]
    return t.url(operation, **{place: whose})


async def shown(t: Case) -> dict[str, Any]:
    """The limits as the site owner sees them. Raises Unmet."""
    return dict(t.given(await t.root.get(path(t))))


async def put(t: Case, amount: Any, period: Any = "month", by: Actor | None = None) -> Exchange:
    return await (by or t.root).put(path(t), {"spend_limit_micros": amount, "period": period})


async def limited(t: Case, amount: int | None, period: str = "month") -> None:
    """Limit everybody's spend; None switches limits off. Raises Unmet."""
    t.given(await put(t, amount, period))


async def unlimited(t: Case) -> None:
    """Limits are off, and are as they were when the case ends. Raises Unmet."""
    before = await shown(t)
    t.cleanup(partial(put, t, before["spend_limit_micros"], before["period"]))
    await limited(t, None)


async def own_limit(t: Case, user: str, amount: Any, tail: str = "overrides", by: Actor | None = None) -> Exchange:
    """Set the limit of one user, or of a group; it is gone when the case ends."""
    where = path(t, tail, user)
    t.cleanup(lambda: t.root.delete(where))
    return await (by or t.root).put(where, {} if amount is None else {"spend_limit_micros": amount})


EVER = {"start_date": "2020-01-01T00:00:00Z", "end_date": "2100-01-01T00:00:00Z"}


async def summary(actor: Actor, user: str = "me", **params: str) -> dict[str, Any]:
    """A user's cost summary, of all times if nothing else is said. Raises Unmet."""
    found = await actor.get(actor.case.url("getCostSummary", user=user), params=EVER | params)
    return dict(actor.case.given(found))


async def priced(t: Case, **prices: str) -> str:
    """A model with these prices. Raises Unmet."""
    dear = {f"{name}_price_per_million_tokens": price for name, price in prices.items()}
    more = {"model_config": {"cost": dear}} if dear else {}
    return str((await new_model(t, context_limit=128_000, **more))["id"])
