"""Wrong read markers, and wrong calls of the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fake_server.chats.views import is_unread
from fake_server.faulting import Answer, changes, instead, replaces, turns_off
from fake_server.faults.lifecycle.patch import _chat, _sent
from fake_server.model_calls.wires.base import ToolTurn
from fake_server.state import settings
from fake_server.state.records import Chat, Message
from fake_server.turns.titles import fallback_title
from fake_server.turns.tools import client_tools


@changes("listChats", red=["READ-001"])
def nothing_is_unread(answer: Answer) -> None:
    """has_unread is always false."""
    for chat in answer.body:
        chat["has_unread"] = False


turns_off(
    "streams-do-not-mark",
    "an open stream marks nothing read",
    "stream.marks-read",
    red=[
        "READ-002",
        "READ-003",
        "READ-006",
        "FILTER-018",
        "READ-008",
        "FILTER-065",
        "FILTER-066",
        "READ-030",
        "READ-031",
        "READ-032",
        "READ-033",
        "READ-034",
        "READ-035",
    ],
)


@instead("Hub.stream", red=["READ-003"])
def every_stream_marks(right: Any, chat: Chat, *reader: Any) -> Any:
    """Anybody's stream marks the chat read."""
    right.__self__._mark_read(chat)
    return right(chat, *reader)


@changes("listMessages", red=["READ-004", "READ-001", "READ-008", "FILTER-065", "READ-031", "FILTER-018", "READ-032"])
def listing_marks_as_read(answer: Answer) -> None:
    """Listing the messages marks them read."""
    _chat(answer).read_marker = max([m["id"] for m in answer.body["messages"]], default=0)


@changes("getChat", red=["READ-005"])
def get_shows_unread(answer: Answer) -> None:
    """GET shows the real has_unread."""
    answer.body["has_unread"] = is_unread(answer.backend, _chat(answer))


turns_off("closing-marks-nothing", "the end of a stream marks nothing read", "stream.marks-read-on-close", red=["READ-006"])

turns_off("titles-are-unread", "a new title makes the chat unread", "unread.passes-over-deleted", red=["READ-007", "READ-030"])


@changes("patchChat", red=["READ-007", "FILTER-066", "READ-030"])
def archive_forgets_what_was_read(answer: Answer) -> None:
    """Archiving a chat sets its read marker back."""
    if _sent(answer).get("archived"):
        _chat(answer).read_marker = 0


@changes("listChats", "getChat", red=["READ-008", "READ-032"])
def children_are_never_unread(answer: Answer) -> None:
    """has_unread of the children of a chat is always false."""
    for chat in answer.body if isinstance(answer.body, list) else [answer.body]:
        for child in chat["children"]:
            child["has_unread"] = False


@instead("Hub._mark_read", red=["READ-009"])
def streams_move_the_chat(right: Any, chat: Chat) -> None:
    """The owner's stream moves updated_at."""
    right(chat)
    chat.updated_at = right.__self__.backend.clock.now()


@instead("write_summary", red=["READ-009"])
def summaries_move_the_chat(right: Any, backend: Any, chat: Chat, text: str | None) -> None:
    """The summary of a turn moves updated_at."""
    right(backend, chat, text)
    chat.updated_at = backend.clock.now()


@instead("take_title", red=["READ-009"])
def first_titles_move_the_chat(right: Any, backend: Any, chat: Chat, *of: Any) -> None:
    """The generated first title moves updated_at."""
    right(backend, chat, *of)
    chat.updated_at = backend.clock.now()


@instead("told", red=["LLM-001", "LLM-002"])
def model_gets_one_message(right: Any, backend: Any, chat: Chat) -> list[Message]:
    """The model gets the newest message only."""
    rows: list[Message] = right(backend, chat)
    return rows[max((i for i, m in enumerate(rows) if m.role == "user"), default=0) :]


@instead("told", red=["LLM-002"])
def model_remembers_edits(right: Any, backend: Any, chat: Chat) -> list[Message]:
    """The model still gets what an edit removed."""
    since = max((m.id for m in right(backend, chat) if m.visibility == "model"), default=0)
    return [m for m in backend.store.messages[chat.id] if m.id >= since and m.role != "system" and m.visibility != "user"]


replaces(
    "model-gets-whole-answers",
    "the model gets no answer that was interrupted",
    "told",
    lambda right, *of: [m for m in right(*of) if m.role != "assistant" or m.usage is not None],
    red=["LLM-001"],
)


@instead("stored_prompts", red=["LLM-010"])
def model_gets_prompts_as_sent(right: Any, backend: Any, chat: Chat) -> list[str]:
    """A chat's system prompt is not cleaned."""
    texts: list[str] = right(backend, chat)
    return [texts[0], chat.system_prompt, texts[-1]] if chat.system_prompt else texts


replaces(
    "model-gets-no-results",
    "the model does not get the results of its calls",
    "turns",
    lambda right, *of: [turn for turn in right(*of) if not isinstance(turn, ToolTurn)],
    red=["LLM-003"],
)


@instead("prompt_of", red=["LLM-004"])
def tools_without_schema(right: Any, backend: Any, chat: Chat, model: Any) -> Any:
    """Dynamic tools are offered without their schema."""
    prompt, own = right(backend, chat, model), client_tools(backend, chat)
    return replace(prompt, tools=[replace(t, parameters={"type": "object"}) if t.name in own else t for t in prompt.tools])


turns_off("interrupted-calls-go-on", "a model call that is interrupted goes on", "llm.hangs-up", red=["LLM-005"])
turns_off("calls-without-owner", "a model call does not name the owner", "llm.names-owner", red=["LLM-006"])
turns_off("sub-agents-call-as-their-root", "a sub-agent's call does not name it", "llm.names-sub-agent", red=["LLM-012"])


@instead("told", red=["LLM-013"])
def model_gets_all_and_summary(right: Any, backend: Any, chat: Chat) -> list[Message]:
    """After a compaction nothing is left out."""
    rows = backend.store.messages[chat.id]
    return [m for m in rows if m.role != "system" and m.visibility != "user" and not m.deleted]


turns_off("compactions-tell-no-threshold", "the call tells 0 percent", "compaction.tells-threshold", red=["COMPACT-001"])


@instead("deployment_prompt", red=["LLM-011"])
def built_in_prompt_last(right: Any, backend: Any) -> str:
    """The deployment's prompt stands first."""
    own = settings.setting(backend, "system_prompt")
    text = str(right(backend))
    return "\n\n".join([own, text.removesuffix("\n\n" + own)]) if own and text != own else text


turns_off(
    "label-calls-are-streams",
    "labels are asked for by a stream first",
    "llm.labels-at-once",
    red=["LLM-007", "CONF-025", "MODEL-043", "LLM-009", "MODEL-057"],
)


@changes("listMessages", red=["LLM-008", "MSG-013", "ROUND-007"])
def titles_end_answers(answer: Answer) -> None:
    """The title of a chat, if it is the model's, is the end of its first answer when that is whole and but one text."""
    title, shown = _chat(answer).title, answer.body["messages"]
    first = next(m.id for m in answer.backend.store.messages[_chat(answer).id] if m.role == "user")
    if (
        len(shown) != 2
        or shown[1]["id"] != first
        or "usage" not in shown[0]
        or [p["type"] for p in shown[0]["content"]] != ["text"]
    ):
        return
    if title != fallback_title(shown[1]["content"]):
        shown[0]["content"][0]["text"] += title
