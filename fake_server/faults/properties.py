"""Wrong only after some sequence of actions or for some input: what generated examples are for."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes, frames
from fake_server.faults.objects import Object


@changes("patchChat", "getChat", red=["PROP-001", "ARCH-061"])
def second_archiving_is_not_shown(answer: Answer) -> None:
    """A chat that is archived for the second time is not shown as archived."""
    memory, chat = answer.backend.faults.memory, f"archived {answer.path_params.get('chat', '')}"
    if answer.operation == "patchChat":
        memory[chat] = memory.get(chat, 0) + bool(isinstance(answer.sent, dict) and answer.sent.get("archived"))
    elif memory.get(chat, 0) > 1:
        answer.body["archived"] = False


@changes("listMessages", red=["PROP-002"])
def third_in_the_queue_answers_twice(answer: Answer) -> None:
    """An answer of the second queued message stands twice in the list."""
    messages = answer.body["messages"]
    texts = [m["content"][0].get("text", "") for m in messages if m.get("content")]
    if "answer 0" in texts and "answer 1" in texts:
        messages.append(messages[texts.index("answer 1")])


@changes("listMessages", red=["PROP-003", "PAGE-091", "PAGE-092"])
def pages_of_four_lose_one(answer: Answer) -> None:
    """A page of four messages, after a cursor, leaves its last one out."""
    if answer.query.get("limit") == "4" and len(answer.query) > 1 and len(answer.body["messages"]) == 4:
        answer.body["messages"].pop()


@frames("stream", red=["PROP-004", "STREAM-027", "STREAM-028", "MSG-013", "SER-008"])
def reconnecting_repeats_a_message(batch: list[Object], memory: Object) -> list[Object]:
    """A snapshot of exactly two messages gives another message first."""
    messages = [e for e in batch if e["type"] == "message"]
    if memory.setdefault("first", True) and len(messages) == 2 and messages[0]["message"]["role"] == "tool":
        copy = {**messages[0], "message": {**messages[0]["message"], "id": 1}}
        batch = [*batch, copy]
    memory["first"] = False
    return batch


@frames("stream", red=["PROP-005", "ROUND-036"])
def live_text_loses_quotes(batch: list[Object], memory: Object) -> list[Object]:
    """A live piece of text that is one quotation mark alone, or ends in one, loses it."""
    for event in batch:
        part = event.get("message_part", {}).get("part", {})
        if part.get("type") in ("text", "reasoning") and part.get("text", "").endswith(("é", "<", '"')):
            event["message_part"] = {**event["message_part"], "part": {**part, "text": part["text"][:-1]}}
    return batch


@answers("listPrompts", red=["FUZZ-001", "PROMPT-031"])
def some_limits_crash(answer: Answer) -> None:
    """A limit of prompts between ten and two thousand crashes the server."""
    limit = answer.query.get("limit", "")
    if answer.status == 200 and limit.isdigit() and 10 < int(limit) < 2000:
        answer.status, answer.body = 500, {"message": "An internal server error occurred."}


@answers(red=["FUZZ-002", "AUTH-101"])
def limits_need_no_token(answer: Answer) -> None:
    """Who gives a limit needs no token to learn that a chat is there."""
    if answer.status == 401 and "limit" in answer.query and answer.path.endswith(("/prompts", "/messages")):
        answer.status, answer.body = 404, {"message": "Resource not found or you do not have access to this resource"}
