"""Turns: queue, promote, interrupt, edit, archive, tools, sub-agents, compaction, the advisor, titles."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fake_server.serve import parser, start_options
from fake_server.state.clock import ManualClock
from fake_server.state.records import now
from fake_server.turns.history import UNANSWERED
from fixtures import scripts as s
from tests.fake.live import kinds, opened
from tests.fake.served import Served, scene
from tests.fake.test_stream_feed import idle_chat, send


async def stored(served: Served, chat: str) -> list[dict[str, Any]]:
    """The visible messages, oldest first."""
    answer = await served.call("alice", "GET", f"/{chat}/messages?limit=200")
    return list(reversed(answer.json()["messages"]))


def said(rows: list[dict[str, Any]]) -> list[str]:
    """`role:text` of each message that has text."""
    return [f"{row['role']}:{p['text']}" for row in rows for p in row.get("content", ()) if p["type"] == "text"]


async def gated(served: Served, text: str = "so far", **fields: Any) -> str:
    """A chat whose second turn has said a text and stands at the gate `g`."""
    chat = await idle_chat(served, **fields)
    await send(served, chat, s.script(s.text(text), s.gate("g"), s.text("the rest")))
    await served.server.llm.gates.wait_reached("g")
    return chat


def test_queued_messages_run_one_by_one_oldest_first() -> None:
    async def play(served: Served) -> None:
        chat = await gated(served)
        for name in ("q1", "q2"):
            answer = await send(served, chat, s.script(s.text(f"re {name}"), prefix=name))
            assert answer["queued"] is True and "message" not in answer
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await live.until(lambda e: e["type"] == "queue_update")
            served.server.llm.gates.open("g")
            turn = kinds(await live.status("waiting"))
            assert turn.count("status:pending") == 4
            assert turn.index("queue_update") == turn.index("message:user") + 1
        texts = said(await stored(served, chat))
        assert [t for t in texts if t.startswith("assistant:")][-3:] == [
            "assistant:so farthe rest", "assistant:re q1", "assistant:re q2",
        ]  # fmt: skip

    scene(play)


@pytest.mark.parametrize("how, order", [("interrupt", ["one"]), ("send", ["one", "two"]), ("promote", ["two", "one"])])
def test_stopping_a_turn_keeps_what_it_said_and_runs_the_queue(how: str, order: list[str]) -> None:
    async def play(served: Served) -> None:
        chat = await gated(served)
        first = await send(served, chat, s.script(s.text("one"), prefix="first"))
        if how == "interrupt":
            answer = await served.call("alice", "POST", f"/{chat}/interrupt")
            assert answer.json()["status"] == "waiting"
        elif how == "send":
            await send(served, chat, s.script(s.text("two"), prefix="second"), busy_behavior="interrupt")
        else:
            second = await send(served, chat, s.script(s.text("two"), prefix="second"))
            queued: Any = second["queued_message"]
            answer = await served.call("alice", "POST", f"/{chat}/queue/{queued['id']}/promote")
            assert answer.status_code == 202
            assert queued["id"] > first["queued_message"]["id"]  # type: ignore[index]
        await served.server.llm.gates.wait_hangup("g")
        await served.idle(chat)
        rows = await stored(served, chat)
        partial = next(row for row in rows if said([row]) == ["assistant:so far"])
        assert "usage" not in partial
        texts = said(rows[rows.index(partial) + 1 :])
        assert [text for text in texts if text.startswith("assistant:")] == [f"assistant:{word}" for word in order]

    scene(play)


def test_an_interrupt_before_the_first_word_and_during_back_off_stores_nothing() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        before = len(await stored(served, chat))
        await send(served, chat, s.script(s.gate("g"), s.text("never")))
        await served.server.llm.gates.wait_reached("g")
        await served.call("alice", "POST", f"/{chat}/interrupt")
        await served.idle(chat)
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await live.quiet(0.05)
            await send(served, chat, s.script(s.http_error(503)))
            await live.until(lambda e: e["type"] == "retry")
            await served.call("alice", "POST", f"/{chat}/interrupt")
            assert kinds(await live.status("waiting", 4)) == ["status:waiting"] * 4
        rows = await stored(served, chat)
        assert [row["role"] for row in rows[before:]] == ["user", "user"]
        assert served.backend.store.chats[chat].last_turn_summary is None

    scene(play)


def test_an_interrupt_answers_the_calls_that_were_open() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        piece = {"index": 1, "id": "half", "type": "function", "function": {"name": "execute", "arguments": '{"com'}}
        chunk = json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]})
        call = s.tool_call("list_templates", id="whole")
        await send(served, chat, s.script(s.reasoning("thinking"), call, s.raw(f"data: {chunk}\n\n"), s.gate("g")))
        await served.server.llm.gates.wait_reached("g")
        await served.call("alice", "POST", f"/{chat}/interrupt")
        await served.idle(chat)
        partial, *results = (await stored(served, chat))[3:]
        assert [part["type"] for part in partial["content"]] == ["reasoning", "tool-call", "tool-call"]
        assert partial["content"][0]["completed_at"]
        assert "args" in partial["content"][1]
        assert not {"args", "created_at"} & partial["content"][2].keys()
        assert [row["content"][0]["tool_call_id"] for row in results] == ["whole", "half"]
        for row in results:
            assert row["content"][0]["result"] == {"error": UNANSWERED}
            assert row["content"][0]["is_error"] is True

    scene(play)


def test_an_edit_during_a_turn_drops_it_with_the_queue() -> None:
    async def play(served: Served) -> None:
        chat = await gated(served)
        await send(served, chat, "queued")
        user = [row for row in await stored(served, chat) if row["role"] == "user"][-1]
        body = {"content": [{"type": "text", "text": s.script(s.text("new answer"), prefix="edited")}]}
        answer = await served.call("alice", "PATCH", f"/{chat}/messages/{user['id']}", json=body)
        assert answer.json()["message"]["id"] > user["id"]
        await served.server.llm.gates.wait_hangup("g")
        await served.idle(chat)
        assert said(await stored(served, chat))[2:] == [f"user:{body['content'][0]['text']}", "assistant:new answer"]
        assert not served.backend.store.queues.get(chat)

    scene(play)


def test_archiving_stops_the_turn_and_keeps_the_queue_until_it_is_promoted() -> None:
    async def play(served: Served) -> None:
        chat = await gated(served)
        queued: Any = (await send(served, chat, "later"))["queued_message"]
        await served.call("alice", "PATCH", f"/{chat}", json={"archived": True})
        await served.server.llm.gates.wait_hangup("g")
        await served.call("alice", "PATCH", f"/{chat}", json={"archived": False})
        assert served.backend.store.chats[chat].status == "waiting"
        assert said(await stored(served, chat))[-1] == "assistant:so far"
        assert (await send(served, chat, "behind it"))["queued"] is True
        await served.call("alice", "POST", f"/{chat}/queue/{queued['id']}/promote")
        await served.idle(chat)
        assert [t for t in said(await stored(served, chat)) if t.startswith("user:")][-2:] == ["user:later", "user:behind it"]

    scene(play)


def test_built_in_tools_without_a_workspace_and_unknown_ones() -> None:
    calls = {
        "read_file": {"error": "no workspace is associated with this chat. Use the create_workspace tool to create one"},
        "start_workspace": {"error": "chat has no workspace; use create_workspace first"},
        "nonsense": {"error": "Tool not active in this turn: nonsense"},
        "list_templates": {"count": 0, "page": 1, "templates": [], "total_count": 0, "total_pages": 1},
    }

    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        step = s.turn(*(s.tool_call(name, id=name) for name in calls), finish="stop")
        await send(served, chat, s.script(s.turns(step, s.turn(s.text("done")))))
        await served.idle(chat)
        assistant, *results, last = (await stored(served, chat))[3:]
        assert [part["tool_name"] for part in assistant["content"]] == list(calls)
        assert {row["content"][0]["tool_name"]: row["content"][0]["result"] for row in results} == calls
        assert [row["content"][0].get("is_error", False) for row in results] == [True, True, True, False]
        assert said([last]) == ["assistant:done"]

    scene(play)


def test_a_sub_agent_is_spawned_waited_for_written_to_and_closed() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        prompt = s.script(s.text("child answer"))
        spawn = s.tool_call("spawn_agent", {"type": "general", "prompt": prompt, "title": "Kid"}, id="c")
        await send(served, chat, s.script(s.turns(s.turn(spawn), s.turn(s.text("done")))))
        await served.idle(chat)
        child = (await served.call("alice", "GET", f"/{chat}")).json()["children"][0]
        assert (child["title"], child["parent_chat_id"], child["root_chat_id"]) == ("Kid", chat, chat)
        about = {"chat_id": child["id"]}
        steps = [
            s.turn(s.tool_call("wait_agent", about, id="w")),
            s.turn(s.tool_call("message_agent", about | {"message": s.script(s.text("again"))}, id="m")),
            s.turn(s.tool_call("wait_agent", about, id="w2")),
            s.turn(s.tool_call("close_agent", about, id="x"), s.tool_call("wait_agent", {"chat_id": chat}, id="y")),
            s.turn(s.text("done")),
        ]
        await send(served, chat, s.script(s.turns(*steps)))
        await served.idle(chat)
        results = {
            part["tool_call_id"]: part["result"]
            for row in await stored(served, chat)
            if row["role"] == "tool"
            for part in row["content"]
        }
        assert results["w"]["report"] == "child answer"
        assert results["m"]["interrupted"] is False
        assert results["w2"]["report"] == "again"
        assert results["x"]["terminated"] is True
        assert results["y"] == {"type": "general", "error": "target chat is not a descendant of current chat"}
        calls = served.server.llm.journal.find(chat=child["id"])
        assert {entry.headers["x-coder-chat-id"] for entry in calls} == {chat}

    scene(play)


def test_a_step_that_fills_the_context_is_followed_by_a_summary_and_one_more_step() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        await send(served, chat, s.script(s.turn(s.text("big"), usage=s.usage(100_000, 10))))
        await served.idle(chat)
        rows = (await stored(served, chat))[3:]
        assert [row["role"] for row in rows] == ["assistant", "assistant", "tool", "assistant"]
        result = rows[2]["content"][0]["result"]
        assert (result["usage_percent"], result["threshold_percent"], result["source"]) == (78.125, 70, "automatic")
        assert "usage" not in rows[1]
        await send(served, chat, "next")
        await served.idle(chat)
        assert served.backend.store.chats[chat].status == "waiting"

    scene(play)


def test_the_advisor_streams_its_advice_and_counts_its_uses() -> None:
    async def play(served: Served) -> None:
        body = {"enabled": True, "max_uses_per_run": 1, "max_output_tokens": 100}
        await served.call("root", "PUT", "/config/advisor", json=body)
        chat = await idle_chat(served)
        ask = s.tool_call("advisor", {"question": s.script(s.text("do"), s.text(" it"))}, id="a1")
        again = s.tool_call("advisor", {"question": "more?"}, id="a2")
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await live.quiet(0.05)
            await send(served, chat, s.script(s.turns(s.turn(ask), s.turn(again), s.turn(s.text("done")))))
            turn = await live.status("waiting")
        parts = [e["message_part"]["part"] for e in turn if e["type"] == "message_part"]
        assert [p["result_delta"] for p in parts if "result_delta" in p] == ["do", " it"]
        results = [p["result"] for p in parts if "result" in p]
        assert results == [
            {"type": "advice", "advice": "do it", "advisor_model": "openai-compat/fake-model", "remaining_uses": 0},
            {"type": "limit_reached", "remaining_uses": 0},
        ]

    scene(play)


def test_a_question_in_plan_mode_ends_the_turn() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served, plan_mode="plan")
        questions = [{"header": "H", "question": "Q?", "options": [{"label": name, "description": "D"} for name in "LR"]}]
        ask = s.turn(s.tool_call("ask_user_question", {"questions": questions}, id="q"))
        await send(served, chat, s.script(s.turns(ask, s.turn(s.text("never")))))
        await served.idle(chat)
        assert "assistant:never" not in said(await stored(served, chat))
        calls = served.server.llm.journal.find(chat=chat, purpose="turn")
        assert len(calls) == 2

    scene(play)


def test_a_title_is_generated_from_plain_text_only_and_overwrites_a_rename() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        assert served.backend.store.chats[chat].title == "Scripted title"
        reference = {"type": "file-reference", "file_name": "a.go", "start_line": 1, "end_line": 2, "content": "x"}
        with_file = await served.create(content=[{"type": "text", "text": "see"}, reference])
        await served.idle(with_file["id"])
        assert served.backend.store.chats[with_file["id"]].title == "see [file-reference] a.go:1-2 ```a.go x ```"

    scene(play)


def test_the_sweep_wakes_a_backlog_and_gives_up_on_a_silent_client() -> None:
    async def play(served: Served) -> None:
        chat = await gated(served)
        await send(served, chat, "left behind")
        await served.call("alice", "PATCH", f"/{chat}", json={"archived": True})
        await served.call("alice", "PATCH", f"/{chat}", json={"archived": False})
        tools = [{"name": "mine", "input_schema": {}}]
        waiting = (await served.create(text=s.script(s.tool_call("mine", id="c")), unsafe_dynamic_tools=tools))["id"]
        await served.idle(waiting)
        clock = served.backend.clock = ManualClock(now())
        clock.advance(299)
        served.backend.runner.sweep()
        assert [served.backend.store.chats[c].status for c in (chat, waiting)] == ["waiting", "requires_action"]
        clock.advance(2)
        served.backend.runner.sweep()
        await served.idle(chat)
        assert "user:left behind" in said(await stored(served, chat))
        shown = (await served.call("alice", "GET", f"/{waiting}")).json()
        assert shown["status"] == "error"
        assert shown["last_error"]["message"] == "Dynamic tool execution timed out"

    scene(play)


def test_a_turn_ordered_with_a_token_that_is_gone_fails() -> None:
    async def play(served: Served) -> None:
        chat = await gated(served)
        await send(served, chat, "later")
        token = served.tokens["alice"].split("-")[0]
        kept = served.backend.store.tokens.pop(token)
        served.server.llm.gates.open("g")
        await served.idle(chat)
        served.backend.store.tokens[token] = kept
        error = (await served.call("alice", "GET", f"/{chat}")).json()["last_error"]
        assert (error["kind"], error["retryable"]) == ("missing_key", False)
        assert "detail" in error

    scene(play)


def test_a_provider_switched_off_between_two_steps_is_named() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        step = s.turn(s.gate("g"), s.tool_call("list_templates"))
        await send(served, chat, s.script(s.turns(step, s.turn(s.text("never")))))
        await served.server.llm.gates.wait_reached("g")
        provider = next(iter(served.backend.store.providers.values()))
        provider.enabled = False
        served.server.llm.gates.open("g")
        await served.idle(chat)
        error = (await served.call("alice", "GET", f"/{chat}")).json()["last_error"]
        assert error["kind"] == "provider_disabled"
        provider.enabled = True

    scene(play)


def test_a_turn_waits_for_whoever_wants_to_watch_it() -> None:
    async def play(served: Served) -> None:
        clock = served.backend.clock = ManualClock(now())
        chat = (await served.create(text=s.script(s.text("at once"))))["id"]
        assert await clock.sleeper() == 0.1
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await live.until(lambda event: event["type"] == "message")
            assert kinds(live.events) == ["status:running", "message:user"]
            clock.advance(0.099)
            assert served.backend.store.chats[chat].status == "running"
            clock.advance(0.001)
            seen = kinds(await live.status("waiting"))
        assert seen == ["part:text", "message:assistant", "status:waiting", "status:waiting"]

    scene(play, options=start_options(parser().parse_args([])))


def test_the_time_that_a_turn_takes_can_be_chosen() -> None:
    assert start_options(parser().parse_args(["--option", "turn-floor-ms=0"])) == {"turn-floor-ms": "0", "pick-up-ms": "1000"}
    for text in ("soon", "-1", "nan", "1e9"):
        with pytest.raises(SystemExit):
            parser().parse_args(["--option", f"turn-floor-ms={text}"])


def test_arguments_that_a_tool_cannot_read_are_named_by_their_types() -> None:
    wrong: dict[str, tuple[str, Any]] = {
        "a": ("read_file", {"offset": 1.5}),
        "b": ("edit_files", {"files": [{"path": 1}]}),
        "c": ("edit_files", {"files": [{"edits": [{"old_text": 5}]}]}),
        "d": ("message_agent", {"interrupt": "yes"}),
        "e": ("process_output", {"wait_timeout": 5}),
        "f": ("process_list", []),
        "g": ("list_templates", '{"page": 1e3}'),
        "h": ("create_workspace", {}),
    }
    prefix = "invalid parameters: json: cannot unmarshal"
    expected = {
        "a": f"{prefix} number 1.5 into Go struct field ReadFileArgs.offset of type int64",
        "b": f"{prefix} number into Go struct field editFileEdits.files.path of type string",
        "c": f"{prefix} number into Go struct field editFileEdits.files.edits.old_text of type string",
        "d": f"{prefix} string into Go struct field messageAgentArgs.interrupt of type bool",
        "e": f"{prefix} number into Go struct field ProcessOutputArgs.wait_timeout of type string",
        "f": f"{prefix} array into Go value of type struct {{}}",
        "g": f"{prefix} number 1e3 into Go struct field listTemplatesArgs.page of type int",
        "h": "template_id is required; use list_templates to find one",
    }

    async def play(served: Served) -> None:
        step = s.turn(*(s.tool_call(name, given, id=call) for call, (name, given) in wrong.items()))
        chat = await idle_chat(served, text=s.script(s.turns(step, s.turn(s.text("done")))))
        parts = [p for row in await stored(served, chat) if row["role"] == "tool" for p in row["content"]]
        assert {p["tool_call_id"]: p["result"]["error"] for p in parts} == expected

    scene(play)


def test_a_number_with_an_exponent_is_read_back_without_it() -> None:
    async def play(served: Served) -> None:
        tools = [{"name": "mine", "input_schema": {}}]
        prompt = s.script(s.turns(s.turn(s.tool_call("mine", '{"n": 1e3}', id="c")), s.turn(s.text("done"))))
        chat = await idle_chat(served, text=prompt, unsafe_dynamic_tools=tools)
        body = b'{"results": [{"tool_call_id": "c", "output": [1e3, 2.5e-1]}]}'
        assert (await served.call("alice", "POST", f"/{chat}/tool-results", content=body)).status_code == 204
        await served.idle(chat)
        text = (await served.call("alice", "GET", f"/{chat}/messages")).text
        assert '"result":[1000,0.25]' in text
        assert '"args":{"n":1000}' in text

    scene(play)


def test_what_a_spawned_agent_is_told_of_is_streamed_in_alphabetical_order() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        spawn = s.turn(s.tool_call("spawn_agent", {"type": "explore", "prompt": "one two three four five six seven"}))
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await send(served, chat, s.script(s.turns(spawn, s.turn(s.text("done")))))
            await live.status("waiting", 3)
        (result,) = [p["result"] for e in live.events if (p := e.get("message_part", {}).get("part", {})) and "result" in p]
        assert list(result) == ["chat_id", "status", "title", "type"]
        assert (result["title"], result["type"]) == ("one two three four five six...", "explore")

    scene(play)
