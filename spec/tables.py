"""Tables as those that judge by them ask: bounds of what is sent and shown, and the order of a chat's stream."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import spec


def limit(profile: spec.Profile, name: str, bound: str = "max") -> int:
    """A bound of tables/limits.yaml: min, max, default or cut_to of that row. Raises KeyError where the profile has none."""
    value: int = profile.table("limits")[name][bound]
    return value


@dataclass(frozen=True, slots=True)
class StreamOrder:
    """tables/stream_order.yaml of one profile. Events are named by their type.

    `snapshot`: what a new connection gets first, in this order; `never_in_snapshot`: what it then never gets. `ascending`: by
    which field the snapshot's events of a type ascend; `non_empty`: what is left out of it when there is nothing to tell.
    `repeated`: what comes over more than one feed, so that copies of it mean nothing; `end`: the statuses that a turn ends in;
    `never_after_end`: what does not come behind the last of them; `local_buffer`: of more events at once some may be lost;
    `snapshot_end`: the type of event that ends every snapshot, `starts_over`: the one after which all messages come again,
    whatever the client has; "" where there is none. `calls_at_end`: calls of tools are shown whole only when all
    is said. `replaying`: the operations after which messages come again; `active`: the
    status of a chat whose turn runs.
    """

    snapshot: tuple[str, ...]
    never_in_snapshot: frozenset[str]
    ascending: dict[str, str]
    non_empty: frozenset[str]
    repeated: frozenset[str]
    end: tuple[str, ...]
    never_after_end: frozenset[str]
    local_buffer: int
    replaying: frozenset[str]
    snapshot_end: str
    starts_over: str
    calls_at_end: bool
    active: str
    _before: tuple[tuple[Any, Any], ...]

    @property
    def before_status(self) -> tuple[str, ...]:
        """The types that stand before the status in a snapshot."""
        return self.snapshot[: self.snapshot.index("status")]

    def rank(self, kind: str) -> int:
        """The place of a type in the snapshot, from 0; behind all others for one that has none there."""
        return self.snapshot.index(kind) if kind in self.snapshot else len(self.snapshot)

    def status_before(self, kind: str) -> str:
        """The status that comes before the first event of this type in a turn; "" when none must."""
        return next((_status(first) for first, then in self._before if then == kind and _status(first)), "")

    def status_with(self, kind: str) -> str:
        """The status that an event of this type comes with, behind it or before it; "" when none must."""
        return self.status_after(kind) or self.status_before(kind)

    def status_after(self, kind: str) -> str:
        """The status that an event of this type comes with, before it; "" when none must."""
        return next((_status(then) for first, then in self._before if first == kind and _status(then)), "")


def _status(form: Any) -> str:
    return str(form.get("status", "")) if isinstance(form, dict) else ""


@cache
def stream_order(profile: str, folder: Path | None = None) -> StreamOrder:
    """The order of this profile's stream. Raises UnknownProfile."""
    declared = spec.load(profile, folder)
    table: dict[str, Any] = declared.table("stream_order")
    told = [event for feed in table["feeds"].values() for event in feed["events"]]
    return StreamOrder(
        snapshot=tuple(row["event"] for row in table["snapshot"]),
        never_in_snapshot=frozenset(table["never_in_snapshot"]),
        ascending={row["event"]: row["ascending"] for row in table["snapshot"] if "ascending" in row},
        non_empty=frozenset(row["event"] for row in table["snapshot"] if row.get("non_empty")),
        repeated=frozenset(event for event in told if told.count(event) > 1),
        end=tuple(table["end"]),
        never_after_end=frozenset(table["after_last_end"]["never"]),
        local_buffer=table["local_buffer"],
        replaying=frozenset(table["message_once_unless"]),
        snapshot_end=table.get("snapshot_end", ""),
        starts_over=table.get("starts_over", ""),
        calls_at_end=table.get("calls_at_end", False),
        active=declared.traits["statuses"]["active"],
        _before=tuple((row["first"], row["then"]) for row in table["before"]),
    )
