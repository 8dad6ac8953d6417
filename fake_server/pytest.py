"""A pytest fixture for tests of clients: `pytest_plugins = ["fake_server.pytest"]` gives `chat_server`.

Each test gets a server of its own, in a thread of its own, on free loopback ports, so that it serves synchronous and
asynchronous tests alike. `@pytest.mark.chat_server(profile=…, faults=[…], options={…})` says how it is to be started.
A turn takes at least 100 ms, so that a client has time to watch it; `options={"turn-floor-ms": 0}` makes it as fast as it can be.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

import spec
from fake_server.llm.journal import Entry
from fake_server.serve import RunningServer, running_server
from fake_server.turns.runner import FLOOR, FLOOR_DEFAULT
from fixtures import scripts

T = TypeVar("T")
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class ChatUser:
    """A user of the server. `headers` is what a request of this user needs."""

    id: str
    username: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Coder-Session-Token": self.token}


class ChatServer:
    """A running fake server with its scripted LLM.

    `base_url`, `organization_id`, `model_config_id`, `users` (by actor: root, alice, bob, carol, orgadmin, orgauditor,
    auditor) say how to reach it; `script(step, …)` makes a prompt whose answer is scripted (see fixtures.scripts).
    """

    script: Callable[..., str] = staticmethod(scripts.script)

    def __init__(self, server: RunningServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._loop = server, loop
        target = server.target
        self.base_url: str = server.base_url
        self.llm_url: str = server.llm.base_url
        self.control_url: str = server.llm.control_url
        self.organization_id: str = target["organization_id"]
        self.model_config_id: str = target["model_config_ids"][0]
        self.users = {name: ChatUser(**user) for name, user in target["users"].items()}

    def _in_loop(self, work: Callable[[], T]) -> T:
        """Do this in the server's thread."""

        async def there() -> T:
            return work()

        return self.wait(there())

    def wait(self, work: Coroutine[Any, Any, T], seconds: float = 10) -> T:
        """Run a coroutine in the server's thread, e.g. `server.llm.gates…`. Raises TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    @property
    def llm_requests(self) -> list[Entry]:
        """The journal: every request that the LLM has received, oldest first (credentials blanked)."""
        return self._in_loop(self._server.llm.journal.find)

    def wait_for_idle(self, chat_id: str, seconds: float = 10) -> None:
        """Wait until nothing of the chat runs any more. Raises TimeoutError."""
        backend = self._server.backend

        async def idle() -> None:
            await backend.runner.until_idle(backend.store.chats[chat_id])

        self.wait(idle(), seconds)

    def wait_for_llm(self, chat_id: str, purpose: str = "turn", *, n: int = 1, seconds: float = 10) -> list[Entry]:
        """Wait until the LLM has answered n requests of a chat; purpose: turn, title, label …"""
        journal = self._server.llm.journal
        return self.wait(journal.wait(chat_id, purpose, over=True, n=n, seconds=seconds), seconds + 1)

    @property
    def faults(self) -> list[str]:
        """The faults that are switched on."""
        return self._in_loop(lambda: self._server.backend.faults.names)

    def set_faults(self, *names: str) -> None:
        """Switch on exactly these faults (none: be right again). Raises KeyError for an unknown name."""
        self._in_loop(lambda: self._server.set_faults(names))

    @contextlib.contextmanager
    def with_faults(self, *names: str) -> Iterator[None]:
        """These faults as well, inside the block."""
        before = self.faults
        self.set_faults(*before, *names)
        try:
            yield
        finally:
            self.set_faults(*before)


@contextlib.contextmanager
def chat_server_running(
    faults: Iterable[str] = (), options: dict[str, Any] | None = None, *, profile: str = spec.DEFAULT
) -> Iterator[ChatServer]:
    """A fake server of this revision in a thread of its own; stopped at the end of the block."""
    started: Future[ChatServer] = Future()
    stop: list[Callable[[], object]] = []

    async def run() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        stop.append(lambda: loop.call_soon_threadsafe(ended.set))
        async with running_server(faults, {FLOOR: FLOOR_DEFAULT, **(options or {})}, profile=profile) as server:
            started.set_result(ChatServer(server, loop))
            await ended.wait()

    def thread() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    runner = threading.Thread(target=thread, name="fake-server", daemon=True)
    runner.start()
    try:
        yield started.result(START_SECONDS)
    finally:
        if stop:
            stop[0]()
        runner.join(START_SECONDS)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line("markers", "chat_server(profile=NAME, faults=[], options={}): how this test's fake server is started")


@pytest.fixture
def chat_server(request: pytest.FixtureRequest) -> Iterator[ChatServer]:
    """A fake server of this test's own, with a scripted LLM."""
    mark = request.node.get_closest_marker("chat_server")
    with chat_server_running(**(mark.kwargs if mark else {})) as server:
        yield server
