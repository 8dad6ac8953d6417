"""Spend limits as settings: who may see and set them, what is stored, what is refused."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import change_model, member, models_path, new_model
from conformance.scenes.usage import limited, own_limit, path, put, shown, unlimited

MILLION = 1_000_000
PERIODS = ("day", "week", "month")
ROLES = ("alice", "carol", "orgadmin", "orgauditor")


def start_of(period: str, now: datetime) -> datetime:
    """When the day, week or month of `now` began."""
    start = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"day": 0, "week": start.weekday(), "month": start.day - 1}
    return start - timedelta(days=days[period])


@case("USAGE-001", "USAGE-003", writes=False)
async def reading_the_limits(t: Case) -> None:
    for actor in (t.root, t.actor("auditor")):
        with t.judging("USAGE-001"):
            t.accepted(await actor.get(path(t)))
    for name in ROLES:
        with t.judging("USAGE-001"):
            t.refused(await t.actor(name).get(path(t)), "common.forbidden")
    with t.judging("USAGE-003"):
        limits = t.accepted(await t.root.get(path(t)))
        amount = limits["spend_limit_micros"]
        t.true(amount is None or isinstance(amount, int), "spend_limit_micros is a number or null", amount)
        t.true(limits.get("period") in PERIODS, "period is one of the three", limits.get("period"))
        t.true(limits.get("updated_at"), "updated_at is there", limits)
        t.true(isinstance(limits.get("unpriced_model_count"), int), "unpriced_model_count is a number", limits)
        for name in ("overrides", "group_overrides"):
            t.true(isinstance(limits.get(name), list), f"{name} is an array", limits.get(name), f"/{name}")


@case("USAGE-002", "USAGE-023", alone=True)
async def others_may_not_set_limits(t: Case) -> None:
    await unlimited(t)
    organization, before = t.session.target.organization_id, await shown(t)
    targets = (("overrides", t.bob.id), ("group-overrides", organization))
    for name in (*ROLES, "auditor"):
        actor = t.actor(name)
        with t.judging("USAGE-002"):
            t.refused(await put(t, MILLION, by=actor), "common.forbidden")
        with t.judging("USAGE-023"):
            for tail, target in targets:
                t.refused(await own_limit(t, target, MILLION, tail, by=actor), "common.forbidden")
                t.refused(await actor.delete(path(t, tail, target)), "common.forbidden")
    with t.judging("USAGE-002"):
        t.expect(await shown(t), before, "the limits")
        t.accepted(await put(t, None))
    with t.judging("USAGE-023"):
        for tail, target in targets:
            t.accepted(await own_limit(t, target, MILLION, tail))
            t.accepted(await t.root.delete(path(t, tail, target)))


@case("USAGE-004", "USAGE-005", "USAGE-006", "USAGE-007", "USAGE-008", "USAGE-038", "USAGE-039", alone=True)
async def storing_limits(t: Case) -> None:
    await unlimited(t)
    with t.judging("USAGE-004"):
        answer = t.accepted(await put(t, MILLION, "week"))
        wanted = {"spend_limit_micros": MILLION, "period": "week", "updated_at": answer["updated_at"]}
        t.expect(answer, wanted, "the answer")
        t.expect({k: v for k, v in (await shown(t)).items() if k in wanted}, wanted, "the stored limit")
    before = await shown(t)
    with t.judging("USAGE-007"):
        for amount in (0, -1):
            t.refused(await put(t, amount), "limits.amount")
        t.expect(await shown(t), before, "the limits")
        t.accepted(await put(t, 1, "week"))
    with t.judging("USAGE-008"):
        before = await shown(t)
        for period in ("year", "Day", ""):
            t.refused(await put(t, MILLION, period), "limits.period")
        t.expect(await shown(t), before, "the limits")
        t.refused(await put(t, None, "year"), "limits.period")
        t.expect(await shown(t), before, "the limits")
        for period in PERIODS:
            t.accepted(await put(t, MILLION, period))
    with t.judging("USAGE-005"):
        t.given(await own_limit(t, t.bob.id, MILLION))
        overrides = (await shown(t))["overrides"]
        t.accepted(await put(t, None))
        t.expect((await shown(t))["spend_limit_micros"], None, "the limit", "/spend_limit_micros")
        t.expect((await shown(t))["overrides"], overrides, "the overrides", "/overrides")
    with t.judging("USAGE-006"):
        await limited(t, MILLION, "day")
        t.expect(t.accepted(await t.root.put(path(t), {"spend_limit_micros": None}))["period"], "month", "the period", "/period")
    with t.judging("USAGE-038"):
        for period in PERIODS:
            t.expect(t.accepted(await put(t, None, period))["period"], period, "the period of a null limit", "/period")
            t.expect((await shown(t))["period"], period, "the stored period", "/period")
    with t.judging("USAGE-039"):
        earlier = (await shown(t))["updated_at"]
        later = t.accepted(await put(t, MILLION))["updated_at"]
        t.true(datetime.fromisoformat(later) > datetime.fromisoformat(earlier), "updated_at is later", later, "/updated_at")


@case("USAGE-009", alone=True)
async def models_without_a_price(t: Case) -> None:
    async def count() -> Any:
        return (await shown(t))["unpriced_model_count"]

    before, model = await count(), await new_model(t)
    t.expect(await count(), before + 1, "the count with a model without prices", "/unpriced_model_count")
    for key, more in (("input", 0), ("output", 0), ("cache_read", 1)):
        await change_model(t, model, model_config={"cost": {f"{key}_price_per_million_tokens": "0"}})
        t.expect(await count(), before + more, f"the count with a model with a price for {key}", "/unpriced_model_count")
    await change_model(t, model, enabled=False)
    t.expect(await count(), before, "the count with a disabled model", "/unpriced_model_count")
    gone = await new_model(t)
    t.given(await t.root.delete(models_path(t, gone["id"])))
    t.expect(await count(), before, "the count after a model was deleted", "/unpriced_model_count")


@case("USAGE-010", "USAGE-011", "USAGE-012", "USAGE-013", "COST-022", "COST-043", alone=True)
async def own_status(t: Case) -> None:
    await unlimited(t)
    with t.judging("USAGE-010"):
        for name in ("alice", "bob", "carol", "orgadmin", "auditor", "root"):
            t.accepted(await t.actor(name).get(t.url("getUsageLimitStatus")))
    with t.judging("USAGE-011"):
        status = t.accepted(await t.alice.get(t.url("getUsageLimitStatus")))
        t.expect(status["is_limited"], False, "is_limited", "/is_limited")
        t.expect(status["current_spend"], 0, "the spend", "/current_spend")
        t.expect(status.get("spend_limit_micros"), None, "the limit", "/spend_limit_micros")
    summary = t.url("getCostSummary", user="me")
    with t.judging("COST-022"):
        t.true("usage_limit" not in t.accepted(await t.alice.get(summary)), "usage_limit is not there while limits are off")
    for period in PERIODS:
        await limited(t, MILLION, period)
        status = (await t.alice.get(t.url("getUsageLimitStatus"))).response.body
        with t.judging("USAGE-012"):
            wanted = {"is_limited": True, "period": period, "spend_limit_micros": MILLION}
            t.expect({k: status.get(k) for k in wanted}, wanted, "the status")
            t.true(isinstance(status.get("current_spend"), int), "current_spend is a number", status)
            t.true(status.get("period_start") and status.get("period_end"), "the period has a start and an end", status)
        with t.judging("USAGE-013"):
            start, end = (datetime.fromisoformat(status[f"period_{word}"]) for word in ("start", "end"))
            t.expect(start, start_of(period, datetime.now(UTC)), f"the start of the {period}", "/period_start")
            t.expect(start_of(period, end), end, f"the end of the {period}", "/period_end")
            t.expect(start_of(period, end - timedelta(seconds=1)), start, f"the length of the {period}", "/period_end")
    with t.judging("COST-022"):
        limit = t.accepted(await t.alice.get(summary)).get("usage_limit")
        t.true(limit and limit["spend_limit_micros"] == MILLION, "usage_limit is there while limits are on", limit)
    with t.judging("COST-043"):
        t.given(await own_limit(t, t.alice.id, 7))
        for actor, user, amount in ((t.root, t.alice.id, 7), (t.root, "me", MILLION), (t.alice, "me", 7)):
            limit = t.accepted(await actor.get(t.url("getCostSummary", user=user))).get("usage_limit") or {}
            t.expect(limit.get("spend_limit_micros"), amount, "the limit of whose summary it is", "/usage_limit")


def listed(limits: dict[str, Any], name: str, key: str) -> list[dict[str, Any]]:
    """The limits of one user or group."""
    return [o for o in limits["group_overrides" if name == "group_id" else "overrides"] if o.get(name) == key]


@case("USAGE-014", "USAGE-015", "USAGE-016", "USAGE-017", "USAGE-018", "USAGE-019", "USAGE-040", alone=True)
async def limits_of_users(t: Case) -> None:
    await unlimited(t)
    user = await member(t)
    where = path(t, "overrides", user.id)
    with t.judging("USAGE-019"):
        t.refused(await t.root.delete(where), "limits.no-user-limit")
    with t.judging("USAGE-014"):
        stored = t.accepted(await own_limit(t, user.id, 7))
        t.expect(listed(await shown(t), "user_id", user.id), [stored], "the user's limits", "/overrides")
        wanted = {"user_id": user.id, "username": user.username, "name": "Fresh", "spend_limit_micros": 7}
        t.expect({k: stored.get(k) for k in wanted}, wanted, "the answer")
    with t.judging("USAGE-016"):
        for amount in (0, -1, None):
            t.refused(await own_limit(t, user.id, amount), "limits.user-amount")
        t.expect([o["spend_limit_micros"] for o in listed(await shown(t), "user_id", user.id)], [7], "the limits")
    with t.judging("USAGE-017"):
        t.refused(await t.root.put(path(t, "overrides", "x"), {"spend_limit_micros": 7}), "limits.user-id")
        t.refused(await t.root.put(path(t, "group-overrides", "x"), {"spend_limit_micros": 7}), "limits.group-id")
        t.accepted(await own_limit(t, user.id, 7))
    with t.judging("USAGE-040"):
        t.given(await own_limit(t, t.bob.id, 7))
        names = [o["username"] for o in (await shown(t))["overrides"]]
        t.true({user.username, t.bob.username} <= set(names), "both users are listed", names, "/overrides")
        t.expect(names, sorted(names), "the users in the list", "/overrides")
    with t.judging("USAGE-018"):
        t.refused(await own_limit(t, str(uuid.uuid4()), 7), "limits.put-no-user")
    with t.judging("USAGE-015"):
        t.accepted(await t.root.delete(where))
        t.expect(listed(await shown(t), "user_id", user.id), [], "the user's limits", "/overrides")
    with t.judging("USAGE-019"):
        t.refused(await t.root.delete(where), "limits.no-user-limit")
        t.refused(await t.root.delete(path(t, "overrides", uuid.uuid4())), "limits.delete-no-user")


@case("USAGE-020", "USAGE-021", "USAGE-022", alone=True)
async def limits_of_groups(t: Case) -> None:
    await unlimited(t)
    everyone = t.session.target.organization_id
    where = path(t, "group-overrides", everyone)
    t.given(await t.root.put(where, {"spend_limit_micros": 5}))
    t.given(await t.root.delete(where))
    with t.judging("USAGE-022"):
        t.refused(await t.root.delete(where), "limits.no-group-limit")
        t.refused(await t.root.delete(path(t, "group-overrides", uuid.uuid4())), "limits.delete-no-group")
    with t.judging("USAGE-020"):
        stored = t.accepted(await own_limit(t, everyone, 7, "group-overrides"))
        t.expect(listed(await shown(t), "group_id", everyone), [stored], "the group's limits", "/group_overrides")
        t.expect(stored["spend_limit_micros"], 7, "the limit", "/spend_limit_micros")
        t.accepted(await t.root.delete(where))
        t.expect(listed(await shown(t), "group_id", everyone), [], "the group's limits", "/group_overrides")
    with t.judging("USAGE-021"):
        t.refused(await own_limit(t, str(uuid.uuid4()), 7, "group-overrides"), "limits.put-no-group")
        t.accepted(await own_limit(t, everyone, 7, "group-overrides"))
