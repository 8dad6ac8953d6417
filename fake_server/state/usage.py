"""Token usage, its price, and spend limits (config.md sections 7 and 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fake_server.chats.views import stamp
from fake_server.faulting import replaceable
from fake_server.rules.money import cost_micros
from fake_server.rules.refusals import refusal
from fake_server.state.records import Chat, ModelConfig, UsageRow, User

if TYPE_CHECKING:
    from fake_server.state.store import State

PERIODS = ("day", "week", "month")
COUNTED = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens", "reasoning_tokens")
ZERO_TIME = "0001-01-01T00:00:00Z"


@dataclass(slots=True)
class Limits:
    """The deployment's spend limit (None: off), its period, and what is set for single users and groups, in micro-dollars."""

    updated_at: datetime
    amount: int | None = None
    period: str = "month"
    users: dict[str, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)


def limits(backend: State) -> Limits:
    """The spend limits in force."""
    stored = backend.store.settings.get("usage_limits")
    if not isinstance(stored, Limits):
        stored = backend.store.settings["usage_limits"] = Limits(updated_at=backend.clock.now())
    return stored


def period_bounds(period: str, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of the calendar day, week (from Monday) or month around `now`, in UTC."""
    start = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return start, start + timedelta(days=1)
    if period == "week":
        start -= timedelta(days=start.weekday())
        return start, start + timedelta(days=7)
    start = start.replace(day=1)
    return start, (start + timedelta(days=32)).replace(day=1)


def prices_of(config: ModelConfig) -> dict[str, str]:
    """A config's prices by key, as decimal texts."""
    prices: dict[str, str] = (config.model_config or {}).get("cost") or {}
    return prices


@replaceable
def record(
    backend: State,
    chat: Chat,
    config: ModelConfig,
    message_id: int,
    usage: Mapping[str, int] | None,
    *,
    runtime_ms: int = 0,
) -> UsageRow:
    """Charge a stored step (or a manual title) to the chat's owner, at the prices that hold now.

    `usage` has token counts by name (input without the cached ones). Not for automatic titles, turn labels, compaction and
    failed steps: those are free.
    """
    counts = {name: count for name, count in (usage or {}).items() if name in COUNTED and count}
    row = UsageRow(
        user_id=chat.owner_id,
        organization_id=chat.organization_id,
        chat_id=chat.id,
        root_chat_id=chat.family_id,
        model_config_id=config.id,
        message_id=message_id,
        usage=counts,
        cost_micros=charge(backend, prices_of(config), counts),
        runtime_ms=runtime_ms,
        created_at=backend.clock.now(),
    )
    backend.store.usage.append(row)
    backend.store.usage_of.setdefault(chat.owner_id, []).append(row)
    return row


@replaceable
def charge(backend: State, prices: Mapping[str, str], counts: Mapping[str, int]) -> int | None:
    """What these tokens cost at these prices, in micro-dollars; None when nothing."""
    return cost_micros(prices, counts)


@replaceable
def charged(backend: State, user_id: str) -> list[UsageRow]:
    """What counts as a user's spend."""
    return backend.store.usage_of.get(user_id, [])


def spend(backend: State, user_id: str, start: datetime, end: datetime, organization_id: str | None = None) -> int:
    """What a user's chats cost in [start, end), in micro-dollars; in one organization when one is given."""
    return sum(
        row.cost_micros or 0
        for row in charged(backend, user_id)
        if start <= row.created_at < end and (organization_id is None or row.organization_id == organization_id)
    )


def effective_limit(backend: State, user: User, organization_id: str | None = None) -> tuple[int | None, bool]:
    """The limit that holds for a user, and whether it is a group's. None while the deployment's limit is off.

    The user's own beats the least of his groups', which beats the deployment's. With an organization only its groups count.
    """
    stored = limits(backend)
    if stored.amount is None and (backend.does("limits.off-for-all") or user.id not in stored.users):
        return None, False
    if user.id in stored.users and backend.does("limits.user-override"):
        return stored.users[user.id], False
    groups = [organization_id] if organization_id else list(user.org_roles)
    of_groups = [stored.groups[group] for group in groups if group in user.org_roles and group in stored.groups]
    if of_groups:
        return min(of_groups), True
    return stored.amount, False


def check_limit(backend: State, user: User, organization_id: str, *, doing: str = "create") -> None:
    """Refuse with 409 when the user has spent what he may in this period. Call it for the chat's owner.

    A fault turns the check off for what is being done, by `limits.stop-<doing>`.
    """
    if not backend.does(f"limits.stop-{doing}"):
        return
    limit, by_group = effective_limit(backend, user, organization_id)
    if limit is None:
        return
    start, end = period_bounds(limits(backend).period, backend.clock.now())
    spent = spend(backend, user.id, start, end, organization_id if by_group else None)
    if reached(backend, spent, limit) and backend.does("limits.exceeded"):
        refused = refusal("limits.exceeded")
        refused.extra.update(spent_micros=spent, limit_micros=limit, resets_at=stamp(end))
        raise refused


@replaceable
def reached(backend: State, spent: int, limit: int) -> bool:
    """Has so much been spent that this limit stops what is new?"""
    return spent >= limit


def status(backend: State, user: User) -> dict[str, Any]:
    """Limit and spend of a user in the current period, as the API shows them. `is_limited`: some limit holds for him."""
    limit, _ = effective_limit(backend, user)
    if limit is None:
        return {"is_limited": False, "current_spend": 0, "period_start": ZERO_TIME, "period_end": ZERO_TIME}
    period = limits(backend).period
    start, end = period_bounds(period, backend.clock.now())
    return {
        "is_limited": True,
        "period": period,
        "spend_limit_micros": limit,
        "current_spend": spend(backend, user.id, start, end),
        "period_start": stamp(start),
        "period_end": stamp(end),
    }
