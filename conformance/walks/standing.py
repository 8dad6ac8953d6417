"""Waits until the reference stands still, and takes in what it shows then."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from conformance.walks.kinds import KINDS, named_gate
from conformance.walks.kinds import shown as marker
from conformance.walks.pair import Astray, Pair, family_of
from conformance.walks.sides import body_of
from conformance.walks.steps import BUSY, REST, ChatState

_SETTLE = 10.0  # seconds that the reference may take to come to rest


class Standing(Pair):
    """Every chat of the reference rests, or its turn is held at a gate."""

    async def _settled(self, family: str) -> dict[str, int]:
        """Wait until the reference stands still; gives the gates at which chats wait. Raises Astray."""
        end, before, pause = time.monotonic() + _SETTLE, "", 0.002
        while time.monotonic() < end:
            held, seen = await self._standing(family)
            if held is not None and (seen == before or not self.stirred):
                return held
            before = seen if held is not None else ""
            await asyncio.sleep(pause)
            pause = min(0.1, pause * 1.4)
        raise Astray(f"the reference does not come to rest: {seen}")

    async def _standing(self, family: str) -> tuple[dict[str, int] | None, str]:
        """The gates at which the family's chats wait on the reference (None: something is under way), and what it shows."""
        twin, statuses = self.twin, self.twin.t.session.traits["statuses"]
        await self._children(family)
        held: dict[str, int] = {}
        seen = []
        for chat in [c for c in self.state.chats.values() if family_of(c.name) == family]:
            gate, shows = None, await twin.chat(chat.name).get()
            body = body_of(shows)
            if not isinstance(body, dict):
                continue
            if body.get("status") in statuses["busy"]:
                gate = await self._gate(chat)
                if gate is None:
                    return None, f"{chat.name} is {body['status']}"
                held[chat.name] = gate
            lists = await twin.chat(chat.name).all_messages()
            twin.recent[chat.name, "chat"], twin.recent[chat.name, "messages"] = shows, lists
            self.looked |= {(chat.name, "chat"): shows, (chat.name, "messages"): lists}
            listed = body_of(lists)
            if not isinstance(listed, dict):
                continue
            self._enter(chat, body, listed)
            seen.append(
                (chat.name, chat.status, chat.messages, chat.queue, gate, body.get("title"), body.get("last_turn_summary"))
            )
        return held, repr(seen)

    async def _gate(self, chat: ChatState) -> int | None:
        for gate in chat.gates:
            said = marker(named_gate(self.twin.tag, gate))
            if await self.twin.waits_at(gate) and await self.twin.heard(chat.name, said):
                return gate
        return None

    async def _children(self, family: str) -> None:
        """Find the chats of sub-agents that are new on the reference, and theirs on the target."""
        root = self.state.chats.get(family)
        if root is None or not any(KINDS[k].group == "agent" for k in [root.kind, *self.kinds.values()] if k):
            return
        known = {self.twin.ids[c.name] for c in self.state.chats.values()}
        for child in await self.twin.chat(family).children(0):
            if child["id"] in known:
                continue
            name = f"{family}.{sum(c.name.startswith(f'{family}.') for c in self.state.chats.values())}"
            other = await self._counterpart(family, name)
            if other is None:
                continue
            made = ChatState(name, root.owner, child=True, kind="text")
            gates = [g for g in root.gates if self.kinds.get(g) == "child-held"]
            made.gates, root.gates = tuple(gates[-1:]), tuple(g for g in root.gates if g not in gates[-1:])
            self.twin.ids[name], self.target.ids[name] = child["id"], other
            for side in (self.twin, self.target):
                side.owners[name] = root.owner
            self.state.chats[name] = made

    async def _counterpart(self, family: str, name: str) -> str | None:
        """The target's chat that must be the new child of this name; None when it does not come."""
        place, known = int(name.rpartition(".")[2]), set(self.target.ids.values())
        for _ in range(40):
            theirs = await self.target.chat(family).children(0)
            new = [c["id"] for c in theirs if c["id"] not in known]
            if new:
                return str(new[0])
            await asyncio.sleep(0.05)
        self.lost_child = f"child {place + 1} of {family}"
        return None

    def _enter(self, chat: ChatState, body: dict[str, Any], listed: dict[str, Any]) -> None:
        """Take in what the reference shows."""
        session = self.twin.t.session
        statuses, messages = session.traits["statuses"], session.dialect.history(listed)
        chat.status = str(body.get("status"))
        chat.run = BUSY if chat.status in statuses["busy"] else REST
        chat.failed, chat.archived = body.get("last_error") is not None, bool(body.get("archived"))
        chat.pinned, chat.plan = bool(body.get("pin_order")), bool(body.get("plan_mode"))
        chat.labelled = bool(body.get("labels"))
        if len(listed.get("queued_messages") or ()) < chat.queue:  # what is told live of a turn from the queue: see passed_over
            self.young |= {key for key in self.twin.sockets if key[0] == chat.name and self.passes_queued}
        chat.queue, chat.messages = len(listed.get("queued_messages") or ()), len(messages)
        chat.users = tuple(n for n, m in enumerate(messages) if m.get("role") == "user")
        self.twin.history[chat.name] = [m["id"] for m in messages]
        self.twin.queue[chat.name] = [m["id"] for m in listed.get("queued_messages") or ()]
        answered = {p.get("tool_call_id") for m in messages for p in m.get("content") or () if p.get("type") == "tool-result"}
        asks = chat.status in statuses["final"] and chat.status not in (statuses["idle"], statuses["failed"])
        last: dict[str, Any] = next((m for m in reversed(messages) if asks and m.get("role") == "assistant"), {})
        calls = [p for p in last.get("content") or () if p.get("type") == "tool-call" and p.get("tool_name") == "look_up"]
        chat.asks = tuple(str(p["tool_call_id"]) for p in calls if p["tool_call_id"] not in answered)
