"""Wrong pages of messages and prompts."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes, turns_off


@changes(
    "listMessages",
    red=["PAGE-025", "PAGE-027", "PAGE-029", "PAGE-035", "PAGE-040", "PAGE-063", "PAGE-091", "PAGE-092", "PAGE-093"],
)
def messages_come_oldest_first(answer: Answer) -> None:
    """Messages before an id come oldest first."""
    if "before_id" in answer.query:
        answer.body["messages"].reverse()


@changes("listMessages", red=["PAGE-027", "PAGE-029", "PAGE-040", "MSG-013", "PAGE-091", "PAGE-093"])
def before_id_is_inclusive(answer: Answer) -> None:
    """before_id gives the message of that id too, and leaves the last one out."""
    chat, before = answer.path_params.get("chat", ""), int(answer.query.get("before_id") or 0)
    own = [m for m in answer.backend.store.messages.get(chat, []) if m.id == before and m.role == "user"]
    if own and answer.body["messages"]:
        answer.body["messages"].insert(0, {**answer.body["messages"][-1], "id": before})


@changes("listMessages", red=["PAGE-028", "PAGE-065", "PAGE-093", "PAGE-096"])
def has_more_is_always_true(answer: Answer) -> None:
    """has_more is true as soon as the page is full."""
    if answer.query.get("limit") == str(len(answer.body["messages"])):
        answer.body["has_more"] = True


@changes("listMessages", red=["PAGE-028"])
def no_more_between_two_cursors(answer: Answer) -> None:
    """has_more is false with both cursors."""
    if {"before_id", "after_id"} <= answer.query.keys():
        answer.body["has_more"] = False


@changes("listMessages", red=["PAGE-028"])
def no_more_after_the_largest_page(answer: Answer) -> None:
    """has_more is false with the largest limit."""
    if answer.query.get("limit") == "200":
        answer.body["has_more"] = False


@answers("listMessages", red=["PAGE-030", "PAGE-093"])
def pages_of_200_are_refused(answer: Answer) -> None:
    """The highest limit of messages is 199; who lists a whole chat sees no difference."""
    if answer.query.get("limit") == "1" and answer.status == 200 and len(answer.query) == 1:
        answer.status, answer.body = 400, {"message": "Invalid limit parameter (1-200)."}


@changes("listMessages", red=["PAGE-035"])
def cursors_of_zero_count(answer: Answer) -> None:
    """before_id=0 gives nothing."""
    if answer.query.get("before_id") == "0":
        answer.body["messages"] = []


@answers("listMessages", red=["PAGE-036"])
def only_the_first_bad_cursor(answer: Answer) -> None:
    """Of several bad parameters of messages only the first is reported."""
    if answer.status == 400 and len(answer.query) == 3:
        answer.body["validations"] = answer.body["validations"][:1]


@changes("listMessages", red=["PAGE-037"])
def default_page_is_forty(answer: Answer) -> None:
    """The default page of messages has forty."""
    if not answer.query:
        answer.body["messages"] = answer.body["messages"][:40]


@changes("listMessages", red=["PAGE-038", "MSG-012", "SCHEMA-listMessages"])
def empty_pages_are_null(answer: Answer) -> None:
    """A page without messages is null."""
    if answer.query == {"before_id": "1"}:
        answer.body["messages"] = None


@changes("listMessages", red=["PAGE-040"])
def cursor_must_be_there(answer: Answer) -> None:
    """A cursor that is no message any more gives nothing."""
    chat = answer.path_params.get("chat", "")
    gone = {str(m.id) for m in answer.backend.store.messages.get(chat, []) if m.deleted}
    if gone & {answer.query.get("before_id"), answer.query.get("after_id")}:
        answer.body["messages"] = []


@changes("listPrompts", red=["PROMPT-001", "PROMPT-004", "PROMPT-005", "PROMPT-006", "PROMPT-002", "EDIT-018", "PROMPT-031"])
def prompts_come_oldest_first(answer: Answer) -> None:
    """Prompts come oldest first."""
    answer.body["prompts"].reverse()


@changes("listPrompts", red=["PROMPT-002"])
def prompts_are_joined_by_lines(answer: Answer) -> None:
    """The text parts of a prompt are joined by line ends."""
    rows = {m.id: m for m in answer.backend.store.messages[answer.path_params["chat"]]}
    for prompt in answer.body["prompts"]:
        prompt["text"] = "\n".join(part["text"] for part in rows[prompt["id"]].content if part["type"] == "text")


turns_off(
    "prompts-without-text",
    "messages without text are prompts too",
    "prompts.skip-textless",
    red=["PROMPT-001", "PROMPT-003", "PROMPT-004", "PROMPT-010", "SCHEMA-listPrompts"],
)


@changes("listPrompts", red=["PROMPT-004", "PROMPT-031"])
def prompts_limit_counts_messages(answer: Answer) -> None:
    """The limit of prompts counts messages without text."""
    if answer.query.get("limit") == "2":
        answer.body["prompts"] = answer.body["prompts"][:1]


@changes("listPrompts", red=["PROMPT-005", "EDIT-018", "EDIT-023", "PROMPT-031"])
def prompts_keep_what_was_edited(answer: Answer) -> None:
    """Prompts that were edited away are still listed."""
    chat = answer.path_params.get("chat", "")
    gone = [m for m in answer.backend.store.messages.get(chat, []) if m.deleted and m.role == "user"]
    answer.body["prompts"] += [{"id": m.id, "text": m.content[0].get("text", "")} for m in gone]


@changes("listPrompts", red=["PROMPT-006"])
def prompts_show_the_queue(answer: Answer) -> None:
    """Queued messages are prompts already."""
    chat = answer.path_params.get("chat", "")
    queued = [{"id": q.id, "text": q.content[0]["text"]} for q in answer.backend.store.queues.get(chat, [])]
    answer.body["prompts"] = queued + answer.body["prompts"]


@changes("listPrompts", red=["PROMPT-007"])
def prompts_of_zero(answer: Answer) -> None:
    """limit=0 gives no prompts."""
    if answer.query.get("limit") == "0":
        answer.body["prompts"] = []


@changes("listPrompts", red=["PROMPT-010", "MSG-012", "SCHEMA-listPrompts"])
def no_prompts_is_null(answer: Answer) -> None:
    """A chat without prompts answers null."""
    answer.body["prompts"] = answer.body["prompts"] or None
