"""A long tour of the API: every operation of the documents that a server without workspaces can serve, in many variants."""

from __future__ import annotations

import asyncio
import base64
from typing import Any
from uuid import uuid4

from fixtures.scripts import gate, http_error, reasoning, script, source, text, tool_call, turn, turns
from tests.client.client import PATIENCE, Client, Seen

REST = ("waiting", "error", "requires_action")
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
LOOK_UP = {"name": "look_up", "description": "Looks things up.", "input_schema": {"type": "object", "properties": {}}}
# What takes a workspace, or what the documents have for provisioning alone.
OUT_OF_REACH = {"streamGit", "streamDesktop"}
PROVIDERS_GONE = ("listChatProviders", "listUserProviderConfigs")

Json = dict[str, Any]


def said(words: str) -> list[Json]:
    """Content of one text part."""
    return [{"type": "text", "text": words}]


class Guest:
    """One actor of the tour, with the verbs that it uses most."""

    def __init__(self, client: Client, name: str = "alice") -> None:
        self.client, self.name = client, name

    async def __call__(self, operation: str, body: Any = ..., **options: Any) -> Any:
        sent = {} if body is ... else {"body": body}
        return await self.client.call(self.name, operation, **sent, **options)

    async def create(self, words: str = "Hello there", **fields: Any) -> str:
        """A new chat's id."""
        body = {"organization_id": self.client.organization, "content": said(words), **fields}
        return str((await self("createChat", body))["id"])

    async def until(self, chat: str, *status: str, **fields: Any) -> Json:
        """Poll until the chat has one of these statuses (default: rests) and shows `fields`. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while True:
                shown: Json = await self("getChat", chat=chat)
                if shown["status"] in (status or REST) and all(shown.get(k) == v for k, v in fields.items()):
                    return shown
                await asyncio.sleep(0.02)

    async def chat(self, words: str = "Hello there", **fields: Any) -> str:
        """A new chat whose first turn has ended."""
        made = await self.create(words, **fields)
        await self.until(made)
        return made

    async def say(self, chat: str, words: str, **fields: Any) -> Any:
        """Send a message."""
        return await self("sendMessage", {"content": said(words), **fields}, chat=chat)


async def life(client: Client) -> None:
    """Chats as their owner leads them: create, list, send, edit, queue, interrupt, share, archive, titles, files, tools."""
    me, bob = Guest(client), Guest(client, "bob")
    for step in (_lists, _turns, _queue, _tools, _sharing, _files, _feeds):
        await step(me, bob)


async def _lists(me: Guest, bob: Guest) -> None:
    chats = [await me.chat(f"Number {n}", labels={"mark": "tour", "n": str(n)}) for n in range(4)]
    for query in (
        {},
        {"limit": 2},
        {"limit": 2, "offset": 1},
        {"after_id": chats[1]},
        {"label": "mark:tour"},
        {"q": "archived:true"},
    ):
        await me("listChats", query=query)
    for query in ({"limit": -1}, {"limit": "x"}, {"offset": "x"}, {"after_id": "x"}, {"label": "bad"}, {"q": "nothing:of"}):
        await me("listChats", query=query)
    for fields in (
        {"title": "Renamed"},
        {"labels": {"a": "b"}},
        {"pin_order": 1},
        {"pin_order": 0},
        {"plan_mode": "plan"},
        {"plan_mode": ""},
        {"archived": True},
        {"archived": False},
        {"title": ""},
        {"pin_order": -1},
        {"labels": {"": "x"}},
        {"plan_mode": "x"},
        {},
    ):
        await me("patchChat", fields, chat=chats[0])
        await me("getChat", chat=chats[0])
    await me("listModels")
    await me("chatsByWorkspace", query={"workspace_ids": str(uuid4())})
    await me("chatsByWorkspace", query={"workspace_ids": "x"})
    for operation in ("getChatDiff", "listPrompts", "listDebugRuns", "getChatACL", "proposeTitle", "regenerateTitle"):
        await me(operation, chat=chats[1])
    for query in ({}, {"limit": 1}, {"before_id": 3}, {"after_id": 1}, {"limit": 0}, {"limit": "x"}, {"before_id": -1}):
        await me("listMessages", query=query, chat=chats[2])
        await me("listPrompts", query={"limit": query.get("limit", 5)}, chat=chats[2])
    for fields in (
        {"content": []},
        {"content": said("")},
        {"content": [{"type": "sound"}]},
        {"model_config_id": str(uuid4())},
        {"organization_id": str(uuid4())},
        {"mcp_server_ids": [str(uuid4())]},
        {"labels": {"": ""}},
        {"plan_mode": "x"},
        {"unsafe_dynamic_tools": [{"name": ""}]},
        {"client_type": "x"},
        {"workspace_id": str(uuid4())},
        {"system_prompt": "Be brief."},
    ):
        await me("createChat", {"organization_id": me.client.organization, "content": said("Hi"), **fields})


async def _turns(me: Guest, bob: Guest) -> None:
    scripts = {
        "plain": script(text("one"), text(" two")),
        "thoughtful": script(reasoning("hm"), text("yes")),
        "with sources": script(text("see"), source("https://example.com/a", "A page")),
        "failing": script(http_error(400, "bad request")),
        "silent": script(turn()),
        "two steps": script(turns(turn(tool_call("list_templates", {}, id="a")), turn(text("done")))),
        "unknown tool": script(turns(turn(tool_call("no_such_tool", {"x": [1, {"y": None}]}, id="a")), turn(text("done")))),
        "bad arguments": script(turns(turn(tool_call("read_file", "{", id="a")), turn(text("done")))),
    }
    for words in scripts.values():
        chat = await me.chat(words)
        await me("listMessages", chat=chat)
        await me.say(chat, script(text("again")))
        await me.until(chat)
        history = (await me("listMessages", chat=chat))["messages"]
        mine = next(m["id"] for m in history if m["role"] == "user")
        await me("editMessage", {"content": said("Edited")}, chat=chat, message=mine)
        await me.until(chat)
        await me("listPrompts", chat=chat)
        for bad in ({"content": []}, {"content": said("x"), "model_config_id": str(uuid4())}):
            await me("editMessage", bad, chat=chat, message=mine)
            await me("sendMessage", bad, chat=chat)
        await me("editMessage", {"content": said("x")}, chat=chat, message=mine + 100_000)
        await me("interruptChat", chat=chat)


async def _queue(me: Guest, bob: Guest) -> None:
    chat = await me.create(script(text("a"), gate("tour-queue"), text("b")))
    await me.until(chat, "running")
    queued = [(await me.say(chat, f"later {n}", busy_behavior="queue"))["queued_message"]["id"] for n in range(3)]
    await me("listMessages", chat=chat)
    await me("deleteQueuedMessage", chat=chat, queuedMessage=queued[0])
    await me("promoteQueuedMessage", chat=chat, queuedMessage=queued[1])
    await me.until(chat)
    await me("promoteQueuedMessage", chat=chat, queuedMessage="x")
    await me("deleteQueuedMessage", chat=chat, queuedMessage="x")
    stopped = await me.create(script(text("a"), gate("tour-stop"), text("b")))
    await me.until(stopped, "running")
    await me("interruptChat", chat=stopped)
    await me.until(stopped)
    await me("patchChat", {"archived": True}, chat=stopped)
    for operation, body in (
        ("sendMessage", {"content": said("x")}),
        ("interruptChat", ...),
        ("submitToolResults", {"results": []}),
    ):
        await me(operation, body, chat=stopped)


async def _tools(me: Guest, bob: Guest) -> None:
    asks = turn(tool_call("look_up", {"q": 1}, id="a"), tool_call("look_up", {"q": 2}, id="b"))
    chat = await me.chat(script(turns(asks, turn(text("done")))), unsafe_dynamic_tools=[LOOK_UP])
    await me("listMessages", chat=chat)
    results = [{"tool_call_id": "a", "output": {"found": 1}}, {"tool_call_id": "b", "output": "none", "is_error": True}]
    for wrong in (
        [],
        results[:1],
        [*results, results[0]],
        [*results, {"tool_call_id": "c", "output": 1}],
        [{"tool_call_id": "a"}],
    ):
        await me("submitToolResults", {"results": wrong}, chat=chat)
    await me("submitToolResults", {"results": results}, chat=chat)
    await me.until(chat)
    await me("submitToolResults", {"results": results}, chat=chat)
    await me("listMessages", chat=chat)
    child = tool_call(
        "spawn_agent", {"type": "general", "prompt": script(text("child done"), prefix="task"), "title": "Kid"}, id="s"
    )
    family = await me.chat(script(turns(turn(child), turn(tool_call("wait_agent", {}, id="w")), turn(text("done")))))
    shown = await me("getChat", chat=family)
    for kid in shown["children"]:
        await me("getChat", chat=kid["id"])
        await me("listMessages", chat=kid["id"])
        await me("patchChatACL", {"user_roles": {}}, chat=kid["id"])
        await me("patchChat", {"archived": True}, chat=kid["id"])


async def _sharing(me: Guest, bob: Guest) -> None:
    chat = await me.chat()
    for body in (
        {"user_roles": {me.client.id("bob"): "read"}},
        {"group_roles": {me.client.organization: "read"}},
        {"user_roles": {"x": "read"}},
        {"user_roles": {me.client.id("carol"): "write"}},
        {"group_roles": {str(uuid4()): "read"}},
        {"group_roles": {}},
    ):
        await me("patchChatACL", body, chat=chat)
        await me("getChatACL", chat=chat)
    for operation in ("getChat", "listMessages", "listPrompts", "getChatACL", "getChatDiff", "listDebugRuns"):
        await bob(operation, chat=chat)
    await bob("listChats", query={"q": "owner:me"})
    await bob.say(chat, "mine")
    await bob("patchChat", {"title": "mine"}, chat=chat)
    await me("patchChatACL", {"user_roles": {me.client.id("bob"): ""}}, chat=chat)
    await bob("getChat", chat=chat)


async def _files(me: Guest, bob: Guest) -> None:
    where = {"organization": me.client.organization}
    kept = []
    for data, media, name in (
        (b"some text", "text/plain", "notes.txt"),
        (PIXEL, "image/png", "dot.png"),
        (b"a,b\n1,2\n", "text/csv", "t.csv"),
        (b"{}", "application/json", "x.json"),
        (b"\0\1\2", "application/octet-stream", "x.bin"),
        (b"", "text/plain", "empty.txt"),
        (b"GIF89a", "image/png", "lie.png"),
        (b"x", "application/zip", "x.zip"),
    ):
        headers = {"Content-Type": media, "Content-Disposition": f'attachment; filename="{name}"'}
        made = await me("uploadFile", content=data, headers=headers, query=where)
        kept += [made["id"]] if "id" in made else []
    for query in ({}, {"organization": "x"}, {"organization": str(uuid4())}):
        await me("uploadFile", content=b"x", headers={"Content-Type": "text/plain"}, query=query)
    for file in kept:
        await me("downloadFile", file=file)
        await bob("downloadFile", file=file)
    chat = await me.create(
        "With a file", content=[*said("With a file"), *({"type": "file", "file_id": file} for file in kept[:2])]
    )
    await me.until(chat)
    await me("listMessages", chat=chat)
    await me("getChat", chat=chat)


async def _feeds(me: Guest, bob: Guest) -> None:
    """The stream of a chat and the watch feed, with most kinds of event."""
    words = script(reasoning("hm"), text("a"), text("b", pieces=1), tool_call("list_templates", {}, id="t"))

    def rested(seen: Seen) -> bool:
        return any(e["type"] == "status" and e["status"]["status"] in REST for e in seen) and any(
            e["type"] == "message" for e in seen
        )

    def kinds(*wanted: str) -> Any:
        return lambda seen: set(wanted) <= {e["kind"] for e in seen}

    made: list[str] = []

    async def act() -> None:
        made.append(await me.create(words))
        await me("patchChat", {"title": "Seen"}, chat=made[0])
        await me.until(made[0])
        await me("patchChat", {"archived": True}, chat=made[0])

    watched = kinds("created", "status_change", "title_change", "deleted")
    await me.client.listen("alice", "watchChats", watched, act)
    for chat in [await me.chat(), await me.chat(script(http_error(400, "bad")))]:
        await me.client.listen("alice", "streamChat", rested, chat=chat)
    chat = await me.create(script(text("a"), gate("tour-feed"), text("b")))
    await me.until(chat, "running")

    async def queue() -> None:
        await me.say(chat, script(text("next")), busy_behavior="queue")
        await me("interruptChat", chat=chat)

    def over(seen: Seen) -> bool:
        return {"queue_update", "message_part", "message", "status"} <= {e["type"] for e in seen} and rested(seen[-1:] + seen)

    await me.client.listen("alice", "streamChat", over, queue, chat=chat)
    asks = turn(tool_call("look_up", {"q": 1}, id="a"))
    chat = await me.create(script(turns(asks, turn(text("done")))), unsafe_dynamic_tools=[LOOK_UP])
    await me.client.listen("alice", "streamChat", lambda seen: any(e["type"] == "action_required" for e in seen), chat=chat)


async def everything_wrong(client: Client) -> None:
    """Every operation, asked by nobody, by those who may not, for what is not there, and with bodies that are none."""
    me = Guest(client)
    chat = await me.chat()
    for name, operation in client.strict.docs.operations.items():
        if operation.socket:
            continue
        places = [p["name"] for p in operation.parameters if p["in"] == "path"]
        unknown = {place: str(uuid4()) for place in places}
        malformed = dict.fromkeys(places, "nonsense")
        known = unknown | {place: value for place, value in (("chat", chat), ("user", "me")) if place in places}
        reads = operation.method == "GET"
        askers = ("alice", "root", "bob") if operation.judged or reads else ()
        await client.call(None, name, **known)
        for actor in askers:
            await client.call(actor, name, **unknown)
            if places:
                await client.call(actor, name, **malformed)
            if operation.request:
                for content in (b"{", b"[]", b"{}"):
                    await client.call(actor, name, content=content, headers={"Content-Type": "application/json"}, **known)
            elif reads:
                await client.call(actor, name, **known)
