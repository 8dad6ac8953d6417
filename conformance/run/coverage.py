"""What of the contract a run saw: answers of each operation by status, events of each feed, kinds of parts of messages."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from conformance.wire.exchange import Exchange, SocketLog
from conformance.wire.framing import heard
from spec import Profile
from spec.documents import documents
from spec.feeds import feeds

_MOST = 200  # messages of one answer that are looked at


class Coverage:
    """Counts of one run."""

    def __init__(self, profile: Profile) -> None:
        self._documents, self._feeds = documents(profile.name), feeds(profile)
        self._statuses: dict[str, Counter[int]] = defaultdict(Counter)
        self._events: dict[str, Counter[str]] = {name: Counter() for name in self._feeds}
        self._parts: Counter[str] = Counter()
        for name in self._feeds:
            start = f"SCHEMA-{self._feeds[name].ids}-"
            kinds = (id.removeprefix(start) for id in profile.requirements if id.startswith(start))
            self._events[name].update(dict.fromkeys(kinds, 0))
        known = profile.table("part_presence")["kinds"] if "part_presence" in profile.tables else {}
        self._parts.update(dict.fromkeys(known, 0))

    def see(self, said: Exchange | SocketLog) -> None:
        """Count this exchange, which was answered."""
        match = self._documents.match(said.request.method, said.request.path)
        if match is None:
            return
        name = match.operation.id
        answer = said.response if isinstance(said, Exchange) else said.handshake
        self._statuses[name][answer.status] += 1
        if name in self._events and answer.status < 300:
            for event in heard(said, self._feeds[name]).events:
                self._events[name][event.type] += 1
                self._see_message(event.message)
                self._count(event.part)
        elif isinstance(said, Exchange) and answer.status < 300 and isinstance(said.response.body, dict):
            self._see_answer(said.response.body)

    def _see_answer(self, body: dict[str, Any]) -> None:
        self._see_message(body)
        for key in ("message", "queued_message"):
            self._see_message(body.get(key))
        for key in ("messages", "queued_messages"):
            several = body.get(key)
            for message in several[:_MOST] if isinstance(several, list) else ():
                self._see_message(message)

    def _see_message(self, message: Any) -> None:
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            self._count(part)

    def _count(self, part: Any) -> None:
        if isinstance(part, dict) and isinstance(part.get("type"), str):
            self._parts[part["type"][:60]] += 1

    def line(self) -> dict[str, Any]:
        """`coverage` of the footer: every documented status, event and kind, with how often it was seen, and what else was."""
        operations = []
        for operation in self._documents.operations.values():
            seen = self._statuses.get(operation.id, Counter())
            if not operation.judged and not seen:
                continue
            statuses = {str(status): seen.get(status, 0) for status in sorted({*operation.responses, *seen})}
            operations.append(
                {"operation": operation.id, "request": f"{operation.method} {operation.path}", "statuses": statuses}
            )
        events = {name: dict(counts.most_common(60)) for name, counts in self._events.items()}
        return {"operations": operations, "events": events, "parts": dict(self._parts.most_common(60))}


def together(several: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The `coverage` of several runs by one contract, added up."""
    operations: dict[str, dict[str, Any]] = {}
    events: dict[str, Counter[str]] = {}
    parts: Counter[str] = Counter()
    for one in several:
        for row in one["operations"]:
            known = operations.setdefault(row["operation"], {**row, "statuses": {}})["statuses"]
            for status, number in row["statuses"].items():
                known[status] = known.get(status, 0) + number
        for feed, kinds in one["events"].items():
            events.setdefault(feed, Counter()).update(kinds)
        parts.update(one["parts"])
    heard_of = {feed: dict(kinds) for feed, kinds in events.items()}
    return {"operations": list(operations.values()), "events": heard_of, "parts": dict(parts)}
