"""A turn as it goes on: what comes while it does, in which order, and whether it is what is stored in the end."""

from __future__ import annotations

from typing import Any

import orjson

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import (
    ids,
    joined,
    joined_stream,
    messages,
    of_type,
    parts,
    quiet,
    says_text,
    statuses,
    told,
    turn_on,
    types,
)
from conformance.play.turns import Watched, watched
from conformance.scenes.streaming import FORMS, answers_with
from conformance.wire.socket import Event
from fixtures.scripts import gate, reasoning, script, tool_call, turn, turns
from fixtures.scripts import text as says

DONE = turn(says("Done."))
STEP = (
    tool_call("list_templates", {}, id="c1"),
    tool_call("execute", {"command": "ls"}, id="c2"),
    tool_call("list_templates", {"query": "q"}, id="c3"),
)


def first(events: list[Event], kind: str, **inner: Any) -> int:
    """The place of the first event of this kind whose payload has these values."""
    for place, event in enumerate(events):
        if event.get("type") == kind and all(event[kind].get(k) == v for k, v in inner.items()):
            return place
    raise AssertionError(f"no {kind} {inner or ''} came; seen: {types(events)}")


@case("STREAM-038", "STREAM-039", "STREAM-040", "STREAM-086")
async def turn_on_an_idle_chat(t: Case) -> None:
    chat = await quiet(t)
    socket = await joined_stream(chat)
    await told(socket, {"type": "message", "message": {"role": "assistant"}})
    seen = await turn_on(t, chat, socket, script(says("one "), says("two")))
    with t.judging("STREAM-038"):
        t.true(first(seen, "status", status="running") < first(seen, "message_part"), "running comes first", types(seen))
    with t.judging("STREAM-039"):
        t.expect([m["role"] for m in messages(seen)], ["user", "assistant"], "the messages")
        for status in ("running", "waiting"):
            t.true(status in statuses(seen), f"the status {status} was streamed", statuses(seen))
        t.true(parts(seen, "text"), "parts were streamed", types(seen))
        t.expect(statuses(seen)[-1], "waiting", "the last status")
    with t.judging("STREAM-086"):
        t.true("pending" in statuses(seen), "the status pending was streamed", statuses(seen))
    with t.judging("STREAM-040"):
        both = [first(seen, "message", role=role) for role in ("user", "assistant")]
        t.expect(both, sorted(both), "the places of the user's and the assistant's message")


@case("STREAM-041", "STREAM-042", "STREAM-043", "STREAM-044", needs=["llm-control"])
async def forty_pieces(t: Case) -> None:
    words = [f"word{n}" for n in range(40)]
    seen = await watched(t, *(reasoning(f"r{n} ") for n in range(9)), *(says(f"{word} ") for word in words))
    with t.judging("STREAM-041"):
        last = max(i for i, e in enumerate(seen.live) if e["type"] == "status" and e["status"]["status"] in t.final)
        t.true(of_type(seen.live, "message_part"), "parts came", types(seen.live))
        t.true("message_part" not in types(seen.live[last:]), "no part comes after the last status", types(seen.live[last:]))
    with t.judging("STREAM-042"):
        said = [p["text"].strip() for p in seen.parts if p["text"].strip()]
        t.expect(said, [*(f"r{n}" for n in range(9)), *words], "the pieces in the order of the model")
    for requirement, kind in (("STREAM-043", "text"), ("STREAM-044", "reasoning")):
        with t.judging(requirement):
            (kept,) = [p for p in seen.content("assistant") if p["type"] == kind]
            t.true(joined(seen.live, kind), f"{kind} came live", types(seen.live))
            t.expect(joined(seen.live, kind), kept["text"], f"the live {kind} together")


@case("STREAM-045")
async def many_pieces_at_once(t: Case) -> None:
    whole = "".join(f"{n} " for n in range(1000))
    chat = await t.chat(script(says(whole, pieces=1000)))
    (reply,) = [m for m in await chat.history() if m["role"] == "assistant"]
    t.expect([p["text"] for p in reply["content"]], [whole], "the stored text")


@case("STREAM-046")
async def piece_by_piece(t: Case) -> None:
    *holds, end = [t.gate() for _ in range(4)]
    steps = [step for n, hold in enumerate(holds) for step in (gate(hold), says(f"piece{n}"))]
    chat = await t.new_chat(script(*steps, gate(end)))
    await t.llm.reached(holds[0])
    socket = await joined_stream(chat)
    await told(socket, {"type": "message"})
    for n, hold in enumerate(holds):
        t.expect(joined(socket.events), "".join(f"piece{i}" for i in range(n)), "the text before the gate opened")
        await t.llm.open(hold)
        await socket.until(says_text(f"piece{n}"))


@case("STREAM-047", "STREAM-048", "STREAM-049", needs=["llm-control"])
async def several_turns(t: Case) -> None:
    seen = await watched(t, *STEP, then=(DONE,))
    other = await joined_stream(seen.chat)
    await told(other, {"type": "message", "message": {"id": seen.stored[-1]["id"]}})
    await turn_on(t, seen.chat, seen.socket, script(turns(turn(*STEP), DONE)))
    stored = await seen.chat.history()
    with t.judging("STREAM-049"):
        for socket in (seen.socket, other):
            for message in stored:
                await socket.until({"type": "message", "message": {"id": message["id"]}})
    with t.judging("STREAM-047"):
        for socket in (seen.socket, other):
            t.expect(sorted(ids(messages(socket.events))), ids(stored), "the ids of the messages that came")
    with t.judging("STREAM-048"):
        now = t.given(await seen.chat.get())["status"]
        for socket in (seen.socket, other):
            t.expect(statuses(socket.events)[-1], now, "the last status that was streamed")


async def tools_in_a_step(t: Case) -> Watched:
    steps = (says("look "), tool_call("list_templates", {"query": "a b"}, id="c1", pieces=4), *STEP[1:])
    return await watched(t, *steps, then=(DONE,))


@case("STREAM-050", "STREAM-051", "STREAM-052", "STREAM-053", "STREAM-054", needs=["llm-control"])
async def built_in_tools(t: Case) -> None:
    seen = await tools_in_a_step(t)
    live = [e["message_part"] for e in of_type(seen.live, "message_part")]
    calls = parts(seen.live, "tool-call")
    with t.judging("STREAM-050"):
        wanted = {"text": "assistant", "tool-call": "assistant", "tool-result": "tool"}
        t.expect({p["part"]["type"]: p["role"] for p in live}, wanted, "the roles of the parts")
    with t.judging("STREAM-051"):
        results = [p["tool_call_id"] for p in parts(seen.live, "tool-result")]
        t.expect(results, ["c1", "c2", "c3"], "the results in order")
        kinds = [p["part"]["type"] for p in live]
        t.true("tool-call" not in kinds[kinds.index("tool-result") :], "the results come after all calls", kinds)
    with t.judging("STREAM-052"):
        t.expect(ids(seen.messages), ids(seen.stored[1:]), "the messages as they came")
        t.expect([m["role"] for m in seen.messages], ["assistant", "tool", "tool", "tool", "assistant"], "their roles")
        done = [p["tool_call_id"] for m in seen.messages if m["role"] == "tool" for p in m["content"]]
        t.expect(done, ["c1", "c2", "c3"], "the calls that the tool messages answer")
    pieces = [p for p in calls if "args" not in p]
    whole = {p["tool_call_id"]: p for p in calls if "args" in p}
    with t.judging("STREAM-053"):
        t.expect(list(whole), ["c1", "c2", "c3"], "the full calls")
        for piece in pieces:
            t.expect(piece["tool_name"], whole[piece["tool_call_id"]]["tool_name"], "the tool of a piece")
            t.true(calls.index(piece) < calls.index(whole[piece["tool_call_id"]]), "the full call comes after its pieces", calls)
    with t.judging("STREAM-054"):
        text = "".join(p.get("args_delta", "") for p in pieces if p["tool_call_id"] == "c1")
        t.expect(parsed(text), {"query": "a b"}, "the pieces of the arguments together")
        t.exactly(whole["c1"]["args"], {"query": "a b"}, "the arguments of the full call")


def parsed(text: str) -> Any:
    """The JSON value of a text, or the text itself."""
    try:
        return orjson.loads(text)
    except ValueError:
        return text


@case("STREAM-055")
async def empty_answers(t: Case) -> None:
    for steps in ((), (says(""),)):
        chat = await t.new_chat(script(turn(*steps)))
        shown = await chat.settled()
        t.expect((shown["status"], shown.get("last_error")), ("waiting", None), "status and last_error")
        t.expect([m["role"] for m in await chat.history()], ["user"], "the messages")


FINISHES = {"stop": "stop", "length": "length", "content_filter": "content_filter"}


@case("STREAM-056", rows=FINISHES)
async def finish_reasons(t: Case, finish: str) -> None:
    await answers_with(t, script(says(f"by {finish}"), finish=finish), f"by {finish}")


@case("STREAM-059", rows=FORMS)
async def forms_of_the_answer(t: Case, form: Any) -> None:
    await answers_with(t, script(form), "still here")


@case("STREAM-148")
async def every_message_of_a_step(t: Case) -> None:
    chat = await quiet(t)
    socket = await joined_stream(chat)
    await told(socket, {"type": "message", "message": {"role": "assistant"}})
    t.given(await chat.send(script(turns(turn(*STEP), DONE))))
    await chat.settled(t.idle)
    stored = await chat.history()
    t.true(sum(m["role"] == "tool" for m in stored) == 3, "each result is a message", [m["role"] for m in stored], "/messages")
    for message in stored[2:]:
        await socket.until({"type": "message", "message": {"id": message["id"]}})
