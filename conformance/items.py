"""Cases as items of pytest, played together on one event loop.

`pytest --pyargs conformance --target …` and the command line play the same cases. Each item only waits for its
case's future, so -k, -x, markers and JUnit of pytest keep working.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from conformance.play.declaration import CaseSpec
from conformance.play.verdict import FAIL, HARNESS_ERROR, NOT_APPLICABLE, UNTESTABLE, Check
from conformance.run.collection import specs_of
from conformance.run.session import UNUSABLE
from conformance.run.whole import Outcome, RunConfig, Selection, play

_HERE = Path(__file__).parent
OUTCOME: pytest.StashKey[Outcome] = pytest.StashKey()
_COLLECTED: pytest.StashKey[int] = pytest.StashKey()


class CaseFile(pytest.File):
    """A module of cases."""

    def collect(self) -> Iterable[pytest.Item]:
        for spec in specs_of(".".join(self.path.relative_to(_HERE.parent).with_suffix("").parts)):
            yield CaseItem.from_parent(self, name=spec.name, spec=spec)


class CaseFailed(Exception):
    """A case came to a verdict that is not green; its text is the report."""


class CaseItem(pytest.Item):
    """One case; `future` holds its final checks."""

    def __init__(self, *, spec: CaseSpec, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec
        self.future: Future[list[Check]] = Future()
        if spec.alone:
            self.add_marker("alone")

    def runtest(self) -> None:
        bad = []
        checks = self.future.result()
        footer = self.config.stash[OUTCOME].footer
        if not checks and footer and "ended" not in footer:
            pytest.skip("judges nothing of this revision")
        if not checks:
            raise CaseFailed("not played; the end of the run says why")
        for check in checks:
            self.user_properties.append((check.requirement, check.verdict))
            if check.verdict in (FAIL, HARNESS_ERROR, UNTESTABLE):
                bad.append(f"{check.requirement} {check.verdict}: {check.message or check.reason}")
        if bad:
            raise CaseFailed("\n".join(bad))
        if {check.verdict for check in checks} == {NOT_APPLICABLE}:
            pytest.skip(checks[0].reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return str(excinfo.value) if isinstance(excinfo.value, CaseFailed) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.spec.line - 1, self.name


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[_COLLECTED] = len(items)  # before -k and the like leave some out


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    items = [item for item in session.items if isinstance(item, CaseItem)]
    if not items or session.config.option.collectonly:
        return (yield)
    config = _config_of(session.config)
    by_spec = {id(item.spec): item for item in items}

    def done(spec: CaseSpec, checks: list[Check]) -> None:
        if not by_spec[id(spec)].future.done():
            by_spec[id(spec)].future.set_result(checks)

    complete = len(items) == session.config.stash[_COLLECTED]
    chosen = Selection([item.spec for item in items], complete)
    outcome = Outcome()
    session.config.stash[OUTCOME] = outcome
    thread = threading.Thread(target=_background, args=(config, chosen, done, outcome, items), daemon=True)
    thread.start()
    try:
        return (yield)
    except KeyboardInterrupt:
        outcome.interrupt("interrupted (^C)")
        raise
    finally:
        outcome.stop()
        thread.join(timeout=60)


def _background(config: RunConfig, chosen: Selection, done: Any, outcome: Outcome, items: list[CaseItem]) -> None:
    try:
        asyncio.run(play(config, chosen, done, outcome))
    except BaseException as error:  # the waiting items must hear of it
        outcome.error = error
    finally:
        for item in items:  # told once, by the exit status: a traceback for each case would say no more
            if not item.future.done():
                item.future.set_result([])


def _config_of(config: pytest.Config) -> RunConfig:
    record = config.getoption("chat_conformance_record")
    return RunConfig(
        target=config.getoption("chat_conformance_target"),
        record=Path(record) if record else None,
        seed=config.getoption("chat_conformance_seed"),
        jobs=config.getoption("chat_conformance_jobs"),
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    outcome = session.config.stash.get(OUTCOME, None)
    if outcome is not None and (outcome.exit_status is not None or outcome.error is not None):
        session.exitstatus = outcome.exit_status if outcome.exit_status is not None else UNUSABLE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What the exit status stands for, which is the run's and not pytest's own."""
    outcome = config.stash.get(OUTCOME, None)
    if outcome is None:
        return
    terminalreporter.section("chat-conformance")
    if outcome.error is not None:
        terminalreporter.write_line(str(outcome.error) or type(outcome.error).__name__, red=True)
    for problem in outcome.problems:
        if not problem.fatal:
            terminalreporter.write_line(problem.text)
    counts = outcome.footer.get("counts", {})
    terminalreporter.write_line(", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n) or "nothing was judged")
