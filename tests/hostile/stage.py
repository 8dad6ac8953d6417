"""What the tests of hostile targets stand on: one right server, proxies before it, and runs as processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from conformance.run.embedded import embedded_target
from conformance.run.target import Target
from tests.hostile.proxy import Behaviour, Proxy

T = TypeVar("T")
SECONDS = 120  # generous: a run of these takes a few seconds
ADDRESS_SPACE = 2 * 2**30  # bytes; what a child may never reach


class Loop:
    """An event loop in a thread, for servers that live as long as the tests."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def stop(self) -> None:
        async def cancel() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0)  # closed transports let go in the next round

        self.do(cancel())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@dataclass(slots=True)
class Played:
    """How a run ended: exit status, what it said, its record line by line, the greatest resident size of its
    process in bytes (of `play` alone)."""

    status: int
    said: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    memory: int = 0

    @property
    def verdicts(self) -> Counter[str]:
        return Counter(line["verdict"] for line in self.lines if line["kind"] == "check")

    def of(self, verdict: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["kind"] == "check" and line["verdict"] == verdict]

    @property
    def told(self) -> str:
        """Everything that checks say."""
        return "\n".join(f"{line.get('message', '')} {line.get('reason', '')}" for line in self.lines if line["kind"] == "check")

    def ended_well(self) -> None:
        """A footer, nothing of the suite's own that went wrong, no traceback."""
        assert "Traceback" not in self.said, self.said
        assert self.lines[-1]["kind"] == "footer", self.lines[-1]
        assert self.of("harness-error") == []


class Stage:
    """One right server and what stands before it."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._stack = contextlib.AsyncExitStack()
        self.target: Target = loop.do(self._stack.enter_async_context(embedded_target()))

    def close(self) -> None:
        self.loop.do(self._stack.aclose())

    @contextlib.contextmanager
    def proxy(self, behaviour: Behaviour, turns: str, **options: Any) -> Iterator[Proxy]:
        proxy = Proxy(self.target.base_url, behaviour, turns, **options)
        self.loop.do(proxy.start())
        try:
            yield proxy
        finally:
            self.loop.do(proxy.stop())

    def aim(self, folder: Path, url: str) -> Path:
        """The folder, with a target file of this server under another address."""
        folder.mkdir(exist_ok=True)
        (folder / "target.json").write_text(json.dumps(self.target.model_dump() | {"base_url": url}))
        return folder

    def play(
        self, folder: Path, behaviours: dict[str, Behaviour], turns: str, globs: Iterable[str], seconds: float = 2
    ) -> dict[str, Played]:
        """What each of these kinds comes to, all played at the same time; every one of them was met."""
        with contextlib.ExitStack() as stack:
            proxies = {
                kind: stack.enter_context(self.proxy(behaviour, turns, elsewhere=self.target.base_url))
                for kind, behaviour in behaviours.items()
            }
            played: dict[str, Played] = {}
            for times in (1, 5, 20):  # a busy machine may end a run before it came that far
                late = [self.aim(folder / kind, proxy.url) for kind, proxy in proxies.items() if not proxy.met]
                played |= play(late, globs, times * seconds) if late else {}
            assert [kind for kind, proxy in proxies.items() if not proxy.met] == []
        return played


def child(out: Path, *command: str, env: dict[str, str] | None = None) -> int:
    """Run a module with a limit of time and memory, what it says going to a file; gives its exit status."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))

    with out.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            stdout=file,
            stderr=file,
            preexec_fn=limited,
            env=os.environ | (env or {}),
            timeout=SECONDS,
            check=False,
        )
    return done.returncode


def record_of(folder: Path) -> list[dict[str, Any]]:
    path = folder / "run.ndjson"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def run(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> Played:
    """`chat-conformance run` with these arguments against the target file in this folder."""
    out = folder / "out.txt"
    target, record = str(folder / "target.json"), str(folder / "run.ndjson")
    command = ("conformance.cli", "run", "--target", target, "--record", record, *arguments)
    status = child(out, *command, env=env)
    return Played(status, out.read_text(errors="replace"), record_of(folder))


def play(folders: list[Path], globs: Iterable[str], seconds: float = 2) -> dict[str, Played]:
    """Runs against the targets in these folders, all at the same time in one process; by the name of the folder."""
    out = folders[0] / "out.txt"
    status = child(out, "tests.hostile.play", str(seconds), *map(str, folders), "--", *globs)
    said = out.read_text(errors="replace")
    lines = [line.rsplit(" ", 1) for line in said.splitlines()]
    ended = {Path(line[0]).name: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
    memory = next((1024 * int(line[1]) for line in lines if line[0] == "KiB"), 0)
    return {f.name: Played(ended.get(f.name, status or 70), said, record_of(f), memory) for f in folders}
