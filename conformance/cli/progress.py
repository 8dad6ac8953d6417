"""Live progress: one line that is rewritten on a terminal, a line for each failure as it happens elsewhere."""

from __future__ import annotations

from typing import TextIO

from conformance.play.verdict import FAIL, HARNESS_ERROR, Check
from conformance.run.session import Session


class Progress:
    """Counts checks as they come in."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = out.isatty()
        self._checks = 0
        self._bad = 0

    def start(self, session: Session, cases: int) -> None:
        self._total = cases
        what = session.options.target_name or "the embedded fake server"
        how = f"{cases} cases, {session.options.jobs} at once, seed {session.options.seed}"
        how += f", at most {session.options.timeout:g} s" if session.options.timeout else ""
        print(f"judging {what} against {session.profile.name}: {how}", file=self._out, flush=True)
        session.listeners.append(self._seen)

    def _seen(self, check: Check) -> None:
        self._checks += 1
        if check.verdict in (FAIL, HARNESS_ERROR):
            self._bad += 1
            if not self._live:
                print(
                    f"  {check.verdict}: {check.requirement} {check.message or check.reason}"[:160],
                    file=self._out,
                    flush=True,
                )
        if self._live:
            print(f"\r  {self._checks} checks, {self._bad} bad", end="", file=self._out, flush=True)

    def stop(self) -> None:
        if self._live and self._checks:
            print("\r\033[K", end="", file=self._out, flush=True)
