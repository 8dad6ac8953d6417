"""The life cycle of chats: every change that a request can order, as one atomic step of state, events and waking.

Nothing here awaits: a refusal leaves no trace, and no other request sees half a change. Content is already validated
(stored parts). What the real server refuses inside its transaction is refused here; earlier checks belong to the endpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fake_server.chats import orders
from fake_server.rules.refusals import refusal
from fake_server.state import settings, usage
from fake_server.state.records import Chat, Message, Part, QueuedMessage, Token, User
from fake_server.turns.titles import fallback_title

if TYPE_CHECKING:
    from fake_server.backend import Backend

QUEUE_CAP = 20
BUSY = ("pending", "running", "requires_action")
INTERRUPTED_BY_USER = "Tool execution interrupted by user"
INTERRUPTED_BY_PROMOTION = "Tool execution interrupted by queued message promotion"
NUL_ERROR = 'execute transaction: {step}: pq: invalid byte sequence for encoding "UTF8": 0x00'
UNKNOWN_MODEL_ERROR = (
    'execute transaction: insert chat: pq: insert or update on table "chats" violates foreign key constraint '
    '"chats_last_model_config_id_fkey"'
)


class Lifecycle:
    """What may be ordered of a chat. Every method raises Refusal when the order is refused."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

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
        token: Token | None = None,
    ) -> Chat:
        """A new root chat in `pending` with its first message; its first turn starts at once."""
        backend = self.backend
        usage.check_limit(backend, owner, organization_id)
        title = fallback_title(content)
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
        of_child = chat.parent_chat_id is not None and not self.backend.does("agents.run")
        if not of_child and (chat.client_type == "api" or self.backend.does("turn.starts-for-ui")):
            self.backend.runner.wake(chat)
        return chat

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
        if not backend.does("send.rolls-back"):
            self._apply_options(chat, mcp_server_ids, plan_mode)
        queue = store.queues.get(chat.id, [])
        busy = chat.status in BUSY
        busy &= backend.does("send.queues-behind-another") or store.messages[chat.id][-1].content != content
        busy &= chat.status != "requires_action" or backend.does("send.queues-while-awaited")
        busy |= busy_behavior == "interrupt" and not backend.does("send.interrupts-runs-alone")
        busy = busy or bool(queue and backend.does("send.queues-behind-backlog"))
        model = self._model_to_send(chat, model_config_id) if not busy or backend.does("queue.checks-model") else None
        if busy:
            backend.guard("send.queue-full", len(queue) >= backend.bound("send.exact-queue", QUEUE_CAP))
            self._apply_options(chat, mcp_server_ids, plan_mode if backend.does("send.plan-mode-at-once") else None)
            entry = QueuedMessage(
                id=store.next_queue_id(),
                chat_id=chat.id,
                content=content,
                created_by=caller.id,
                model_config_id=model if model_config_id or backend.does("queue.model-of-its-time") else None,
                created_at=backend.clock.now(),
                api_key_id=token.id if token else None,
            )
            if chat.status != "pending" or backend.does("send.queues-while-pending"):
                store.queues.setdefault(chat.id, []).append(entry)
            backend.hub.queue(chat)
            if busy_behavior == "interrupt" and chat.status != "pending" and backend.does("send.interrupts"):
                self._stop(chat)
            return entry
        self._apply_options(chat, mcp_server_ids, plan_mode)
        message = self._start(chat, caller.id, content, model, token.id if token else None, of_no_model=of_no_model)
        if not backend.does("send.runs"):
            backend.runner.discard(chat)
            self.backend.ledger.set_status(chat, "waiting")
        return message

    def _model_to_send(self, chat: Chat, wanted: str | None) -> str:
        does = self.backend.does
        usual = chat.last_model_config_id if does("send.keeps-model") else ""
        return orders.model_for(self.backend, wanted if does("send.uses-model") else None, usual, "send.model-unknown")

    def edit(
        self,
        chat: Chat,
        caller: User,
        message_id: int,
        *,
        content: list[Part],
        model_config_id: str | None = None,
        token: Token | None = None,
    ) -> Message:
        """Replace a user message: it and all later ones leave the view, the queue is emptied, a turn starts."""
        backend, store = self.backend, self.backend.store
        backend.runner.settle(chat)
        usage.check_limit(backend, store.users[chat.owner_id], chat.organization_id, doing="edit")
        old = orders.message_of(self.backend, chat, caller, message_id)
        backend.guard("edit.not-user", old.role != "user")
        usual = old.model_config_id if backend.does("edit.keeps-model") else None
        model = orders.model_for(backend, model_config_id, usual or chat.last_model_config_id, "edit.model-unknown")
        if chat.status == "running" and not backend.does("edit.during-turns"):
            raise refusal("edit.not-found")
        awaiting, cancelled = chat.status == "requires_action", chat.status == "running"
        backend.runner.discard(chat)
        if backend.does("edit.cuts-history"):
            for message in store.messages[chat.id]:
                cut = message.id >= old.id and (message.role != "tool" or backend.does("edit.cuts-tool-messages"))
                message.deleted = message.deleted or cut
        else:
            old.deleted = True
        if backend.does("edit.empties-queue"):
            store.queues.pop(chat.id, None)
        chat.api_key_id = token.id if token else chat.api_key_id
        chat.last_model_config_id = model
        message = self.backend.ledger.add_message(
            chat, "user", content, created_by=caller.id, model_config_id=model, visibility=old.visibility
        )
        backend.hub.replay(chat)
        runs = backend.does("edit.runs") and (not awaiting or backend.does("edit.starts-over"))
        self.backend.ledger.set_status(chat, "pending" if runs else chat.status if awaiting else "waiting")
        self._told_by_cancelled(chat, cancelled)
        backend.runner.wake(chat)
        return message

    def _told_by_cancelled(self, chat: Chat, cancelled: bool) -> None:
        """In early revisions a run that an order has cancelled tells the status, too, when it ends."""
        if cancelled and not self.backend.does("turn.ends-silently"):
            self.backend.hub.status(chat)
            self.backend.hub.watch(chat, "status_change")

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
        for call_id in pending:
            backend.guard("tool-results.missing", call_id not in given, id=call_id)
        for call_id in given:
            backend.guard("tool-results.unexpected", call_id not in pending, id=call_id)
        for call_id, result in given.items():
            backend.guard("tool-results.no-output", "output" not in result, id=call_id)
        stamp = backend.clock.now()
        rows = []
        for call_id in given if backend.does("tool-results.keep-order") else [c for c in pending if c in given]:
            result = given[call_id]
            part: Part = {"type": "tool-result", "tool_call_id": call_id, "tool_name": pending.get(call_id, "")}
            part["result"] = result.get("output")
            if not backend.does("tool-results.keep-kind") and not isinstance(part["result"], (dict, list)):
                part["result"] = str(part["result"])
            if result.get("is_error") and backend.does("tool-results.keep-errors"):
                part["is_error"] = True
            rows.append(self.backend.ledger.add_message(chat, "tool", [part], created_by=caller.id, created_at=stamp))
        backend.hub.defer(chat, *rows)
        chat.api_key_id = token.id if token else chat.api_key_id
        self.backend.ledger.write_status(chat, "pending" if backend.does("tool-results.go-on") else "waiting")
        backend.runner.wake(chat)

    # -- queue --------------------------------------------------------------------------------------------------

    def delete_queued(self, chat: Chat, queue_id: int) -> None:
        """Take a message out of the queue; an unknown id changes nothing but is announced all the same."""
        queues, does = self.backend.store.queues, self.backend.does
        queue = queues.get(chat.id, [])
        gone = [entry for entry in queue if entry.id == queue_id]
        if gone and not does("queue.deletes-one"):
            gone = [entry for entry in queue if entry.id <= queue_id]
        if not does("queue.own-chat"):
            for other in queues.values():
                other[:] = [entry for entry in other if entry.id != queue_id]
        queue[:] = [entry for entry in queue if entry not in gone]
        if not does("queue.forgets-deleted"):
            self.backend.faults.memory.setdefault(chat.id, []).extend(gone)
        self.backend.hub.queue(chat)

    def promote(self, chat: Chat, caller: User, queue_id: int, token: Token | None = None) -> Message | None:
        """Run a queued message next: now on a chat that does not run, else by interrupting the run.

        Gives the message that it has become; None when that is still to come.
        """
        backend, store = self.backend, self.backend.store
        backend.runner.settle(chat)
        queue = store.queues.get(chat.id, [])
        entry = next((e for e in queue if e.id == queue_id), None)
        if entry is None and not backend.does("promote.own-chat"):
            queue = next((q for q in store.queues.values() if any(e.id == queue_id for e in q)), queue)
            entry = next((e for e in queue if e.id == queue_id), None)
        if entry is None:
            raise refusal("promote.unknown", id=queue_id, chat=chat.id)
        if not backend.does("promote.chosen"):
            entry = queue[0]
        entry.created_by = caller.id
        entry.api_key_id = token.id if token else entry.api_key_id
        queue.remove(entry)
        if not backend.does("promote.interrupts"):
            cancelled = chat.status == "running"
            backend.runner.discard(chat)
            backend.hub.queue(chat)
            message = self._start(chat, caller.id, entry.content, entry.model_config_id, entry.api_key_id)
            self._told_by_cancelled(chat, cancelled)
            return message
        if backend.runner.active(chat) and chat.status == "running":
            entry.created_at = queue[0].created_at - timedelta(microseconds=1) if queue else backend.clock.now()
            queue.insert(0, entry)
            backend.hub.queue(chat)
            if backend.does("promote.stops"):
                self._stop(chat)
            return None
        backend.hub.queue(chat)
        synthetic = self._answer_pending(chat, INTERRUPTED_BY_PROMOTION)
        return self._start(chat, caller.id, entry.content, entry.model_config_id, entry.api_key_id, before=synthetic)

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
        idle, since = chat.status == "waiting", chat.updated_at
        if idle and not backend.does("interrupt.leaves-messages"):
            self.backend.ledger.add_message(chat, "assistant", [{"type": "text", "text": ""}])
        self._stop(chat)
        if idle and not backend.does("interrupt.moves-idle"):
            chat.updated_at = since
        return chat

    def _stop(self, chat: Chat) -> None:
        """`waiting` at once; a run that is on stores what it has and then lets the queue's head in."""
        self.backend.ledger.set_status(chat, "waiting")
        self.backend.runner.interrupt(chat)

    def family(self, chat: Chat) -> list[Chat]:
        """The chat and all its descendants: itself first, then by age."""
        store = self.backend.store
        found, at = [chat], 0
        while at < len(found):
            found.extend(store.chats[child] for child in store.children_of.get(found[at].id, ()))
            at += 1
        return [chat, *sorted(found[1:], key=lambda c: (c.created_at, c.id))]

    def archive(self, chat: Chat) -> None:
        """Archive a root with its descendants, or one child; active members are stopped, their queues stay."""
        backend = self.backend
        members = self.family(chat) if backend.does("archive.cascade") else [chat]
        if not backend.does("unarchive.whole-family"):
            members = [member for member in members if not member.archived]
        for member in members:
            backend.runner.settle(member)
            member.archived = True
            if backend.does("archive.moves-chat"):
                member.updated_at = backend.clock.now()
            if backend.does("archive.unpins"):
                member.pin_order = 0
        stops = backend.does("archive.stops-runs" if chat.parent_chat_id is None else "archive.stops-lone-children")
        for member in members:
            if member.status in ("pending", "running") and stops:
                self._stop(member)
        for member in self._announced(members):
            backend.hub.watch(member, "deleted")

    def unarchive(self, chat: Chat) -> None:
        """Bring back a root with all descendants, or one child. Nothing runs again by itself."""
        members = self.family(chat) if self.backend.does("unarchive.cascade") else [chat]
        if not self.backend.does("unarchive.whole-family"):
            members = [member for member in members if member.updated_at >= chat.updated_at]
        for member in members:
            member.archived = False
            if self.backend.does("archive.moves-chat"):
                member.updated_at = self.backend.clock.now()
            if not self.backend.does("unarchive.leaves-queue") and self.backend.ledger.promote_next(member):
                self.backend.runner.wake(member)
        for member in self._announced(members):
            self.backend.hub.watch(member, "created")

    def _announced(self, members: list[Chat]) -> list[Chat]:
        """The members of a family that watchers are told of, in this order."""
        if members and members[0].parent_chat_id and not self.backend.does("watch.child-alone"):
            return []
        told = members if self.backend.does("watch.family") else members[:1]
        return told if self.backend.does("watch.target-first") else told[::-1]

    # -- small changes ------------------------------------------------------------------------------------------

    def rename(self, chat: Chat, title: str) -> None:
        """A new title by hand: refused while a title is being made or the chat is pending; no move in the list."""
        backend = self.backend
        if title == chat.title and backend.does("rename.same-is-free"):
            return
        backend.guard("title.locked", chat.title_lock or chat.status == "pending")
        backend.guard("title.nul", "\0" in title, detail=NUL_ERROR.format(step="update chat title"))
        chat.title = title
        if not backend.does("rename.keeps-place"):
            chat.updated_at = backend.clock.now()
        backend.hub.watch(chat, "title_change")

    def set_labels(self, chat: Chat, labels: Mapping[str, str]) -> None:
        """Replace all labels; the chat moves up in the list."""
        chat.labels = dict(labels) if self.backend.does("labels.replaced") else {**chat.labels, **labels}
        if self.backend.does("labels.move-chat"):
            chat.updated_at = self.backend.clock.now()

    # -- parts of orders ----------------------------------------------------------------------------------------

    def _answer_pending(self, chat: Chat, text: str) -> list[Message]:
        """Error results for the calls that a chat in `requires_action` will never get an answer to."""
        if chat.status != "requires_action" or not self.backend.does("requires-action.synthetic-results"):
            return []
        stamp = self.backend.clock.now()
        text = text if self.backend.does("requires-action.says-why") else INTERRUPTED_BY_PROMOTION
        return [
            self.backend.ledger.add_message(
                chat,
                "tool",
                [{"type": "tool-result", "tool_call_id": call, "tool_name": tool, "result": text, "is_error": True}],
                created_by=None if self.backend.does("requires-action.no-author") else chat.owner_id,
                created_at=stamp,
            )
            for call, tool in self.backend.ledger.pending_calls(chat).items()
        ]

    def _start(
        self,
        chat: Chat,
        author: str,
        content: list[Part],
        model: str | None,
        api_key_id: str | None,
        *,
        before: list[Message] | None = None,
        of_no_model: bool = False,
    ) -> Message:
        message = self.backend.ledger.user_message(chat, author, content, model or chat.last_model_config_id, api_key_id)
        if of_no_model:
            message.model_config_id = None
        self.backend.hub.message(chat, *(before or ()), message)
        self.backend.ledger.set_status(chat, "pending")
        self.backend.runner.wake(chat)
        return message

    def _apply_options(self, chat: Chat, mcp_server_ids: Iterable[str] | None, plan_mode: str | None) -> None:
        if plan_mode is not None or not self.backend.does("send.keeps-plan-mode"):
            chat.plan_mode = plan_mode or ""
        if mcp_server_ids is None and not self.backend.does("send.keeps-servers"):
            mcp_server_ids = []
        if mcp_server_ids is not None:
            chosen = list(mcp_server_ids)
            if chosen != chat.mcp_server_ids:
                chat.mcp_server_ids = chosen
                chat.updated_at = self.backend.clock.now()
