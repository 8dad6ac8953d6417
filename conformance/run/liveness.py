"""Is the target still there? What fails because it went away is no judgement of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from conformance.wire.exchange import Exchange, SocketLog

_IN_A_ROW = 4  # requests without an answer, and none with one between them, before the target is asked whether it is there
_SILENCE = 10.0  # seconds in which requests are open and not one byte of an answer comes
_TRIES, _PAUSE = 3, 0.5  # of the question whether it is there
_LAST = 12  # exchanges shown


@dataclass(frozen=True, slots=True)
class Gone:
    """When and behind what the target went away. `heard_ms`: when its last answer came; `last`: the ids of the last exchanges."""

    reason: str
    heard_ms: float
    last: tuple[str, ...]


@dataclass(slots=True)
class Liveness:
    """Hears of each answer and each failure; `probe` asks the target with a fresh connection, `lost` is told once."""

    probe: Callable[[], Awaitable[bool]]
    now_ms: Callable[[], float]
    lost: Callable[[], None] = lambda: None
    gone: Gone | None = None
    _open: int = 0
    _failures: int = 0
    _heard: float = 0.0  # the last answer, or the moment from which on one is awaited
    _answer: float = 0.0  # the last answer
    _last: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST))
    _asking: asyncio.Task[None] | None = None

    def answered(self, said: Exchange | SocketLog) -> None:
        """An answer came, or a socket closed."""
        self._last.append(said.id)
        self._hear()

    def _hear(self) -> None:
        self._heard = self._answer = self.now_ms()
        self._failures = 0

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """While this lasts, an answer is awaited; what is raised in it counts as a failure."""
        if self._open == 0:
            self._heard = max(self._heard, self.now_ms())  # silence begins when something is asked
        self._open += 1
        try:
            yield
            self._hear()
        except Exception:
            self._failures += 1
            if self._failures >= _IN_A_ROW:
                self._ask("no answer to {n} requests in a row")
            raise
        finally:
            self._open -= 1

    def look(self) -> None:
        """Ask the target whether it is there when it has been silent for long while requests are open."""
        if self._open and self.now_ms() - self._heard > 1000 * _SILENCE:
            self._ask(f"not a word for {_SILENCE:g} s while {{open}} requests were open")

    def _ask(self, why: str) -> None:
        if self.gone is None and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._is_it_there(why.format(n=self._failures, open=self._open)))

    async def _is_it_there(self, why: str) -> None:
        heard, last = self._answer, tuple(self._last)
        for attempt in range(_TRIES):
            if await self.probe() or self._answer > heard:
                self._hear()
                return
            if attempt < _TRIES - 1:
                await asyncio.sleep(_PAUSE)  # a server that restarts gives no sign before it answers
        at = f"{heard / 1000:.1f} s into the run"
        reason = f"the target went away: its last answer came {at}, then {why}, and a fresh connection fails"
        self.gone = Gone(reason, heard, last)
        self.lost()

    async def aclose(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._asking
