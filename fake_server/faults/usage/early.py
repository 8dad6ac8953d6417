"""Cost summaries of early revisions that are not as they should be."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes
from fake_server.state.usage import limits

LACKS = "access.by-organization"  # the faults of this module are ones only in revisions without it


@answers("getCostSummary", red=["COST-085"])
def auditors_cost_nothing(answer: Answer) -> None:
    """The auditor of an organization has no cost summary."""
    if answer.actor == "orgauditor":
        answer.status, answer.body = 404, {"message": "Resource not found or you do not have access to this resource"}


@changes("getCostSummary", red=["COST-086", "SCHEMA-getCostSummary"])
def no_chats_no_list(answer: Answer) -> None:
    """Without a chat that costs there is no list of chats."""
    answer.body["by_chat"] = answer.body["by_chat"] or None


@changes("getCostSummary", red=["COST-087"])
def turns_take_time(answer: Answer) -> None:
    """A summary tells how long the turns ran."""
    answer.body["total_runtime_ms"] = 0


@answers("getCostSummary", red=["COST-089"])
def right_before_dates(answer: Answer) -> None:
    """Who may not read another's summary is told so before its dates are looked at."""
    if answer.status == 400 and answer.actor == "orgadmin":
        answer.status, answer.body = 403, {"message": "Forbidden."}


@answers("promoteQueuedMessage", red=["USAGE-061", "RACE-001", "SCHEMA-promoteQueuedMessage", "USAGE-033"])
def promotions_cost(answer: Answer) -> None:
    """A promotion needs spend that is left."""
    if answer.status == 200 and limits(answer.backend).amount is not None:
        answer.status, answer.body = 409, {"message": "Chat usage limit exceeded."}
