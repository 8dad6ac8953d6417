"""Wrong queues."""

from __future__ import annotations

from typing import Any

from fake_server.chats.lifecycle import BUSY
from fake_server.faulting import Answer, Fault, answers, changes, declare, instead, replaces, turns_off
from fake_server.state.records import Chat, Part, QueuedMessage, User


@changes(
    "sendMessage",
    red=["QUEUE-001", "QUEUE-004", "QUEUE-017", "QUEUE-022", "SCHEMA-sendMessage", "FILE-038", "SEND-013", "SEND-032"],
)
def queued_is_never_true(answer: Answer) -> None:
    """A queued send answers queued false."""
    answer.body["queued"] = False


@changes(
    "listMessages", red=["QUEUE-002", "QUEUE-004", "QUEUE-006", "QUEUE-008", "QUEUE-016", "ARCH-009", "SEND-013", "STREAM-029"]
)
def the_queue_is_shown_backwards(answer: Answer) -> None:
    """The queue is shown newest first."""
    answer.body["queued_messages"].reverse()


replaces(
    "queue-runs-backwards",
    "the newest queued message runs first",
    "Ledger._next",
    lambda right, queue: queue.pop(),
    red=["QUEUE-003", "INT-010", "QUEUE-011", "QUEUE-012", "QUEUE-013", "QUEUE-017", "QUEUE-018", "QUEUE-023"],
)
replaces(
    "sends-overtake-the-queue",
    "sends pass by a queue at rest",
    "Lifecycle._queues",
    lambda right, chat, content, busy: chat.status in BUSY,
    red=["QUEUE-004"],
)
replaces(
    "queue-runs-after-errors",
    "a queue goes on after a failure",
    "Runner._rest_failed",
    lambda right, chat, failure: right.__self__._promote(chat) or right(chat, failure),
    red=["QUEUE-005", "ERROR-002", "RACE-001"],
)


@instead("Lifecycle.delete_queued", red=["QUEUE-006", "QUEUE-023", "STREAM-063", "STREAM-064"])
def deletes_take_the_older_too(right: Any, chat: Chat, queue_id: int) -> None:
    """A delete takes all up to its id."""
    queue = right.__self__.backend.store.queues.get(chat.id, [])
    if any(entry.id == queue_id for entry in queue):
        queue[:] = [entry for entry in queue if entry.id >= queue_id]
    right(chat, queue_id)


@changes("deleteQueuedMessage", red=["QUEUE-007", "SCHEMA-deleteQueuedMessage"])
def unknown_deletes_are_404(answer: Answer) -> None:
    """Deleting a message a second time, or an unknown one, is a 404."""
    gone = answer.backend.faults.memory.setdefault("gone", set())
    if answer.path in gone or answer.path.rsplit("/", 1)[1] in ("0", "-1", "9000000000000"):
        answer.status, answer.body = 404, {"message": "Queued message not found."}
    gone.add(answer.path)


@instead("Lifecycle.delete_queued", red=["QUEUE-008"])
def deletes_reach_other_chats(right: Any, chat: Chat, queue_id: int) -> None:
    """A queue id counts in any chat."""
    for queue in right.__self__.backend.store.queues.values():
        queue[:] = [entry for entry in queue if entry.id != queue_id]
    right(chat, queue_id)


@answers("deleteQueuedMessage", "promoteQueuedMessage", red=["QUEUE-009", "OWN-010", "OWN-034"])
def bad_queue_ids_are_404(answer: Answer) -> None:
    """A queue id that is no number is a 404."""
    if answer.status == 400 and "queued message ID" in answer.body["message"]:
        answer.status = 404


@answers("deleteQueuedMessage", red=["QUEUE-010", "SCHEMA-deleteQueuedMessage"])
def archived_queues_are_locked(answer: Answer) -> None:
    """Nothing can be deleted in an archived chat."""
    if answer.status == 204 and answer.backend.store.chats[answer.path_params["chat"]].archived:
        answer.status, answer.body = 400, {"message": "The chat is archived."}


@instead("Lifecycle._take", red=["QUEUE-011", "QUEUE-012", "QUEUE-013", "ARCH-009"])
def promotes_the_oldest(right: Any, chat: Chat, queue_id: int) -> QueuedMessage:
    """Promote runs the oldest, whichever was named."""
    queue = [entry.id for entry in right.__self__.backend.store.queues.get(chat.id, ())]
    taken: QueuedMessage = right(chat, queue[0] if queue_id in queue else queue_id)
    return taken


turns_off("promotes-without-stopping", "promote waits for the turn", "promote.stops", red=["QUEUE-012", "QUEUE-013"])
replaces(
    "partial-answers-are-lost",
    "an interrupt keeps nothing",
    "Runner._keep_partial",
    lambda right, run: None,
    red=["QUEUE-013", "QUEUE-018", "INT-002", "INT-004", "INT-005", "INT-006", "INT-010"],
)


@answers("promoteQueuedMessage", red=["QUEUE-014"])
def unknown_promotes_are_404(answer: Answer) -> None:
    """Promoting an unknown message is a 404."""
    if answer.status == 500:
        answer.status = 404


@instead("Lifecycle._take", red=["QUEUE-015", "QUEUE-014"])
def promotes_from_any_chat(right: Any, chat: Chat, queue_id: int) -> QueuedMessage:
    """Promote takes messages of other chats."""
    store = right.__self__.backend.store
    place = next((i for i, queue in store.queues.items() if any(e.id == queue_id for e in queue)), chat.id)
    taken: QueuedMessage = right(store.chats[place], queue_id)
    return taken


turns_off("archived-chats-promote", "an archived chat may be promoted in", "promote.archived", red=["QUEUE-016"])
replaces(
    "sends-never-interrupt",
    "busy_behavior interrupt is ignored",
    "Lifecycle.send",
    lambda right, chat, caller, **sent: right(chat, caller, **sent | {"busy_behavior": "queue"}),
    red=["QUEUE-017", "QUEUE-018"],
)
replaces(
    "interrupting-sends-queue",
    "they queue at rest",
    "Lifecycle._queues",
    lambda right, chat, content, busy: right(chat, content, busy) or busy == "interrupt",
    red=["QUEUE-019"],
)


@changes(
    "sendMessage",
    "listMessages",
    red=["QUEUE-020", "MSG-014"],
)
def queued_models_are_the_chats(answer: Answer) -> None:
    """A queued message shows the model of the chat."""
    model = answer.backend.store.chats[answer.path_params["chat"]].last_model_config_id
    for entry in answer.body.get("queued_messages") or [answer.body.get("queued_message") or {}]:
        entry["model_config_id"] = model


@instead("Lifecycle.send", red=["QUEUE-021"])
def plan_mode_of_a_queued_send_is_lost(right: Any, chat: Chat, caller: User, **sent: Any) -> Any:
    """It is never set."""
    return right(chat, caller, **sent | ({"plan_mode": None} if chat.status in BUSY else {}))


@instead("Lifecycle._queues", red=["QUEUE-022", "FILE-038", "SEND-013", "SEND-015"])
def sends_start_beside_tools(right: Any, chat: Chat, content: list[Part], busy_behavior: str) -> bool:
    """Sends run while results are awaited."""
    if chat.status == "requires_action":
        return bool(right.__self__.backend.store.queues.get(chat.id))
    return bool(right(chat, content, busy_behavior))


def _kept(right: Any, chat: Chat, queue_id: int) -> None:
    queue = right.__self__.backend.store.queues.get(chat.id, ())
    right.__self__.backend.faults.memory.setdefault(chat.id, []).extend(entry for entry in queue if entry.id == queue_id)
    right(chat, queue_id)


def _with_deleted(right: Any, chat: Chat) -> bool:
    state = right.__self__.state
    queue = state.store.queues.setdefault(chat.id, [])
    queue.extend(() if queue else state.faults.memory.pop(chat.id, ()))
    return bool(right(chat))


declare(
    Fault(
        "deleted-messages-run",
        "what was deleted runs in the end",
        frozenset(["QUEUE-023"]),
        around={"Lifecycle.delete_queued": _kept, "Ledger.promote_next": _with_deleted},
    )
)


@instead("Ledger._next", red=["MSG-003"])
def queued_messages_lose_their_author(right: Any, queue: Any) -> Any:
    """A queued message that runs by itself has no author."""
    entry = right(queue)
    entry.created_by = None
    return entry


turns_off(
    "queued-on-the-last-model",
    "a queued message without a model runs on the model of the turn before it",
    "queue.model-of-its-time",
    red=["QUEUE-044"],
)
