"""Spend limits: the deployment's, users', groups', and one's own status (config.md section 7)."""

from __future__ import annotations

from typing import Any

from fake_server.chats.views import stamp
from fake_server.endpoints.administration.shared import may_read, require_update
from fake_server.http.endpoint import CHATS, Call, Reply, forbidden, mount, reply, route
from fake_server.rules.decode import Integer, Maybe, Moment, Struct, Text
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state import model_choice, usage
from fake_server.state.accounts import members
from fake_server.state.records import User

PATH = f"{CHATS}/usage-limits"
LIMITS = Struct(
    "ChatUsageLimitConfig",
    {"spend_limit_micros": Maybe(Integer(64)), "period": Text("codersdk.ChatUsageLimitPeriod"), "updated_at": Moment()},
)
AMOUNT = Struct("UpsertChatUsageLimitOverrideRequest", {"spend_limit_micros": Integer(64)})
EVERYONE = "Everyone"
PRICED = ("input_price_per_million_tokens", "output_price_per_million_tokens")

mount(PATH)


def _base_view(call: Call) -> dict[str, Any]:
    stored = usage.limits(call.backend)
    return {"spend_limit_micros": stored.amount, "period": stored.period, "updated_at": stamp(stored.updated_at)}


def _user_limit_view(user: User, amount: int) -> dict[str, Any]:
    return {
        "user_id": user.id,
        "username": user.username,
        "name": user.name,
        "avatar_url": "",
        "spend_limit_micros": amount,
    }


def _group_limit_view(call: Call, group_id: str, amount: int) -> dict[str, Any]:
    return {
        "group_id": group_id,
        "group_name": EVERYONE,
        "group_display_name": "",
        "group_avatar_url": "",
        "member_count": len(members(call.backend, group_id)),
        "spend_limit_micros": amount,
    }


@route("getUsageLimits", "GET", PATH)
async def get_limits(call: Call) -> Reply:
    """The limits, what is set for users and groups, and how many models have no price."""
    if not may_read(call):
        raise forbidden()
    backend = call.backend
    stored, users = usage.limits(backend), backend.store.users
    of_users = sorted(((users[i], amount) for i, amount in stored.users.items()), key=lambda row: row[0].username)
    unpriced = [
        config
        for config in model_choice.live_configs(backend)
        if (config.enabled or not backend.does("limits.counts-enabled"))
        and not any(name in usage.prices_of(config) for name in PRICED)
    ]
    return reply(
        200,
        {
            **_base_view(call),
            "unpriced_model_count": len(unpriced),
            "overrides": [_user_limit_view(user, amount) for user, amount in of_users if not user.deleted],
            "group_overrides": [_group_limit_view(call, group, amount) for group, amount in stored.groups.items()],
        },
    )


@route("putUsageLimits", "PUT", PATH)
async def put_limits(call: Call) -> Reply:
    """Set the deployment's limit, or (null) switch all limits off; what is set for users and groups stays."""
    if call.backend.does("limits.set-right"):
        require_update(call)
    body = await call.json(LIMITS)
    backend, amount, period = call.backend, body["spend_limit_micros"], body["period"]
    backend.guard("limits.amount", amount is not None and amount <= 0)
    known = period in usage.PERIODS or (amount is None and not period)
    backend.guard("limits.period", not known)
    stored = usage.limits(backend)
    if amount is None and not backend.does("limits.keeps-overrides"):
        stored.users.clear()
    stored.amount, stored.period, stored.updated_at = amount, period or "month", backend.clock.now()
    return reply(200, _base_view(call))


@route("getUsageLimitStatus", "GET", f"{PATH}/status")
async def get_status(call: Call) -> Reply:
    """The caller's own limit and spend."""
    return reply(200, usage.status(call.backend, call.user))


def _id(call: Call, param: str, key: str) -> str:
    try:
        return parse_uuid(call.params[param])
    except BadUUID as error:
        raise refusal(key, detail=str(error)) from None


def _user(call: Call, user_id: str, key: str) -> User:
    user = call.backend.store.users.get(user_id)
    if user is None or user.deleted:
        raise refusal(key)
    return user


def _check_group(call: Call, group_id: str, key: str) -> None:
    # There is one group: everybody in the organization.
    call.backend.guard(key, group_id != call.backend.store.organization_id)


@route("putUserUsageLimit", "PUT", f"{PATH}/overrides/{{user}}")
async def put_user_limit(call: Call) -> Reply:
    """Set a user's own limit."""
    if call.backend.does("limits.override-right"):
        require_update(call)
    user_id = _id(call, "user", "limits.user-id")
    amount = (await call.json(AMOUNT))["spend_limit_micros"]
    call.backend.guard("limits.user-amount", amount <= 0)
    user = _user(call, user_id, "limits.put-no-user")
    usage.limits(call.backend).users[user.id] = amount
    return reply(200, _user_limit_view(user, amount))


@route("deleteUserUsageLimit", "DELETE", f"{PATH}/overrides/{{user}}")
async def delete_user_limit(call: Call) -> Reply:
    """Take a user's own limit away."""
    require_update(call)
    user = _user(call, _id(call, "user", "limits.user-id"), "limits.delete-no-user")
    stored = usage.limits(call.backend).users
    call.backend.guard("limits.no-user-limit", user.id not in stored)
    if call.backend.does("limits.removes"):
        stored.pop(user.id, None)
    return reply(204)


@route("putGroupUsageLimit", "PUT", f"{PATH}/group-overrides/{{group}}")
async def put_group_limit(call: Call) -> Reply:
    """Set the limit of a group's members."""
    require_update(call)
    group_id = _id(call, "group", "limits.group-id")
    amount = (await call.json(AMOUNT))["spend_limit_micros"]
    call.backend.guard("limits.group-amount", amount <= 0)
    _check_group(call, group_id, "limits.put-no-group")
    usage.limits(call.backend).groups[group_id] = amount
    return reply(200, _group_limit_view(call, group_id, amount))


@route("deleteGroupUsageLimit", "DELETE", f"{PATH}/group-overrides/{{group}}")
async def delete_group_limit(call: Call) -> Reply:
    """Take a group's limit away."""
    require_update(call)
    group_id = _id(call, "group", "limits.group-id")
    _check_group(call, group_id, "limits.delete-no-group")
    stored = usage.limits(call.backend).groups
    call.backend.guard("limits.no-group-limit", group_id not in stored)
    stored.pop(group_id, None)
    return reply(204)
