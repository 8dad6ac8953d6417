"""The life cycle of chats: every change that a request can order, as one atomic step of state, events and waking.

Nothing here awaits: a refusal leaves no trace, and no other request sees half a change. Content is already validated
(stored parts). What the real server refuses inside its transaction is refused here; earlier checks belong to the endpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fake_server.chats import orders
from fake_server.chats.queueing import Queueing
from fake_server.state import settings, usage
from fake_server.state.records import Chat, Message, Part, QueuedMessage, Token, User
from fake_server.turns.titles import fallback_title

QUEUE_CAP = 20
BUSY = ("pending", "running", "requires_action", "interrupting")
INTERRUPTED_BY_USER = "Tool execution interrupted by user"
NUL_ERROR = 'execute transaction: {step}: pq: invalid byte sequence for encoding "UTF8": 0x00'
UNKNOWN_MODEL_ERROR = (
    'execute transaction: insert chat: pq: insert or update on table "chats" violates foreign key constraint '
    '"chats_last_model_config_id_fkey"'
)


class Lifecycle(Queueing):
    """What may be ordered of a chat. Every method raises Refusal when the order is refused."""

    # -- create -------------------------------------------------------------------------------------------------

    def create(
        self,
        owner: User,
        *,
        organization_id: str,
        content: list[Part],
        model_config_id: str,
        system_prompt: str = "",
        workspace_id: str | None = None,
        mcp_server_ids: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
        dynamic_tools: Iterable[dict[str, Any]] = (),
        plan_mode: str = "",
        client_type: str = "api",
        reasoning_effort: str | None = None,
        token: Token | None = None,
    ) -> Chat:
        """A new root chat in `pending` with its first message; its first turn starts at once."""
        backend = self.backend
        usage.check_limit(backend, owner, organization_id)
        title = fallback_title(content, room=self.backend.does("title.leaves-room"))
        backend.guard("create.title-nul", "\0" in title, detail=NUL_ERROR.format(step="insert chat"))
        known = model_config_id in backend.store.model_configs
        backend.guard("create.model-unknown", not known, detail=UNKNOWN_MODEL_ERROR)
        chat = Chat(
            owner_id=owner.id,
            organization_id=organization_id,
            title=title,
            last_model_config_id=model_config_id,
            system_prompt=system_prompt,
            workspace_id=workspace_id,
            mcp_server_ids=list(mcp_server_ids),
            labels=dict(labels or {}),
            dynamic_tools=list(dynamic_tools),
            plan_mode=plan_mode,
            client_type=client_type or "api",
            last_reasoning_effort=reasoning_effort,
            api_key_id=token.id if token else None,
        )
        return self.insert(chat, content, created_by=owner.id)

    def insert(self, chat: Chat, content: list[Part], *, created_by: str | None) -> Chat:
        """Store a chat made elsewhere (create, sub-agents) with its first message, tell the watchers, start its turn."""
        store = self.backend.store
        chat.created_at = chat.updated_at = self.backend.clock.now()
        store.chats[chat.id] = chat
        if chat.parent_chat_id is None or not self.backend.does("list.nests"):
            store.chats_of.setdefault(chat.owner_id, []).append(chat.id)
        if chat.parent_chat_id is not None:
            store.children_of.setdefault(chat.parent_chat_id, []).append(chat.id)
        store.messages[chat.id] = []
        for text in settings.stored_prompts(self.backend, chat):
            self.backend.ledger.add_message(chat, "system", [{"type": "text", "text": text}], visibility="model")
        self.backend.ledger.add_message(chat, "user", content, created_by=created_by, created_at=chat.created_at)
        self.backend.hub.watch(chat, "created")
        self._first_turn(chat)
        return chat

    def _first_turn(self, chat: Chat) -> None:
        self.backend.runner.wake(chat)

    # -- messages -----------------------------------------------------------------------------------------------

    def send(
        self,
        chat: Chat,
        caller: User,
        *,
        content: list[Part],
        model_config_id: str | None = None,
        of_no_model: bool = False,
        mcp_server_ids: Iterable[str] | None = None,
        plan_mode: str | None = None,
        busy_behavior: str = "queue",
        reasoning_effort: str | None = None,
        token: Token | None = None,
    ) -> Message | QueuedMessage:
        """A user message: run at once on an idle chat, queued on a busy one or behind a backlog.

        `busy_behavior` "interrupt" also stops what is running, so that the queue's head is next. `of_no_model`: the
        message names none, though it runs on the chat's.
        """
        backend, store = self.backend, self.backend.store
        backend.runner.settle(chat)
        doing = "queue" if chat.status in BUSY else "send"
        usage.check_limit(backend, store.users[chat.owner_id], chat.organization_id, doing=doing)
        queues = self._queues(chat, content, busy_behavior)
        model = self._model_to_send(chat, model_config_id) if not queues or backend.does("queue.checks-model") else None
        if not queues:
            self._apply_options(chat, mcp_server_ids, plan_mode)
            chat.last_reasoning_effort = reasoning_effort or chat.last_reasoning_effort
            return self._start(chat, caller.id, content, model, token.id if token else None, of_no_model=of_no_model)
        length = len(store.queues.get(chat.id, ()))
        backend.guard("send.queue-full", length >= backend.bound("send.exact-queue", QUEUE_CAP))
        self._apply_options(chat, mcp_server_ids, plan_mode)
        entry = QueuedMessage(
            id=store.next_queue_id(),
            chat_id=chat.id,
            content=content,
            created_by=caller.id,
            model_config_id=model if model_config_id or backend.does("queue.model-of-its-time") else None,
            created_at=backend.clock.now(),
            api_key_id=token.id if token else None,
            reasoning_effort=reasoning_effort,
        )
        self._enqueue(chat, entry)
        self._queued(chat, busy_behavior)
        return entry

    def _queued(self, chat: Chat, busy_behavior: str) -> None:
        """A message was queued: readers are told, and what is running is stopped if that was asked for."""
        self.backend.hub.queue(chat)
        if busy_behavior == "interrupt" and chat.status != "pending":
            self._stop(chat)

    def _queues(self, chat: Chat, content: list[Part], busy_behavior: str) -> bool:
        """Does this message wait: for what the chat is busy with, or behind a backlog?"""
        return chat.status in BUSY or bool(self.backend.store.queues.get(chat.id))

    def _enqueue(self, chat: Chat, entry: QueuedMessage) -> None:
        self.backend.store.queues.setdefault(chat.id, []).append(entry)

    def _model_to_send(self, chat: Chat, wanted: str | None) -> str:
        return orders.model_for(self.backend, wanted, chat.last_model_config_id, "send.model-unknown")

    def edit(
        self,
        chat: Chat,
        caller: User,
        message_id: int,
        *,
        content: list[Part],
        model_config_id: str | None = None,
        reasoning_effort: str | None = None,
        token: Token | None = None,
    ) -> Message:
        """Replace a user message: it and all later ones leave the view, the queue is emptied, a turn starts."""
        backend, store = self.backend, self.backend.store
        backend.runner.settle(chat)
        usage.check_limit(backend, store.users[chat.owner_id], chat.organization_id, doing="edit")
        old = orders.message_of(self.backend, chat, caller, message_id)
        backend.guard("edit.not-user", old.role != "user")
        usual = old.model_config_id or chat.last_model_config_id
        model = orders.model_for(backend, model_config_id, usual, "edit.model-unknown")
        cancelled = chat.status == "running"
        backend.runner.discard(chat)
        self._cut(chat, old)
        if backend.does("edit.empties-queue"):
            store.queues.get(chat.id, []).clear()
        chat.api_key_id = token.id if token else chat.api_key_id
        chat.last_model_config_id = model
        chat.last_reasoning_effort = reasoning_effort or chat.last_reasoning_effort
        message = self.backend.ledger.add_message(
            chat, "user", content, created_by=caller.id, model_config_id=model, visibility=old.visibility
        )
        backend.hub.replay(chat)
        self._start_over(chat)
        self._told_by_cancelled(chat, cancelled)
        backend.runner.wake(chat)
        return message

    def _cut(self, chat: Chat, old: Message) -> None:
        """The message and all behind it leave the view."""
        for message in self.backend.store.messages[chat.id]:
            message.deleted = message.deleted or message.id >= old.id

    def _start_over(self, chat: Chat) -> None:
        self.backend.ledger.set_status(chat, "pending")

    def tool_results(self, chat: Chat, caller: User, results: list[dict[str, Any]], token: Token | None = None) -> None:
        """The client's results for exactly the pending calls: `[{tool_call_id, output?, is_error?}]`; the turn goes on.

        Publishes nothing: readers get the results with the next published message.
        """
        backend = self.backend
        backend.guard("tool-results.empty", not results)
        waiting = chat.status == "requires_action"
        backend.guard("tool-results.not-waiting", not waiting, status=chat.status)
        pending = self.backend.ledger.pending_calls(chat)
        given: dict[str, dict[str, Any]] = {}
        for result in results:
            call_id = result["tool_call_id"]
            backend.guard("tool-results.duplicate", call_id in given, id=call_id)
            given[call_id] = result
            early = "output" not in result and backend.does("tool-results.outputs-first")
            backend.guard("tool-results.no-output", early, id=call_id)
        for call_id in pending:
            backend.guard("tool-results.missing", call_id not in given, id=call_id)
        for call_id in given:
            backend.guard("tool-results.unexpected", call_id not in pending, id=call_id)
        for call_id, result in given.items():
            backend.guard("tool-results.no-output", "output" not in result, id=call_id)
        stamp = backend.clock.now()
        rows = []
        for call_id, result in given.items():
            part = self._result_part(result, pending.get(call_id, ""))
            rows.append(self.backend.ledger.add_message(chat, "tool", [part], created_by=caller.id, created_at=stamp))
        backend.hub.defer(chat, *rows)
        chat.api_key_id = token.id if token else chat.api_key_id
        self._go_on(chat)

    def _result_part(self, result: dict[str, Any], tool: str) -> Part:
        part: Part = {"type": "tool-result", "tool_call_id": result["tool_call_id"], "tool_name": tool}
        part["result"] = result.get("output")
        if result.get("is_error"):
            part["is_error"] = True
        return part

    def _go_on(self, chat: Chat) -> None:
        self.backend.ledger.write_status(chat, "pending")
        self.backend.runner.wake(chat)

    # -- stop and go --------------------------------------------------------------------------------------------

    def interrupt(self, chat: Chat) -> Chat:
        """Stop what runs. A pending chat stays pending; anything else is `waiting` afterwards, without last_error."""
        backend = self.backend
        backend.runner.settle(chat)
        if chat.status == "pending":
            return chat
        rows = self._answer_pending(chat, INTERRUPTED_BY_USER)
        if rows:
            backend.hub.defer(chat, *rows)
        self._stop(chat)
        return chat

    # -- small changes ------------------------------------------------------------------------------------------

    def rename(self, chat: Chat, title: str) -> None:
        """A new title by hand: refused while a title is being made or the chat is pending; no move in the list."""
        backend = self.backend
        if title == chat.title and backend.does("rename.same-is-free"):
            return
        backend.guard("title.locked", chat.title_lock or chat.status == "pending")
        backend.guard("title.nul", "\0" in title, detail=NUL_ERROR.format(step="update chat title"))
        chat.title = title
        backend.hub.watch(chat, "title_change")

    def set_labels(self, chat: Chat, labels: Mapping[str, str]) -> None:
        """Replace all labels; the chat moves up in the list."""
        chat.labels = dict(labels)
        if self.backend.does("labels.move-chat"):
            chat.updated_at = self.backend.clock.now()
