"""Models of a provider whose messages have ids and reasoning: they begin with the start of a step."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.answers import Answer, ask, empty, order_of
from fixtures.scripts import reasoning, script
from fixtures.scripts import text as says

PROVIDER = "anthropic"


async def asked(t: Case, *steps: Any) -> tuple[Chat, Answer]:
    """A chat, and the answer of a model of that provider to its first message. Raises Unmet, Failure."""
    listed = t.given(await t.alice.get(t.url("listLanguageModels")))["models"]
    model = next((m["id"] for m in listed if m["provider"] == PROVIDER), None)
    if model is None:
        raise Unmet(f"no model of the provider type {PROVIDER} is listed")
    chat = await empty(t)
    return chat, await ask(chat, script(*steps, prefix=t.unique("m")), model=model)


@case("LSTREAM-050", "LSTREAM-051", "LSTREAM-052")
async def steps_and_reasoning(t: Case) -> None:
    (chat, answer), o = await asked(t, reasoning("why "), reasoning("not"), says("so "), says("it is")), order_of(t)
    (message,) = (await chat.history())[1:]
    with t.judging("LSTREAM-050"):
        t.expect([answer.kinds[:1], answer.kinds.count(o.start)], [o.start, 1], "the first kind of line, and how many starts")
        t.exactly(message["id"], answer.of(o.start)[0]["messageId"], "the id of the message that is kept", "/1/id")
        t.true(message["id"], "it is not empty", message["id"])
    with t.judging("LSTREAM-051"):
        t.exactly("".join(answer.of(o.reasoning)), "why not", "the reasoning of the lines")
        kept = [part["reasoning"] for part in message["parts"] if part["type"] == "reasoning"]
        t.exactly(
            [kept, answer.text, message["content"]], [["why not"], "so it is", "so it is"], "reasoning kept, and both texts"
        )
    with t.judging("LSTREAM-052"):
        t.expect(message["parts"][0], {"type": "step-start"}, "the first part of the message", "/1/parts/0")
