"""Streams cut anywhere, and any reply of the model: what is seen makes up what is stored."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import watched
from conformance.properties.engine import Bridge, generated
from conformance.wire.socket import Event
from fixtures.scripts import reasoning, tool_call, turn
from fixtures.scripts import text as says

PIECES = st.text(alphabet='ab \n"\\<é\U0001f600', min_size=1, max_size=8)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("text"), PIECES),
        st.tuples(st.just("reasoning"), PIECES),
        st.tuples(st.just("call"), PIECES),
    ),
    min_size=1,
    max_size=7,
)


@case("PROP-004", fuzz=True)
async def cut_anywhere(t: Case) -> None:
    seen = await watched(t, says("a"), tool_call("list_templates"), then=(turn(says("b"), says("c")),))
    whole = [m["id"] for m in seen.stored]
    bridge = Bridge(t)

    def cut(after: int) -> None:
        bridge(reconnect(t, seen.chat, seen.socket.events[: after % (len(seen.socket.events) + 1)], whole))

    await generated(t, cut, scale=2, after=st.integers(0, 60))


async def reconnect(t: Case, chat: Any, before: list[Event], whole: list[int]) -> None:
    """Open the stream with the id of the last message of `before`; all messages together are the whole chat."""
    known = [e["message"]["id"] for e in before if e["type"] == "message"]
    last = max(known, default=0)
    socket = await chat.stream(params={"after_id": last})
    await socket.until({"type": "status"})
    for message in whole:
        if message > last:
            await socket.until({"type": "message", "message": {"id": message}})
    await socket.ping()
    after = [e["message"]["id"] for e in socket.events if e["type"] == "message"]
    t.expect(sorted(set(known) | set(after)), whole, "the messages seen before and after the cut")
    t.true(all(m > last for m in after), f"no message up to {last} comes again", after)
    await socket.aclose()


@case("PROP-005", fuzz=True)
async def any_reply(t: Case) -> None:
    bridge = Bridge(t)

    def play(steps: list[tuple[str, str]]) -> None:
        bridge(reply_scene(t, steps))

    await generated(t, play, scale=0.6, steps=STEPS)


def made(kind: str, value: str) -> Any:
    if kind == "call":
        return tool_call("list_templates", {"query": value}, pieces=2)
    return says(value) if kind == "text" else reasoning(value)


async def reply_scene(t: Case, steps: list[tuple[str, str]]) -> None:
    # a reply of reasoning alone stores nothing, so every reply ends with a text
    given = [made(kind, value) for kind, value in steps] + [says("end")]
    calls = any(kind == "call" for kind, _ in steps)
    seen = await watched(t, *given, then=(turn(says("Done.")),) if calls else ())
    first = next(m for m in seen.stored if m["role"] == "assistant")["content"]
    for kind in ("text", "reasoning"):
        wanted = "".join(value for k, value in steps if k == kind) + ("end" if kind == "text" else "")
        t.expect("".join(p["text"] for p in first if p["type"] == kind), wanted, f"the stored {kind}")
        live = "".join(p["text"] for p in seen.parts if p["type"] == kind)
        t.expect(live.removesuffix("Done.") if calls and kind == "text" else live, wanted, f"the live {kind}")
    asked = [{"query": value} for kind, value in steps if kind == "call"]
    t.exactly([p["args"] for p in first if p["type"] == "tool-call"], asked, "the stored calls")
    whole = [p["args"] for p in seen.parts if p["type"] == "tool-call" and "args" in p]
    t.expect(whole, asked, "the live calls")
