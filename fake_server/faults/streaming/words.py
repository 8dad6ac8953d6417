"""Failures of the model that are told, or tried again, otherwise than the provider's words say."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, changes, frames, turns_off

LACKS = "access.by-organization"  # the faults of this module are ones only in revisions without it

Event = dict[str, Any]
Memory = dict[str, Any]

turns_off(
    "no-failure-passes",
    "no failed model call is tried again",
    "classify.passing",
    red=["RETRY-043", "RETRY-044", "RETRY-045", "RETRY-021", "RETRY-046"],
)
turns_off(
    "refusals-pass",
    "a call without the right to it is tried again",
    "error.final.401",
    "error.final.403",
    red=["ERROR-044"],
)
turns_off(
    "disabled-providers-are-asked",
    "a provider that is disabled is asked all the same",
    "model.disabled-provider-fails",
    red=["ERROR-047"],
)
turns_off("one-compaction-is-enough", "a turn goes on for one compaction alone", "compaction.goes-on", red=["COMPACT-022"])


@frames("stream", red=["RETRY-046"])
def retries_say_little(batch: list[Event], memory: Memory) -> list[Event]:
    """A retry does not say what the provider said."""
    return [{**e, "retry": {**e["retry"], "error": "server error"}} if e["type"] == "retry" else e for e in batch]


@frames("stream", red=["ERROR-045", "ERROR-046"])
def errors_say_little(batch: list[Event], memory: Memory) -> list[Event]:
    """An error event does not say what the provider said."""
    return [{**e, "error": {"message": "The model call failed."}} if e["type"] == "error" else e for e in batch]


@changes("getChat", red=["TOOL-068", "CHATOBJ-048"])
def half_arguments_are_told(answer: Answer) -> None:
    """A turn that ended with a call without arguments shows an error."""
    stored = answer.backend.store.messages.get(answer.body["id"]) or []
    if stored and stored[-1].role == "tool" and answer.body["status"] == "waiting":
        answer.body["last_error"] = "The arguments of a call are no JSON."
