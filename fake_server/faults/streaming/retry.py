"""Model calls that are tried again wrongly, or not at all."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, Fault, changes, declare, frames, instead, replaces, turns_off
from fake_server.state.records import Chat
from fake_server.turns.run import Run

Event = dict[str, Any]


def with_retry(batch: list[Event], **fields: Any) -> list[Event]:
    """The batch with other fields in its retry events; None leaves a field out."""
    made = []
    for event in batch:
        if event["type"] == "retry":
            shown = event["retry"] | fields
            event = event | {"retry": {k: v for k, v in shown.items() if v is not None}}
        made.append(event)
    return made


turns_off(
    "503-is-final",
    "a 503 ends the turn",
    "classify.timeout.503",
    red=["RETRY-001", "EVENT-002", "EVENT-005", "STREAM-057", "RETRY-021"],
)
turns_off("529-is-final", "a 529 ends the turn", "classify.overloaded.529", red=["RETRY-002"])
turns_off("500-is-final", "a 500 ends the turn", "classify.server-error.500", red=["RETRY-003"])
turns_off("502-is-final", "a 502 ends the turn", "classify.timeout.502", red=["RETRY-004"])
turns_off("429-is-final", "a 429 ends the turn", "classify.rate-limit.429", red=["RETRY-005"])
turns_off(
    "broken-connections-are-final",
    "no answer ends the turn",
    "classify.timeout.None",
    red=["RETRY-006", "RETRY-007", "RETRY-021"],
)
turns_off("overloaded-in-the-stream", "such an error ends the turn", "classify.overloaded.None", red=["RETRY-008"])
turns_off("422-is-final", "the text of a 422 does not matter", "classify.timeout.422", red=["RETRY-009"])


@frames("stream", red=["RETRY-010", "EVENT-002", "SCHEMA-event-retry"])
def retries_without_a_time(batch: list[Event], memory: Event) -> list[Event]:
    """A retry event does not say when."""
    return with_retry(batch, retrying_at=None)


replaces(
    "retries-of-a-turn",
    "attempt counts all failures of the turn",
    "count_anew",
    lambda right, backend, run: setattr(run, "attempts", run.failures),
    red=["RETRY-011"],
)
replaces(
    "retries-every-second",
    "the wait is always one second",
    "wait_ms",
    lambda right, backend, attempt, hint: 1000,
    red=["RETRY-012", "RETRY-013", "RETRY-014", "RETRY-016"],
)
turns_off("provider-unheard", "wishes of the provider are not heeded", "retry.heeds-provider", red=["RETRY-013", "RETRY-014"])
replaces(
    "seconds-before-milliseconds",
    "Retry-After wins",
    "LLMClient._wish_ms",
    lambda right, client, headers: right(client, {k: v for k, v in headers.items() if k != "retry-after-ms"}),
    red=["RETRY-014"],
)
replaces(
    "nonsense-is-five-seconds",
    "a wish that is no number is 5 s",
    "LLMClient._wish_ms",
    lambda right, client, headers: right(client, headers) or 5_000.0 * ("retry-after" in headers),
    red=["RETRY-015"],
)
turns_off(
    "retries-at-once", "the next attempt does not wait", "retry.waits", red=["RETRY-016", "RETRY-020", "INT-012", "STREAM-035"]
)
turns_off("retries-without-status", "a retry after a 503 has no status_code", "error.status.503", red=["RETRY-017"])


@frames("stream", red=["RETRY-018"])
def retries_with_detail(batch: list[Event], memory: Event) -> list[Event]:
    """A retry event has a detail."""
    return with_retry(batch, detail="no")


def _kept(right: Any, backend: Any, run: Run) -> Any:
    step, failed = right(backend, run), run.step
    step.parts.extend(failed.parts if failed is not None else ())
    return step


declare(
    Fault(
        "failed-attempts-are-kept",
        "what a failed attempt said stays",
        frozenset(["RETRY-019"]),
        around={"begin_step": _kept, "drop_failed": lambda right, backend, run: run.step.partial()},
    )
)


@changes("getChat", red=["RETRY-020", "CHATOBJ-149"])
def pending_during_retries(answer: Answer) -> None:
    """A chat that waits for a retry is shown as pending."""
    run = answer.backend.runner.run_of(answer.body["id"])
    if run is not None and run.failures and run.step is None:
        answer.body["status"] = "pending"


replaces(
    "back-off-ends-at-four-seconds",
    "the wait doubles no further than 4 s",
    "wait_ms",
    lambda right, backend, attempt, hint: right(backend, min(attempt, 3), hint),
    red=["RETRY-012"],
)
replaces(
    "long-wishes-are-cut",
    "a wish of the provider counts up to a minute",
    "wait_ms",
    lambda right, backend, attempt, hint: right(backend, attempt, min(hint, 60_000)),
    red=["RETRY-013"],
)
replaces(
    "dates-are-no-wishes",
    "a Retry-After that is a date is passed over",
    "LLMClient._wish_ms",
    lambda right, client, headers: right(client, {k: v for k, v in headers.items() if "," not in v}),
    red=["RETRY-013"],
)
replaces(
    "three-retries", "the fourth failure of a step ends the turn", "most_attempts", lambda right, backend: 4, red=["RETRY-021"]
)


@instead("Hub.retry", red=["STREAM-035"])
def first_retry_in_snapshots(right: Any, chat: Chat, retry: dict[str, Any]) -> None:
    """A snapshot has the first retry of the step instead of the last."""
    feeds = right.__self__._chats.get(chat.id)
    first = feeds and feeds.retry
    right(chat, retry)
    if first:
        feeds.retry = first


turns_off(
    "failed-attempts-in-snapshots",
    "the parts of a failed attempt stay in snapshots",
    "retry.clears-parts",
    red=["STREAM-083"],
)
turns_off(
    "the-ai-provider", "sentences about failures do not name the provider", "error.says-who", red=["RETRY-022", "ERROR-023"]
)
