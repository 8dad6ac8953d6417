"""What chats cost: a user's summary, and all users (config.md section 8)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from fake_server.chats.views import stamp
from fake_server.endpoints.administration.shared import enter_user, target_user
from fake_server.faulting import replaceable
from fake_server.http.endpoint import CHATS, Call, Problems, Reply, mount, reply, route
from fake_server.rules.authz import CHAT_ROLE, has_org_role, is_site_owner
from fake_server.rules.dates import BadDate, parse_date
from fake_server.rules.validate import BadNumber, parse_int
from fake_server.state import usage
from fake_server.state.records import UsageRow, User

if TYPE_CHECKING:
    from fake_server.backend import Backend

MAX_INT32 = 2147483647
DEFAULT_LIMIT = 10
DEFAULT_DAYS = 30
SUMS = {
    "total_input_tokens": "input_tokens",
    "total_output_tokens": "output_tokens",
    "total_cache_read_tokens": "cache_read_tokens",
    "total_cache_creation_tokens": "cache_creation_tokens",
}

mount(f"{CHATS}/cost")
mount(f"{CHATS}/cost/{{user}}", enter_user)


# -- query parameters -------------------------------------------------------------------------------------------------


class CostQuery:
    """Reads query parameters one by one, collecting what is wrong with them."""

    def __init__(self, call: Call) -> None:
        self.call, self.problems = call, Problems(call.backend)
        self.known: list[str] = []

    def text(self, name: str) -> str:
        """The value of a parameter; "" when absent, empty or repeated."""
        self.known.append(name)
        values = self.call.queries(name)
        if len(values) > 1:
            self.problems.add("cost.repeated", field=name, count=len(values))
            return ""
        return values[0] if values else ""

    def date(self, name: str, default: datetime) -> datetime:
        """A time; the default when absent."""
        text = self.text(name)
        if not text:
            return default
        try:
            return parse_date(text)
        except BadDate as error:
            self.problems.add("cost.date", field=name, reason=str(error))
            return default

    def integer(self, name: str) -> int:
        """A whole number; 0 when absent."""
        text = self.text(name)
        if not text:
            return 0
        try:
            return parse_int(text, 64)
        except BadNumber as error:
            self.problems.add("cost.integer", field=name, reason=str(error).replace("ParseInt", "Atoi"))
            return 0

    def refuse(self) -> None:
        """Raise the refusal with everything that is wrong, unknown parameters last."""
        for name in dict.fromkeys(name for name, _ in self.call.query):
            if name not in self.known:
                self.problems.add("cost.unknown", field=name)
        self.problems.refuse()


def date_range(query: CostQuery) -> tuple[datetime, datetime]:
    """`start_date` and `end_date`: by default the last 30 days."""
    now = query.call.backend.clock.now()
    start = query.date("start_date", now - timedelta(days=DEFAULT_DAYS))
    return start, query.date("end_date", now)


# -- sums -------------------------------------------------------------------------------------------------------------


def _sums(backend: Backend, rows: Iterable[UsageRow]) -> dict[str, int]:
    rows = list(rows)
    totals = {"total_cost_micros": sum(row.cost_micros or 0 for row in rows)}
    totals |= {name: sum(row.usage.get(count, 0) for row in rows) for name, count in SUMS.items()}
    return backend.revision.shown("cost", totals | {"total_runtime_ms": sum(row.runtime_ms for row in rows)})


def grouped(rows: Iterable[UsageRow], key: str) -> dict[str, list[UsageRow]]:
    groups: dict[str, list[UsageRow]] = {}
    for row in rows:
        groups.setdefault(getattr(row, key), []).append(row)
    return groups


def _counted(rows: Iterable[UsageRow]) -> int:
    """How many rows count as messages: those with tokens."""
    return sum(1 for row in rows if row.usage)


def _by_model(backend: Backend, rows: list[UsageRow]) -> list[dict[str, Any]]:
    views: list[dict[str, Any]] = []
    for config_id, group in by_config(backend, rows).items():
        config = backend.store.model_configs[config_id]
        head: dict[str, Any] = {
            "model_config_id": config_id,
            "display_name": config.display_name or config.model,
            "provider": config.provider_type,
            "model": config.model,
        }
        views.append(head | {"message_count": _counted(group)} | _sums(backend, group))
    return sorted(views, key=lambda view: -view["total_cost_micros"])


def _by_chat(backend: Backend, rows: list[UsageRow]) -> list[dict[str, Any]]:
    views: list[dict[str, Any]] = []
    for chat_id, group in by_family(backend, rows).items():
        head: dict[str, Any] = {"root_chat_id": chat_id, "chat_title": backend.store.chats[chat_id].title}
        views.append(head | {"message_count": _counted(group)} | _sums(backend, group))
    return sorted(views, key=lambda view: -view["total_cost_micros"])


@replaceable
def rows_between(backend: Backend, user: User, start: datetime, end: datetime) -> list[UsageRow]:
    """What a user's chats have used in [start, end)."""
    return [row for row in backend.store.usage_of.get(user.id, ()) if start <= row.created_at < end]


@replaceable
def by_config(backend: Backend, rows: list[UsageRow]) -> dict[str, list[UsageRow]]:
    """Rows by the model config that they were charged for."""
    return grouped(rows, "model_config_id")


@replaceable
def by_family(backend: Backend, rows: list[UsageRow]) -> dict[str, list[UsageRow]]:
    """Rows by the root of their chat."""
    return grouped(rows, "root_chat_id")


@replaceable
def may_read_cost(call: Call, user: User) -> bool:
    if is_site_owner(call.user):
        return True
    if call.user.id == user.id and not call.backend.does("cost.needs-a-role"):
        return True
    if call.user.id != user.id:
        return False
    return any(
        has_org_role(user, organization, role) for organization in user.org_roles for role in (CHAT_ROLE, "organization-admin")
    )


@route("getCostSummary", "GET", f"{CHATS}/cost/{{user}}/summary")
async def get_summary(call: Call) -> Reply:
    """What a user's chats cost in a range of time, in all and by model and chat."""
    user, backend = target_user(call), call.backend
    query = CostQuery(call)
    start, end = date_range(query)
    query.refuse()
    backend.guard("common.forbidden", not may_read_cost(call, user))
    rows = rows_between(backend, user, start, end)
    priced = sum(1 for row in rows if row.cost_micros)
    view: dict[str, Any] = {"start_date": stamp(start), "end_date": stamp(end)}
    view |= _sums(backend, rows)
    view["priced_message_count"] = priced
    view["unpriced_message_count"] = _counted(rows) - priced
    view["by_model"] = _by_model(backend, rows)
    view["by_chat"] = _by_chat(backend, rows)
    status = usage.status(backend, user)
    if status["is_limited"] or not backend.does("cost.limit-while-limited"):
        view["usage_limit"] = status
    return reply(200, view)


def _matches(pattern: str, user: User, case: re.RegexFlag = re.IGNORECASE) -> bool:
    """Is the pattern part of user name or display name, in any case? `%` and `_` stand for anything and any character."""
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    found = re.compile("".join(parts), case | re.DOTALL)
    return bool(found.search(user.username) or found.search(user.name))


@route("listCostUsers", "GET", f"{CHATS}/cost/users")
async def list_users(call: Call) -> Reply:
    """What all users' chats cost in a range of time, the dearest user first."""
    backend = call.backend
    backend.guard("common.forbidden", not is_site_owner(call.user))
    query = CostQuery(call)
    start, end = date_range(query)
    name = query.text("username")
    limit, offset = query.integer("limit"), query.integer("offset")
    query.refuse()
    _check_page(call, limit, offset)
    views: list[dict[str, Any]] = []
    for user_id, all_rows in backend.store.usage_of.items():
        user = backend.store.users[user_id]
        rows = [row for row in all_rows if start <= row.created_at < end]
        if rows and _matches(name, user, re.IGNORECASE if backend.does("cost.any-case") else re.NOFLAG):
            head: dict[str, Any] = {"user_id": user.id, "username": user.username, "name": user.name, "avatar_url": ""}
            chats = len({row.root_chat_id for row in rows})
            views.append(head | {"message_count": _counted(rows), "chat_count": chats} | _sums(backend, rows))
    views.sort(key=lambda view: (-view["total_cost_micros"], view["username"]))
    page = views[offset : offset + (limit if limit > 0 else DEFAULT_LIMIT)]
    return reply(200, {"start_date": stamp(start), "end_date": stamp(end), "count": len(views), "users": page})


def _check_page(call: Call, limit: int, offset: int) -> None:
    problems = call.problems()
    if limit > MAX_INT32:
        problems.add("cost.too-large", field="limit")
    if offset < 0:
        problems.add("cost.offset-negative")
    elif offset > MAX_INT32:
        problems.add("cost.too-large", field="offset")
    problems.refuse()
