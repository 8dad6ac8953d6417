"""Plays one walk: each step on both sides, then a look at what it came to."""

from __future__ import annotations

import random
from dataclasses import replace

from conformance.play.verdict import Unmet
from conformance.walks.coverage import ACTS
from conformance.walks.differ import shown
from conformance.walks.kinds import KINDS, named_gate
from conformance.walks.looking import Looking
from conformance.walks.pair import Astray, family_of
from conformance.walks.sides import body_of, both
from conformance.walks.steps import BUSY, REST, ChatState, Step
from conformance.walks.transcript import request_row
from conformance.walks.verbs import VERBS, Draw
from conformance.wire.exchange import Exchange
from conformance.wire.http import TargetUnreachable

_ACTS = {"reconnect": "stream", "results-unasked": "results", "archive-again": "archive", "unarchive-active": "unarchive"}
_NEW_FIRST = 0.5  # how often a step is one whose triple was not reached, where there is one
_CREATED = (("body", "title"), ("body", "last_error"), ("body", "last_turn_summary"))


class Walker(Looking):
    """Plays on two sides. `begin`, then `draw` and `take` as long as wanted, then `finish`."""

    def draw(self, rng: random.Random, number: int, slow: bool) -> Step:
        """The next step: any that this state allows, those before others whose situation was not reached yet."""
        offers: list[tuple[str, ChatState | None]] = []
        weights: list[float] = []
        new: list[float] = []  # the weights of what was not reached yet, 0 for all else
        for verb in VERBS.values():
            if not self.twin.knows(verb.operation):
                continue
            if verb.when is None:
                few = verb.name == "create" and not self.state.roots
                offers.append((verb.name, None))
                weights.append(verb.weight * (50 if few else 0.3 if len(self.state.roots) > 4 and verb.name == "create" else 1))
                new.append(0)
                continue
            chats = [c for c in self.state.chats.values() if verb.when(c)]
            for place, one in enumerate(reversed(chats)):
                offers.append((verb.name, one))
                weights.append(verb.weight / (1 + place) * (0.5 if one.child else 1))
                new.append(0 if self._reached(verb.name, one) else verb.weight**0.5)
        while True:
            first = any(new) and rng.random() < _NEW_FIRST
            name, chat = rng.choices(offers, new if first else weights)[0]
            verb = VERBS[name]
            args = verb.draw(Draw(rng, self.state, number, slow), chat)
            if args is not None:
                return Step(number, name, self._actor(rng, name, chat), chat.name if chat else "", args)

    def _reached(self, verb: str, chat: ChatState) -> bool:
        act = _ACTS.get(verb, verb)
        return self.coverage is None or act not in ACTS or (act, chat.situation, _group(chat.kind)) in self.coverage.reached

    def _actor(self, rng: random.Random, name: str, chat: ChatState | None) -> str:
        verb = VERBS[name]
        if name in ("add-model", "drop-model"):
            return "root"
        owner = chat.owner if chat else "alice" if rng.random() < 0.85 else "bob"
        if chat is None or rng.random() >= verb.foreign:
            return owner
        return rng.choice([a for a in ("alice", "bob", "root") if a != owner])

    async def take(self, step: Step) -> bool:
        """Take this step and look at what it came to; False when a difference ends the walk. Raises Astray."""
        if not self._possible(step):
            return True
        self.walk.steps.append(step)
        verb = VERBS[step.verb]
        self.stirred = verb.stirs
        chat = self.state.chats.get(step.chat)
        if chat and chat.run == BUSY and verb.operation == "patchChat":
            chat.stale = True
        open_outcome = chat is not None and (step.verb, chat.run) in self.chances
        try:
            ours, theirs = await both(verb.play(self.twin, step), verb.play(self.target, step))
        except (TargetUnreachable, Unmet) as error:
            raise Astray(f"{step}: {error}") from error
        except (LookupError, TypeError) as error:
            raise Astray(f"{step}: the sides have gone apart: {error!r}") from error
        if ours is not None:
            racy = _CREATED if step.verb == "create" else ()
            post = ours.request.method == "POST"
            found = self.differ.differences("answer", str(step), shown(ours), shown(theirs), post=post, racy=racy)
            self.rows.append(request_row(ours))
            self.stirred = self.stirred and ours.response.status < 300
            if any(f.area == "answer" for f in found):
                return await self._apart([replace(f, exchange=theirs.id) for f in found], family_of(step.chat))
            self.words += [replace(f, exchange=theirs.id) for f in found]
            self._learn(step, ours, theirs)
            if chat and self.stirred and (open_outcome or chat.run == REST):
                self._by_chance(chat, step.args["place"] if open_outcome else None)
        elif step.verb == "open":
            self._opened(step.args["gate"])
            self.rows.append({"gate": {"open": named_gate(self.twin.tag, step.args["gate"])}})
        return await self._rest(family_of(step.chat or f"c{step.number}"))

    def _possible(self, step: Step) -> bool:
        """Is all still there that the step names? What was taken out of a walk takes along what rests on it."""
        chat = self.state.chats.get(step.chat)
        if not self.twin.knows(VERBS[step.verb].operation):
            return False
        if step.chat and chat is None:
            return False
        if step.args.get("model") and step.args["model"] not in self.twin.ids:
            return False
        if any(name not in self.twin.ids and name != "unknown" for name in step.args.get("files", ())):
            return False
        if "file" in step.args and step.verb == "download" and step.args["file"] not in self.twin.ids:
            return False
        beyond = step.verb == "edit" and step.args["place"] >= len(self.twin.history.get(step.chat, []))
        closed = step.verb == "open" and chat is not None and step.args["gate"] in chat.gates
        return not beyond and (closed or step.verb != "open")

    def _learn(self, step: Step, ours: Exchange, theirs: Exchange) -> None:
        """Enter what an accepted step has made."""
        if ours.response.status >= 300:
            return
        body, other = body_of(ours), body_of(theirs)
        made = isinstance(body, dict) and isinstance(other, dict)
        name = {"create": f"c{step.number}", "upload": f"f{step.number}", "add-model": f"m{step.number}"}.get(step.verb)
        if name and made:
            assert isinstance(body, dict) and isinstance(other, dict)
            self.twin.ids[name], self.target.ids[name] = str(body["id"]), str(other["id"])
        if step.verb == "create" and name:
            self.state.chats[name] = ChatState(name, step.actor)
            for side in (self.twin, self.target):
                side.owners[name] = step.actor
        elif step.verb == "upload" and name:
            self.state.files[name] = step.actor
        elif step.verb == "add-model" and name:
            self.state.models[name] = True
        elif step.verb == "drop-model":
            self.state.models[step.args["model"]] = False
        elif step.verb == "share":
            self.state.chats[step.chat].shared = step.args["role"] == "read"
        kind = str(step.args.get("kind", ""))
        chat = self.state.chats.get(step.chat or str(name))
        if chat is not None and step.verb in ("send", "edit") and chat.run != BUSY:
            chat.stale = False  # what is told of a new turn shows the chat as it is
        if chat is not None and kind in KINDS:
            chat.kind = kind
            if KINDS[kind].held:
                self.kinds[step.number] = kind
                chat.gates += (step.number,)

    def _by_chance(self, chat: ChatState, place: int | None) -> None:
        """What becomes of the chat's turns is chance from the message at this place on; no longer when there is none."""
        chat.chance = place
        if place is not None:
            self.young |= {key for key in self.twin.sockets if key[0] == chat.name}

    def _opened(self, gate: int) -> None:
        for chat in self.state.chats.values():
            chat.gates = tuple(g for g in chat.gates if g != gate)


def _group(kind: str) -> str:
    return KINDS[kind].group if kind in KINDS else "other"
