"""Create: what it answers and stores, the first title, the first turn."""

from __future__ import annotations

import json
from typing import Any

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.files import upload
from conformance.scenes.lifecycle import REFERENCE, UNTITLED, becomes
from conformance.wire.exchange import ABSENT
from fixtures.scripts import gate, http_error, reasoning, script, turn
from fixtures.scripts import text as says


@case("CHAT-001", "CHAT-002", "CHAT-004")
async def created_chat(t: Case) -> None:
    answer = await t.alice.create()
    with t.judging("CHAT-001"):
        made = t.accepted(answer)
        whole = t.session.profile.openapi["components"]["schemas"]["Chat"]["required"]
        t.expect(sorted(set(whole) - set(made)), [], "keys that the created chat lacks")
        t.expect(made["owner_id"], t.alice.id, "the owner", "/owner_id")
        t.expect(t.accepted(await Chat(t.alice, made["id"]).get())["id"], made["id"], "the id of the chat read back", "/id")
    made = t.given(answer)
    read = t.given(await Chat(t.alice, made["id"]).get())
    with t.judging("CHAT-002"):
        for shown in (made, read):
            t.expect(shown["root_chat_id"], made["id"], "the root of a created chat", "/root_chat_id")
            t.true("parent_chat_id" not in shown, "a created chat has no parent_chat_id", shown.get("parent_chat_id"))
            t.expect(shown["children"], [], "its children", "/children")
    with t.judging("CHAT-004"):
        for shown in (made, read):
            t.expect(shown["client_type"], "api", "the client_type when none was given", "/client_type")


@case("CHAT-003")
async def sent_fields_are_shown(t: Case) -> None:
    fields: list[dict[str, Any]] = [
        {"labels": {"team": "web", "empty.of": "x"}, "plan_mode": "plan", "client_type": "ui"},
        {"labels": {}, "plan_mode": "", "client_type": "api"},
    ]
    for sent in fields:
        made = t.accepted(await t.alice.create(**sent))
        for shown in (made, t.accepted(await Chat(t.alice, made["id"]).get())):
            found = {"labels": shown["labels"], "plan_mode": shown.get("plan_mode", ""), "client_type": shown["client_type"]}
            t.expect(found, sent, "what was sent, as the chat shows it")


@case("CHAT-005")
async def messages_of_a_created_chat(t: Case) -> None:
    chat = await t.new_chat("What a question", system_prompt="Be brief")
    shown = list(reversed(t.accepted(await chat.messages())["messages"]))
    t.true("system" not in [m["role"] for m in shown], "no message of role system is shown", [m["role"] for m in shown])
    first = (shown[0]["role"], shown[0]["content"][0]["text"], len([m for m in shown if m["role"] == "user"]))
    t.expect(first, ("user", "What a question", 1), "the first message, and how many are the user's", "/messages")


LONG = "y" * 20
FIRST_TITLES: dict[str, dict[str, Any]] = {
    "few-words": {"requirement": "CHAT-006", "words": "one two", "title": f"one two {UNTITLED}"},
    "blanks": {"requirement": "CHAT-006", "words": "one  two\nthree\t four", "title": f"one two three four {UNTITLED}"},
    "parts": {"requirement": "CHAT-006", "words": "one|two three|", "title": f"one two three {UNTITLED}"},
    "six-words": {"requirement": "CHAT-007", "words": "a b c d e", "title": f"a b c d e {UNTITLED}"},
    "seven-words": {"requirement": "CHAT-007", "words": "one two three four five six", "title": "one two three four five six…"},
    "long-words": {"requirement": "CHAT-009", "words": " ".join([LONG] * 5), "title": " ".join([LONG] * 5)[:80]},
    "more-long-words": {
        "requirement": "CHAT-009",
        "words": " ".join([LONG] * 6),
        "title": " ".join([LONG] * 6)[:80],
        "later": " ".join([LONG] * 6)[:79] + "…",
    },
}


@case(rows=FIRST_TITLES, needs=["llm"])
async def first_title(t: Case, row: dict[str, Any]) -> None:
    made = t.given(await t.alice.create([text(part) for part in f"{row['words']} {UNTITLED}".split("|")]))
    wanted = row["later"] if "later" in row and t.refuses("interrupt.at-rest") else row["title"]
    t.expect(made["title"], wanted, "the first title, in the answer of create", "/title")
    settled = await Chat(t.alice, made["id"]).settled()
    t.expect(settled["title"], wanted, "the first title, after the turn", "/title")


@case("CHAT-008")
async def first_title_without_text(t: Case) -> None:
    file = t.given(await upload(t))["id"]
    made = t.given(await t.alice.create([{"type": "file", "file_id": file}]))
    t.expect(made["title"], "New Chat", "the title of a chat that begins with a file alone", "/title")
    other = t.given(await upload(t))["id"]
    named = t.given(await t.alice.create([{"type": "file", "file_id": other}, text(f"with words {UNTITLED}")]))
    t.expect(named["title"], f"with words {UNTITLED}", "the title when there is text beside the file", "/title")


@case("CHAT-010", "LLM-008")
async def generated_title(t: Case) -> None:
    chat = await t.new_chat(script(says("An answer"), title="Title of the model"), t.titled)
    with t.judging("CHAT-010"):
        title = chat.dialect.title("Title of the model")
        await becomes(chat, lambda c: c["title"] == title, "the title that the model proposed")
    await chat.finished()
    with t.judging("LLM-008"):
        said = [(m["role"], [p["text"] for p in m["content"]]) for m in t.accepted(await chat.messages())["messages"]]
        t.expect(said[0], ("assistant", ["An answer"]), "the last message", "/messages/0")
        t.expect([role for role, _ in said], ["assistant", "user"], "the roles of the messages", "/messages")


def compact(**keys: Any) -> str:
    """A script in one word: text, so that there is a summary, and a title of the model."""
    return "script:" + json.dumps({"steps": [{"text": "Answer"}], "title": "Of-the-model", **keys}, separators=(",", ":"))


@case("TITLE-019")
async def long_words_get_a_title(t: Case) -> None:
    for words in ("z" * 90, " ".join([LONG] * 5)):
        chat = await t.new_chat(f"{words} {compact()}", t.titled)
        await becomes(
            chat, lambda c: c["title"] == "Of-the-model", f"the title of the model, after {len(words.split()) + 1} words"
        )


@case("TITLE-020", needs=["llm-control"])
async def many_long_words_keep_their_title(t: Case) -> None:
    for words, titles in ((" ".join([LONG] * 6), 0), ("a b c d e f", 1)):
        chat = await t.new_chat(f"{words} {compact()}")
        await chat.finished()
        asked = await chat.model_calls("title", wait=titles)
        t.accepted(await chat.get())
        t.expect(len(asked), titles, f"the calls for a title of {words!r}")


@case("CHAT-011")
async def no_title_with_a_file_reference(t: Case) -> None:
    made = t.given(await t.alice.create([text("Look at this"), REFERENCE]))
    chat = Chat(t.alice, made["id"])
    await chat.finished()
    after = t.accepted(await chat.get())["title"]
    t.expect(after, made["title"], "the title after the turn", "/title")
    t.true(after.startswith("Look at this"), "the title is the one made of the message", after, "/title")


@case("CHAT-016", rows={"api": ABSENT, "ui": "ui"})
async def first_turn_runs(t: Case, client: Any) -> None:
    chat = await t.new_chat(script(says("An answer")), client_type=client)
    await becomes(chat, lambda c: c["status"] == "waiting", "status waiting by itself")
    shown = t.accepted(await chat.messages())["messages"]
    t.expect([m["role"] for m in shown], ["assistant", "user"], "the messages after the first turn", "/messages")
    t.expect(shown[0]["content"][0]["text"], "An answer", "the answer", "/messages/0/content/0/text")


@case("CHAT-017", rows={"api": ABSENT, "ui": "ui"})
async def first_turn_fails(t: Case, client: Any) -> None:
    chat = await t.new_chat(script(http_error(400, "scripted failure")), client_type=client)
    ended = await becomes(chat, lambda c: c["status"] not in t.busy, "the end of the turn")
    t.expect(ended["status"], "error", "the status after a turn that failed", "/status")
    t.true(ended.get("last_error"), "the chat shows last_error", ended.get("last_error"), "/last_error")


@case("CHAT-018", needs=["llm-control"])
async def summary_comes_after_the_turn(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(says("a"), gate(hold), says("b")))
    await t.llm.reached(hold)
    t.expect(t.accepted(await chat.get())["last_turn_summary"], None, "the summary during the first turn", "/last_turn_summary")
    await t.llm.open(hold)
    ended = await becomes(chat, lambda c: c["status"] == "waiting" and c["last_turn_summary"], "a summary after the turn")
    t.true(isinstance(ended["last_turn_summary"], str), "the summary is a text", ended["last_turn_summary"], "/last_turn_summary")


@case("CHAT-026", needs=["llm-control"])
async def summary_of_an_empty_answer(t: Case) -> None:
    for steps in ((), (reasoning("thinking"),)):
        chat = await t.chat(script(says("An answer")))
        await chat.when(lambda c: c["last_turn_summary"] == "Scripted label", "the model's label of the first turn")
        t.given(await chat.send(script(turn(*steps))))
        await chat.model_calls(wait=2)
        await becomes(chat, lambda c: c["last_turn_summary"] == "Finished latest turn", "the summary of an empty answer")
        t.expect(len(await chat.model_calls("label")), 1, "the model calls for labels")


@case("CHAT-019")
async def no_summary_after_a_failure(t: Case) -> None:
    chat = await t.chat()
    await chat.when(lambda c: c["last_turn_summary"], "a summary of the first turn")
    await chat.turn(script(http_error(400, "scripted failure")), status=("error",))
    ended = await becomes(chat, lambda c: c["last_turn_summary"] is None, "no summary after a turn that failed")
    t.expect(ended["status"], "error", "the status", "/status")
