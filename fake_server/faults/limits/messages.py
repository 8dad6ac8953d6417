"""Send and edit that take what they must refuse, or report the wrong thing first."""

from __future__ import annotations

from typing import Any

from fake_server.endpoints.chats.messages import EDIT
from fake_server.faulting import Answer, answers, instead, turns_off
from fake_server.faults.limits.bounds import message_of, other_status, refuse, reorders
from fake_server.rules.validate import NIL_UUID
from fake_server.state.records import Chat, User

turns_off(
    "archived-chats-take-messages",
    "a send to an archived chat is accepted",
    "send.archived",
    red=["SEND-004", "EDIT-014", "SEND-017"],
)
turns_off(
    "archived-after-the-body",
    "the body is read before the chat's state is",
    "send.archived-before-body",
    red=["SEND-004", "ERR-050"],
)
turns_off("any-busy-behavior", "any text is a busy behavior", "send.busy-behavior", red=["SEND-005", "SEND-009", "SEND-011"])
turns_off(
    "send-takes-any-model",
    "an unknown model of a send is accepted",
    "send.model-unknown",
    red=["SEND-006", "SEND-007", "SEND-009", "SEND-010", "SEND-011", "SEND-016"],
)
turns_off("deleted-models-are-taken", "a deleted model is accepted", "models.deleted-refused", red=["SEND-007"])
reorders(
    "servers-before-content", "unknown MCP servers of a send are reported before bad content", "sendMessage",
    "content.required", "common.mcp-servers", "mcp_server_ids", red=["SEND-008", "ERR-022"],
)  # fmt: skip
reorders(
    "busy-before-plan-mode", "a bad busy behavior is reported before a bad plan mode", "sendMessage",
    "common.plan-mode", "send.busy-behavior", "busy_behavior", red=["SEND-009", "ERR-028"],
)  # fmt: skip


@instead("Lifecycle.send", red=["SEND-010"])
def plan_mode_saved_too_early(right: Any, chat: Chat, caller: User, **sent: Any) -> Any:
    """The plan mode is saved before the model is checked."""
    right.__self__._apply_options(chat, sent["mcp_server_ids"], sent["plan_mode"])
    return right(chat, caller, **sent)


turns_off(
    "queue-has-no-bound",
    "any number of messages is queued",
    "send.queue-full",
    red=["SEND-013", "SEND-015", "SCHEMA-listMessages"],
)
turns_off(
    "queue-takes-one-more", "21 messages are queued", "send.exact-queue", red=["SEND-013", "SEND-015", "SCHEMA-listMessages"]
)


def _add(answer: Answer) -> None:
    store = answer.backend.store
    answer.backend.ledger.add_message(store.chats[answer.path_params["chat"]], "user", [{"type": "text", "text": "x"}])


@answers("sendMessage", red=["SEND-011", "SEND-005", "SEND-009", "MSG-003", "RACE-001"])
def refused_send_is_stored(answer: Answer) -> None:
    """A send is stored before its busy behavior is checked."""
    if message_of(answer) == "Invalid busy_behavior value.":
        _add(answer)


def unknown_model(answer: Answer, order: str) -> str:
    """The refusal of an unknown model, in revisions that have one for every order, too."""
    return f"{order}.model-unknown" if answer.backend.revision.refuses(f"{order}.model-unknown") else "common.model-unknown"


@answers("sendMessage", red=["SEND-012"])
def nil_model_of_a_send_is_unknown(answer: Answer) -> None:
    """The nil UUID as model of a send is refused."""
    if answer.status == 200 and answer.sent["model_config_id"] == NIL_UUID:
        refuse(answer, unknown_model(answer, "send"))


@answers("sendMessage", red=["SEND-013"])
def queue_takes_one_less(answer: Answer) -> None:
    """The twentieth queued message is refused."""
    if answer.status == 200 and len(answer.backend.store.queues.get(answer.path_params["chat"], ())) == 20:
        refuse(answer, "send.queue-full")


@answers("sendMessage", red=["SEND-015"])
def queue_before_spend_limit(answer: Answer) -> None:
    """A full queue is reported before a reached spend limit."""
    if answer.status == 409 and len(answer.backend.store.queues.get(answer.path_params["chat"], ())) >= 20:
        refuse(answer, "send.queue-full")


# -- edit

turns_off("any-message-id", "message ids of zero and below are looked up", "edit.id", red=["EDIT-001", "ERR-054"])


@instead("edit_message", red=["EDIT-002", "ERR-054"])
async def message_id_after_the_body(right: Any, call: Any) -> Any:
    """The body is read before the message id."""
    if not call.chat.archived and call.chat.owner_id == call.user.id:
        await call.json(EDIT)
    return await right(call)


turns_off(
    "replaced-messages-may-be-edited",
    "a replaced message may be edited",
    "edit.not-found",
    red=["EDIT-005", "EDIT-025"],
)
turns_off("any-message-may-be-edited", "assistant messages may be edited", "edit.not-user", red=["EDIT-006"])
turns_off(
    "edit-takes-any-model",
    "an unknown model of an edit is accepted",
    "edit.model-unknown",
    red=["EDIT-010", "EDIT-009", "EDIT-012"],
)
turns_off("archived-chats-take-edits", "an edit in an archived chat is accepted", "edit.archived", red=["EDIT-013"])


@instead("edit_message", red=["EDIT-013", "EDIT-002", "ERR-053", "ERR-054"])
async def archived_edit_after_the_body(right: Any, call: Any) -> Any:
    """The body is read before the state."""
    if call.chat.owner_id == call.user.id:
        await call.json(EDIT)
    return await right(call)


other_status(
    "unknown-message-is-400",
    "edit.not-found",
    400,
    "editMessage",
    red=["EDIT-003", "EDIT-004", "EDIT-005", "EDIT-008", "EDIT-009", "EDIT-014", "EDIT-025"],
)


def _home_of(answer: Answer) -> str:
    """The id of the chat whose message the request names."""
    wanted = answer.path_params["message"]
    store = answer.backend.store
    return next((chat for chat, rows in store.messages.items() if any(str(m.id) == wanted for m in rows)), "")


@answers("editMessage", red=["EDIT-004"])
def other_chats_message_is_forbidden(answer: Answer) -> None:
    """A message of another chat of the same user is refused with 403."""
    if answer.status == 404 and _home_of(answer) not in ("", answer.path_params["chat"]):
        answer.status = 403


@answers("editMessage", red=["EDIT-008"])
def message_before_content(answer: Answer) -> None:
    """An unknown message is reported before bad content."""
    if message_of(answer) == "Content is required." and not _home_of(answer):
        refuse(answer, "edit.not-found")


@answers("editMessage", red=["EDIT-009"])
def model_before_message(answer: Answer) -> None:
    """An unknown model of an edit is reported before an unknown message."""
    if answer.status == 404 and answer.sent and answer.sent["model_config_id"]:
        refuse(answer, unknown_model(answer, "edit"))


@answers("editMessage", red=["EDIT-011"])
def nil_model_of_an_edit_is_unknown(answer: Answer) -> None:
    """The nil UUID as model of an edit is refused."""
    if answer.status == 200 and answer.sent["model_config_id"] == NIL_UUID:
        refuse(answer, unknown_model(answer, "edit"))


@answers("editMessage", red=["EDIT-012", "EDIT-009", "EDIT-010", "MSG-003", "RACE-001"])
def refused_edit_is_stored(answer: Answer) -> None:
    """An edit is stored before its model is checked."""
    if message_of(answer).startswith(("Invalid model config ID.", "Invalid model_config_id: ")):
        _add(answer)


@answers("editMessage", red=["EDIT-014"])
def message_before_spend_limit(answer: Answer) -> None:
    """An unknown message is reported before a reached spend limit."""
    if answer.status == 409 and not _home_of(answer):
        refuse(answer, "edit.not-found")


@answers("editMessage", red=["EDIT-016"])
def refused_edit_shows_the_message(answer: Answer) -> None:
    """The refusal of a foreign message quotes it."""
    home = _home_of(answer)
    if answer.status >= 400 and home and home != answer.path_params["chat"]:
        rows = answer.backend.store.messages[home]
        answer.body["detail"] = answer.body.get("detail", "") + str(
            [m.content for m in rows if str(m.id) == answer.path_params["message"]]
        )
