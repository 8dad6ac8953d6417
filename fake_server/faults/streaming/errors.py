"""Failures of the model that are told wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fake_server.faulting import Answer, changes, instead, turns_off
from fake_server.model_calls.classify import Failure, ModelError
from fake_server.model_calls.client import provider_message
from fake_server.state.records import Chat
from fake_server.turns.run import Run

turns_off(
    "400-is-tried-again",
    "a 400 is tried again",
    "error.final.400",
    red=["ERROR-001", "CHAT-017", "ERROR-005", "ERROR-006", "ERROR-010", "ERROR-014", "ERROR-015", "RETRY-009"],
)


@instead("Hub.error", red=["ERROR-002", "EVENT-001"])
def errors_twice(right: Callable[..., None], chat: Chat, error: dict[str, Any]) -> None:
    """The error event comes twice."""
    right(chat, error)
    right(chat, error)


turns_off("400-without-status", "the error of a 400 has no status_code", "error.status.400", red=["ERROR-003", "ERROR-022"])
turns_off("402-is-generic", "a 402 is no usage_limit", "classify.usage-limit.402", red=["ERROR-004"])
turns_off("context-is-generic", "too long a context is no config", "classify.config.400", red=["ERROR-005"])
turns_off("quota-is-generic", "the text of a 400 is no usage_limit", "classify.usage-limit.400", red=["ERROR-006", "ERROR-010"])
turns_off("403-is-generic", "a 403 is no auth", "classify.forbidden.403", red=["ERROR-007"])
turns_off("409-is-tried-again", "a 409 is tried again", "error.final.409", red=["ERROR-008"])
turns_off("429-quota-is-a-rate", "a 429 is always a rate limit", "classify.usage-limit.429", red=["ERROR-009"])
turns_off("500-is-always-passing", "a 500 is never a usage limit", "classify.usage-limit.500", red=["ERROR-010"])


@changes("getChat", red=["ERROR-011", "ERROR-014", "ERROR-015", "WATCH-018"])
def last_error_is_brief(answer: Answer) -> None:
    """last_error is without its detail where the provider is known."""
    if (answer.body.get("last_error") or {}).get("status_code") == 400 and answer.body.get("status") == "error":
        answer.body["last_error"].pop("detail", None)


turns_off(
    "errors-outlive-sends",
    "the next turn keeps last_error",
    "status.clears-error",
    red=["ERROR-012", "CHATOBJ-018", "ERROR-020", "EDIT-021", "INT-009", "SEND-022"],
)


@instead("LLMClient._refused", red=["ERROR-013", "ERROR-014"])
def detail_is_the_body(right: Any, client: Any, status: int, headers: dict[str, str], raw: str) -> ModelError:
    """The detail is the body of the answer."""
    error: ModelError = right(client, status, headers, raw)
    error.detail = raw
    return error


turns_off("long-details", "a detail may be of any length", "error.short-detail", red=["ERROR-014", "SCHEMA-getChat"])


@instead("LLMClient._refused", red=["ERROR-015"])
def no_detail_without_message(right: Any, client: Any, status: int, headers: dict[str, str], raw: str) -> ModelError:
    """Other bodies give no detail."""
    error: ModelError = right(client, status, headers, raw)
    error.detail = provider_message(raw)
    return error


turns_off(
    "400-without-words",
    "the error of a 400 has an empty message",
    "error.message.400",
    red=[
        "ERROR-016",
        "SCHEMA-event-error",
        "SCHEMA-getChat",
        "EVENT-001",
        "SCHEMA-listChats",
        "SCHEMA-event-retry",
        "SCHEMA-regenerateTitle",
        "SCHEMA-watch-status_change",
        "SCHEMA-watch-title_change",
        "ERROR-023",
    ],
)
turns_off(
    "failed-text-is-stored",
    "text before a failure is stored",
    "error.stores-nothing",
    red=["ERROR-017", "QUEUE-005", "QUEUE-011", "QUEUE-016"],
)
turns_off("stream-errors-are-500", "an error in the stream has status 500", "error.no-status", red=["ERROR-018", "RETRY-017"])


@instead("LLMClient._pieces", red=["ERROR-019"])
def nonsense_is_passed_over(right: Any, client: Any, reader: Any, name: str, data: bytes) -> Iterator[Any]:
    """Broken data in the stream is skipped."""
    try:
        yield from right(client, reader, name, data)
    except ModelError as error:
        if "streaming:" in error.text:
            raise


@changes("getChat", red=["ERROR-020"])
def disabled_provider_is_named(answer: Answer) -> None:
    """The error of a disabled provider names the provider."""
    error: dict[str, Any] = answer.body.get("last_error") or {}
    if error and "provider" not in error:
        error["provider"] = "openai-compat"


@instead(
    "Runner._end_failed",
    red=["ERROR-021", "ERROR-017", "QUEUE-005", "QUEUE-011", "QUEUE-016", "STREAM-057", "STREAM-058"],
)
def errors_are_messages(right: Any, run: Run, failure: Failure) -> None:
    """A failure is stored as an answer."""
    right.__self__.backend.ledger.add_message(run.chat, "assistant", [{"type": "text", "text": failure.message}])
    right(run, failure)


turns_off("404-without-status", "the error of a 404 has no status_code", "error.status.404", red=["ERROR-022"])
