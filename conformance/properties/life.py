"""A chat's life as a state machine, against a model of a few lines."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.properties.engine import Bridge, generated, machine
from conformance.wire.exchange import Exchange
from fixtures.scripts import script
from fixtures.scripts import text as says

WORDS = st.text(alphabet="abc äß", min_size=1, max_size=12).filter(lambda s: s.strip() != "")


def life_of(bridge: Bridge) -> type[RuleBasedStateMachine]:
    """The machine whose exchanges go over this bridge."""
    t = bridge.t

    class Life(RuleBasedStateMachine):
        @initialize(words=WORDS)
        def create(self, words: str) -> None:
            self.chat: Chat = bridge(t.chat(script(says("reply"), prefix=words), t.titled))
            bridge(self.chat.settled(title="Scripted title"))
            self.title, self.archived = "Scripted title", False
            self.texts = [script(says("reply"), prefix=words).strip(), "reply"]

        @rule(words=WORDS)
        @precondition(lambda self: not self.archived)
        def send(self, words: str) -> None:
            prompt = script(says(f"to {words.strip()}"))
            t.accepted(bridge(self.chat.send(prompt)))
            bridge(self.chat.answered(prompt))
            self.texts += [prompt, f"to {words.strip()}"]

        @rule(words=WORDS, at=st.integers(0, 20))
        @precondition(lambda self: not self.archived)
        def edit(self, words: str, at: int) -> None:
            place = 2 * (at % (len(self.texts) // 2))
            prompt = script(says(f"again {words.strip()}"))
            messages = bridge(self.chat.history())
            t.accepted(bridge(self.chat.edit(messages[place]["id"], prompt)))
            bridge(self.chat.answered(prompt))
            self.texts[place:] = [prompt, f"again {words.strip()}"]

        @rule(words=WORDS)
        def rename(self, words: str) -> None:
            t.accepted(bridge(self.chat.patch(title=words)))
            self.title = words.strip()

        @rule()
        def archive(self) -> None:
            answer: Exchange = bridge(self.chat.patch(archived=True))
            t.expect(answer.response.status, 400 if self.archived else 204, "the status of archiving")
            self.archived = True

        @rule()
        def unarchive(self) -> None:
            answer: Exchange = bridge(self.chat.patch(archived=False))
            t.expect(answer.response.status, 204 if self.archived else 400, "the status of unarchiving")
            self.archived = False

        @rule(words=WORDS)
        @precondition(lambda self: self.archived)
        def send_to_the_archive(self, words: str) -> None:
            t.expect(bridge(self.chat.send(words)).response.status, 400, "the status of a send to an archived chat")

        @invariant()
        def shows_what_was_done(self) -> None:
            if not hasattr(self, "texts"):
                return
            shown: dict[str, Any] = t.accepted(bridge(self.chat.get()))
            t.expect((shown["title"], shown["archived"]), (self.title, self.archived), "title and archived")
            texts = ["".join(p["text"] for p in m["content"]) for m in bridge(self.chat.history())]
            t.expect(texts, self.texts, "the texts of the messages, oldest first")

    return Life


@case("PROP-001", fuzz=True)
async def a_chat_through_its_life(t: Case) -> None:
    await machine(t, life_of(Bridge(t)))


@case("PROP-003", fuzz=True)
async def walks_through_messages(t: Case) -> None:
    chat = await t.chat("one")
    for _ in range(3):
        await chat.turn("more", tries=5)  # how many messages there are does not matter
    every = [m["id"] for m in await chat.history()]
    bridge = Bridge(t)

    def walk(limits: list[int], upwards: bool) -> None:
        seen: list[int] = []
        for turn in range(40):
            cursor = {"after_id" if upwards else "before_id": seen[-1]} if seen else {}
            if upwards and not seen:
                cursor = {"after_id": 1}
            page = t.accepted(bridge(chat.messages(limit=limits[turn % len(limits)], **cursor)))
            seen += [m["id"] for m in page["messages"]]
            if not page["has_more"]:
                break
        t.expect(seen, every if upwards else every[::-1], f"a walk with the limits {limits}")

    limits = st.lists(st.integers(1, 5), min_size=1, max_size=4)
    await generated(t, walk, scale=2, limits=limits, upwards=st.booleans())
