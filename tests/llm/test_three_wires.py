"""The fake server's turns run against the scripted LLM over each wire, with the same chat as the result."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect

from fake_server.serve import RunningServer, running_server
from fixtures import scripts as s
from tests.llm.conftest import Run

# Provider type and model name decide which wire the server speaks.
PROVIDERS = {
    "chat": ("openai-compat", "three-wires", "OpenAI Compatible"),
    "responses": ("openai", "gpt-4o", "OpenAI"),
    "anthropic": ("anthropic", "claude-x", "Anthropic"),
}
CALL = s.tool_call("list_templates", {"query": "alpha beta", "page": 1}, id="c1", pieces=5)
PROMPTS: dict[str, list[str]] = {
    "text": [s.script(s.text("Hello"), s.text(" wörld 🚀"))],
    "no script": ["Just say hello"],
    "reasoning": [s.script(s.reasoning("Let me "), s.reasoning("think."), s.text("So."))],
    "reasoning only": [s.script(s.reasoning("hm"))],
    "nothing": [s.script(s.turn())],
    "tool loop": [s.script(s.turns(s.turn(s.text("Looking. "), CALL), s.turn(s.text("Done."))))],
    "two calls, two rounds": [
        s.script(
            s.turns(
                s.turn(CALL, s.tool_call("no_such_tool", {"x": [1, None]}, id="c2", pieces=3)),
                s.turn(s.reasoning("again"), s.tool_call("list_templates", id="c3")),
                s.turn(s.text("Done.")),
            )
        )
    ],
    "usage": [s.script(s.turn(s.text("u"), usage=s.usage(100, 50, cache_read_tokens=40)))],
    "length": [s.script(s.turn(s.text("cut off"), finish="length"))],
    "bad request": [s.script(s.http_error(400, "no such thing"))],
    "quota": [s.script(s.http_error(402, "pay first"))],
    "error in the stream": [s.script(s.text("Some "), s.error("it broke", type="invalid_request_error"))],
    "a retry": [s.script(s.attempts(s.http_error(500), s.turn(s.text("Made it."))))],
    "three sends": [s.script(s.text("one")), s.script(s.turns(s.turn(CALL), s.turn(s.text("two")))), "three"],
}


@pytest.fixture(scope="module")
def server(runner: asyncio.Runner) -> Iterator[RunningServer]:
    stack = AsyncExitStack()

    async def start() -> RunningServer:
        return await stack.enter_async_context(running_server())

    yield runner.run(start())
    runner.run(stack.aclose())


class Alice:
    """A user of the fake server; makes chats on each wire and waits until their turns are over."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.client = httpx2.AsyncClient(base_url=server.base_url, timeout=15)

    async def call(self, user: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"coder-session-token": self.server.token(user)}
        answer = await self.client.request(method, path, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def model(self, wire: str) -> str:
        """A model config whose turns go over this wire."""
        kind, model, _ = PROVIDERS[wire]
        row = {"type": kind, "name": f"wire-{wire}", "enabled": True, "base_url": self.server.llm.base_url, "api_keys": ["sk-1"]}
        provider = await self.call("root", "POST", "/api/v2/ai/providers", row)
        config = {"ai_provider_id": provider["id"], "model": model, "context_limit": 128000}
        made = await self.call("root", "POST", "/api/experimental/chats/model-configs", config)
        return str(made["id"])

    async def chat(self, model: str, prompts: list[str]) -> dict[str, Any]:
        """Send the prompts one after the other; gives the chat with its messages, oldest first."""
        where = {"organization_id": self.server.backend.store.organization_id, "model_config_id": model}
        made = await self.call("alice", "POST", "/api/experimental/chats", self.body(prompts[0]) | where)
        path = f"/api/experimental/chats/{made['id']}"
        url = self.server.base_url.replace("http", "ws", 1) + path + "/stream"
        async with connect(url, additional_headers={"coder-session-token": self.server.token("alice")}) as stream:
            chat = await self.finished(path, stream)
            for prompt in prompts[1:]:
                await self.call("alice", "POST", path + "/messages", self.body(prompt))
                chat = await self.finished(path, stream)
        page = await self.call("alice", "GET", path + "/messages")
        return chat | {"messages": page["messages"][::-1]}

    @staticmethod
    def body(prompt: str) -> dict[str, Any]:
        return {"content": [{"type": "text", "text": prompt}]}

    async def finished(self, path: str, stream: ClientConnection) -> dict[str, Any]:
        """The chat when its turn is over: looked at again whenever its stream tells of a status."""
        while True:
            chat: dict[str, Any] = await self.call("alice", "GET", path)
            if chat["status"] not in ("pending", "running"):
                return chat
            while not any(event["type"] == "status" for event in json.loads(await stream.recv())):
                pass


def result(wire: str, chat: dict[str, Any]) -> dict[str, Any]:
    """What a chat came to, without ids, times and the name of the provider."""

    def plain(part: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in part.items() if v and k not in ("created_at", "completed_at")}

    def counted(usage: dict[str, int]) -> dict[str, int]:
        # With cached tokens the sum is the provider's own: Anthropic does not count them as input.
        return {k: v for k, v in usage.items() if k != "total_tokens" or "cache_read_tokens" not in usage}

    messages = [
        {"role": m["role"], "content": [plain(p) for p in m["content"]], "usage": counted(m.get("usage", {}))}
        for m in chat["messages"]
    ]
    error = {k: v for k, v in (chat.get("last_error") or {}).items() if k != "provider"}
    text = json.dumps({"status": chat["status"], "error": error, "messages": messages}, ensure_ascii=False)
    return dict(json.loads(text.replace(PROVIDERS[wire][2], "X")))


def test_same_chat_over_every_wire(server: RunningServer, run: Run[Any]) -> None:
    async def all_chats() -> dict[str, dict[str, Any]]:
        alice = Alice(server)
        try:
            models = {wire: await alice.model(wire) for wire in PROVIDERS}
            jobs = {(wire, name): alice.chat(models[wire], prompts) for name, prompts in PROMPTS.items() for wire in PROVIDERS}
            chats = dict(zip(jobs, await asyncio.gather(*jobs.values()), strict=True))
            for (wire, _), chat in chats.items():
                asked = await server.llm.journal.wait(chat["id"], "turn", over=True)
                assert {entry.wire for entry in asked} == {wire}
        finally:
            await alice.client.aclose()
        return {name: {wire: result(wire, chats[wire, name]) for wire in PROVIDERS} for name in PROMPTS}

    for name, by_wire in run(all_chats()).items():
        assert by_wire["responses"] == by_wire["chat"], name
        assert by_wire["anthropic"] == by_wire["chat"], name
    # The helper calls of these chats came over the same wires and never ate a turn.
    assert {e.purpose for e in server.llm.journal.find()} == {"turn", "title", "label"}
    assert server.llm.leftovers() == []
