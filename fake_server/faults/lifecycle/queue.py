"""Wrong queues."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes, turns_off


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


turns_off(
    "queue-runs-backwards",
    "the newest queued message runs first",
    "queue.fifo",
    red=["QUEUE-003", "INT-010", "QUEUE-011", "QUEUE-012", "QUEUE-013", "QUEUE-017", "QUEUE-018", "QUEUE-023"],
)
turns_off("sends-overtake-the-queue", "sends pass by a queue at rest", "send.queues-behind-backlog", red=["QUEUE-004"])
turns_off(
    "queue-runs-after-errors",
    "a queue goes on after a failure",
    "queue.stays-after-error",
    red=["QUEUE-005", "ERROR-002", "RACE-001"],
)
turns_off(
    "deletes-take-the-older-too",
    "a delete takes all up to its id",
    "queue.deletes-one",
    red=["QUEUE-006", "QUEUE-023", "STREAM-063", "STREAM-064"],
)


@changes("deleteQueuedMessage", red=["QUEUE-007", "SCHEMA-deleteQueuedMessage"])
def unknown_deletes_are_404(answer: Answer) -> None:
    """Deleting a message a second time, or an unknown one, is a 404."""
    gone = answer.backend.faults.memory.setdefault("gone", set())
    if answer.path in gone or answer.path.rsplit("/", 1)[1] in ("0", "-1", "9000000000000"):
        answer.status, answer.body = 404, {"message": "Queued message not found."}
    gone.add(answer.path)


turns_off("deletes-reach-other-chats", "a queue id counts in any chat", "queue.own-chat", red=["QUEUE-008"])


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


turns_off(
    "promotes-the-oldest",
    "promote runs the oldest, whichever was named",
    "promote.chosen",
    red=["QUEUE-011", "QUEUE-012", "QUEUE-013", "ARCH-009"],
)
turns_off("promotes-without-stopping", "promote waits for the turn", "promote.stops", red=["QUEUE-012", "QUEUE-013"])
turns_off(
    "partial-answers-are-lost",
    "an interrupt keeps nothing",
    "interrupt.keeps-partial",
    red=["QUEUE-013", "QUEUE-018", "INT-002", "INT-004", "INT-005", "INT-006", "INT-010"],
)


@answers("promoteQueuedMessage", red=["QUEUE-014"])
def unknown_promotes_are_404(answer: Answer) -> None:
    """Promoting an unknown message is a 404."""
    if answer.status == 500:
        answer.status = 404


turns_off("promotes-from-any-chat", "promote takes messages of other chats", "promote.own-chat", red=["QUEUE-015", "QUEUE-014"])
turns_off("archived-chats-promote", "an archived chat may be promoted in", "promote.archived", red=["QUEUE-016"])
turns_off("sends-never-interrupt", "busy_behavior interrupt is ignored", "send.interrupts", red=["QUEUE-017", "QUEUE-018"])
turns_off("interrupting-sends-queue", "they queue at rest", "send.interrupts-runs-alone", red=["QUEUE-019"])


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


turns_off("plan-mode-of-a-queued-send-is-lost", "it is never set", "send.plan-mode-at-once", red=["QUEUE-021"])
turns_off(
    "sends-start-beside-tools",
    "sends run while results are awaited",
    "send.queues-while-awaited",
    red=["QUEUE-022", "FILE-038", "SEND-013", "SEND-015"],
)
turns_off("deleted-messages-run", "what was deleted runs in the end", "queue.forgets-deleted", red=["QUEUE-023"])
turns_off(
    "queued-messages-lose-their-author",
    "a queued message that runs by itself has no author",
    "queue.keeps-author",
    red=["MSG-003"],
)
turns_off(
    "queued-on-the-last-model",
    "a queued message without a model runs on the model of the turn before it",
    "queue.model-of-its-time",
    red=["QUEUE-044"],
)
