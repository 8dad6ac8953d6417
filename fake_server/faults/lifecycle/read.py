"""Wrong read markers, and wrong calls of the model."""

from __future__ import annotations

from fake_server.chats.views import is_unread
from fake_server.faulting import Answer, changes, turns_off
from fake_server.faults.lifecycle.patch import _chat, _sent


@changes("listChats", red=["READ-001"])
def nothing_is_unread(answer: Answer) -> None:
    """has_unread is always false."""
    for chat in answer.body:
        chat["has_unread"] = False


turns_off(
    "streams-do-not-mark",
    "an open stream marks nothing read",
    "stream.marks-read",
    red=["READ-002", "READ-003", "READ-006", "FILTER-018", "READ-008"],
)
turns_off("every-stream-marks", "anybody's stream marks the chat read", "stream.marks-read-owner-only", red=["READ-003"])


@changes("listMessages", red=["READ-004", "READ-001", "READ-008"])
def listing_marks_as_read(answer: Answer) -> None:
    """Listing the messages marks them read."""
    _chat(answer).read_marker = max([m["id"] for m in answer.body["messages"]], default=0)


@changes("getChat", red=["READ-005"])
def get_shows_unread(answer: Answer) -> None:
    """GET shows the real has_unread."""
    answer.body["has_unread"] = is_unread(answer.backend, _chat(answer))


turns_off("closing-marks-nothing", "the end of a stream marks nothing read", "stream.marks-read-on-close", red=["READ-006"])

turns_off("titles-are-unread", "a new title makes the chat unread", "unread.passes-over-deleted", red=["READ-007"])


@changes("patchChat", red=["READ-007"])
def archive_forgets_what_was_read(answer: Answer) -> None:
    """Archiving a chat sets its read marker back."""
    if _sent(answer).get("archived"):
        _chat(answer).read_marker = 0


@changes("listChats", "getChat", red=["READ-008"])
def children_are_never_unread(answer: Answer) -> None:
    """has_unread of the children of a chat is always false."""
    for chat in answer.body if isinstance(answer.body, list) else [answer.body]:
        for child in chat["children"]:
            child["has_unread"] = False


turns_off("streams-move-the-chat", "the owner's stream moves updated_at", "stream.keeps-place", red=["READ-009"])
turns_off("summaries-move-the-chat", "the summary of a turn moves updated_at", "summary.keeps-place", red=["READ-009"])
turns_off("first-titles-move-the-chat", "the generated first title moves updated_at", "title.keeps-place", red=["READ-009"])

turns_off(
    "model-gets-one-message", "the model gets the newest message only", "llm.whole-conversation", red=["LLM-001", "LLM-002"]
)
turns_off("model-remembers-edits", "the model still gets what an edit removed", "llm.forgets-edited", red=["LLM-002"])
turns_off(
    "model-gets-whole-answers", "the model gets no answer that was interrupted", "llm.gets-partial-answers", red=["LLM-001"]
)
turns_off("model-gets-prompts-as-sent", "a chat's system prompt is not cleaned", "system-prompt.cleaned", red=["LLM-010"])
turns_off("model-gets-no-results", "the model does not get the results of its calls", "llm.gets-results", red=["LLM-003"])
turns_off("tools-without-schema", "dynamic tools are offered without their schema", "llm.tool-schemas", red=["LLM-004"])
turns_off("interrupted-calls-go-on", "a model call that is interrupted goes on", "llm.hangs-up", red=["LLM-005"])
turns_off("calls-without-owner", "a model call does not name the owner", "llm.names-owner", red=["LLM-006"])
turns_off("sub-agents-call-as-their-root", "a sub-agent's call does not name it", "llm.names-sub-agent", red=["LLM-012"])
turns_off("model-gets-all-and-summary", "after a compaction nothing is left out", "llm.starts-at-summary", red=["LLM-013"])
turns_off("compactions-tell-no-threshold", "the call tells 0 percent", "compaction.tells-threshold", red=["COMPACT-001"])
turns_off("built-in-prompt-last", "the deployment's prompt stands first", "system-prompt.built-in-first", red=["LLM-011"])
turns_off(
    "label-calls-are-streams",
    "labels are asked for by a stream first",
    "llm.labels-at-once",
    red=["LLM-007", "CONF-025", "MODEL-043", "LLM-009", "MODEL-057"],
)


@changes("listMessages", red=["LLM-008"])
def titles_end_answers(answer: Answer) -> None:
    """The title of a chat, if it is the model's, is the end of its answer."""
    title, shown = _chat(answer).title, answer.body["messages"]
    if title == "Title of the model" and shown and shown[0]["role"] == "assistant":
        shown[0]["content"][0]["text"] += title
