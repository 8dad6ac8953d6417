"""Faults of turns and feeds that lose something now and then, as real servers do by accident."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import frames, turns_off

turns_off("every-twelfth-turn-is-lost", "interrupts every twelfth later turn by itself", "turns.all-answered", red=["RACE-001"])


@frames("stream", red=["RACE-003"])
def bursts_lose_their_tail(batch: list[dict[str, Any]], memory: dict[str, Any]) -> list[dict[str, Any]]:
    """drops what follows the 128th part of a connection"""
    kept = []
    for event in batch:
        memory["parts"] = memory.get("parts", 0) + (event.get("type") == "message_part")
        if event.get("type") != "message_part" or memory["parts"] <= 128:
            kept.append(event)
    return kept


turns_off(
    "queue-heads-skip-pending",
    "tells of no pending status of what it takes from the queue",
    "queue.tells-pending",
    red=["RACE-002"],
)
