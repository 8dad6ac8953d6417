"""One run of one chat, from the moment it is taken up."""

from __future__ import annotations

import asyncio

from fake_server.chats.debugging import DebugRun, NoRun
from fake_server.state.records import Chat, new_id
from fake_server.turns.step import Step


class Run:
    """One run of one chat. `step` is the model call that is not stored yet, if any of it is worth keeping."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.task: asyncio.Task[None]
        self.step: Step | None = None
        self.debug: DebugRun = NoRun()
        self.started = self.stopping = False
        self.only_compacts = False  # it was ordered to sum up, and makes no answer
        self.waiting_calls: list[dict[str, str]] = []
        self.advisor_uses = self.compactions = 0
        self.failures = self.attempts = 0  # of the whole run, and those of the present step
        self.compaction_id = new_id()  # all compactions of a run show the same call
