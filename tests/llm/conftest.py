"""One scripted LLM on free ports for all tests of this folder, and a loop that every test shares."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from fake_server.llm.server import ScriptedLLM

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]
_chats = itertools.count(1)


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def llm(runner: asyncio.Runner) -> Iterator[ScriptedLLM]:
    llm = ScriptedLLM(gate_seconds=5)
    runner.run(llm.start())
    yield llm
    runner.run(llm.stop())


@pytest.fixture
def run(runner: asyncio.Runner) -> Run[Any]:
    """Run one coroutine on the shared loop, with a deadline."""

    async def bounded(work: Coroutine[Any, Any, T]) -> T:
        async with asyncio.timeout(15):
            return await work

    return lambda work: runner.run(bounded(work))


@pytest.fixture
def chat() -> str:
    """A chat id that no other test uses."""
    return f"chat-{next(_chats)}"
