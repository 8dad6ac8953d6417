"""The worker: takes pending chats, runs their turns, and ends them: done, failed, interrupted, or waiting for the client."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from fake_server.chats.views import stamp
from fake_server.model_calls.classify import Failure
from fake_server.model_calls.client import LLMClient
from fake_server.state import usage
from fake_server.state.records import Chat, Message, Part
from fake_server.turns import summaries
from fake_server.turns.history import UNANSWERED
from fake_server.turns.loop import Outcome, RunFailed, run_turn
from fake_server.turns.places import Places
from fake_server.turns.run import Run
from fake_server.turns.step import Step
from fake_server.turns.titles import automatic_title

if TYPE_CHECKING:
    from fake_server.backend import Backend

log = logging.getLogger("fake_server.turns")

STOP_SECONDS = 0.03
STALE_SECONDS, SWEEP_SECONDS = 300.0, 60.0
FLOOR = "turn-floor-ms"
POLL = "pick-up-ms"
POLL_DEFAULT = "1000"  # of revisions whose worker looks for pending chats
FLOOR_DEFAULT = "100"  # of servers that clients are tried on; real ones need 50 to 90, and clients rely on seeing them run
CLIENT_TIMEOUT = "Dynamic tool execution timed out"


def floor_seconds(text: Any) -> float:
    """The option `turn-floor-ms` in seconds. Raises ValueError for what is no number of milliseconds."""
    floor = float(text) / 1000
    if not 0 <= floor <= 60:
        raise ValueError(f"{FLOOR} is not from 0 to 60000: {text}")
    return floor


class Runner:
    """Runs the turns of all chats of one backend."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.llm = LLMClient(backend)
        backend.ledger.on_status = self._status_written
        self._runs: dict[str, Run] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._dice = random.Random(1)
        self.floor = floor_seconds(backend.options.get(FLOOR, 0))  # what a turn takes at least
        # how often the worker looks for pending chats, in seconds; 0: it is woken
        self.poll = 0.0 if backend.does("turn.is-woken") else floor_seconds(backend.options.get(POLL, 0))
        self._since = time.monotonic()
        self.places = Places(backend)
        self._takes_time = backend.does("interrupt.takes-time")  # clients see that a run is being stopped

    # -- what the life cycle orders -----------------------------------------------------------------------------

    def active(self, chat: Chat) -> bool:
        """Is a run of this chat going on?"""
        return chat.id in self._runs

    def run_of(self, chat_id: str) -> Run | None:
        """The run of this chat, if one goes on."""
        return self._runs.get(chat_id)

    def compact(self, chat: Chat) -> None:
        """Sum up the chat's history in a run of its own."""
        self.backend.ledger.set_status(chat, "pending")
        self.wake(chat)
        if run := self._runs.get(chat.id):
            run.only_compacts = True

    def wake(self, chat: Chat) -> None:
        """The chat may be pending: run it, unless it is archived or runs already."""
        if chat.status != "pending" or self._rests(chat) or chat.id in self._runs:
            return
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep_for_ever())
        run = self._runs[chat.id] = Run(chat)
        self.backend.hub.run_taken(chat)
        run.task = asyncio.get_running_loop().create_task(self._work(run))

    def _drop(self, chat: Chat, *, keeps_place: bool = False) -> Run | None:
        """The chat has no run any more; gives what it had."""
        self.backend.hub.run_gone(chat)
        if not keeps_place:
            self.places.give_back(chat)
        return self._runs.pop(chat.id, None)

    def interrupt(self, chat: Chat) -> None:
        """Stop the run; what it has is stored right after the present step of the event loop, or in `settle`."""
        run = self._runs.get(chat.id)
        if run is not None and not run.stopping:
            run.stopping = True
            run.task.cancel()
            loop = asyncio.get_running_loop()
            if self._takes_time:
                loop.call_later(STOP_SECONDS, self._end_interrupted, run)
            else:
                loop.call_soon(self._end_interrupted, run)

    def settle(self, chat: Chat) -> None:
        """Finish an interruption that was ordered before, so that the next order finds its result."""
        run = self._runs.get(chat.id)
        if run is not None and run.stopping and not self._takes_time:
            self._end_interrupted(run)

    def discard(self, chat: Chat) -> None:
        """Drop the run and all that it has not stored."""
        run = self._drop(chat)
        if run is not None:
            run.stopping = True
            run.task.cancel()
            run.debug.end("interrupted")
            self.backend.hub.drop_parts(chat)

    async def until_idle(self, chat: Chat) -> None:
        """Wait until the chat is neither pending nor running."""
        while chat.status in ("pending", "running", "interrupting"):
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.setdefault(chat.id, []).append(waiter)
            await waiter

    def _status_written(self, chat: Chat) -> None:
        """Called at each change of status."""
        if chat.status in ("waiting", "error"):
            self.places.give_back(chat)
        if chat.status not in ("pending", "running", "interrupting"):
            for waiter in self._waiters.pop(chat.id, ()):
                if not waiter.done():
                    waiter.set_result(None)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the runs (titles, labels)."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Stop everything and hang up."""
        tasks = [*self._background, *(run.task for run in self._runs.values())]
        if self._sweeper is not None:
            tasks.append(self._sweeper)
        self._runs.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.llm.http.close()

    def sweep(self) -> None:
        """What the real server's minute job finds: idle chats with a backlog, and clients that never answered."""
        for chat in list(self.backend.store.chats.values()):
            if (self.backend.clock.now() - chat.updated_at).total_seconds() < STALE_SECONDS or self._rests(chat):
                continue
            if chat.status == "requires_action":
                failure = Failure("generic", False, CLIENT_TIMEOUT)
                self.backend.ledger.write_status(chat, "error", failure.payload)
            elif chat.status == "waiting" and not self.active(chat):
                self._promote(chat)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep()

    # -- a run --------------------------------------------------------------------------------------------------

    async def _work(self, run: Run) -> None:
        chat, ledger = run.chat, self.backend.ledger
        if chat.status != "pending" or self._rests(chat):
            self._drop(chat)
            return
        if held := float(self.backend.options.get("held-pending", 0)) + self._until_poll():
            await self.backend.clock.sleep(held)
            if chat.status != "pending" or self._rests(chat):
                self._drop(chat)
                return
        try:
            await self.places.take(chat)
        except asyncio.CancelledError:
            if not run.stopping:
                raise
            return
        run.started = True
        self.backend.hub.run_started(chat)
        ledger.set_status(chat, "running")
        failure: Failure | None = None
        outcome = Outcome.DONE
        try:
            if self._interrupts_itself(chat):
                self.interrupt(chat)
            if not run.only_compacts:
                self.spawn(automatic_title(self.backend, chat))
            # the title's call leaves before the turn's
            await self.backend.clock.sleep(self.floor) if self.floor else await asyncio.sleep(0)
            outcome = await run_turn(self.backend, run)
        except asyncio.CancelledError:
            if not run.stopping:
                raise
            return
        except RunFailed as failed:
            failure = failed.failure
        except Exception as error:  # a bug here must look to clients as one of the real server does
            log.exception("turn of chat %s", chat.id)
            failure = Failure("generic", False, f"chat processing panicked: {type(error).__name__}")
        if run.stopping or self._runs.get(chat.id) is not run:
            return
        # a worker waits with the client for what the turn asks of it
        self._drop(chat, keeps_place=failure is None and outcome is Outcome.REQUIRES_ACTION)
        run.debug.end("completed" if failure is None else "error")
        if failure is not None:
            self._end_failed(run, failure)
        elif outcome is Outcome.REQUIRES_ACTION:
            self._end_requiring_action(chat, run.waiting_calls)
        else:
            self._end_done(chat)
        self.backend.hub.retire(chat)

    def _rests(self, chat: Chat) -> bool:
        """Does nothing run in this chat, because it is archived?"""
        return chat.archived and self.backend.does("archive.rests")

    def _until_poll(self) -> float:
        """Seconds until the worker looks for pending chats again: 0 where it is woken at once."""
        interval = self.poll
        return interval - (time.monotonic() - self._since) % interval if interval else 0.0

    def _interrupts_itself(self, chat: Chat) -> bool:
        """What real servers do now and then to a send, an edit or a promotion, never to a first turn; off unless asked for."""
        share = float(self.backend.options.get("self-interrupts", 0))
        return bool(share) and self._later(chat) and self._dice.random() < share

    def _later(self, chat: Chat) -> bool:
        """Does this begin with a message of the user, which is not the chat's first?"""
        messages = self.backend.store.messages[chat.id]
        return messages[-1].role == "user" and sum(m.role == "user" for m in messages) > 1

    def _end_done(self, chat: Chat) -> None:
        if not self._rests(chat) and self._promote(chat):
            summaries.write_summary(self.backend, chat, summaries.STILL_WORKING)
            return
        self.backend.ledger.set_status(chat, "waiting")
        self.spawn(summaries.summarise_chat(self.backend, chat))
        self.spawn(summaries.label(self.backend, chat))

    def _end_failed(self, run: Run, failure: Failure) -> None:
        chat = run.chat
        if run.step is not None:
            self.backend.hub.message(chat, *self._store_partial(run))
        if self.backend.does("error.before-status"):
            self.backend.hub.error(chat, failure.payload)
        self._rest_failed(chat, failure)
        if not self.backend.does("error.before-status"):
            self.backend.hub.error(chat, failure.payload)

    def _rest_failed(self, chat: Chat, failure: Failure) -> None:
        self.backend.ledger.set_status(chat, "error", error=failure.payload)
        summaries.write_summary(self.backend, chat, None)

    def _end_requiring_action(self, chat: Chat, calls: list[dict[str, str]]) -> None:
        self.backend.ledger.set_status(chat, "requires_action")
        self._tell_calls(chat, calls)
        if self.backend.does("summary.while-awaited"):
            summaries.write_summary(self.backend, chat, summaries.WAITING_FOR_USER)

    def _tell_calls(self, chat: Chat, calls: list[dict[str, str]]) -> None:
        self.backend.hub.action_required(chat, calls)
        told = {"tool_calls": calls} if self.backend.does("watch.tells-calls") else {}
        self.backend.hub.watch(chat, "action_required", **told)

    def _end_interrupted(self, run: Run) -> None:
        chat = run.chat
        if self._runs.get(chat.id) is not run:
            return
        self._drop(chat)
        run.debug.end("interrupted")
        if not run.started and not self._takes_time:
            return
        self._keep_partial(run)
        self._rest_interrupted(run)
        if self.backend.does("interrupt.clears-label"):
            summaries.write_summary(self.backend, chat, None)
        self.backend.hub.retire(chat)

    def _keep_partial(self, run: Run) -> None:
        if rows := self._store_partial(run):
            self.backend.hub.message(run.chat, *rows)

    def _rest_interrupted(self, run: Run) -> None:
        if self._rests(run.chat) or not self._promote(run.chat):
            self.backend.ledger.set_status(run.chat, "waiting")

    def _promote(self, chat: Chat) -> bool:
        promoted = self.backend.ledger.promote_next(chat)
        if promoted:
            self.wake(chat)
        return promoted

    def _partial(self, step: Step | None) -> list[Part]:
        """What an unfinished step has said so far."""
        return step.partial() if step is not None else []

    def _store_partial(self, run: Run) -> list[Message]:
        step = run.step
        content = self._partial(step)
        chat, ledger = run.chat, self.backend.ledger
        now = self.backend.clock.now()
        if step is None or not content:
            return []
        rows = [] if step.stored else [ledger.add_message(chat, "assistant", content, created_at=now)]
        if rows and (config := self.backend.store.model_configs.get(str(rows[0].model_config_id))):
            usage.record(self.backend, chat, config, rows[0].id, None)  # no tokens, but summaries know its chat and model
        done = {id(step.calls[position]): part for position, part in step.results.items()}
        known = iter(step.calls)
        for part in content:
            if part["type"] != "tool-call" or part.get("provider_executed"):
                continue
            call = next(known, None) if "created_at" in part else None
            answer: Part | None = done.get(id(call)) if call is not None else None
            if answer is None:
                answer = {k: v for k, v in part.items() if k in ("tool_call_id", "tool_name")}
                answer |= {"type": "tool-result", "result": {"error": UNANSWERED}, "is_error": True}
                answer["created_at"] = stamp(now)
            rows.append(ledger.add_message(chat, "tool", [answer], created_at=now))
        return rows
