"""Chats and what becomes of them: titles, messages, queues, families, results of tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from conformance.checks.times import instant
from conformance.play.actors import Chat
from conformance.play.actors import text as text_part
from conformance.play.case import Case
from conformance.play.provisioning import new_model
from conformance.play.verdict import Failure, Unmet
from fixtures.scripts import Turn, script, text, tool_call, turn, turns


async def archived(*chats: Chat) -> list[bool]:
    """Which of the chats show that they are archived."""
    return [(await chat.get()).response.body["archived"] for chat in chats]


REFERENCE = {"type": "file-reference", "file_name": "a.go", "start_line": 1, "end_line": 2, "content": "package a"}
# A turn whose title call fails: the first title stays. Without a blank, so that it is one word of the title.
UNTITLED = "script:" + json.dumps({"steps": [], "title": {"http_error": {"status": 400}}}, separators=(",", ":"))


async def becomes(chat: Chat, reached: Callable[[dict[str, Any]], Any], what: str) -> dict[str, Any]:
    """Wait until the chat shows this, as something that is judged. Raises Failure."""
    try:
        return await chat.when(reached, what)
    except Unmet as unmet:
        raise Failure(str(unmet)) from None


async def titled(t: Case, said: str = "Look at this", **fields: Any) -> Chat:
    """A chat at rest that keeps its first title, since its first message has a file reference. Raises Unmet."""
    return await t.chat([REFERENCE, text_part(said)], **fields)


# What calls of the model of their own bring, after a chat is at rest.
COMES_LATER = {"last_turn_summary", "summary"}


async def still(chat: Chat) -> dict[str, Any]:
    """The chat, once nothing more comes of its last turn: updated_at may move until it has its summary. Raises Unmet."""
    shown = await chat.settled()
    if not shown.get("parent_chat_id"):
        shown = await chat.finished()
    elif "summary" in shown:
        shown = await chat.settled(summary=bool)  # the start of its answer
    return await let_go(chat) if chat.case.refuses("interrupt.at-rest") else shown


async def let_go(chat: Chat) -> dict[str, Any]:
    """The chat, once answers in a row show one updated_at: a worker may write it when it lets go of the chat. Raises Unmet."""
    shown: dict[str, Any] = chat.case.given(await chat.get())
    alike = 0
    for _ in range(50):
        before, shown = shown, chat.case.given(await chat.get())
        alike = alike + 1 if shown["updated_at"] == before["updated_at"] else 0
        if alike == 5:
            break
    return shown


TOOL = {"name": "look_up", "description": "looks up", "input_schema": {"type": "object", "properties": {}}}
NEW = script(text("better"), prefix="new")


async def family(t: Case, *prompts: str, gone_on: bool = True, **fields: Any) -> tuple[Chat, list[Chat]]:
    """A root chat and the child chats that it started, oldest first; all at rest if `gone_on`. Raises Unmet."""
    spawned = [
        turn(tool_call("spawn_agent", {"type": "general", "prompt": prompt, "title": f"Child {n}"}, id=f"spawn{n}"))
        for n, prompt in enumerate(prompts, 1)
    ]
    root = await t.chat(script(turns(*spawned, turn(text("done")))), **fields)
    found = await root.children(0)
    if len(found) != len(prompts):
        raise Unmet(f"{len(found)} chats of sub-agents instead of {len(prompts)}")
    children = [Chat(t.alice, c["id"]) for c in found]
    if gone_on:
        await asyncio.gather(*(child.settled() for child in children))
    return root, children


def results(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of tools, in order."""
    return [p for m in messages if m["role"] == "tool" for p in m["content"]]


async def made_up(t: Case, chat: Chat, reason: str) -> None:
    """Judge the results that the server made up for the client's open calls: without an author, with the reason."""
    stored = [m for m in await chat.history() if m["role"] == "tool"]
    if not stored:
        raise Unmet("no results were made up")
    with t.judging("MSG-004"):
        t.accepted(await chat.get())
        t.true(not any("created_by" in m for m in stored), "made-up results have no author", stored)
    with t.judging("TOOL-026"):
        t.accepted(await chat.get())
        t.expect([p["result"] for p in results(stored)], [reason] * len(stored), "the results made up")


async def with_client_tool(t: Case, *each: Turn) -> Chat:
    """A chat whose turn makes these model calls, with a tool of the client. Raises Unmet, also where there are none."""
    if not t.knows("CreateChatRequest", "unsafe_dynamic_tools"):
        raise Unmet("this revision has no tools of clients")
    return await t.chat(script(turns(*each), prefix="first"), unsafe_dynamic_tools=[TOOL])


def system_text(entry: dict[str, Any]) -> str:
    """All system messages of a model call, in order, over any of the three wires."""
    body = entry["body"]
    told = [m for m in body.get("messages") or body.get("input") or [] if m.get("role") in ("system", "developer")]
    return "\n\n".join(_strings([body.get("instructions"), body.get("system"), [m.get("content") for m in told]]))


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = [value.get("text")]
    return [text for one in value for text in _strings(one)] if isinstance(value, list) else [value] if value else []


def is_helper(entry: dict[str, Any]) -> bool:
    """Is this a call for a title or label? They offer one tool, or ask for one schema, of such a name."""
    body = entry["body"]
    asked = str([body.get(key) for key in ("tools", "response_format", "text", "tool_choice")])
    return ("propose_title" in asked or "propose_turn_status_label" in asked) and len(body.get("tools") or []) <= 1


async def calls(t: Case, chat: Chat, n: int) -> list[dict[str, Any]]:
    """The first `n` model calls of the chat's turns. Raises Unmet."""
    return [entry for entry in await chat.model_calls(wait=n) if not is_helper(entry)][:n]


UNKNOWN = 9_000_000_000_000  # the id of no queued message


def queued(name: str) -> str:
    """A message to queue: `name`, which is answered by `to name`."""
    return script(text(f"to {name}"), prefix=name)


async def compacting(t: Case, chat: Chat) -> None:
    """Let the compaction come that is due after a turn: in later revisions it precedes the next model call. Raises Unmet."""
    if t.offers("compactChat"):
        await chat.turn(queued("meanwhile"))


async def queue(chat: Chat) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await chat.messages()).response.body["queued_messages"]
    return found


async def queue_ids(chat: Chat) -> list[int]:
    return [entry["id"] for entry in await queue(chat)]


ANSWER = script(text("answer"), prefix="second")


async def first(t: Case, **fields: Any) -> Chat:
    """A chat at rest in which `first` was answered by `hello`. Raises Unmet."""
    return await t.chat(script(text("hello"), prefix="first"), **fields)


def moved(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Has updated_at of a chat moved on?"""
    old, new = instant(before["updated_at"]), instant(after["updated_at"])
    return bool(old and new and old < new)


async def other_model(t: Case, **fields: Any) -> str:
    """Another model beside the default one, for this case; gives its id. Raises Unmet."""
    return str((await new_model(t, **({"context_limit": 64000} | fields)))["id"])


def asks(*ids: str) -> Turn:
    """A model call that calls the client's tool once for each id."""
    return turn(*(tool_call("look_up", {"q": name}, id=name) for name in ids))


def outputs(**by_id: Any) -> list[dict[str, Any]]:
    return [{"tool_call_id": name, "output": value} for name, value in by_id.items()]


async def awaits(t: Case, *each: Turn) -> Chat:
    """A chat that awaits results in its first turn. Raises Unmet."""
    chat = await with_client_tool(t, *each)
    await chat.settled("requires_action")
    return chat


def items(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation of a model call, without system messages, over any of the three wires."""
    body = entry["body"]
    everything = body.get("messages") or body.get("input") or []
    return [m for m in everything if m.get("role") not in ("system", "developer")]


def wanted(found: list[dict[str, Any]], *said: str) -> list[int]:
    """Where each text stands: the index of the first item that holds it, or -1."""
    return [next((i for i, item in enumerate(found) if mark in str(item)), -1) for mark in said]
