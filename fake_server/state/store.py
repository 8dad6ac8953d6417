"""The passive state of one fake server: what is kept, what it was started with, how it behaves. Nothing active hangs on it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import spec
from fake_server.faulting import Faults
from fake_server.revision import revision
from fake_server.rules.refusals import Refusal, Said, refusal
from fake_server.state.language_models import LanguageModel
from fake_server.state.language_models import Provider as StartProvider
from fake_server.state.ordering import ListOrder
from fake_server.state.records import (
    Chat,
    Message,
    ModelConfig,
    Provider,
    QueuedMessage,
    StoredFile,
    Token,
    UsageRow,
    User,
    Workspace,
    new_id,
    now,
)


class Store:
    """Everything that is kept, indexed the way it is read."""

    def __init__(self) -> None:
        self.organization_id = new_id()
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.last_seen: dict[str, datetime] = {}  # user id → when he signed in last
        self.chats: dict[str, Chat] = {}
        self.chats_of: dict[str, list[str]] = {}  # owner id → root chat ids, oldest first
        self.children_of: dict[str, list[str]] = {}  # root or parent id → child ids, oldest first
        self.messages: dict[str, list[Message]] = {}  # chat id → rows by id, deleted and hidden ones included
        self.queues: dict[str, list[QueuedMessage]] = {}
        self.files: dict[str, StoredFile] = {}
        self.chats_of_file: dict[str, list[str]] = {}  # file id → ids of the chats that link it
        self.said: dict[str, list[Any]] = {}  # chat id → its messages as they are shown, where they are the client's own objects
        self.ai_providers: list[StartProvider] = []  # of the start configuration
        self.language_models: dict[str, LanguageModel] = {}  # by id, of the start configuration
        self.providers: dict[str, Provider] = {}
        self.model_configs: dict[str, ModelConfig] = {}
        self.mcp_servers: dict[str, dict[str, Any]] = {}  # id → the server as the API shows it
        self.workspaces: dict[str, Workspace] = {}
        self.skills: dict[str, dict[str, dict[str, Any]]] = {}  # user id → name → the skill as the API shows it
        self.debug_runs: dict[str, list[Any]] = {}  # chat id → its debug runs, oldest first
        self.evicted: set[str] = set()  # ids of files that made room for newer ones
        self.links: dict[str, tuple[str, str, datetime | None]] = {}  # token → file, who asked for it, until when
        self.requests: dict[str, int] = {}  # root chat id → how many calls of models its family has made
        self.usage: list[UsageRow] = []
        self.usage_of: dict[str, list[UsageRow]] = {}  # owner id → the same rows, oldest first
        self.settings: dict[str, Any] = {}  # server-wide settings by name
        self.user_settings: dict[str, dict[str, Any]] = {}  # user id → settings by name
        self.order = ListOrder(self.chats, self.chats_of)
        self._message_ids = itertools.count(1)
        self._queue_ids = itertools.count(1)

    def next_message_id(self) -> int:
        return next(self._message_ids)

    def next_queue_id(self) -> int:
        return next(self._queue_ids)


class Clock:
    """Wall time; tests may replace it."""

    def now(self) -> datetime:
        return now()

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        await asyncio.sleep(seconds)


class State:
    """`revision`, `store`, `faults`, `clock` and `options` of one fake server."""

    def __init__(self, profile: str = spec.DEFAULT, *, faults: Iterable[str] = (), options: dict[str, Any] | None = None) -> None:
        self.revision = revision(profile)
        self.store = Store()
        self.faults = Faults(faults, self.revision.off)
        self.clock = Clock()
        # Start configuration, by the names of the real server's environment (e.g. CODER_DISABLE_CHAT_SHARING).
        self.options: dict[str, Any] = dict(options or {})

    def guard(self, key: str, failed: bool, /, **values: Any) -> None:
        """Refuse with the refusal `key` when `failed`, if this revision has it and no fault has turned that guard off."""
        if failed and key in self.revision.errors and not self.faults.is_off(key):
            raise refusal(key, **values)

    def said(self, refused: Refusal) -> Said:
        """A refusal in the words of this revision."""
        return refused.said(self.revision.errors)

    def does(self, behaviour: str) -> bool:
        """Does the server behave so? What the table of its revision says, unless a fault has it the other way round."""
        return not self.faults.is_off(behaviour)

    def bound(self, name: str, value: int) -> int:
        """The last value that passes; one more when a fault has turned the exactness of this bound off."""
        return value + self.faults.is_off(name)
