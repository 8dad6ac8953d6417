"""Queue and interrupt while a turn is held at a gate, against a model: a list."""

from __future__ import annotations

from hypothesis import strategies as st

from conformance.case import case
from conformance.context import Case
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
        queue: list[tuple[int, str]] = []
        promoted = False
        for number, (action, at) in enumerate(actions):
            if action == "send":
                prompt = script(says(f"answer {number}"))
                body = t.accepted(await chat.send(prompt))
                t.expect(body["queued"], True, "a send to a busy chat is queued", "/queued")
                queue.append((body["queued_message"]["id"], f"answer {number}"))
            elif action == "delete" and queue:
                t.accepted(await chat.unqueue(queue.pop(at % len(queue))[0]), 204)
            elif action == "promote" and queue and not promoted:
                queue.insert(0, queue.pop(at % len(queue)))
                t.accepted(await chat.promote(queue[0][0]), 202)
                promoted = True  # the turn is interrupted now, so the queue begins to run
                break
    finally:
        await t.llm.open(hold)
    wanted = [answer for _, answer in queue]

    async def answers() -> list[str]:
        texts = ["".join(p["text"] for p in m["content"]) for m in await chat.history() if m["role"] == "assistant"]
        return [text for text in texts if text.startswith("answer")]

    await chat.when(lambda c: c["status"] == "waiting" and c.get("last_turn_summary") is not None, "rest after the queue")
    while len(await answers()) < len(wanted):
        await chat.settled()
        t.true(
            (await chat.messages()).response.body["queued_messages"] or len(await answers()) >= len(wanted), "the queue runs on"
        )
    t.expect(await answers(), wanted, "the answers, in the order of the queue")
