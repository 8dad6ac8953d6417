"""Queues that suffer from what else is done to their chat."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Fault, declare, instead
from fake_server.state.records import Chat, Message


def queue_of(part: Any, chat: Chat) -> list[Any]:
    """The queue of a chat, as a part of the backend or the ledger finds it."""
    state = getattr(part, "backend", None) or part.state
    found: list[Any] = state.store.queues.setdefault(chat.id, [])
    return found


@instead("Lifecycle.set_labels", red=["CROSS-001", "CROSS-003", "CROSS-002", "CROSS-004"])
def labels_turn_the_queue(right: Any, chat: Chat, labels: Any) -> None:
    """A change of labels turns the queue round."""
    right(chat, labels)
    queue_of(right.__self__, chat).reverse()


@instead("Lifecycle.rename", red=["CROSS-003", "CROSS-004"])
def renames_at_rest_empty_the_queue(right: Any, chat: Chat, title: str) -> None:
    """A rename of a chat at rest empties its queue."""
    right(chat, title)
    if chat.status in ("waiting", "error"):
        queue_of(right.__self__, chat).clear()


@instead("Ledger.promote_next", red=["CROSS-002", "CROSS-004"])
def labelled_chats_forget_their_queue(right: Any, chat: Chat) -> Any:
    """The queue of a chat with labels does not run by itself."""
    return False if chat.labels else right(chat)


def _back(right: Any, chat: Chat) -> None:
    right(chat)
    right.__self__.backend.faults.memory[f"back {chat.id}"] = True


def _next(right: Any, chat: Chat) -> Any:
    return False if right.__self__.state.faults.memory.get(f"back {chat.id}") else right(chat)


declare(
    Fault(
        "queues-stay-in-the-archive",
        "the queue of a chat that came back from the archive runs no more by itself",
        frozenset(["CROSS-004"]),
        around={"Lifecycle.unarchive": _back, "Ledger.promote_next": _next},
    )
)


@instead("Ledger.promote_next", red=["CROSS-005", "CROSS-006"])
def messages_go_with_their_model(right: Any, chat: Chat) -> Any:
    """A queued message whose model is deleted is thrown away."""
    configs = right.__self__.state.store.model_configs
    gone = [e for e in queue_of(right.__self__, chat) if e.model_config_id and configs[e.model_config_id].deleted]
    for entry in gone:
        queue_of(right.__self__, chat).remove(entry)
    return right(chat)


@instead("Ledger.promote_next", red=["CROSS-006"])
def queues_go_with_the_chats_model(right: Any, chat: Chat) -> Any:
    """The queue of a chat whose own model is deleted does not run."""
    return False if right.__self__.state.store.model_configs[chat.last_model_config_id].deleted else right(chat)


@instead("Ledger.promote_next", red=["CROSS-007", "MSG-014", "QUEUE-020", "QUEUE-044"])
def queues_run_on_one_model(right: Any, chat: Chat) -> Any:
    """A queue runs on the model of the turn before it, whatever was asked for."""
    for entry in queue_of(right.__self__, chat):
        entry.model_config_id = chat.last_model_config_id
    return right(chat)


def _edited(right: Any, chat: Chat, *args: Any, **more: Any) -> Any:
    kept = list(queue_of(right.__self__, chat)) if chat.status == "running" else []
    made = right(chat, *args, **more)
    right.__self__.backend.faults.memory[f"queue {chat.id}"] = kept
    return made


def _next_after_edit(right: Any, chat: Chat) -> Any:
    queue_of(right.__self__, chat).extend(right.__self__.state.faults.memory.pop(f"queue {chat.id}", ()))
    return right(chat)


declare(
    Fault(
        "edits-of-runs-leave-the-queue",
        "an edit during a turn shows an empty queue and runs it afterwards",
        frozenset(["CROSS-008"]),
        around={"Lifecycle.edit": _edited, "Ledger.promote_next": _next_after_edit},
    )
)


@instead("Hub.retry", red=["CROSS-009"])
def retries_empty_the_queue(right: Any, chat: Chat, payload: Any) -> None:
    """A model call that is tried again empties the queue."""
    queue_of(right.__self__, chat).clear()
    right(chat, payload)


@instead("Ledger.add_message", red=["CROSS-010"])
def compactions_empty_the_queue(right: Any, chat: Chat, role: str, content: Any, **more: Any) -> Any:
    """A compaction empties the queue."""
    if role == "user" and more.get("visibility") == "model":
        queue_of(right.__self__, chat).clear()
    return right(chat, role, content, **more)


@instead("Ledger.promote_next", red=["CROSS-011"])
def queued_turns_leave_the_plan(right: Any, chat: Chat) -> Any:
    """A queued message takes its chat out of plan mode."""
    if queue_of(right.__self__, chat):
        chat.plan_mode = ""
    return right(chat)


def _promote(right: Any, chat: Chat, *args: Any, **more: Any) -> Any:
    lifecycle = right.__self__
    if chat.last_error is not None:
        lifecycle.backend.faults.memory[f"error {chat.id}"] = chat.last_error
    return right(chat, *args, **more)


def _written(right: Any, chat: Chat, *args: Any, **more: Any) -> None:
    right(chat, *args, **more)
    chat.last_error = right.__self__.state.faults.memory.get(f"error {chat.id}", chat.last_error)


declare(
    Fault(
        "promotions-keep-the-error",
        "a promotion leaves last_error",
        frozenset(["CROSS-012", "CHATOBJ-018"]),
        around={"Lifecycle.promote": _promote, "Ledger.write_status": _written},
    )
)


def _asked(messages: list[Message]) -> Any:
    """What the chat was asked last."""
    return next((m.content for m in reversed(messages) if m.role == "user" and not m.deleted), None)


@instead("Lifecycle.interrupt", red=["CROSS-013"])
def interrupts_empty_other_queues(right: Any, chat: Chat) -> Any:
    """An interrupt empties the queues of other chats that were asked the same, too."""
    store = right.__self__.backend.store
    for other, queue in store.queues.items():
        if other != chat.id and _asked(store.messages[other]) == _asked(store.messages[chat.id]):
            queue.clear()
    return right(chat)


def _times(part: Any, what: str, chat: Chat) -> int:
    """How often this has been done to the chat, this time included."""
    memory = part.state.faults.memory if hasattr(part, "state") else part.backend.faults.memory
    memory[f"{what} {chat.id}"] = memory.get(f"{what} {chat.id}", 0) + 1
    return int(memory[f"{what} {chat.id}"])


@instead("Ledger.promote_next", red=["CROSS-002"])
def only_three_of_a_queue_run(right: Any, chat: Chat) -> Any:
    """The fourth message of a queue and all behind it are thrown away."""
    if queue_of(right.__self__, chat) and _times(right.__self__, "ran", chat) > 3:
        queue_of(right.__self__, chat).clear()
    return right(chat)


@instead("Lifecycle.interrupt", red=["CROSS-014"])
def second_interrupts_empty_the_queue(right: Any, chat: Chat) -> Any:
    """A second interrupt of a chat empties its queue."""
    if _times(right.__self__, "stopped", chat) > 1:
        queue_of(right.__self__, chat).clear()
    return right(chat)


@instead("Lifecycle.interrupt", red=["CROSS-015"])
def interrupts_of_waiting_chats_empty_the_queue(right: Any, chat: Chat) -> Any:
    """An interrupt of a chat that awaits tool results empties its queue."""
    if chat.status == "requires_action":
        queue_of(right.__self__, chat).clear()
    return right(chat)


@instead("Runner._end_interrupted", red=["CROSS-016"])
def stopped_retries_empty_the_queue(right: Any, run: Any) -> None:
    """What is stopped while it is tried again takes the queue with it."""
    if run.failures:
        queue_of(right.__self__, run.chat).clear()
    right(run)


@instead("Lifecycle.promote", red=["QUEUE-011"])
def promoted_heads_take_the_next_along(right: Any, chat: Chat, caller: Any, queue_id: int, *args: Any) -> Any:
    """Promoting the head of a queue of three loses the one behind it."""
    queue = queue_of(right.__self__, chat)
    if len(queue) > 2 and queue[0].id == queue_id:
        queue.pop(1)
    return right(chat, caller, queue_id, *args)


def _noting_servers(right: Any, chat: Any, entry: Any) -> None:
    right.__self__.backend.faults.memory[f"servers {entry.id}"] = chat.mcp_server_ids
    right(chat, entry)


def _writing_back_servers(right: Any, chat: Any) -> Any:
    state = right.__self__.state
    head = state.store.queues.get(chat.id, ())[:1]
    promoted = right(chat)
    chat.mcp_server_ids = next((state.faults.memory[f"servers {entry.id}"] for entry in head), chat.mcp_server_ids)
    return promoted


declare(
    Fault(
        "queued-turns-write-back-tool-servers",
        "a queued turn takes the chat back to the tool servers of the time when it was queued",
        frozenset(["CROSS-018"]),
        around={"Lifecycle._enqueue": _noting_servers, "Ledger.promote_next": _writing_back_servers},
    )
)
