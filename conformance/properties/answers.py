"""Any reply of the model, read to its end or left anywhere: the lines are in order, and what is kept is what they say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.checks.asked import Wrong
from conformance.checks.lines import RULES
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.properties.engine import Bridge, generated
from conformance.scenes.answers import WORKSPACES, ask, begun, empty, invocations, order_of, texts
from fixtures.scripts import gate, script, tool_call, turn, turns
from fixtures.scripts import text as says

PIECES = st.text(alphabet='ab \n"\\<&é\u2028\U0001f600:0', min_size=1, max_size=8)
STEPS = st.lists(st.tuples(st.sampled_from(("text", "call")), PIECES, st.integers(1, 4)), max_size=6)
TURNS = st.lists(STEPS, min_size=1, max_size=3)
Steps = list[tuple[str, str, int]]


def made(n: int, steps: Steps) -> list[dict[str, Any]]:
    """The steps of the n-th call of the model."""
    return [
        says(value, pieces=pieces) if kind == "text" else tool_call(WORKSPACES, {"owner": value}, id=f"c{n}-{k}", pieces=pieces)
        for k, (kind, value, pieces) in enumerate(steps)
    ]


def calls_tools(steps: Steps) -> bool:
    return any(kind == "call" for kind, _, _ in steps)


@case("PROP-006", fuzz=True)
async def any_reply(t: Case) -> None:
    bridge = Bridge(t)

    def play(replies: list[Steps]) -> None:
        bridge(reply_scene(t, replies))

    await generated(t, play, scale=0.6, replies=TURNS)


async def reply_scene(t: Case, replies: list[Steps]) -> None:
    """One answer of these calls of the model: those that call no tool are the last. Raises Failure."""
    last = next((n for n, steps in enumerate(replies) if not calls_tools(steps)), len(replies))
    given = [turn(*made(n, steps)) for n, steps in enumerate(replies[:last])]
    given.append(turn(*(made(last, replies[last]) if last < len(replies) else []), says("end")))
    chat = await empty(t)
    answer, order = await ask(chat, script(turns(*given), prefix=t.unique("m"))), order_of(t)
    for _, rule in RULES:
        found = rule(answer.said, order)
        t.true(not isinstance(found, Wrong), f"the lines are in order: {found.message if isinstance(found, Wrong) else ''}")
    kept = (await chat.history())[1:]
    wanted = ["".join(value for kind, value, _ in steps if kind == "text") for steps in replies[: last + 1]]
    wanted = [*wanted[:last], (wanted[last] if last < len(wanted) else "") + "end"]
    t.exactly(texts(kept), wanted, "the texts of the messages that are kept")
    t.exactly(answer.text, "".join(wanted), "the text of the lines")
    asked = [{"owner": value} for steps in replies[:last] for kind, value, _ in steps if kind == "call"]
    t.exactly([line["args"] for line in answer.of(order.tool)], asked, "the arguments of the calls on the lines")
    stored = [i for message in kept for i in invocations(message)]
    t.exactly([i["args"] for i in stored], asked, "the arguments of the calls that are kept")
    results = [line["result"] for line in answer.of(order.result)]
    t.exactly([i.get("result") for i in stored], results, "the results that are kept, beside those of the lines")


@case("PROP-007", fuzz=True)
async def cut_anywhere(t: Case) -> None:
    bridge = Bridge(t)

    def cut(said: list[str], after: int) -> None:
        bridge(cut_scene(t, said, after % (len(said) + 1)))

    await generated(t, cut, scale=0.4, said=st.lists(PIECES, min_size=1, max_size=5), after=st.integers(0, 9))


async def cut_scene(t: Case, said: list[str], after: int) -> None:
    """A client reads so many lines of an answer and hangs up. Raises Failure."""
    chat, hold, order = await empty(t), t.gate(), order_of(t)
    steps = [says(text) for text in said]
    lines = await begun(chat, script(says("first"), *steps[:after], gate(hold), *steps[after:], prefix=t.unique("m")))
    await lines.until({"type": order.text}, after + 1)
    await lines.aclose()
    t.exactly([e["data"] for e in lines.events], ["first", *said[:after]], "the lines that were read")
    await t.llm.open(hold)  # the server may go on: what matters is what it leaves
    t.expect(len(texts(await chat.history(), "user")), 1, "how many of the user's messages are kept")
    t.expect((await ask(chat, "Go on")).text, "Hello world", "the answer to the next message")
    t.expect(texts(await chat.history(), "user")[1:], ["Go on"], "the messages behind the one that was cut")
