"""What passes, judged as it passes: a line for each exchange, and a record at the end."""

from __future__ import annotations

import queue
import sys
import threading
import time
from itertools import count
from typing import Any, TextIO

from conformance.checks import passive
from conformance.play.verdict import failed
from conformance.proxy.reading import Conversation, answer_of
from conformance.run.header import header
from conformance.run.record import RecordWriter
from conformance.run.session import Options, Session
from conformance.run.target import Target
from conformance.wire.exchange import Exchange, SocketLog

_SWITCH = 0.0005  # seconds that the judge keeps the bytes waiting at most
_COOKIE = "coder_session_token="


class Passing(Session):
    """A session in which others ask: it is told what they said, and judges that as recorded traffic."""

    def __init__(self, target: Target, options: Options, writer: RecordWriter, out: TextIO) -> None:
        super().__init__(target, options, writer)
        self._observers = passive.observers(self.profile, recorded=True)
        self._out = out
        self.sharded = True  # what nobody asked for is not missed

    def passed(self, said: Exchange | SocketLog) -> None:
        """Something is complete."""
        if isinstance(said, Exchange):
            self.wire.understand(said, answer_of(said))
            self.room_again(said)
        self._observe(said)
        self._judge_seen()

    def room_again(self, said: Exchange) -> None:
        """What was judged is not kept."""
        self.wire.room.give(said.weight)

    def _judge_seen(self) -> None:
        for said in self._seen:
            found: list[tuple[str, str]] = []
            try:
                for requirement, finding in self._observers.observe(said):
                    self._tallies[requirement].enter(said, finding, self.redactor.text)
                    if finding is not None:
                        found.append((requirement, finding.message))
            except passive.Stumbled as error:
                found.append(("", str(error)))
            self._tell(said, found)
        self._seen.clear()
        self._seen_weight = 0

    def _tell(self, said: Exchange | SocketLog, found: list[tuple[str, str]]) -> None:
        asked = f"{said.request.method} {said.request.path}"
        if isinstance(said, SocketLog):
            text = f"101 {asked}  {len(said.frames)} frames, closed with {said.close_code} by {said.closed_by or 'nobody'}"
        else:
            text = f"{said.response.status} {asked}  {said.ms:.1f} ms"
        lines = [text]
        for requirement, message in found:
            level = self.profile.requirements[requirement].level if requirement in self.profile.requirements else "MUST"
            lines.append(f"  {failed(level).upper()} {requirement} {message}")
        print("\n".join(self.redactor.text(line) for line in lines), file=self._out, flush=True)


class Judge:
    """A thread that reads what passes, so that the bytes wait for nothing. `tap` is for the forwarder."""

    def __init__(self, session: Passing) -> None:
        self.session = session
        self._queue: queue.SimpleQueue[tuple[int, bool, bytes | None, float] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, name="judge", daemon=True)
        self._actors: dict[str, str] = {}
        self._began = time.monotonic()

    def start(self) -> None:
        sys.setswitchinterval(_SWITCH)
        self.session.writer.line(header(self.session))
        self._thread.start()

    def tap(self, number: int, asked: bool, data: bytes | None) -> None:
        """Something passed."""
        self._queue.put((number, asked, data, 1000 * (time.monotonic() - self._began)))

    def end(self) -> dict[str, Any]:
        """Read what is left, and conclude; gives the footer."""
        self._queue.put(None)
        self._thread.join()
        return self.session.conclude()

    def _read(self) -> None:
        talks: dict[int, Conversation] = {}
        ids = count(1)
        while (one := self._queue.get()) is not None:
            number, asked, data, t_ms = one
            if number not in talks:
                talks[number] = Conversation(ids, self.session.passed, self._actor)
            talks[number].read(asked, data, round(t_ms, 3))
            if data is None and not asked:
                del talks[number]
        for talk in talks.values():
            talk.read(True, None, 0.0)

    def _actor(self, headers: dict[str, str]) -> str | None:
        """Who asks, by the token: user1, user2 …; what is secret of them is known from here on."""
        cookie = next((c for c in headers.get("cookie", "").split("; ") if c.startswith(_COOKIE)), "")
        token = headers.get(self.session.traits["token_header"].lower(), "") or cookie.removeprefix(_COOKIE)
        if not token:
            return None
        if token not in self._actors:
            self._actors[token] = f"user{len(self._actors) + 1}"
            self.session.redactor.learn(self._actors[token], token)
        return self._actors[token]
