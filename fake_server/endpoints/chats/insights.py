"""Insights into pull requests (config.md section 9). There is no git provider here, so there are none."""

from __future__ import annotations

from fake_server.endpoints.administration.cost import CostQuery, date_range
from fake_server.endpoints.administration.shared import may_read
from fake_server.http.endpoint import CHATS, Call, Reply, forbidden, mount, reply, route

INSIGHTS = f"{CHATS}/insights"
SUMMARY = (
    "total_prs_created",
    "total_prs_merged",
    "merge_rate",
    "total_additions",
    "total_deletions",
    "total_cost_micros",
    "cost_per_merged_pr_micros",
    "approval_rate",
    "prev_total_prs_created",
    "prev_total_prs_merged",
    "prev_merge_rate",
    "prev_cost_per_merged_pr_micros",
)

mount(INSIGHTS)


@route("getPullRequestInsights", "GET", f"{INSIGHTS}/pull-requests")
async def get_pull_requests(call: Call) -> Reply:
    """Zeros and empty lists."""
    if not may_read(call):
        raise forbidden()
    query = CostQuery(call)
    date_range(query)
    query.refuse()
    return reply(200, {"summary": dict.fromkeys(SUMMARY, 0), "time_series": [], "by_model": [], "recent_prs": []})
