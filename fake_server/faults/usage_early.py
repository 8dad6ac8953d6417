"""Cost summaries of early revisions that are not as they should be."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes
from fake_server.usage import limits


@answers("getCostSummary", red=["COST-085"])
def auditors_cost_nothing(answer: Answer) -> None:
    """The auditor of an organization has no cost summary."""
    if answer.actor == "orgauditor":
        answer.status, answer.body = 404, {"message": "Resource not found or you do not have access to this resource"}


@changes("getCostSummary", red=["COST-086"])
def no_chats_no_list(answer: Answer) -> None:
    """Without a chat that costs there is no list of chats."""
    answer.body["by_chat"] = answer.body["by_chat"] or None


@changes("listCostUsers", red=["COST-087"])
def turns_take_time(answer: Answer) -> None:
    """The list of users tells how long their turns ran."""
    answer.body["users"] = [{**user, "total_runtime_ms": 0} for user in answer.body["users"]]


@answers("getCostSummary", red=["COST-089"])
def strangers_are_forbidden(answer: Answer) -> None:
    """Another user's cost summary is forbidden, not unknown."""
    if answer.status == 404:
        answer.status, answer.body = 403, {"message": "Forbidden."}


@answers("promoteQueuedMessage", red=["USAGE-061"])
def promotions_cost(answer: Answer) -> None:
    """A promotion needs spend that is left."""
    if answer.status == 200 and limits(answer.backend).amount is not None:
        answer.status, answer.body = 409, {"message": "Chat usage limit exceeded."}
