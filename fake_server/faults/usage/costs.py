"""Costs that are summed up, ordered or selected wrongly, and limits that are stored wrongly."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fake_server.chats.views import stamp
from fake_server.faulting import Answer, answers, changes
from fake_server.faults.usage.spending import INSIGHTS, LIMITS, SUMMARY, USERS, says
from fake_server.rules.dates import parse_date
from fake_server.state import usage

LISTS = ("by_model", "by_chat")


@changes(SUMMARY, red=["COST-030"])
def archived_chats_leave_the_summary(answer: Answer) -> None:
    """Archived chats are not in the summary."""
    chats = answer.backend.store.chats
    gone = [row for row in answer.body["by_chat"] if chats[row["root_chat_id"]].archived]
    for name in ("total_cost_micros", "total_input_tokens", "total_output_tokens"):
        answer.body[name] -= sum(row[name] for row in gone)


@changes(SUMMARY, red=["COST-031"])
def cheapest_first(answer: Answer) -> None:
    """The lists of a summary begin with the cheapest."""
    for name in LISTS:
        answer.body[name].sort(key=lambda row: row["total_cost_micros"])


@changes(SUMMARY, red=["COST-016", "COST-032", "COST-031", "COST-033"])
def deleted_models_leave_the_summary(answer: Answer) -> None:
    """by_model leaves deleted models out."""
    store = answer.backend.store.model_configs
    answer.body["by_model"] = [row for row in answer.body["by_model"] if not store[row["model_config_id"]].deleted]


@changes(SUMMARY, red=["COST-032", "COST-113"])
def chats_are_counted_as_messages(answer: Answer) -> None:
    """message_count of by_model is one at most."""
    for row in answer.body["by_model"]:
        row["message_count"] = min(row["message_count"], 1)


@changes(SUMMARY, red=["COST-015"])
def steps_without_tokens_are_unpriced(answer: Answer) -> None:
    """A step without tokens counts as an unpriced message."""
    user = answer.caller
    answer.body["unpriced_message_count"] += sum(1 for row in answer.backend.store.usage_of.get(user.id, ()) if not row.usage)


@changes(SUMMARY, red=["COST-033", "SCHEMA-getCostSummary"])
def nameless_models_in_summaries(answer: Answer) -> None:
    """A model without display name has none in by_model."""
    for row in answer.body["by_model"]:
        row["display_name"] = answer.backend.store.model_configs[row["model_config_id"]].display_name


@changes(USERS, red=["COST-034"])
def sub_agents_count_as_chats(answer: Answer) -> None:
    """chat_count counts sub-agents' chats."""
    chats = answer.backend.store.chats.values()
    for row in answer.body["users"]:
        row["chat_count"] = sum(1 for chat in chats if chat.owner_id == row["user_id"])


@changes(USERS, red=["COST-035"])
def chats_counted_as_messages_of_users(answer: Answer) -> None:
    """message_count of a user's costs counts chats."""
    for row in answer.body["users"]:
        row["message_count"] = row["chat_count"]


@changes(SUMMARY, USERS, red=["COST-036"])
def runtime_is_counted_in_seconds(answer: Answer) -> None:
    """Runtimes are counted in seconds."""
    for row in [answer.body, *answer.body.get("users", []), *(r for name in LISTS for r in answer.body.get(name, []))]:
        if "total_runtime_ms" in row:
            row["total_runtime_ms"] //= 1000


@changes(SUMMARY, USERS, red=["COST-037"])
def a_week_by_default(answer: Answer) -> None:
    """Without dates costs of 7 days are shown."""
    if not answer.query.get("start_date"):
        answer.body["start_date"] = stamp(parse_date(answer.body["end_date"]) - timedelta(days=7))


@changes(USERS, red=["COST-038"])
def limit_zero_shows_nobody(answer: Answer) -> None:
    """A limit of zero gives no users."""
    if answer.query.get("limit") == "0":
        answer.body["users"] = []


@changes(USERS, red=["COST-039"])
def users_costs_from_the_beginning(answer: Answer) -> None:
    """The list of costs by user shows the day's users for any start_date."""
    asked = answer.query.get("start_date")
    if asked and parse_date(asked) > answer.backend.clock.now():
        answer.body["count"] = 1


@changes(USERS, red=["COST-040"])
def display_names_do_not_match(answer: Answer) -> None:
    """Only the user name is looked at."""
    wanted = answer.query.get("username", "").lower()
    answer.body["users"] = [row for row in answer.body["users"] if wanted in row["username"].lower()]


@changes(USERS, red=["COST-041"])
def equal_costs_backwards(answer: Answer) -> None:
    """Users of equal cost come in the opposite order of their names."""
    answer.body["users"].reverse()
    answer.body["users"].sort(key=lambda row: -row["total_cost_micros"])


@answers(INSIGHTS, red=["COST-042"])
def bad_dates_of_insights(answer: Answer) -> None:
    """A bad date of the insights is not named."""
    if answer.status == 400 and "valid date format" in str(answer.body):
        answer.body.pop("validations")


def _limit(answer: Answer, user_id: str) -> Any:
    return usage.status(answer.backend, answer.backend.store.users[user_id])


@changes(SUMMARY, red=["COST-043"])
def limit_of_the_reader(answer: Answer) -> None:
    """usage_limit of a summary is the reader's."""
    if "usage_limit" in answer.body:
        reader = answer.caller.id
        answer.body["usage_limit"] = _limit(answer, reader)


@answers("putUsageLimits", red=["USAGE-008"])
def no_limit_of_any_period(answer: Answer) -> None:
    """A null limit takes any period."""
    if answer.status == 400 and isinstance(answer.sent, dict) and answer.sent.get("period") not in usage.PERIODS:
        stored = usage.limits(answer.backend)
        if answer.sent.get("spend_limit_micros") is None:
            says(answer, 200, {"spend_limit_micros": None, "period": "month", "updated_at": stamp(stored.updated_at)})


@changes("putUsageLimits", red=["USAGE-038"])
def no_limit_is_always_of_a_month(answer: Answer) -> None:
    """A null limit stores the period month."""
    if answer.sent.get("spend_limit_micros") is None:
        usage.limits(answer.backend).period = answer.body["period"] = "month"


@changes("putUsageLimits", LIMITS, red=["USAGE-039"])
def limits_never_change(answer: Answer) -> None:
    """updated_at of the limits stays."""
    answer.body["updated_at"] = "2024-01-01T00:00:00Z"


@changes(LIMITS, red=["USAGE-040"])
def users_limits_backwards(answer: Answer) -> None:
    """The limits of users are listed in the opposite order."""
    answer.body["overrides"].reverse()


@changes(LIMITS, red=["USAGE-009"])
def deleted_models_are_unpriced(answer: Answer) -> None:
    """Deleted models count as unpriced."""
    deleted = [c for c in answer.backend.store.model_configs.values() if c.deleted and c.enabled]
    answer.body["unpriced_model_count"] += sum(1 for c in deleted if not usage.prices_of(c))


@changes(SUMMARY, red=["COST-064"])
def deleted_models_lose_their_names(answer: Answer) -> None:
    """The display name of a model is gone from the cost summary once it is deleted."""
    configs = answer.backend.store.model_configs
    for row in answer.body["by_model"]:
        if configs[row["model_config_id"]].deleted:
            row["display_name"] = row["model"]
