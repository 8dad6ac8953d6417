"""The journal: every request that the LLM received and what became of it, waitable by chat and purpose."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fake_server.llm.calls import Call
from fake_server.llm.gates import Changes

Json = Any
_SECRET = ("authorization", "cookie", "token", "secret", "api-key", "apikey")
REDACTED = "<redacted>"


def redact(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers as an object, credentials blanked."""
    return {name: REDACTED if any(s in name for s in _SECRET) else value for name, value in headers}


def key_digest(key: str) -> str:
    """Tells API keys apart without showing them: the first 12 hex digits of the SHA-256 of the key."""
    return hashlib.sha256(key.encode()).hexdigest()[:12] if key else ""


@dataclass(slots=True)
class Entry:
    """One request. `by` says what answered it, `outcome` how that ended; `chunks` and `bytes` were sent of the body."""

    n: int
    t_ms: float
    method: str
    path: str
    headers: dict[str, str]
    wire: str = ""
    chat: str = ""
    opening: str = ""  # the first message of the user
    root_chat: str = ""
    key: str = ""
    purpose: str = ""
    model: str = ""
    stream: bool = False
    turn: int = 0
    attempt: int = 0
    body: Json = None
    body_bytes: int = 0
    by: str = ""
    status: int = 0
    outcome: str = "running"
    chunks: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.outcome != "running"

    def view(self) -> dict[str, Json]:
        return {name: getattr(self, name) for name in self.__slots__}


class Journal:
    """Requests in the order they came. Bounded: the oldest go first, and `dropped` counts them."""

    def __init__(self, entries: int = 10_000, body_bytes: int = 32 << 20) -> None:
        self._limit, self._body_limit = entries, body_bytes
        self._started = time.monotonic()
        self._changes = Changes()
        self.clear()

    def clear(self) -> None:
        self._entries: deque[Entry] = deque()
        self._with_body: deque[Entry] = deque()
        self._by_chat: dict[str, deque[Entry]] = {}
        self._bodies = 0
        self._count = 0
        self.dropped = 0
        self._changes.notify()

    def add(self, method: str, path: str, headers: list[tuple[str, str]]) -> Entry:
        """Note a request that has just arrived."""
        t_ms = round((time.monotonic() - self._started) * 1000, 3)
        entry = Entry(self._count, t_ms, method, path, redact(headers))
        self._count += 1
        self._entries.append(entry)
        if len(self._entries) > self._limit:
            old = self._entries.popleft()
            self.dropped += 1
            mine = self._by_chat.get(old.chat)
            if mine and mine[0] is old:
                mine.popleft()
                if not mine:
                    del self._by_chat[old.chat]
        return entry

    def describe(self, entry: Entry, call: Call, size: int) -> None:
        """Note what the request asks for."""
        entry.wire, entry.model, entry.stream = call.wire, call.model, call.stream
        entry.chat, entry.root_chat, entry.purpose = call.chat, call.root_chat, call.purpose
        entry.opening = call.opening
        entry.turn, entry.attempt, entry.key = call.turn, call.attempt, key_digest(call.key)
        entry.problems.extend(call.problems)
        entry.body, entry.body_bytes = call.body, size
        self._by_chat.setdefault(entry.chat, deque()).append(entry)
        self._with_body.append(entry)
        self._bodies += size
        while self._bodies > self._body_limit and len(self._with_body) > 1:
            oldest = self._with_body.popleft()
            self._bodies -= oldest.body_bytes
            oldest.body = {"dropped": f"{oldest.body_bytes} bytes"}
        self._changes.notify()

    def end(self, entry: Entry, outcome: str) -> None:
        """Note how the answer ended; the first word stands."""
        if not entry.over:
            entry.outcome = outcome
            self._changes.notify()

    def find(
        self,
        chat: str | None = None,
        purpose: str | None = None,
        *,
        opening: str = "",
        root_chat: str | None = None,
        model: str | None = None,
        over: bool = False,
    ) -> list[Entry]:
        """The matching requests, oldest first. `over`: only those whose answer has ended. `chat` "": those that name none.

        `opening` stands for a chat where requests name none: those of it begin with a message that holds this text.
        """
        pool: Iterable[Entry] = self._entries if chat is None else self._by_chat.get(chat, ())
        if chat and opening:
            unnamed = [entry for entry in self._by_chat.get("", ()) if opening in entry.opening]
            pool = sorted([*pool, *unnamed], key=lambda entry: entry.n)
        return [
            entry
            for entry in pool
            if (purpose is None or entry.purpose == purpose)
            and (root_chat is None or entry.root_chat == root_chat)
            and (model is None or entry.model == model)
            and (not over or entry.over)
        ]

    async def wait(
        self,
        chat: str | None = None,
        purpose: str | None = None,
        *,
        opening: str = "",
        root_chat: str | None = None,
        over: bool = False,
        n: int = 1,
        seconds: float = 10.0,
    ) -> list[Entry]:
        """Wait until there are n such requests and give them all. Raises Deadline saying what came instead."""

        def found() -> list[Entry]:
            return self.find(chat, purpose, opening=opening, root_chat=root_chat, over=over)

        def problem() -> str:
            wanted = ", ".join(f"{k}={v}" for k, v in (("chat", chat), ("purpose", purpose), ("root_chat", root_chat)) if v)
            came = ", ".join(f"{e.purpose or e.path} ({e.outcome})" for e in self.find(chat)[-5:]) or "nothing"
            return f"{len(found())} of {n} requests with {wanted or 'any chat'} within {seconds:g} s; last came: {came}"

        await self._changes.until(lambda: len(found()) >= n, seconds, problem)
        return found()
