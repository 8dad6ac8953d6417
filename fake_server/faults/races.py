"""Faults of turns and feeds that lose something now and then, as real servers do by accident."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import frames, instead, turns_off
from fake_server.state.records import Chat


@instead("Runner._interrupts_itself", red=["RACE-001"])
def every_twelfth_turn_is_lost(right: Any, chat: Chat) -> bool:
    """Interrupts every twelfth later turn by itself."""
    memory = right.__self__.backend.faults.memory
    memory["later turns"] = memory.get("later turns", 0) + right.__self__._later(chat)
    return bool(right(chat)) or (right.__self__._later(chat) and memory["later turns"] % 12 == 0)


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
