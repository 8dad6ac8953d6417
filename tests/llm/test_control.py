"""Gates, journal, orders and leftovers: in process, over the control address, and from the command line."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fake_server.llm.__main__ import main
from fake_server.llm.gates import Deadline
from fake_server.llm.journal import Journal
from fake_server.llm.server import ScriptedLLM
from fixtures import scripts as s
from tests.llm.conftest import Run
from tests.llm.raw import REQUESTS, Answer, Connection, ask, body_for

WIRES = ["chat", "responses", "anthropic"]


def control(llm: ScriptedLLM) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=llm.control_url, timeout=10)


async def history(llm: ScriptedLLM, wire: str, items: list[Any], chat: str, **more: Any) -> Answer:
    key = "input" if wire == "responses" else "messages"
    async with await Connection.open(llm.base_url) as connection:
        body = body_for(wire, "", **more) | {key: items}
        return await connection.ask(REQUESTS[wire][0], body, {"x-coder-chat-id": chat})


# -- gates


@pytest.mark.parametrize("wire", WIRES)
def test_gate_holds_the_stream_until_it_is_opened(llm: ScriptedLLM, run: Run[Any], chat: str, wire: str) -> None:
    async def gated() -> None:
        prompt = s.script(s.text("before"), s.gate(chat), s.text("after"))
        async with await Connection.open(llm.base_url) as connection:
            await connection.send(REQUESTS[wire][0], body_for(wire, prompt))
            gate = await llm.gates.wait_reached(chat)
            assert (gate.waiting, gate.open) == (1, False)
            await connection.reader.readuntil(b"before")
            with pytest.raises(TimeoutError):  # nothing more comes, and what came is complete
                await asyncio.wait_for(connection.reader.readuntil(b"after"), 0.05)
            llm.gates.open(chat)
            await connection.reader.readuntil(b"after")

    run(gated())


def test_gate_holds_an_answer_that_is_no_stream(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    async def gated() -> Answer:
        asked = asyncio.create_task(ask(llm.base_url, "chat", s.script(s.gate(chat), s.text("x")), stream=False))
        await llm.gates.wait_reached(chat)
        assert not asked.done()
        llm.gates.open(chat)
        return await asked

    assert run(gated()).status == 200


def test_gate_opened_beforehand_stays_open(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    llm.gates.open(chat)
    for _ in range(2):
        assert run(ask(llm.base_url, "chat", s.script(s.gate(chat), s.text("x")))).ended == "complete"


@pytest.mark.parametrize("wire", WIRES)
def test_gate_that_nobody_opens_ends_with_one_error(llm: ScriptedLLM, run: Run[Any], chat: str, wire: str) -> None:
    name = f"{chat}-{wire}"
    answer = run(ask(llm.base_url, wire, s.script(s.text("a"), s.gate(name, seconds=0.05), s.text("b")), chat=name))
    problem = f"gate '{name}' was not opened within 0.05 s"
    assert answer.ended == "complete" and problem in json.dumps(answer.data[-1]) and b'"b"' not in answer.body
    assert llm.journal.find(name)[0].outcome == problem
    whole = run(ask(llm.base_url, wire, s.script(s.gate(name, seconds=0.05)), stream=False))
    assert whole.status == 500 and problem in whole.body.decode()
    assert [left.text for left in llm.leftovers(name)] == [problem]


def test_hangup_at_a_gate_is_seen(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    async def hang_up() -> None:
        async with await Connection.open(llm.base_url) as connection:
            await connection.send(
                "/chat/completions", body_for("chat", s.script(s.text("a"), s.gate(chat))), {"x-coder-chat-id": chat}
            )
            await llm.gates.wait_reached(chat)
        gate = await llm.gates.wait_hangup(chat)
        assert (gate.waiting, gate.hung_up) == (0, 1)
        entry = (await llm.journal.wait(chat, over=True))[0]
        assert (entry.outcome, entry.chunks) == ("hung up", 2)

    run(hang_up())


def test_gates_over_the_control_address(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    async def remote() -> None:
        async with control(llm) as client:
            name = f"{chat}/with a slash"
            late = await client.get(f"/gates/{chat}/wait", params={"seconds": 0.05})
            assert (late.status_code, late.json()) == (408, {"message": f"gate '{chat}' was reached 0 of 1 times within 0.05 s"})
            asked = asyncio.create_task(ask(llm.base_url, "chat", s.script(s.gate(name), s.text("x"))))
            path = f"/gates/{chat}%2Fwith%20a%20slash"
            reached = (await client.get(path + "/wait", params={"seconds": 5})).json()
            assert reached == {"name": name, "open": False, "reached": 1, "waiting": 1, "hung_up": 0, "expired": 0}
            assert (await client.post(path + "/open")).json()["open"] is True
            assert (await asked).ended == "complete"
            assert (await client.get(path)).json()["waiting"] == 0
            assert name in [gate["name"] for gate in (await client.get("/gates")).json()["gates"]]
            hangup = await client.get(path + "/wait", params={"for": "hangup", "seconds": 0})
            assert hangup.status_code == 408
            assert (await client.get(path + "/wait", params={"for": "tea"})).status_code == 400

    run(remote())


# -- turns and attempts


def turns_prompt() -> str:
    return s.script(s.turns(s.turn(s.tool_call("t", id="c1")), s.turn(s.tool_call("t", id="c2")), s.turn(s.text("third"))))


def chat_call(call_id: str, content: str | None) -> dict[str, Any]:
    call = {"id": call_id, "type": "function", "function": {"name": "t", "arguments": "{}"}}
    return {"role": "assistant", "content": content, "tool_calls": [call]}


USE_C2 = {"type": "tool_use", "id": "c2", "name": "t", "input": {}}
TURN_ITEMS: dict[str, list[Any]] = {
    "chat": [
        chat_call("c1", None),
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
        chat_call("c2", "x"),
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "r"}]},
    ],
    "responses": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "t", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "r"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        {"type": "function_call", "call_id": "c2", "name": "t", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c2", "output": "r"},
    ],
    "anthropic": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "t", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "r"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "x"}, USE_C2]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "r"}]}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize("wire", WIRES)
def test_the_turn_number_comes_from_the_history(llm: ScriptedLLM, run: Run[Any], chat: str, wire: str) -> None:
    first = [{"role": "user", "content": "earlier " + s.script(s.text("no"))}, {"role": "assistant", "content": "no"}]
    user = {"role": "user", "content": turns_prompt()}
    items = TURN_ITEMS[wire]
    cut = {"chat": 2, "responses": 3, "anthropic": 2}[wire]
    third = run(history(llm, wire, [*first, user, *items], chat))  # asked first: nothing is counted
    second = run(history(llm, wire, [*first, user, *items[:cut]], chat))
    again = run(history(llm, wire, [user], chat))
    assert b"third" in third.body and b'"c2"' in second.body and b'"c1"' in again.body
    assert [entry.turn for entry in llm.journal.find(chat)] == [2, 1, 0]
    assert llm.leftovers(chat) != []  # the two histories count as two prompts, each not used up


def test_responses_are_continued_by_their_id(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    async def continued() -> list[bytes]:
        bodies = []
        items: list[Any] = [{"role": "user", "content": turns_prompt()}]
        previous = None
        for call_id in ("c1", "c2", None):
            answer = await history(llm, "responses", items, chat, previous_response_id=previous)
            bodies.append(answer.body)
            previous = answer.data[-1]["response"]["id"]
            items = [{"type": "function_call_output", "call_id": call_id, "output": "r"}]
        return bodies

    first, second, third = run(continued())
    assert b'"c1"' in first and b'"c2"' in second and b"third" in third
    unknown = run(history(llm, "responses", [], chat, previous_response_id="resp_x"))
    assert unknown.status == 400
    assert json.loads(unknown.body)["error"]["message"] == "Previous response with id 'resp_x' not found."


def test_responses_refuses_calls_and_outputs_that_do_not_pair(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    user = {"role": "user", "content": "hi"}
    call, output = TURN_ITEMS["responses"][1:3]
    answer = run(history(llm, "responses", [user, call, user], chat))
    assert (answer.status, json.loads(answer.body)["error"]["message"]) == (400, "No tool output found for function call c1.")
    answer = run(history(llm, "responses", [user, output], chat))
    assert b"No tool call found for function call output with call_id c1." in answer.body
    assert run(history(llm, "chat", [user, chat_call("c1", None), user], chat)).status == 200  # noted only
    assert llm.journal.find(chat)[-1].problems == ["No tool output found for function call c1."]


@pytest.mark.parametrize("wire", WIRES)
def test_attempts_are_identical_requests_of_one_chat(llm: ScriptedLLM, run: Run[Any], chat: str, wire: str) -> None:
    prompt = s.script(s.attempts(s.http_error(500), s.http_error(429), s.turn(s.text("ok"))), prefix=wire)
    one, other = f"{chat}-a-{wire}", f"{chat}-b-{wire}"
    assert [run(ask(llm.base_url, wire, prompt, chat=one)).status for _ in range(2)] == [500, 429]
    assert run(ask(llm.base_url, wire, prompt, chat=other)).status == 500
    assert [left.text for left in llm.leftovers(one)] == ["turn 3 of the script was never asked for"]
    assert [run(ask(llm.base_url, wire, prompt, chat=one)).status for _ in range(2)] == [200, 200]
    assert llm.leftovers(one) == []


def test_fail_n_times_then_succeed(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    prompt = s.script(s.turn(s.text("ok"), **s.http_error(503, first=2)))
    assert [run(ask(llm.base_url, "chat", prompt, chat=chat)).status for _ in range(3)] == [503, 503, 200]


def test_sub_chats_are_chats_of_their_own(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    async def both() -> None:
        async with await Connection.open(llm.base_url) as connection:
            root, sub = {"x-coder-chat-id": chat}, {"x-coder-chat-id": chat, "x-coder-subchat-id": chat + "-sub"}
            prompt = body_for("chat", s.script(s.attempts(s.http_error(500), s.turn())))
            assert [(await connection.ask("/chat/completions", prompt, h)).status for h in (root, sub, root, sub)] == [
                500,
                500,
                200,
                200,
            ]

    run(both())
    assert len(llm.journal.find(chat)) == 2 and len(llm.journal.find(chat + "-sub")) == 2
    assert len(llm.journal.find(root_chat=chat)) == 4


def test_default_turn(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    answer = run(ask(llm.base_url, "chat", "no script", chat=chat))
    deltas = [d["choices"][0]["delta"] for d in answer.data[:-2]]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "Hello"}, {"content": " world"}, {}]
    assert answer.data[-2]["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert answer.data[-2]["choices"] == [] and answer.data[-1] == "[DONE]"


def test_bad_script_in_a_prompt_is_a_400_of_one_line(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    answer = run(ask(llm.base_url, "chat", 'script:{"steps": [{"txet": "a"}]}', chat=chat))
    message = "script at /steps/0: unknown step 'txet'; did you mean 'text'?"
    assert (answer.status, json.loads(answer.body)["error"]["message"]) == (400, message)
    assert [left.text for left in llm.leftovers(chat)] == [message]
    deep = run(ask(llm.base_url, "chat", "script:" + '{"turns": [' * 90_000, chat=chat))
    assert (deep.status, json.loads(deep.body)["error"]["message"]) == (400, "script: nested too deeply to be a script")


# -- the server's own calls


def test_summary_calls_get_both_texts(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.text("the turn")), chat=chat, stream=False))
    content = json.loads(answer.body)["choices"][0]["message"]["content"]
    assert content == '{"title": "Scripted title", "label": "Scripted label"}'
    assert llm.journal.find(chat)[0].purpose == "summary"


def test_title_call_that_is_a_stream(llm: ScriptedLLM, run: Run[Any]) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.text("the turn")), tools=[]))
    assert answer.data[1]["choices"][0]["delta"] == {"content": "Scripted title"}
    answer = run(ask(llm.base_url, "chat", s.script(title=s.http_error(400, "no title")), tools=[]))
    assert answer.status == 400


TITLE_TOOL = {"type": "function", "function": {"name": "propose_title", "parameters": {"type": "object"}}}


def test_scripted_title_may_be_a_turn_with_attempts(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    title = s.attempts(s.http_error(500), s.turn(s.tool_call("propose_title", {"title": "At last"})))
    for status in (500, 200):
        prompt = s.script(s.text("the turn"), title=title)
        answer = run(ask(llm.base_url, "chat", prompt, chat=chat, stream=False, tools=[TITLE_TOOL], tool_choice="required"))
        assert answer.status == status
    assert b"At last" in answer.body


def test_half_a_script_does_not_spoil_a_title(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    answer = run(ask(llm.base_url, "chat", 'script:{"steps": [{"te', chat=chat, stream=False, tools=[TITLE_TOOL]))
    assert b"Scripted title" in answer.body
    assert llm.leftovers(chat) == []


# -- journal


def test_journal_tells_what_came(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    async def sent() -> dict[str, Any]:
        async with await Connection.open(llm.base_url) as connection, control(llm) as client:
            headers = {
                "x-coder-chat-id": chat,
                "authorization": "Bearer sk-secret-1",
                "x-my-token": "sk-secret-2",
                "cookie": "sk-secret-3",
            }
            await connection.ask("/v1/chat/completions", body_for("chat", "hello"), headers)
            answer = await client.get("/journal", params={"chat": chat, "purpose": "turn", "wait": 1, "seconds": 5})
            assert "sk-secret" not in answer.text
            return answer.json()["requests"][0]

    entry = run(sent())
    assert entry["body"] == body_for("chat", "hello") and entry["headers"]["authorization"] == "<redacted>"
    assert entry["key"] == hashlib.sha256(b"sk-secret-1").hexdigest()[:12]
    wanted = {"wire": "chat", "purpose": "turn", "chat": chat, "stream": True, "by": "default", "outcome": "done", "status": 200}
    assert wanted.items() <= entry.items() and entry["chunks"] == 6


def test_journal_waits_and_says_what_came_instead(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    async def waits() -> tuple[int, Any, int]:
        async with control(llm) as client:
            waiting = asyncio.create_task(client.get("/journal", params={"chat": chat, "wait": 2, "seconds": 5}))
            for _ in range(2):
                await ask(llm.base_url, "chat", "hi", chat=chat)
            found = len((await waiting).json()["requests"])
            late = await client.get("/journal", params={"chat": chat, "purpose": "label", "wait": 1, "seconds": 0.05})
            bad = await client.get("/journal", params={"wait": "x"})
            return found, late, bad.status_code

    found, late, bad = run(waits())
    assert (found, late.status_code, bad) == (2, 408, 400)
    message = late.json()["message"]
    assert message == f"0 of 1 requests with chat={chat}, purpose=label within 0.05 s; last came: turn (done), turn (done)"


def test_journal_tells_calls_of_a_model_that_name_no_chat(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    async def sent() -> list[Any]:
        body, other = body_for("chat", "hello"), body_for("chat", "hello")
        body["model"], other["model"] = f"model-{chat}", f"other-{chat}"
        async with await Connection.open(llm.base_url) as connection, control(llm) as client:
            for each, headers in ((body, {}), (other, {}), (body, {"x-coder-chat-id": chat})):
                await connection.ask("/v1/chat/completions", each, headers)
            answer = await client.get("/journal", params={"unnamed": 1, "model": body["model"], "purpose": "turn"})
            return list(answer.json()["requests"])

    (entry,) = run(sent())
    assert entry["chat"] == "" and entry["model"] == f"model-{chat}"


def test_journal_is_bounded_and_says_so() -> None:
    async def fill() -> Journal:
        journal = Journal(entries=3)
        for i in range(5):
            journal.add("GET", f"/{i}", [])
        return journal

    journal = asyncio.run(fill())
    assert [entry.path for entry in journal.find()] == ["/2", "/3", "/4"] and journal.dropped == 2


# -- orders, strictness, leftovers


@contextlib.asynccontextmanager
async def fresh(**options: Any) -> AsyncIterator[ScriptedLLM]:
    async with ScriptedLLM(**options) as llm:
        yield llm


def test_orders_match_in_order_and_by_every_field(run: Run[Any]) -> None:
    async def ordered() -> list[bytes]:
        async with fresh() as llm, control(llm) as client:
            added = await client.post(
                "/orders",
                json=s.orders(
                    s.order("by chat", chat="c1"),
                    s.order("by key", key="sk-9"),
                    s.order("by header", header={"X-Test": "7"}),
                    s.order("by model", model="gpt-*"),
                    s.order("twice", text="often", times=2),
                    s.order("by tool", tool="grep"),
                    s.order("by system", system="pirate"),
                    s.order("by wire", wire="anthropic"),
                    s.order("by turn", turn=1),
                    s.order("by result", tool_result="42"),
                    s.order("rest", regex="^any"),
                ),
            )
            assert added.status_code == 201

            async def say(prompt: str, wire: str = "chat", headers: dict[str, str] | None = None, **more: Any) -> bytes:
                async with await Connection.open(llm.base_url) as connection:
                    return (await connection.ask(REQUESTS[wire][0], body_for(wire, prompt) | more, headers or {})).body

            system = {"role": "system", "content": "You are a pirate."}
            tool = {"type": "function", "function": {"name": "grep"}}
            user, call, result = (
                {"role": "user", "content": "x"},
                TURN_ITEMS["chat"][0],
                TURN_ITEMS["chat"][1] | {"content": "it is 42"},
            )
            return [
                await say("any", headers={"x-coder-chat-id": "c1"}),
                await say("any", headers={"authorization": "Bearer sk-9"}),
                await say("any", headers={"x-test": "7"}),
                await say("any", model="gpt-9"),
                await say("how often"),
                await say("so often"),
                await say("any", tools=[tool]),
                await say("any", messages=[system, user]),
                await say("any", wire="anthropic"),
                await say("", messages=[user, {"role": "assistant", "content": "y"}]),
                await say("", messages=[user, call, result, {"role": "assistant", "content": "y"}]),
                await say("any " + s.script(s.text("script"))),
                await say("too often"),
            ]

    bodies = run(ordered())
    wanted = [
        "by chat",
        "by key",
        "by header",
        "by model",
        "twice",
        "twice",
        "by tool",
        "by system",
        "by wire",
        "by turn",
        "by result",
        "rest",
        "Hello",
    ]
    assert [want.encode() in body for want, body in zip(wanted, bodies, strict=True)] == [True] * len(wanted)


def test_orders_are_taken_all_or_none_and_can_be_removed(run: Run[Any]) -> None:
    async def posted() -> None:
        async with fresh() as llm, control(llm) as client:
            bad = await client.post("/orders", json=[s.order("x"), {"reply": {"stepps": []}}])
            assert (bad.status_code, bad.json()["where"]) == (400, "/1/reply/stepps")
            assert (await client.post("/orders", content=b"{")).status_code == 400
            assert (await client.get("/orders")).json() == {"orders": []}
            await client.post("/orders", json=s.order("x", name="mine", key="sk-secret"))
            assert "sk-secret" not in (await client.get("/orders")).text
            assert (await client.delete("/orders/mine")).status_code == 200
            assert (await client.delete("/orders/mine")).status_code == 404

    run(posted())


def test_an_order_may_be_turns_and_attempts(run: Run[Any], chat: str) -> None:
    async def ordered() -> None:
        async with fresh() as llm:
            order = llm.order(s.turns(s.attempts(s.http_error(500), s.turn(s.text("one"))), s.turn(s.text("two"))), chat=chat)
            assert [(await ask(llm.base_url, "chat", "x", chat=chat)).status for _ in range(2)] == [500, 200]
            assert order.used == 2

    run(ordered())


def test_strict_server_refuses_with_the_nearest_miss(run: Run[Any], chat: str) -> None:
    async def strict() -> None:
        async with fresh(strict=True) as llm:
            llm.order("hi", name="greeting", text="hello", model="fake-*")
            llm.order("far", name="far", text="a", model="b", wire="responses")
            answer = await ask(llm.base_url, "chat", "good day", chat=chat)
            message = json.loads(answer.body)["error"]["message"]
            assert answer.status == 400
            assert message == (
                "nobody expected this turn: the prompt has no script; "
                "nearest order 'greeting': text wanted 'hello', got 'good day'"
            )
            assert (await ask(llm.base_url, "chat", s.script(s.text("a")), chat=chat)).status == 200
            with pytest.raises(AssertionError, match=r"order 'greeting' matched nothing"):
                llm.check()
            with pytest.raises(AssertionError, match="nobody expected this turn"):
                llm.check(chat)

    run(strict())


def test_leftovers_of_one_chat(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    prompt = s.script(s.turns(s.turn(s.text("one")), s.turn(s.text("two"))), strict=True)
    run(ask(llm.base_url, "chat", prompt, chat=chat))

    async def left() -> list[str]:
        async with control(llm) as client:
            return [one["text"] for one in (await client.get("/leftovers", params={"chat": chat})).json()["leftovers"]]

    assert run(left()) == ["turn 2 of the script was never asked for"]
    user, reply = {"role": "user", "content": prompt}, {"role": "assistant", "content": "x"}
    assert run(history(llm, "chat", [user, reply], chat)).status == 200
    assert run(left()) == []
    llm.check(chat)
    beyond = run(history(llm, "chat", [user, reply, reply], chat))
    assert (beyond.status, run(left())) == (400, ["call 3 since the user's message is one more than the script has turns for"])


def test_beyond_a_script_comes_the_default_turn(llm: ScriptedLLM, run: Run[Any], chat: str) -> None:
    user, reply = {"role": "user", "content": s.script(s.text("one"))}, {"role": "assistant", "content": "x"}
    assert b"Hello" in run(history(llm, "chat", [user, reply], chat)).body
    assert [left.kind for left in llm.leftovers(chat)] == ["call", "script"]


def test_orders_that_were_not_used_are_left_over(run: Run[Any]) -> None:
    async def leftovers() -> list[str]:
        async with fresh() as llm:
            llm.order("a", name="never", text="never")
            llm.order("b", name="once", times=2)
            llm.gates.open("opened too early")
            await ask(llm.base_url, "chat", "x")
            return [str(one) for one in llm.leftovers()]

    assert run(leftovers()) == [
        "order: order 'never' matched nothing",
        "order: order 'once' was used 1 of 2 times",
        "gate: gate 'opened too early' was opened but never reached",
    ]


def test_reset_forgets_and_lets_streams_go(run: Run[Any], chat: str) -> None:
    async def reset() -> None:
        async with fresh() as llm, control(llm) as client:
            asked = asyncio.create_task(ask(llm.base_url, "chat", s.script(s.gate("g"), s.text("x")), chat=chat))
            await llm.gates.wait_reached("g")
            llm.order("x")
            assert (await client.post("/reset")).status_code == 200
            assert (await asked).ended == "complete"
            assert (llm.leftovers(), llm.journal.find(), llm.orders.all, llm.gates.all()) == ([], [], [], [])

    run(reset())


def test_health_and_unknown_control_addresses(llm: ScriptedLLM, run: Run[Any]) -> None:
    async def asked() -> tuple[Any, Any]:
        async with control(llm) as client:
            return (await client.get("/health")).json(), await client.get("/v1/chat/completions")

    health, unknown = run(asked())
    assert health == {"status": "ok", "base_url": llm.base_url}
    assert unknown.status_code == 404 and "there is GET /health" in unknown.json()["message"]


# -- life


def test_stop_ends_everything_at_once(run: Run[Any]) -> None:
    async def stopped() -> Answer:
        llm = await ScriptedLLM().start()
        asked = asyncio.create_task(ask(llm.base_url, "chat", s.script(s.text("a"), s.gate("g"))))
        await llm.gates.wait_reached("g")
        async with asyncio.timeout(1):
            await llm.stop()
            with pytest.raises(OSError):
                await Connection.open(llm.base_url)
            return await asked

    assert run(stopped()).ended in ("eof", "reset")


def test_clients_that_come_and_go_leave_nothing(run: Run[Any]) -> None:
    async def come_and_go() -> None:
        async with ScriptedLLM() as llm:
            before = len(asyncio.all_tasks())

            async def half_a_request() -> None:
                async with await Connection.open(llm.base_url) as connection:
                    connection.writer.write(b"POST /chat/completions HTTP/1.1\r\ncontent-le")
                    await connection.writer.drain()

            async def half_an_answer() -> None:
                async with await Connection.open(llm.base_url) as connection:
                    await connection.send("/chat/completions", body_for("chat", s.script(s.text("x", repeat=5000), s.gate("g"))))
                    await connection.reader.read(100)

            await asyncio.gather(*(half_a_request() for _ in range(250)), *(half_an_answer() for _ in range(250)))
            await llm.wait_idle()
            ended = await llm.journal.wait(over=True, n=250)
            assert {entry.outcome for entry in ended} == {"hung up"}
            assert (len(asyncio.all_tasks()), llm.gates.get("g").waiting) == (before, 0)

    run(come_and_go())


def test_waits_have_deadlines(llm: ScriptedLLM, run: Run[Any]) -> None:
    async def waits() -> None:
        with pytest.raises(Deadline, match=r"gate 'never' was reached 0 of 1 times within 0\.02 s"):
            await llm.gates.wait_reached("never", seconds=0.02)
        with pytest.raises(Deadline, match="0 of 1 clients hung up at gate 'never'"):
            await llm.gates.wait_hangup("never", seconds=0.02)

    run(waits())


async def _lines(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fake_server.llm", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    return process, (await process.stdout.readline()).decode()


def test_command_prints_one_line_and_stops(run: Run[Any], tmp_path: Path) -> None:
    orders = tmp_path / "orders.yaml"
    orders.write_text("orders:\n- reply: from the file\n")

    async def command() -> tuple[str, bytes, int, bytes]:
        process, line = await _lines("--port", "0", "--control-port", "0", "--orders", str(orders))
        where = dict(part.split("=") for part in line.split()[2:])
        async with httpx2.AsyncClient(timeout=5) as client:
            body = (await client.post(where["base_url"] + "/chat/completions", json=body_for("chat", "hi"))).content
            assert (await client.get(where["control_url"] + "/health")).status_code == 200
        process.send_signal(signal.SIGTERM)
        rest = await process.stdout.read()  # type: ignore[union-attr]
        return line, body, await process.wait(), rest

    line, body, status, rest = run(command())
    assert line.startswith("scripted LLM: base_url=http://127.0.0.1:") and (status, rest) == (0, b"")
    assert b"from the file" in body


def test_command_errors_are_one_line(llm: ScriptedLLM, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--port", str(llm.port), "--control-port", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    wrong = tmp_path / "o.yaml"
    wrong.write_text("steps: []\n")
    assert main(["--orders", str(wrong)]) == 2
    assert "holds a script, not orders" in capsys.readouterr().err
    assert main(["validate", str(wrong)]) == 0
