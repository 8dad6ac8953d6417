"""One recorded connection while it is replayed, and its comparison when it ends."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from conformance.recordings.replay.binding import Bindings
from conformance.recordings.replay.compare import Difference, Rules, renamed
from conformance.recordings.replay.player import Socket
from conformance.recordings.replay.segments import SegmentComparer, Until, split, unmet
from fixtures.transcripts import Row
from spec.feeds import Feed
from spec.tables import StreamOrder

PATIENCE_SECONDS = 12.0
_IMPATIENCE_SECONDS = 2.0


@dataclass(slots=True)
class Connection:
    """A socket with the cuts of its `until` rows: (until, number of events at its end)."""

    path: str
    socket: Socket | None
    line: int
    feed: Feed | None = None
    untils: list[Until] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    broken: bool = False

    @property
    def is_watch(self) -> bool:
        return self.path.partition("?")[0].endswith("/watch")

    def events(self, bindings: Bindings, start: int = 0, end: int | None = None) -> list[Any]:
        """What came, without what other scenarios of the same user caused on a watch socket."""
        came = self.socket.events[start:end] if self.socket else []
        return [e for e in came if _is_ours(e, bindings)] if self.is_watch else came

    def _last(self, bindings: Bindings) -> float:
        """When the last event came that this scenario caused; 0 if none."""
        assert self.socket is not None
        pairs = zip(reversed(self.socket.times), reversed(self.socket.events), strict=True)
        return next((time for time, event in pairs if not self.is_watch or _is_ours(event, bindings)), 0.0)

    async def until(self, until: Until, closing: Row | None, bindings: Bindings) -> list[dict[str, Any]]:
        """Wait for an `until`; gives the patterns that were not met in time."""
        assert self.socket is not None
        start = self.cuts[-1] if self.cuts else 0
        patterns = tuple(bindings.sent_value(list(until.patterns)))

        def satisfied() -> bool:
            return not unmet(patterns, self.events(bindings, start))

        deadline = _IMPATIENCE_SECONDS if self.broken else PATIENCE_SECONDS + self._recorded_seconds(closing, until)
        met = await self.socket.until(satisfied, until.quiet_ms / 1000, deadline, lambda: self._last(bindings))
        if until.patterns:
            self.untils.append(until)
            self.cuts.append(len(self.socket.events))
        if met:
            return []
        self.broken = True
        return unmet(patterns, self.events(bindings, start))

    def _recorded_seconds(self, closing: Row | None, until: Until) -> float:
        """How long the recording took here: retries have back-offs of many seconds."""
        if closing is None or not until.patterns:
            return 0.0
        segments = split(closing.data.get("frames", []), [*self.untils, until], self.feed)
        return 2 * segments[len(self.untils)].ms / 1000


def _is_ours(event: Any, bindings: Bindings) -> bool:
    chat = event.get("chat") if isinstance(event, dict) else None
    if not isinstance(chat, dict):
        return True
    return any(bindings.is_taken(str(chat.get(key))) for key in ("id", "root_chat_id", "parent_chat_id"))


def _is_of_scenario(event: Any, bindings: Bindings) -> bool:
    """Does a recorded watch event tell of a chat of this scenario? The recording may have heard of others, too."""
    chat = event.get("chat") if isinstance(event, dict) else None
    if not isinstance(chat, dict):
        return True
    return any(bindings.bound(str(chat.get(key))) for key in ("id", "root_chat_id", "parent_chat_id"))


def snapshot_until(data: dict[str, Any]) -> Until:
    """How long a socket row without a connection of its own listens."""
    form = data.get("until") or {}
    return Until(tuple(form.get("all", ())), float(form.get("quiet_ms", 200)))


async def compare_connection(
    connection: Connection, row: Row, bindings: Bindings, rules: Rules, names: dict[str, str], table: StreamOrder
) -> list[Difference]:
    """End the connection as the recording did and compare all that came over it; `table` says which order counts."""
    socket = connection.socket
    assert socket is not None
    found: list[Difference] = []
    close = row.data.get("close") or {}
    if close.get("by") == "server":
        await socket.until(socket.closed.is_set, 0, 10.0 + float(close.get("t_ms", 0)) / 1000)
        found += _compare_close(socket, close)
    elif socket.closed.is_set():
        found.append(Difference("/close", "open until the client closes", _closed(socket)))
    await socket.finish()
    found += [Difference("/close", "a clean end", problem) for problem in socket.problems]
    if not socket.answer_pings:
        return found  # the recording shows no frames of a client that only listens for the end
    untils, cuts = list(connection.untils), list(connection.cuts)
    recorded = split(row.data.get("frames", []), untils, connection.feed)
    bounds = [0, *cuts, len(socket.events)]
    came = [connection.events(bindings, a, b) for a, b in itertools.pairwise(bounds)]
    order = str(row.data.get("order", ""))
    if "wait_until_text" in row.data:
        # It listened just until a text came: which statuses it saw by then is chance.
        came = [_content(events) for events in came]
    for segment in recorded:
        events = _content(segment.events) if "wait_until_text" in row.data else segment.events
        if connection.is_watch:
            events = [event for event in events if _is_of_scenario(event, bindings)]
        segment.events = renamed(bindings.expected_value(events), names)
    return found + SegmentComparer(bindings, rules, order, table).compare(recorded, came)


def _content(events: list[Any]) -> list[Any]:
    return [e for e in events if not isinstance(e, dict) or e.get("type") in ("message", "message_part")]


def _closed(socket: Socket) -> str:
    received = socket.protocol.close_rcvd
    return f"closed by the server: {received.code} {received.reason}" if received else "connection ended"


def _compare_close(socket: Socket, close: dict[str, Any]) -> list[Difference]:
    received = socket.protocol.close_rcvd
    expected = f"{close.get('code')} {close.get('reason', '')}".strip()
    if received is None:
        return [Difference("/close", expected, "still open" if not socket.closed.is_set() else "no close frame")]
    actual = f"{received.code} {received.reason}".strip()
    return [] if actual == expected else [Difference("/close", expected, actual)]
