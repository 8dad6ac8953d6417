"""`chat-conformance run`: judge a server, print a verdict, write the reports."""

from __future__ import annotations

import argparse
import fnmatch
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import spec
from conformance import plugin, target
from conformance.cli.main import UsageError, parser
from conformance.cli.progress import Progress
from conformance.embedded import EmbeddedFailed
from conformance.expectations import BadExpectations, to_paste
from conformance.run import Outcome, RunConfig, Unusable
from conformance.session import UNUSABLE

_INI = Path(plugin.__file__).with_name("pytest.ini")


def arguments() -> argparse.ArgumentParser:
    p = parser("run")
    p.add_argument("--target", help="target file (JSON, TOML, YAML) or URL; none: the embedded fake server")
    p.add_argument("--profile", default="", help=f"which revision to judge by: {', '.join(spec.profiles())}")
    p.add_argument("--record", type=Path, metavar="F.ndjson", help="write the run record")
    for name in ("html", "junit", "markdown", "badge"):
        p.add_argument(f"--{name}", type=Path, metavar="F", help=f"write the {name} report")
    p.add_argument("--allure", type=Path, metavar="DIR", help="write Allure results (needs the extra: allure)")
    p.add_argument("--expect", type=Path, metavar="F.yaml", help="expected failures; stale and expired entries are red")
    p.add_argument("--strict", action="store_true", help="SHOULD failures and flaky checks are red too")
    p.add_argument("--requirement", action="append", default=[], metavar="GLOB", help="only these requirements")
    p.add_argument("--area", action="append", default=[], metavar="NAME", help="only the requirements of this area")
    p.add_argument("-k", metavar="EXPR", default="", help="only cases whose names match, as in pytest")
    p.add_argument("-x", action="store_true", help="stop at the first failure")
    p.add_argument("--seed", type=int, help="seed of the property phase (printed by every run)")
    p.add_argument("--jobs", type=int, default=16, metavar="N", help="cases played at once (default 16)")
    p.add_argument("--fuzz", choices=["off", "quick", "deep"], default="quick", help="how much property testing")
    p.add_argument("--read-only", action="store_true", help="play only cases that write nothing")
    p.add_argument("--max-rps", type=float, default=0, metavar="N", help="at most so many requests a second")
    p.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help="embedded target only: be wrong in this way",
    )
    p.add_argument("--shuffle", action="store_true", help="play the cases in an order drawn from the seed")
    return p


class _Chosen:
    """Tells pytest which cases to play and the plugin what the user asked for."""

    def __init__(self, config: RunConfig, wanted: set[str] | None) -> None:
        self._config, self._wanted = config, wanted
        self.session: pytest.Session | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[plugin.CONFIG] = self._config
        if self._wanted is not None:
            config.stash[plugin.WANTED] = self._wanted

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._wanted is None:
            return
        mine = [i for i in items if isinstance(i, plugin.CaseItem)]
        declared = {r for i in mine for r in i.spec.requirements}
        # what only the passive checks judge needs every case's traffic
        if self._wanted <= declared:
            items[:] = [i for i in mine if self._wanted & set(i.spec.requirements)]

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.session = session

    @property
    def outcome(self) -> Outcome:
        assert self.session is not None
        return self.session.config.stash.get(plugin.OUTCOME, Outcome())


def command(name: str, argv: Sequence[str]) -> int:
    options = arguments().parse_args(argv)
    if options.target and options.fault:
        raise UsageError("--fault makes the embedded fake server wrong; leave --target out")
    if options.jobs < 1:
        raise UsageError("--jobs must be at least 1")
    try:
        profile = _profile(options)
    except (target.BadTarget, spec.UnknownProfile) as error:
        raise UsageError(str(error)) from error
    wanted = _wanted(profile, options.requirement, options.area)
    with tempfile.TemporaryDirectory(prefix="chat-conformance-") as folder:
        record = options.record or Path(folder) / "run.ndjson"
        progress = Progress(sys.stdout)
        chosen = _Chosen(_config(options, record, progress), wanted)
        _pytest(options, chosen)
        return _finish(options, record, chosen.outcome, progress)


def _profile(options: argparse.Namespace) -> spec.Profile:
    name = options.profile
    if options.target and not name:
        name = target.load(options.target).profile
    elif options.target:
        target.load(options.target)
    return spec.load(name or spec.DEFAULT)


def _wanted(profile: spec.Profile, globs: Iterable[str], areas: Iterable[str]) -> set[str] | None:
    """The selected requirement ids; None: all. Raises UsageError for a glob or area that names nothing."""
    globs, areas = list(globs), list(areas)
    if not globs and not areas:
        return None
    out: set[str] = set()
    for glob in globs:
        found = set(fnmatch.filter(profile.requirements, glob))
        if not found:
            raise UsageError(f"--requirement {glob}: no such requirement in {profile.name}; see: chat-conformance list")
        out |= found
    for area in areas:
        found = {r.id for r in profile.requirements.values() if r.area == area}
        if not found:
            known = ", ".join(sorted({r.area for r in profile.requirements.values()}))
            raise UsageError(f"--area {area}: no such area; known: {known}")
        out |= found
    return out


def _config(options: argparse.Namespace, record: Path, progress: Progress) -> RunConfig:
    return RunConfig(
        target=options.target,
        profile=options.profile,
        record=record,
        seed=options.seed,
        jobs=options.jobs,
        fuzz=options.fuzz,
        strict=options.strict,
        read_only=options.read_only,
        max_rps=options.max_rps,
        faults=tuple(options.fault),
        fail_fast=options.x,
        shuffle=options.shuffle,
        expect=options.expect,
        on_start=progress.start,
    )


def _pytest(options: argparse.Namespace, chosen: _Chosen) -> None:
    args = [
        "-c",
        str(_INI),
        "--rootdir",
        str(_INI.parent),
        "-p",
        "no:terminal",
        "-p",
        "no:logging",
        "--assert=plain",  # the cases assert nothing; rewriting them takes longer than collecting them
        "--pyargs",
    ]
    args += ["-k", options.k] if options.k else []
    plugins: list[Any] = [chosen]
    status = pytest.main([*args, "conformance.cases", "conformance.properties"], plugins=plugins)
    if chosen.session is None or status == pytest.ExitCode.USAGE_ERROR:
        raise UsageError("the cases could not be collected; see: pytest --collect-only --pyargs conformance")


def _finish(options: argparse.Namespace, record: Path, outcome: Outcome, progress: Progress) -> int:
    progress.stop()
    if outcome.error is not None:
        if isinstance(outcome.error, (target.BadTarget, BadExpectations, Unusable, EmbeddedFailed)):
            raise UsageError(str(outcome.error))
        raise outcome.error
    if outcome.exit_status is None:
        raise UsageError(f"no case matches{f' -k {options.k}' if options.k else ''}; see: chat-conformance list")
    for problem in outcome.problems:
        print(f"note: {problem.text}", file=sys.stderr)
    renderers = {e.name: e for e in metadata.entry_points(group="chat_conformance.renderers")}
    status = outcome.exit_status
    for kind, out in [
        ("console", sys.stdout),
        *((k, getattr(options, k)) for k in ("html", "junit", "markdown", "badge", "allure")),
    ]:
        if out is None:
            continue
        try:
            if isinstance(out, Path):
                out.parent.mkdir(parents=True, exist_ok=True)
            renderers[kind].load()(record, out)
        except Exception as error:  # a renderer that crashes never changes the verdict
            print(
                f"chat-conformance: the {kind} report failed: {type(error).__name__}: {error}",
                file=sys.stderr,
            )
            continue
        if isinstance(out, Path):
            print(f"{kind}: {out}")
    if options.record:
        print(f"record: {options.record}")
    _tell_expectations(options, outcome)
    return status if status is not None else UNUSABLE


def _tell_expectations(options: argparse.Namespace, outcome: Outcome) -> None:
    """What is wrong with the expectations file, and the entries to paste for what failed unexpectedly."""
    session = outcome.session
    assert session is not None
    for complaint in session.complaints:
        print(f"{options.expect}: {complaint}", file=sys.stderr)
    if options.expect and (entries := to_paste(session.checks)):
        print(f"to expect these failures, paste into {options.expect}:\n{entries}", end="")
