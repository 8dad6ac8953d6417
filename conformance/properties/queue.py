"""Queue and interrupt while a turn is held at a gate, against a model: a list."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import rests, talk
from conformance.play.verdict import Failure
from conformance.properties.engine import Bridge, generated
from fixtures.scripts import gate, script
from fixtures.scripts import text as says

ACTIONS = st.lists(st.tuples(st.sampled_from(["send", "send", "delete", "promote"]), st.integers(0, 9)), min_size=1, max_size=6)


@case("PROP-002", fuzz=True)
async def whatever_happens_to_the_queue(t: Case) -> None:
    bridge = Bridge(t)

    def play(actions: list[tuple[str, int]]) -> None:
        bridge(queue_scene(t, actions))

    await generated(t, play, scale=0.6, actions=ACTIONS)


async def queue_scene(t: Case, actions: list[tuple[str, int]]) -> None:
    hold = t.unique("gate")
    chat = await t.new_chat(script(says("held"), gate(hold)))
    try:
        await t.llm.reached(hold)
        queue: list[tuple[int, int]] = []
        promoted = False
        for number, (action, at) in enumerate(actions):
            if action == "send":
                prompt = script(says(f"answer {number}"), prefix=f"question {number}")
                body = t.accepted(await chat.send(prompt))
                t.expect(body["queued"], True, "a send to a busy chat is queued", "/queued")
                queue.append((body["queued_message"]["id"], number))
            elif action == "delete" and queue:
                t.accepted(await chat.unqueue(queue.pop(at % len(queue))[0]))
            elif action == "promote" and queue and not promoted:
                queue.insert(0, queue.pop(at % len(queue)))
                t.accepted(await chat.promote(queue[0][0]))
                promoted = True  # the turn is interrupted now, so the queue begins to run
                break
    finally:
        await t.llm.open(hold)
    wanted = [f"{word} {number}" for _, number in queue for word in ("question", "answer")]
    try:
        await rests(chat, lambda messages: queued_talk(messages) == wanted, "what was said of the queue", wanted)
    except Failure:
        if not await chat.lost_a_turn():
            raise
        shown = queued_talk(await chat.history())  # a lost turn may lack its answer, and nothing else
        t.expect(shown, [said for said in wanted if said in shown or "question" in said], "what was said of the queue")


def queued_talk(messages: list[dict[str, Any]]) -> list[str]:
    return [said for said in talk(messages) if said.startswith(("question ", "answer "))]
