"""Live progress: one line that is rewritten on a terminal, elsewhere a line now and then; failures as they happen.

Quiet: nothing. Verbose: a line for each case that is done, too.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TextIO

from conformance.play.declaration import CaseSpec
from conformance.play.verdict import FAIL, HARNESS_ERROR, WARN, Check
from conformance.run.session import Session

_TICK, _PLAIN_TICK = 0.5, 30.0  # seconds from one look at the clock to the next, on a terminal and elsewhere
_WIDE, _MOST = 160, 25  # characters of a line; failures told as they happen, the rest stand in the report
_NAME = 40  # characters of a case's name: how long it is waited for is to be seen


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


class Progress:
    """Tells how far a run is: cases done of all, what failed, and which cases it waits for."""

    def __init__(self, out: TextIO, *, quiet: bool = False, verbose: bool = False) -> None:
        self._out, self._quiet, self._verbose = out, quiet, verbose
        self._live = out.isatty()
        self._verdicts: Counter[str] = Counter()
        self._cases, self._total = 0, 0
        self._told: set[str] = set()
        self._session: Session | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, session: Session, cases: int) -> None:
        """The run begins; called where it runs, so that the clock of its loop can be used."""
        self._session, self._total, self._began = session, cases, time.monotonic()
        session.listeners.append(self._seen)
        session.doubters.append(self._failed_once)
        if self._quiet:
            return
        what = session.options.target_name or "the embedded fake server"
        how = f"{cases} cases, {session.options.jobs} at once, seed {session.options.seed}"
        how += f", at most {session.options.timeout:g} s" if session.options.timeout else ""
        print(f"judging {what} against {session.profile.name}: {how}", file=self._out, flush=True)
        self._wait()

    def done(self, case: CaseSpec, checks: list[Check]) -> None:
        """This case has its final checks."""
        self._cases += 1
        if self._verbose:
            verdicts = Counter(check.verdict for check in checks)
            self._tell(f"  done: {case.name}: {', '.join(f'{n} {verdict}' for verdict, n in sorted(verdicts.items()))}")
        self._draw()

    def line(self, now: float, width: int = _WIDE) -> str:
        """How far it is, in at most `width` characters. `now`: of the monotonic clock."""
        assert self._session is not None
        bad = [(self._verdicts[FAIL], "failed"), (self._verdicts[HARNESS_ERROR], "broke"), (self._verdicts[WARN], "warned")]
        text = f"  {self._cases:,} of {self._total:,} cases, {sum(self._verdicts.values()):,} checks, {now - self._began:,.0f} s"
        text += "".join(f", {number} {word}" for number, word in bad if number)
        waiting = sorted(self._session.playing.items(), key=lambda item: item[1])
        if waiting:
            named = ", ".join(f"{_cut(name, _NAME)} ({now - since:,.0f} s)" for name, since in waiting[:2])
            text += f"; waits for {named}" + (f" and {len(waiting) - 2} more" if len(waiting) > 2 else "")
        return _cut(text, width)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._live and self._session is not None and not self._quiet:
            print("\r\033[K", end="", file=self._out, flush=True)

    def _seen(self, check: Check) -> None:
        self._verdicts[check.verdict] += 1
        if check.verdict in (FAIL, HARNESS_ERROR):
            self._fail(check.requirement, f"  {check.verdict}: {check.requirement} {check.message or check.reason}")

    def _failed_once(self, check: Check) -> None:
        assert self._session is not None
        selected = self._session.selected
        if check.verdict == FAIL and (selected is None or check.requirement in selected):
            said = self._session.redactor.text(check.message)
            self._fail(check.requirement, f"  failed once, is played again: {check.requirement} {said}")

    def _fail(self, requirement: str, text: str) -> None:
        """Tell it, once for each requirement."""
        if requirement in self._told and not self._verbose:
            return
        self._told.add(requirement)
        if len(self._told) <= _MOST or self._verbose:
            self._tell(text)
        elif len(self._told) == _MOST + 1:
            self._tell("  … further failures are told at the end")

    def _tell(self, text: str) -> None:
        if self._quiet:
            return
        text = text.replace("\n", " ")[:_WIDE]
        print(f"\r\033[K{text}" if self._live else text, file=self._out, flush=True)
        self._draw()

    def _draw(self) -> None:
        if self._live and not self._quiet and self._session is not None:
            print(f"\r\033[K{self.line(time.monotonic(), 110)}", end="", file=self._out, flush=True)

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_TICK if self._live else _PLAIN_TICK, self._tick)

    def _tick(self) -> None:
        if self._live:
            self._draw()
        else:
            print(self.line(time.monotonic()), file=self._out, flush=True)
        self._wait()
