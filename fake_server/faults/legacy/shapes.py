"""Wrong in the shape of what is told, and in ways that show in any answer."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, answers, changes, frames, instead
from fake_server.http.auth import tokens_by_place

LACKS = "chats.have-life-cycles"

Line = dict[str, Any]


def breaks(kind: str, data: Any) -> None:
    """A fault by which the lines of a kind leave their schema."""

    def wrong(batch: list[Line], memory: dict[str, Any]) -> list[Line]:
        return [
            {**line, "data": data if not isinstance(data, dict) else {**line["data"], **data}} if line["type"] == kind else line
            for line in batch
        ]

    wrong.__name__, wrong.__doc__ = f"breaks-line-{kind}", f"A line of the kind {kind} leaves its schema."
    frames("answer", red=[f"SCHEMA-line-{kind}"])(wrong)


breaks("g", 7)
breaks("b", {"toolName": None})
breaks("c", {"argsTextDelta": None})
breaks("9", {"args": []})
breaks("a", {"toolCallId": 7})
breaks("f", {"messageId": None})
breaks("d", {"finishReason": None})


@changes("listExperiments", red=["SCHEMA-listExperiments"])
def experiments_are_numbered(answer: Answer) -> None:
    """Experiments are listed by numbers."""
    answer.body = list(range(len(answer.body)))


@changes("listAvailableExperiments", red=["SCHEMA-listAvailableExperiments"])
def safe_experiments_are_counted(answer: Answer) -> None:
    """Of the safe experiments it is told how many there are."""
    answer.body["safe"] = len(answer.body["safe"])


@frames("answer", red=["PROP-006"])
def each_ninth_piece_is_lost(batch: list[Line], memory: dict[str, Any]) -> list[Line]:
    """Each ninth piece of text of an answer is lost."""
    out: list[Line] = []
    for line in batch:
        memory["n"] = memory.get("n", 0) + (line["type"] == "0")
        out += [] if line["type"] == "0" and memory["n"] % 9 == 0 else [line]
    return out


# -- who is asking
@instead("authenticate", red=["AUTH-001", "AUTH-012"])
def messages_need_no_token(right: Any, call: Any) -> Any:
    """Messages are read without a token."""
    if call.method != "GET" or any(tokens_by_place(call).values()) or not call.path.endswith("/messages"):
        return right(call)
    token = next(iter(call.backend.store.tokens.values()))
    return call.backend.store.users[token.user_id], token


@answers(red=["AUTH-012"])
def a_401_tells_what_was_said(answer: Answer) -> None:
    """The 401 of a chat tells its first message."""
    chat_id = answer.path.removesuffix("/messages").rsplit("/", 1)[-1]
    said = answer.backend.store.said.get(chat_id)
    if answer.status == 401 and said:
        answer.body["detail"] = str(said[0]["content"])


# -- answers that are JSON
@changes("getChat", red=["SCHEMA-getChat"])
def titles_are_numbers(answer: Answer) -> None:
    """The title of a chat that is read is how long it is."""
    answer.body["title"] = len(answer.body["title"])


@answers("sendMessage", red=["SCHEMA-sendMessage"])
def refused_messages_have_numbers(answer: Answer) -> None:
    """The detail of a refused message is a number."""
    if answer.status == 400:
        answer.body["detail"] = 7


@answers("sendMessage", red=["SER-001"])
def refused_messages_say_nothing(answer: Answer) -> None:
    """The refusal of a message has no text."""
    if answer.status == 400:
        answer.body["message"] = None


@answers("sendMessage", red=["SER-003"])
def details_may_be_empty(answer: Answer) -> None:
    """A refusal of a message without a detail has an empty one."""
    if answer.status == 400:
        answer.body.setdefault("detail", "")


@changes("getChat", red=["SER-006"])
def read_times_without_offset(answer: Answer) -> None:
    """The times of a chat that is read have no offset."""
    answer.body |= {key: answer.body[key].rstrip("Z") for key in ("created_at", "updated_at")}
