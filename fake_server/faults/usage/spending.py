"""Wrong spend limits, wrong costs, and wrong people who see them."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

from fake_server.chats.views import stamp
from fake_server.endpoints.administration.cost import grouped
from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.faults.limits.create import over_the_limit
from fake_server.rules.money import cost_micros
from fake_server.rules.refusals import Refusal
from fake_server.state import model_choice, usage
from fake_server.state.records import Chat
from fake_server.state.usage import check_limit
from fake_server.turns.run import Run

STATUS, LIMITS, SUMMARY, USERS, INSIGHTS = (
    *("getUsageLimitStatus", "getUsageLimits", "getCostSummary", "listCostUsers", "getPullRequestInsights"),
)
NO = {"message": "Forbidden.", "detail": "no"}


def says(answer: Answer, status: int, body: Any = None) -> None:
    """Answer with this instead."""
    answer.status, answer.body = status, {"message": "No."} if body is None else body


@changes(LIMITS, red=["USAGE-001"])
def auditors_see_no_limits(answer: Answer) -> None:
    """A site auditor may not read the limits."""
    if answer.actor == "auditor":
        says(answer, 403, NO)


turns_off("anybody-sets-the-limit", "the deployment's limit is anybody's to set", "limits.set-right", red=["USAGE-002"])
turns_off("anybody-sets-overrides", "a user's limit is anybody's to set", "limits.override-right", red=["USAGE-023", "USAGE-002"])


@changes(LIMITS, red=["USAGE-003", "SCHEMA-getUsageLimits", "USAGE-009"])
def unpriced_models_as_text(answer: Answer) -> None:
    """unpriced_model_count is a text."""
    answer.body["unpriced_model_count"] = str(answer.body["unpriced_model_count"])


@changes("putUsageLimits", red=["USAGE-004", "USAGE-038"])
def limits_answered_without_period(answer: Answer) -> None:
    """The answer to a new limit always shows the period month."""
    answer.body["period"] = "month"


turns_off("no-limit-drops-overrides", "switching limits off deletes them all", "limits.keeps-overrides", red=["USAGE-005"])


@changes("putUsageLimits", red=["USAGE-006"])
def no_limit_without_a_period(answer: Answer) -> None:
    """A null limit without a period is stored as one of a day."""
    if not answer.sent.get("period"):
        usage.limits(answer.backend).period = answer.body["period"] = "day"


turns_off(
    "limits-of-zero",
    "limits may be zero or less",
    "limits.amount",
    red=["USAGE-007", "SCHEMA-getUsageLimits", "SCHEMA-putUsageLimits"],
)
turns_off(
    "limits-of-any-period",
    "a period may be any text",
    "limits.period",
    red=["USAGE-008", "SCHEMA-getUsageLimits", "SCHEMA-putUsageLimits"],
)
turns_off("unpriced-disabled-models", "disabled models count as unpriced", "limits.counts-enabled", red=["USAGE-009"])


@changes(STATUS, red=["USAGE-010", "SCHEMA-getUsageLimitStatus"])
def status_needs_the_chat_role(answer: Answer) -> None:
    """Users without the chat role may not read their limit status."""
    if answer.actor == "carol":
        says(answer, 403, NO)


@changes(STATUS, red=["USAGE-011", "SCHEMA-getUsageLimitStatus"])
def no_limit_looks_like_one(answer: Answer) -> None:
    """Without limits the status shows a limit of 0."""
    if not answer.body["is_limited"]:
        answer.body["spend_limit_micros"] = 0


@changes(STATUS, red=["USAGE-012", "SCHEMA-getUsageLimitStatus"])
def status_without_a_limit(answer: Answer) -> None:
    """The status leaves the limit out while the period is a day."""
    if answer.body.get("period") == "day":
        answer.body.pop("spend_limit_micros")


@changes(STATUS, red=["USAGE-013"])
def weeks_begin_on_sunday(answer: Answer) -> None:
    """A week is shown from Sunday on."""
    if answer.body.get("period") == "week":
        now = answer.backend.clock.now()
        start, end = usage.period_bounds("week", now)
        shift = timedelta(days=1)
        answer.body["period_start"], answer.body["period_end"] = (stamp(d - shift) for d in (start, end))


@changes(LIMITS, red=["USAGE-014", "USAGE-016"])
def overrides_show_another_amount(answer: Answer) -> None:
    """The list of overrides rounds amounts to tens."""
    for override in answer.body["overrides"]:
        override["spend_limit_micros"] += 10 - override["spend_limit_micros"] % 10


turns_off("overrides-stay", "a user's limit is never removed", "limits.removes", red=["USAGE-015", "USAGE-019"])
turns_off(
    "overrides-of-zero", "a user's limit may be zero or less", "limits.user-amount", red=["USAGE-016", "SCHEMA-putUserUsageLimit"]
)


@answers("putUserUsageLimit", "putGroupUsageLimit", red=["USAGE-017"])
def overrides_of_no_uuid(answer: Answer) -> None:
    """A limit for something that is no UUID is answered as for an unknown one."""
    if answer.status == 400 and answer.path.rsplit("/", 1)[1].count("-") != 4:
        says(answer, 404, {"message": "User not found."})


@answers("putUserUsageLimit", red=["USAGE-018"])
def overrides_of_unknown_users(answer: Answer) -> None:
    """A limit for an unknown user is answered with 400."""
    if answer.status == 404:
        answer.status = 400


turns_off("removing-no-override", "removing a limit that is not set is fine", "limits.no-user-limit", red=["USAGE-019"])


@changes(LIMITS, red=["USAGE-020"])
def groups_are_not_listed(answer: Answer) -> None:
    """Limits of groups are not listed."""
    answer.body["group_overrides"] = []


turns_off("overrides-of-unknown-groups", "any group may have a limit", "limits.put-no-group", red=["USAGE-021"])
turns_off("removing-no-group-limit", "removing one that is not set is fine", "limits.no-group-limit", red=["USAGE-022"])
turns_off("users-limits-do-not-win", "the group's limit beats the user's", "limits.user-override", red=["USAGE-024", "COST-043"])
turns_off("users-limits-while-off", "a user's limit holds while limits are off", "limits.off-for-all", red=["USAGE-025"])
replaces(
    "one-micro-dollar-more",
    "a limit must be passed, not reached",
    "reached",
    lambda right, backend, spent, limit: spent > limit,
    red=["USAGE-026"],
)
turns_off(
    "sends-beyond-the-limit",
    "a send is never stopped",
    "limits.stop-send",
    red=["USAGE-027", "USAGE-028", "EDIT-014", "SEND-016", "SEND-017"],
)
turns_off("edits-beyond-the-limit", "an edit is never stopped", "limits.stop-edit", red=["USAGE-028", "USAGE-029", "EDIT-014"])
turns_off("titles-beyond-the-limit", "a title is never stopped", "limits.stop-title", red=["USAGE-029"])
turns_off(
    "queueing-beyond-the-limit",
    "a send that is queued is never stopped",
    "limits.stop-queue",
    red=["USAGE-030", "USAGE-036", "SEND-015"],
)
turns_off("agents-beyond-the-limit", "a sub-agent is never stopped", "limits.stop-spawn", red=["USAGE-037"])


@answers("createChat", red=["USAGE-031", "SCHEMA-createChat"])
def limit_in_dollars(answer: Answer) -> None:
    """The refusal tells the limit as a text in dollars."""
    if answer.status == 409 and "limit_micros" in answer.body:
        answer.body["limit_micros"] = f"${answer.body['limit_micros'] / 1e6:.2f}"


@answers("createChat", red=["USAGE-032"])
def resets_now(answer: Answer) -> None:
    """The refusal tells the present time as the end of the period."""
    if answer.status == 409 and "resets_at" in answer.body:
        answer.body["resets_at"] = stamp(answer.backend.clock.now())


def stop(answer: Answer) -> None:
    """Refuse what a reached limit does not stop."""
    refused = over_the_limit(answer) if answer.status < 300 and answer.actor else None
    if refused is not None:
        says(answer, 409, answer.backend.said(refused).body)


@answers("promoteQueuedMessage", red=["USAGE-033", "SCHEMA-promoteQueuedMessage", "RACE-001"])
def limits_stop_promotions(answer: Answer) -> None:
    """A reached limit stops a promotion."""
    stop(answer)


@answers("submitToolResults", red=["USAGE-034", "SCHEMA-submitToolResults"])
def limits_stop_tool_results(answer: Answer) -> None:
    """A reached limit stops tool results."""
    stop(answer)


@answers("interruptChat", red=["USAGE-035", "SCHEMA-interruptChat"])
def limits_stop_interrupts(answer: Answer) -> None:
    """A reached limit stops an interrupt."""
    stop(answer)


@instead("Ledger.promote_next", red=["USAGE-036", "USAGE-033"])
def limits_hold_the_queue(right: Any, chat: Chat) -> bool:
    """A reached limit keeps the queue waiting."""
    state = right.__self__.state
    with contextlib.suppress(Refusal):
        check_limit(state, state.store.users[chat.owner_id], chat.organization_id)
        return bool(right(chat))
    return False


replaces(
    "costs-rounded-down",
    "fractions of a micro-dollar are lost",
    "charge",
    lambda right, backend, prices, counts: cost_micros(prices, counts, up=False),
    red=["COST-001", "COST-112"],
)


@instead("charge", red=["COST-002"])
def cached_tokens_as_input(right: Any, backend: Any, prices: Any, counts: Any) -> Any:
    """Cached tokens cost as much as input."""
    dear = prices.get("input_price_per_million_tokens")
    return right(backend, {**prices, "cache_read_price_per_million_tokens": dear} if dear else prices, counts)


@instead("record", red=["COST-003"])
def reasoning_charged_twice(right: Any, backend: Any, chat: Any, config: Any, message_id: int, counts: Any, **more: Any) -> Any:
    """Reasoning is charged on top of output."""
    thought = (counts or {}).get("reasoning_tokens", 0)
    counts = {**counts, "output_tokens": counts.get("output_tokens", 0) + thought} if thought else counts
    return right(backend, chat, config, message_id, counts, **more)


replaces(
    "models-without-prices-cost",
    "a model without prices costs",
    "charge",
    lambda right, backend, prices, counts: right(backend, prices or {"input_price_per_million_tokens": "1"}, counts),
    red=["COST-004", "COST-015", "COST-020"],
)
replaces(
    "archiving-refunds",
    "archived chats are no spend",
    "charged",
    lambda right, backend, user_id: [row for row in right(backend, user_id) if not backend.store.chats[row.chat_id].archived],
    red=["COST-005"],
)
replaces(
    "agents-are-free",
    "steps of sub-agents are no spend",
    "charged",
    lambda right, backend, user_id: [row for row in right(backend, user_id) if row.chat_id == row.root_chat_id],
    red=["COST-006", "USAGE-037"],
)
turns_off("titles-are-free", "titles that were asked for are no spend", "cost.charges-titles", red=["COST-007"])


@instead("run_advisor", red=["COST-008"])
async def advice_is_charged(right: Any, backend: Any, run: Run, *of: Any) -> Any:
    """Calls of the advisor are charged."""
    advice = await right(backend, run, *of)
    if config := model_choice.turn_model(backend, run.chat):
        usage.record(backend, run.chat, config, 0, {"input_tokens": 10, "output_tokens": 5})
    return advice


@changes(SUMMARY, red=["COST-009"])
def costs_at_present_prices(answer: Answer) -> None:
    """A summary shows what the tokens would cost now."""
    store = answer.backend.store
    for row in answer.body["by_model"] if len(answer.body["by_model"]) == 1 else ():
        counts = {"input_tokens": row["total_input_tokens"], "output_tokens": row["total_output_tokens"]}
        prices = usage.prices_of(store.model_configs[row["model_config_id"]])
        if len(prices) == 1:
            answer.body["total_cost_micros"] = cost_micros(prices, counts) or 0


@changes(SUMMARY, red=["COST-010"])
def own_id_is_foreign(answer: Answer) -> None:
    """The own summary may be read as `me` only."""
    if answer.path_params["user"] != "me" and answer.actor == "alice":
        says(answer, 403, NO)


turns_off("summaries-without-the-role", "everybody may read the own summary", "cost.needs-a-role", red=["COST-011"])


@instead("may_read_cost", red=["COST-013"])
def summaries_for_admins(right: Any, call: Any, user: Any) -> bool:
    """Organization admins read all summaries."""
    roles = (role for roles in call.user.org_roles.values() for role in roles)
    return "organization-admin" in roles or bool(right(call, user))


@answers(red=["COST-012"])
def foreign_summaries_forbidden(answer: Answer) -> None:
    """Another user's summary is answered with 403."""
    if answer.status == 404 and "/cost/" in answer.path:
        says(answer, 403, NO)


@changes(SUMMARY, red=["COST-014"])
def owner_reads_only_members(answer: Answer) -> None:
    """The site owner may not read the summary of an organization admin."""
    store, user = answer.backend.store, answer.path_params["user"]
    if user in store.users and store.users[user].username == "orgadmin" and answer.actor != "orgadmin":
        says(answer, 403, NO)


@changes(SUMMARY, red=["COST-015", "COST-021", "SCHEMA-getCostSummary"])
def no_costs_are_null(answer: Answer) -> None:
    """Empty lists of a summary are null."""
    for name in ("by_model", "by_chat"):
        answer.body[name] = answer.body[name] or None


@changes(SUMMARY, red=["COST-016", "COST-035"])
def runtime_in_seconds(answer: Answer) -> None:
    """The total runtime is one off the sum of its rows."""
    answer.body["total_runtime_ms"] += 1


replaces(
    "agents-have-rows",
    "sub-agents have rows of their own",
    "by_family",
    lambda right, backend, rows: grouped(rows, "chat_id"),
    red=["COST-017", "COST-016", "COST-031", "COST-032"],
)


def _known(answer: Answer) -> None:
    """Say nothing of the unknown parameter."""
    if answer.status == 400 and "not a valid query param" in str(answer.body):
        answer.body["validations"] = [v | {"field": "query"} for v in answer.body["validations"]]


@answers(SUMMARY, red=["COST-018"])
def unknown_parameters_of_summaries(answer: Answer) -> None:
    """An unknown parameter of a summary is not named."""
    _known(answer)


@answers(INSIGHTS, red=["COST-029"])
def unknown_parameters_of_insights(answer: Answer) -> None:
    """An unknown parameter of the insights is not named."""
    _known(answer)


@answers(SUMMARY, red=["COST-019"])
def bad_dates_of_summaries(answer: Answer) -> None:
    """A bad date of a summary is not named."""
    if answer.status == 400 and "valid date format" in str(answer.body):
        answer.body.pop("validations")


replaces(
    "summaries-from-the-beginning",
    "start_date is passed over",
    "rows_between",
    lambda right, backend, user, start, end: right(backend, user, start.replace(year=1), end),
    red=["COST-020"],
)


@changes(SUMMARY, red=["COST-021"])
def dates_the_wrong_way_round(answer: Answer) -> None:
    """A start_date after the end_date is refused."""
    if answer.query.get("start_date", "") > answer.query.get("end_date", "9"):
        says(answer, 400)


turns_off("limit-in-every-summary", "usage_limit is always there", "cost.limit-while-limited", red=["COST-022"])


@answers(USERS, red=["COST-023"])
def query_before_the_right(answer: Answer) -> None:
    """A bad query is reported to those who may not read the list."""
    if answer.status == 403 and answer.query.get("limit") == "x":
        says(answer, 400, {"message": "Invalid query parameters."})


@changes(USERS, red=["COST-024", "COST-110"])
def count_of_the_page(answer: Answer) -> None:
    """count is the number of users on the page."""
    answer.body["count"] = len(answer.body["users"])


turns_off("negative-offsets", "an offset may be negative", "cost.offset-negative", red=["COST-025"])
turns_off("user-names-as-spelled", "letter case matters in user names", "cost.any-case", red=["COST-026", "COST-040"])


@changes(INSIGHTS, red=["COST-027"])
def auditors_have_no_insights(answer: Answer) -> None:
    """A site auditor may not read the insights."""
    if answer.actor == "auditor":
        says(answer, 403, NO)


@changes(INSIGHTS, red=["COST-028", "SCHEMA-getPullRequestInsights"])
def no_requests_are_null(answer: Answer) -> None:
    """An empty list of the insights is null."""
    answer.body["recent_prs"] = answer.body["recent_prs"] or None
