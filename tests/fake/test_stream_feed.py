"""The chat's stream: snapshot, live events, reconnects, edits, slow and many readers, read marks."""

from __future__ import annotations

import asyncio

import pytest

from fake_server.chats.feeds import DURABLE_EVENTS, LOSSY_EVENTS, Event, Feed
from fixtures import scripts as s
from tests.fake.live import kinds, opened, texts
from tests.fake.served import Served, scene

NEWEST = 2**63 - 1


async def send(served: Served, chat: str, text: str, **more: object) -> dict[str, object]:
    body = {"content": [{"type": "text", "text": text}], **more}
    answer = await served.call("alice", "POST", f"/{chat}/messages", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def idle_chat(served: Served, **fields: object) -> str:
    chat = str((await served.create(**fields))["id"])  # type: ignore[arg-type]
    await served.idle(chat)
    return chat


def test_a_turn_comes_in_order_and_every_status_twice() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        async with opened(served, "alice", f"/{chat}/stream") as live:
            snapshot = await live.quiet()
            assert kinds(snapshot) == ["status:waiting", "message:user", "message:assistant"]
            await send(served, chat, s.script(s.reasoning("hm"), s.text("a"), s.text("b")))
            turn = kinds(await live.status("waiting"))
            assert turn == [
                "message:user", "status:pending", "status:pending", "status:running", "status:running",
                "part:reasoning", "part:text", "part:text", "message:assistant", "status:waiting", "status:waiting",
            ]  # fmt: skip

    scene(play)


def test_a_connection_in_mid_step_gets_what_was_streamed_and_none_of_it_once_it_is_stored() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        await send(served, chat, s.script(s.text("so far"), s.gate("g"), s.text(" and on")))
        await served.server.llm.gates.wait_reached("g")
        await send(served, chat, "queued")
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await live.until(lambda e: e["type"] == "queue_update")
            assert kinds(live.events) == [
                "status:running", "part:text", "message:user", "message:assistant", "message:user", "queue_update",
            ]  # fmt: skip
            assert texts(live.events) == ["so far"]
            served.server.llm.gates.open("g")
            rest = await live.until(lambda e: e["type"] == "message" and e["message"]["role"] == "assistant")
            assert texts(rest) == [" and on"]
            stored = rest[-1]["message"]["content"][0]["text"]
            assert stored == "so far and on"
            await live.status("waiting")
        async with opened(served, "alice", f"/{chat}/stream?after_id={rest[-1]['message']['id'] - 1}") as again:
            assert kinds(await again.quiet())[:2] == ["status:waiting", "message:assistant"]

    scene(play)


@pytest.mark.parametrize("after_id", ["", "0", "-5"])
def test_after_id_that_names_nothing_means_everything(after_id: str) -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        async with opened(served, "alice", f"/{chat}/stream?after_id={after_id}") as live:
            assert kinds(await live.quiet()) == ["status:waiting", "message:user", "message:assistant"]

    scene(play)


def test_an_edit_replays_even_to_the_highest_after_id_and_later_messages_stay_mute() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        rows = served.backend.store.messages[chat]
        first = next(row for row in rows if row.role == "user")
        async with opened(served, "alice", f"/{chat}/stream?after_id={NEWEST}") as live:
            assert kinds(await live.quiet()) == ["status:waiting"]
            body = {"content": [{"type": "text", "text": "edited"}]}
            answer = await served.call("alice", "PATCH", f"/{chat}/messages/{first.id}", json=body)
            assert answer.status_code == 200
            turn = await live.status("waiting")
            assert kinds(turn)[:2] == ["message:user", "queue_update"]
            assert "queued_messages" not in turn[1]
            assert "message:assistant" not in kinds(turn)

    scene(play)


def test_tool_results_come_with_the_next_message_and_before_nothing_else() -> None:
    async def play(served: Served) -> None:
        tools = [{"name": "mine", "input_schema": {"type": "object"}}]
        chat = await idle_chat(served, unsafe_dynamic_tools=tools)
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await live.quiet()
            calls = s.turn(s.tool_call("mine", '{"b": 1,  "a": 2}', id="c1"))
            await send(served, chat, s.script(s.turns(calls, s.turn(s.text("done")))))
            asked = (await live.until(lambda e: e["type"] == "action_required"))[-1]
            assert asked["action_required"]["tool_calls"] == [
                {"tool_call_id": "c1", "tool_name": "mine", "args": '{"b": 1,  "a": 2}'}
            ]
            async with opened(served, "alice", f"/{chat}/stream") as late:
                assert "action_required" not in kinds(await late.quiet())
                results = {"results": [{"tool_call_id": "c1", "output": {"x": 1}}]}
                assert (await served.call("alice", "POST", f"/{chat}/tool-results", json=results)).status_code == 204
                turn = await live.status("waiting")
                assert kinds(turn) == [
                    "status:running", "status:running", "part:text", "message:assistant", "message:tool",
                    "status:waiting", "status:waiting",
                ]  # fmt: skip
                ids = [event["message"]["id"] for event in turn if event["type"] == "message"]
                assert ids[1] < ids[0]
                assert kinds(await late.status("waiting")).count("message:tool") == 1

    scene(play)


def test_ten_thousand_parts_reach_a_reader_that_keeps_up() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await live.quiet(0.05)
            await send(served, chat, s.script(s.text("xyz ", repeat=10_000)))
            turn = await live.status("waiting")
            assert len(texts(turn)) == 10_000
            stored = next(e for e in turn if e["type"] == "message" and e["message"]["role"] == "assistant")
            assert stored["message"]["content"][0]["text"] == "".join(texts(turn))
            assert max(map(len, live.frames)) <= 256

    scene(play)


def test_a_slow_reader_loses_parts_but_no_message_and_is_cut_off_in_the_end() -> None:
    async def play() -> None:
        feed = Feed()
        for n in range(LOSSY_EVENTS + 50):
            feed.put(Event({"type": "message_part", "n": n}, lossy=True))
        for n in range(DURABLE_EVENTS):
            feed.put(Event({"type": "message", "n": n}))
        assert not feed.overflowed
        got = []
        while len(got) < LOSSY_EVENTS + DURABLE_EVENTS:
            batch = await feed.take()
            assert 1 <= len(batch) <= 256
            got.extend(batch)
        assert [e.data["n"] for e in got if not e.lossy] == list(range(DURABLE_EVENTS))
        for n in range(DURABLE_EVENTS + 1):
            feed.put(Event({"type": "message", "n": n}))
        assert feed.overflowed
        while await feed.take():
            pass

    asyncio.run(play())


def test_five_hundred_sockets_opened_and_dropped_leave_nothing() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)

        async def one() -> None:
            async with opened(served, "alice", f"/{chat}/stream", close_timeout=0.1) as live:
                await live.until(lambda e: e["type"] == "status")
                assert live.socket.transport is not None
                live.socket.transport.abort()

        for _ in range(5):
            await asyncio.gather(*(one() for _ in range(100)))
        async with asyncio.timeout(5):
            await served.backend.hub.until_nobody_reads()
        await send(served, chat, "still there?")
        await served.idle(chat)

    scene(play)


def test_only_the_owners_stream_marks_as_read_and_only_by_opening_and_closing() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)

        async def unread() -> bool:
            listed = (await served.call("alice", "GET", "")).json()
            return bool(next(c for c in listed if c["id"] == chat)["has_unread"])

        assert await unread()
        async with opened(served, "root", f"/{chat}/stream") as live:
            await live.until(lambda e: e["type"] == "status")
        assert await unread()
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await live.until(lambda e: e["type"] == "status")
            assert not await unread()
            await send(served, chat, "more")
            await live.status("waiting")
            assert await unread()
        async with asyncio.timeout(5):
            await served.backend.hub.until_nobody_reads()
        assert not await unread()

    scene(play)


def test_every_reader_sees_the_same_messages() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        async with (
            opened(served, "alice", f"/{chat}/stream") as one,
            opened(served, "orgadmin", f"/{chat}/stream") as two,
        ):
            for live in (one, two):
                await live.quiet(0.05)
            await send(served, chat, s.script(s.turns(s.turn(s.tool_call("list_templates")), s.turn(s.text("x")))))
            assert await one.status("waiting") == await two.status("waiting")

    scene(play)
