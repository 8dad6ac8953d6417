"""Hypothesis beside the event loop: generated examples run in a thread of their own and ask the loop for every exchange."""

from __future__ import annotations

import asyncio
import re
import threading
import warnings
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import HypothesisDeprecationWarning
from hypothesis.internal.conjecture import providers
from hypothesis.stateful import INVARIANT_MARKER, RuleBasedStateMachine, run_state_machine_as_test

from conformance.play.case import Case
from conformance.play.odd_answers import reads_an_answer
from conformance.play.verdict import Failure, Unmet
from conformance.wire.http import BadAnswer, TargetUnreachable
from conformance.wire.socket import NotSeen

# Hypothesis also draws the constants that it reads in a checkout's modules: those of ours would give an installed suite other
# requests from the same seed, and looking through them takes a third of the time.
_OURS = str(Path(__file__).parents[2])
_is_local: Callable[[str], bool] = vars(providers)["is_local_module_file"]
vars(providers)["is_local_module_file"] = lambda path: not path.startswith(_OURS) and _is_local(path)

# Another thread of the run may use the module `random` meanwhile; the examples come from their seed all the same.
warnings.filterwarnings("ignore", "Do not use the `random` module", HypothesisDeprecationWarning)

T = TypeVar("T")
Judged = Failure | Unmet | NotSeen | TargetUnreachable | BadAnswer
_ONE_AT_A_TIME = threading.Lock()  # Hypothesis keeps caches that two threads must not share
# examples and steps by --fuzz
QUICK, DEEP = (16, 14), (120, 40)
_LONGEST = 600  # characters of the steps that a failure shows


class _Ended(BaseException):
    """The run has ended around a generated example. No Exception, so that Hypothesis looks for no smaller one."""


class Bridge:
    """Runs coroutines of the run's loop from the thread of a generated example."""

    def __init__(self, t: Case) -> None:
        self.t = t
        self._loop = asyncio.get_running_loop()

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        if self.t.session.ended or self._loop.is_closed() or getattr(threading.current_thread(), "ended", False):
            work.close()
            raise _Ended
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except CancelledError:
            raise _Ended from None
        except RuntimeError:
            if not self._loop.is_closed():
                raise
            work.close()
            raise _Ended from None


def effort(t: Case, scale: float = 1.0) -> settings:
    """How many examples and steps: a little in a plain run, much with --fuzz deep; the same for the same seed."""
    examples, steps = DEEP if t.session.options.fuzz == "deep" else QUICK
    return settings(
        max_examples=max(1, int(examples * scale)),
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )


async def generated(t: Case, check: Callable[..., None], scale: float = 1.0, **strategies: Any) -> None:
    """Run `check` (in a thread) over generated arguments. Raises what the smallest failing example raised."""

    def play() -> None:
        wrapped = hypothesis.given(**strategies)(check)
        hypothesis.seed(t.session.options.seed)(effort(t, scale)(wrapped))()

    await in_thread(play)


async def machine(t: Case, kind: type[RuleBasedStateMachine], scale: float = 1.0) -> None:
    """Run a state machine (in a thread). Raises what the smallest failing sequence raised."""
    seeded = hypothesis.seed(t.session.options.seed)(kind)
    checks = {name for name, made in vars(kind).items() if hasattr(made, INVARIANT_MARKER)}
    await in_thread(lambda: run_state_machine_as_test(seeded, settings=effort(t, scale), _min_steps=2), checks)


class _Thread(threading.Thread):
    """One piece of work in a thread of its own: the loop's executor stays free for name resolution, and a thread that
    waits for what never comes keeps no process from ending."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True, name="generated")
        self.done: Future[None] = Future()
        self.ended = False  # the run does not wait for it any more
        self._work = work

    def run(self) -> None:
        try:
            with _ONE_AT_A_TIME:
                self._work()
        except BaseException as error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)


async def in_thread(work: Callable[[], Any], untold: Collection[str] = ()) -> None:
    """Run and tell of a failure with the steps that led to it, but those untold."""
    thread = _Thread(work)
    thread.start()
    try:
        await asyncio.shield(asyncio.wrap_future(thread.done))
    except asyncio.CancelledError:
        thread.ended = True
        raise
    except BaseException as error:  # Hypothesis wraps what it can't replay, in groups and flakiness of its own
        inner = _inner(error)
        if inner is None:
            raise
        if steps := _steps(inner, untold):
            inner.args = (f"{inner}; the shortest way there: {steps}",)
        raise inner from error if inner is not error else None


def _steps(error: BaseException, untold: Collection[str]) -> str:
    """The smallest failing example, which Hypothesis leaves in the error's notes, on one line."""
    notes = [line for note in getattr(error, "__notes__", ()) for line in str(note).split("\n")]
    lines = [re.sub(r"^state\.|,$", "", line.strip()) for line in notes]
    beside = ("Failing test case", "state =", "teardown(", *(f"{name}(" for name in untold))
    kept = [line for line in lines if line and not line.startswith(beside)]
    said = " ".join(kept) if ")" in kept[-1:] else "; ".join(kept)
    return said.removesuffix(" )") if len(said) <= _LONGEST else said[:_LONGEST] + "…"


def _inner(error: BaseException) -> Exception | None:
    if isinstance(error, Judged) or (isinstance(error, Exception) and reads_an_answer(error)):
        return error
    for other in getattr(error, "exceptions", ()):
        found = _inner(other)
        if found is not None:
            return found
    cause = error.__cause__ or error.__context__
    return _inner(cause) if cause is not None else None
