"""When to stop waiting: a chat that rests with a message that nobody answered will not be told of any further."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from conformance.play.races import signs_in
from conformance.play.verdict import Unmet

if TYPE_CHECKING:
    from conformance.play.case import Case

T = TypeVar("T")
LOST = "a turn got lost: a chat rests with a message that got neither an answer nor an error"
_STEPS = 8  # of a deadline, from one question to the next


class Patience:
    """Asks the chats of a case, every now and then, whether one of them has lost a turn; twice in a row is enough."""

    def __init__(self, case: Case) -> None:
        self.case, self.step = case, case.deadline / _STEPS
        self._clock = asyncio.get_running_loop().time
        self._next, self._seen = self._clock() + self.step, False

    async def ended(self) -> bool:
        """Has a turn got lost? Asks the target at most once a step, and gives False in between."""
        if self._clock() < self._next or self.case.provokes_limits:
            return False
        before, self._seen = self._seen, False
        for chat in self.case.chats[-5:]:
            self._seen = self._seen or await chat.stands_still()
        self._next = self._clock() + self.step
        # a message may also go unanswered on purpose; only the sign of a declared race excuses what follows from it
        return before and self._seen and bool(signs_in(self.case.session.traits, self.case.exchanges))


async def unless_lost(case: Case, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives, which waits for a turn of the case. Raises Unmet when that got lost."""
    task, patience = asyncio.ensure_future(work), Patience(case)
    try:
        while not (await asyncio.wait({task}, timeout=patience.step))[0]:
            if await patience.ended():
                raise Unmet(LOST)
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
