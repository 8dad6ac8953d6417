"""Chats that cases may be played on instead of ones just created: those of sub-agents, and those with a past."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from conformance.play.actors import Actor, Chat, parts, text
from conformance.play.case import Case
from conformance.play.declaration import CaseSpec
from conformance.play.verdict import Unmet
from conformance.scenes.lifecycle import REFERENCE
from conformance.wire.exchange import Exchange
from fixtures.scripts import script, tool_call, turn, turns

CHANGEABLE = ("labels", "plan_mode")  # what a create may say, and a PATCH too


class Child(Chat):
    """The chat of a sub-agent; it is shared by the sharing list of its root."""

    def __init__(self, root: Chat, chat_id: str, opening: Any = "") -> None:
        super().__init__(root.actor, chat_id, opening)
        self.root = root

    def by(self, actor: Actor) -> Child:
        return Child(self.root.by(actor), self.id, self.opening)

    async def patch(self, **fields: Any) -> Exchange:
        if "archived" not in fields or not self.case.refuses("patch.archive-child"):
            return await super().patch(**fields)
        rest = {key: value for key, value in fields.items() if key != "archived"}  # in later revisions it goes with its root
        if rest and not self.case.succeeded(answer := await super().patch(**rest)):
            return answer
        return await self.root.patch(archived=fields["archived"])

    async def shared_with(self, actor: Actor) -> Chat:
        await self.root.shared_with(actor)
        return self.by(actor)


def spawning(*prompts: str, kind: str = "general") -> str:
    """A script that starts a sub-agent with each of these prompts and then says nothing more."""
    calls = [
        tool_call("spawn_agent", {"type": kind, "prompt": prompt, "title": f"Child {n}"}, id=f"spawn{n}")
        for n, prompt in enumerate(prompts, 1)
    ]
    return script(turns(*(turn(call) for call in calls), turn()))


async def child(t: Case, content: Any, actor: Actor, fields: dict[str, Any]) -> Child:
    """The chat of a sub-agent whose first message is `content`; its first turn may still run. Raises Unmet."""
    said = "\n".join(part["text"] for part in parts(content) if part.get("type") == "text").strip()
    if unable := sorted({*fields} - {*CHANGEABLE, "mark"}):
        raise Unmet(f"a sub-agent's chat can't be made with {' and '.join(unable)}")
    root = await t.created([REFERENCE, text(spawning(said))], actor, {})  # which keeps its title: no model is asked for one
    (shown,) = await root.children()
    made = Child(root, shown["id"], said)
    t.chats.append(made)
    if changes := {key: fields[key] for key in CHANGEABLE if fields.get(key)}:
        t.given(await made.patch(**changes))
    return made


async def with_a_past(t: Case, content: Any, actor: Actor, fields: dict[str, Any]) -> Chat:
    """A chat that was said something else first, came back from the archive, and then had its message edited into `content`.

    It looks like one just created, but for its title. Raises Unmet.
    """
    chat = await t.created("Something else", actor, fields)
    await chat.settled()
    first, *_ = await chat.history()
    for archived in (True, False):
        t.given(await chat.patch(archived=archived))
    t.given(await chat.get())  # it rests: the edit stops nothing
    t.given(await chat.edit(first["id"], content))
    return Chat(actor, chat.id, content)


def played(*chosen: tuple[ModuleType, str]) -> dict[str, dict[str, Any]]:
    """A table of the cases of these names (of all rows of theirs, or of one: `name[row]`), to be played on other chats."""
    found: dict[str, dict[str, Any]] = {}
    for module, names in chosen:
        for name in names.split():
            function = getattr(module, name.partition("[")[0])
            for spec in function.__case__.specs(module.__name__, function):
                if "[" not in name or spec.name.endswith(f".{name}"):
                    row = {"play": spec, "requirement": spec.requirements, "needs": spec.needs, "either": spec.either}
                    found[spec.name.replace("[", ":").rstrip("]")] = row
    return found


async def play(t: Case, row: dict[str, Any]) -> None:
    """Play the case of this row of `played`."""
    spec: CaseSpec = row["play"]
    await spec.function(t, *([spec.row] if spec.has_row else []))
