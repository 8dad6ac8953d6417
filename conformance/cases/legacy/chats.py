"""Chats as resources: made without a body, listed whole, the same wherever they are shown."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from conformance.checks.times import precedes
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.answers import NEW, ask, empty


@case("LCHAT-001", "LCHAT-003", "LCHAT-005")
async def a_new_chat(t: Case) -> None:
    one, other = [await t.alice.create() for _ in range(2)]
    with t.judging("LCHAT-001"):
        made = t.accepted(one)
        t.true(made["id"] != t.accepted(other)["id"], "each create makes another chat", made["id"])
        t.expect(t.accepted(await t.alice.get(t.url("getChat", chat=made["id"])))["id"], made["id"], "the chat that was made")
    with t.judging("LCHAT-003"):
        t.expect(t.accepted(one)["title"], NEW, "the title of a new chat", "/title")
    with t.judging("LCHAT-005"):
        made = t.accepted(one)
        t.true(precedes(made["updated_at"], made["created_at"]) is False, "it was not updated before it was created", made)


@case("LCHAT-002")
async def keys_of_a_chat(t: Case) -> None:
    made = t.accepted(await t.alice.create())
    got, listed = t.accepted(await t.alice.get(t.url("getChat", chat=made["id"]))), t.accepted(await t.alice.list())
    for chat in (made, got, *listed):
        missing = [key for key in ("id", "created_at", "updated_at", "title") if chat.get(key) is None]
        t.expect(missing, [], "keys that a chat lacks")


BODIES = {
    "malformed": {"content": b"{broken json"},
    "fields": {"body": {"title": "Mine", "id": "6b1e8f0e-2f3c-4d55-9a0b-3f6f6e7d8c90", "model": "x", "messages": []}},
    "array": {"body": [1, 2]},
    "text": {"content": b"words", "headers": {"content-type": "text/plain"}},
}


@case("LCHAT-004", rows=BODIES)
async def a_create_reads_no_body(t: Case, options: dict[str, Any]) -> None:
    made = t.accepted(await t.alice.request("POST", t.url("createChat"), **options))
    t.expect(made["title"], NEW, "the title of a chat made with this body", "/title")
    t.true(made["id"] != BODIES["fields"]["body"]["id"], "the id is the server's", made["id"])  # type: ignore[index]
    t.expect(t.accepted(await t.alice.get(t.url("getChat", chat=made["id"])))["id"], made["id"], "the chat that was made")


@case("LCHAT-006", "LCHAT-009")
async def the_latest_first(t: Case) -> None:
    made = [t.given(await t.alice.create()) for _ in range(4)]
    ids = [chat["id"] for chat in made]
    listed = t.accepted(await t.alice.list())
    with t.judging("LCHAT-006"):
        t.expect([c["id"] for c in listed if c["id"] in ids], ids[::-1], "four chats made one after the other, as listed")
        late = [n for n, (a, b) in enumerate(pairwise(listed)) if precedes(a["created_at"], b["created_at"])]
        t.expect(late, [], "places in the list behind which a later chat follows")
    with t.judging("LCHAT-009"):
        for chat in made:
            t.expect(t.accepted(await t.alice.get(t.url("getChat", chat=chat["id"]))), chat, "the chat, as the create told it")
            t.expect([c for c in listed if c["id"] == chat["id"]], [chat], "the chat in the list")


@case("LCHAT-007", needs=["admin"])
async def no_chats(t: Case) -> None:
    user = await t.new_user()
    t.exactly(t.accepted(await user.list()), [], "the list of who has no chats")
    made = t.given(await user.create())
    t.expect([c["id"] for c in t.accepted(await user.list())], [made["id"]], "the list with the first chat")


@case("LCHAT-008")
async def own_chats_alone(t: Case) -> None:
    mine, roots = t.given(await t.alice.create())["id"], t.given(await t.root.create())["id"]
    for actor, own, other in ((t.alice, mine, roots), (t.root, roots, mine)):
        ids = [c["id"] for c in t.accepted(await actor.list())]
        t.true(own in ids and other not in ids, f"{actor.name} is shown the own chat and not the other's", ids)


@case("LCHAT-010", needs=["admin"])
async def the_list_is_whole(t: Case) -> None:
    user = await t.new_user()
    made = [t.given(await user.create())["id"] for _ in range(60)]
    t.expect(len(t.accepted(await user.list())), len(made), "how many chats are listed")


@case("LCHAT-011", needs=["llm"])
async def parameters_mean_nothing(t: Case) -> None:
    chat = await t.chat()
    params: dict[str, Any] = {"limit": 1, "offset": 1, "after_id": "x", "q": "archived:true", "label": "no"}
    await empty(t)
    listed = [c["id"] for c in t.accepted(await t.alice.list(**params))]
    t.true(chat.id in listed and len(listed) > 1, "the list is whole in spite of its parameters", listed)
    t.expect(t.accepted(await chat.messages(**params)), await chat.history(), "the messages in spite of the parameters")


@case("LCHAT-012")
async def what_a_message_changes(t: Case) -> None:
    chat = await empty(t)
    new = t.given(await chat.get())
    await ask(chat)
    first = t.accepted(await chat.get())
    t.expect({k: first[k] for k in ("id", "created_at")}, {k: new[k] for k in ("id", "created_at")}, "what stays as it was")
    await ask(chat, "And again")
    t.expect(t.accepted(await chat.get()), first, "the chat after another message")
