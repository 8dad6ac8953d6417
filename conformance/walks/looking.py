"""Looks at both sides until they show the same."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from conformance.play.verdict import Unmet
from conformance.walks.differ import Found
from conformance.walks.kinds import named_gate
from conformance.walks.pair import Astray, family_of
from conformance.walks.sides import Side, body_of, both
from conformance.walks.standing import Standing
from conformance.walks.steps import BUSY
from conformance.walks.transcript import request_row
from conformance.walks.views import View, chat_views, held_views, stream_views, whole_views
from conformance.wire.exchange import Exchange
from conformance.wire.http import TargetUnreachable

_LEAST_PATIENCE, _HASTE = 1.0, 0.5  # seconds
_AT_WORK = ("/body/status", "/waits", "/shown")  # what differs while a turn is under way


class Looking(Standing):
    """What is looked at, when, and for how long."""

    async def _rest(self, family: str) -> bool:
        """Wait until the family of chats that was touched stands still on both sides; is it alike?"""
        if not any(family_of(name) == family for name in self.state.chats):
            return True
        before = set(self.twin.sockets)
        if not await self._stands_alike(family):
            return False
        chats = [c for c in self.state.chats.values() if family_of(c.name) == family]
        new = [c for c in chats if (c.name, c.owner) not in self.watched]
        for chat in new:  # opened at rest only: it sets the mark of what its owner has read
            self.watched.add((chat.name, chat.owner))
            await both(*(side.open_stream(chat.name, chat.owner) for side in (self.twin, self.target)))
        opened = self.twin.sockets.keys() - before
        return not any(self.state.chats[name].run == BUSY for name, _ in opened) or await self._stands_alike(family)

    async def _stands_alike(self, family: str) -> bool:
        self.held = held = await self._settled(family)
        names = [c.name for c in self.state.chats.values() if family_of(c.name) == family]
        return await self._alike(chat_views(names) + held_views(held), family)

    async def _pass_over(self) -> None:
        """How much of a turn under way a new stream still shows is chance: what it has shown by now is not looked at."""
        for key in list(self.young):
            chat = self.state.chats.get(key[0])
            if chat is not None and chat.run == BUSY:
                continue
            self.young.discard(key)
            for side in (self.twin, self.target):
                if key in side.sockets:
                    await side.skip(key)

    async def look(self, whole: bool = True) -> bool:
        """Look at what came over the sockets since the last look; `whole`: and at everything that the walk has made."""
        await self._pass_over()
        views = [
            v for v in stream_views(self.twin, self.state) if not any(v.name == f"stream of {c} to {a}" for c, a in self.young)
        ]
        views += whole_views(self.twin, self.state, everything=not self.partial, flat=self.flat) if whole else []
        if not await self._alike(views, ""):
            return False
        for chat in self.state.chats.values():
            chat.stale = chat.stale and chat.run == BUSY
        for side in (self.twin, self.target):
            side.marks = {key: len(socket.events) for key, socket in side.sockets.items()}
        return True

    async def finish(self) -> bool:
        """Open every gate that is still closed, let all come to rest, and look at the whole once more."""
        self.stirred = True
        if any(chat.run == BUSY for chat in self.state.chats.values()) and not await self.look():
            return False
        for chat in list(self.state.chats.values()):
            for gate in chat.gates:
                name = named_gate(self.twin.tag, gate)
                await both(self.twin.t.llm.open(name), self.target.t.llm.open(name))
                self.rows.append({"gate": {"open": name}})
            chat.gates = ()
        for root in list(self.state.roots):
            if not await self._rest(root.name):
                return False
        return await self.look()

    async def _alike(self, views: list[View], family: str) -> bool:
        """Look until both sides show the same, or patience is over."""
        if self.lost_child:
            return await self._apart([Found("chat", self.lost_child, "", "a chat", "nothing")], family)
        mark = len(self.twin.t.exchanges)
        ours = await self._seen(self.twin, views)
        self._write_down(family, mark)
        left, start, pause, again = views, time.monotonic(), 0.004, False
        while True:
            theirs = await self._seen(self.target, left)
            if any(view.local for view in left):
                ours |= await self._seen(self.twin, [v for v in left if v.local])
            found: dict[str, list[Found]] = {}
            for view in left:
                wrong = self._compare(view.name, ours[view.name], theirs[view.name])
                if wrong:
                    found[view.name] = wrong
            left = [view for view in left if view.name in found]
            if not left:
                return True
            if time.monotonic() - start > self._patience(found.values()):
                if again:
                    return await self._apart([f for wrong in found.values() for f in wrong], family)
                again = True  # what the reference showed may have been too early
                ours |= await self._seen(self.twin, left)
                continue
            await asyncio.sleep(pause)
            pause = min(0.15, pause * 1.5)

    def _compare(self, name: str, ours: list[tuple[str, Any]], theirs: list[tuple[str, Any]]) -> list[Found]:
        found = []
        for (area, expected), (other, actual) in zip(ours, theirs, strict=False):
            if area != other:
                found.append(Found(area, name, "", expected, actual))
            else:
                found += self.differ.differences(area, name, expected, actual)
        return found

    async def _seen(self, side: Side, views: Iterable[View]) -> dict[str, list[tuple[str, Any]]]:
        out = {}
        for view in views:
            try:
                out[view.name] = await view.look(side)
            except (LookupError, TypeError, AttributeError) as error:  # what it shows has another shape
                out[view.name] = [("chat", repr(error))]
            except (TargetUnreachable, Unmet) as error:
                raise Astray(f"{view.name}: {error}") from error
        return out

    def _patience(self, found: Iterable[list[Found]]) -> float:
        """Seconds that the target has to show the same: many while it is still at work, few once it rests."""
        busy = any(f.pointer in _AT_WORK for wrong in found for f in wrong)
        deadline = self.target.t.session.deadline
        patience = deadline if busy else max(_LEAST_PATIENCE, 0.25 * deadline)
        return min(patience, _HASTE) if self.hasty else patience

    async def _apart(self, found: list[Found], family: str) -> bool:
        """A difference ends the walk, unless a declared race shows: then the chats in which it was are left behind."""
        for name in self.state.chats:  # a lost turn is known by what a chat shows in the end
            if family_of(name) == family:
                with contextlib.suppress(TargetUnreachable, LookupError):
                    await self.target.chat(name).get()
                    await self.target.chat(name).all_messages()
        said = self.target.t.exchanges
        loose = await self._loose(found, family)
        signs = {s.race for x in said[self.heard :] for s in self.signs.observe(x) if s.seen}
        self.heard = len(said)
        if not loose and not signs & self.excusing:
            self.walk.found = [f if f.exchange else replace(f, exchange=said[-1].id if said else "") for f in found]
            return False
        self.walk.raced += 1
        if not family:
            return False
        self.partial, self.lost_child = True, ""
        for name in [n for n in self.state.chats if family_of(n) == family]:
            for gate in self.state.chats.pop(name).gates:
                named = named_gate(self.twin.tag, gate)
                await both(self.twin.t.llm.open(named), self.target.t.llm.open(named))
            for side in (self.twin, self.target):
                for key in [k for k in side.sockets if k[0] == name]:
                    await side.close_stream(*key)
        return True

    async def _loose(self, found: list[Found], family: str) -> bool:
        """Is there a chat whose turns go on by chance, and is all else of such chats alike?"""
        loose = [c for c in self.state.chats.values() if c.chance is not None and family in ("", family_of(c.name))]
        for chat in loose:
            shows = []
            for side in (self.twin, self.target):
                body = body_of(await side.chat(chat.name).all_messages())
                said = side.t.session.dialect.history(body) if isinstance(body, dict) else []
                behind = chat.chance + 1 if chat.chance is not None else 0
                shows.append({"messages": said[:behind] + [m for m in said[behind:] if m.get("role") == "user"]})
            if self.differ.differences("history", f"what was said in {chat.name}", *shows):
                return False
            now = [body_of(await side.chat(chat.name).get()) for side in (self.twin, self.target)]
            alike = all(isinstance(body, dict) and body.get("status") == chat.status for body in now)
            if alike and any(f.area == "queue" for f in found):  # a turn that goes on has the queue that it must have
                return False
        return bool(loose)

    def _write_down(self, family: str, mark: int) -> None:
        """Rows of the transcript for what the reference was asked from this exchange on."""
        for chat in self.state.chats.values():
            if family and family_of(chat.name) == family:
                form = {"chat": self.twin.ids[chat.name], "until_status": [chat.status]}
                self.rows.append({"as": f"{chat.owner}w", "wait": form})
        for chat in self.state.chats.values():
            if family and chat.run == BUSY and chat.name in self.held:
                self.rows.append({"gate": {"reached": named_gate(self.twin.tag, self.held[chat.name])}})
        said = [x for x in self.twin.t.exchanges[mark:] if isinstance(x, Exchange)]
        known = [x for pair in self.looked.items() if family_of(pair[0][0]) == family for x in [pair[1]]] if family else []
        self.rows += [request_row(x) for x in [*known, *said]]
