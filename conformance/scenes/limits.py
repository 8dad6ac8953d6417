"""Twins: a request that is refused, its like with one thing changed that is accepted, and nothing changed by the first.

Every table of the area is made of rows `{requirement, on, tries, good?, by?}`: `tries` are pairs of what is put into (or,
as ABSENT, left out of) an ordinary request and the key of its refusal; `good` is what is then put into one that is accepted.
With `in_order` the tries are also put together, and the first one's refusal must come. A row that names a `limit` (of
tables/limits.yaml) may have functions of that bound in place of values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.provisioning import new_model
from conformance.play.verdict import Unmet
from conformance.scenes.lifecycle import titled
from conformance.wire.exchange import ABSENT, Exchange
from fixtures.scripts import gate, script, tool_call


def tools(*names: Any) -> list[dict[str, Any]]:
    """Dynamic tools of these names."""
    return [{"name": name, "description": "does it", "input_schema": {"type": "object"}} for name in names]


def too_long(most: int) -> dict[str, Any]:
    """A system prompt of one byte more than that."""
    return {"system_prompt": "x" * (most + 1)}


TOOL = {"name": "lookup", "description": "looks up", "input_schema": {"type": "object"}}


async def priced_model(t: Case, name: str, **cost: str) -> str:
    """A model config of the same provider as the default, not the default; deleted at the end. Raises Unmet."""
    dear: dict[str, Any] = {"model_config": {"cost": cost}} if cost else {}
    return str((await new_model(t, model=name, context_limit=128_000, **dear))["id"])


async def kept_busy(t: Case, **fields: Any) -> Place:
    """A chat whose turn does not end by itself, so that what is sent is queued. Raises Unmet."""
    if not t.offers("submitToolResults"):  # it can't be made to wait for its client, but for the model
        hold = t.gate()
        chat = await t.new_chat([{"type": "file-reference", "file_name": "a"}, text(script(gate(hold)))], **fields)
        await t.llm.reached(hold)
        return Place(t, "send", chat)
    asks = script(tool_call("lookup", {}, id="k1"), usage={"input_tokens": 10, "output_tokens": 5})
    made = await t.chat([{"type": "file-reference", "file_name": "a"}, text(asks)], unsafe_dynamic_tools=[TOOL], **fields)
    await made.settled("requires_action")
    return Place(t, "send", made)


UNKNOWN = str(uuid4())
# What a refused request must leave as it is. Not updated_at nor the summary, which the server writes by itself.
KEPT = (
    "status", "title", "archived", "pin_order", "labels", "plan_mode", "mcp_server_ids", "last_model_config_id", "workspace_id",
    "files",
)  # fmt: skip
# What is asked in each kind of place.
ASKED = {
    "create": ("POST", "createChat"),
    "send": ("POST", "sendMessage"),
    "edit": ("PATCH", "editMessage"),
    "patch": ("PATCH", "patchChat"),
    "share": ("PATCH", "patchChatACL"),
}


@dataclass
class Place:
    """Where requests go: `kind` (create, send, edit, patch or share), and the chat they are about but for create."""

    t: Case
    kind: str
    chat: Chat
    message: int = 0
    mark: str = ""

    def body(self, fields: dict[str, Any]) -> dict[str, Any]:
        """An ordinary body with these fields in it."""
        body: dict[str, Any] = {"content": [text("Hello there")]} if self.kind in ("send", "edit") else {}
        if self.kind == "share":
            body = {"user_roles": {self.t.bob.id: "read"}}
        if self.kind == "create":
            body = self.t.alice.creation()
        body = {k: v for k, v in (body | fields).items() if v is not ABSENT}
        return self.t.session.dialect.marked(body, self.mark) if self.kind == "create" else body

    async def ask(self, sent: dict[str, Any] | bytes, message: Any = None, headers: dict[str, str] | None = None) -> Exchange:
        """The request with these fields, or with these very bytes as its body."""
        chat, actor = self.chat, self.chat.actor
        method, operation = ASKED[self.kind]
        path = chat.url(operation, message=self.message if message is None else message)
        options: dict[str, Any] = {"content": sent} if isinstance(sent, bytes) else {"body": self.body(sent)}
        return await actor.request(method, path, headers=headers, **options)

    async def state(self) -> Any:
        """What a refused request must leave as it is. Raises Unmet."""
        t = self.t
        if self.kind == "create":
            answer, found = await t.session.dialect.with_mark(self.chat.actor, self.mark)
            t.given(answer)
            return found
        if self.kind == "share":
            return t.given(await self.chat.acl())
        shown, page = t.given(await self.chat.get()), t.given(await self.chat.messages(limit=t.limit("messages.limit")))
        said = [[(m["id"], m.get("content")) for m in page[key]] for key in ("messages", "queued_messages")]
        return {key: shown.get(key) for key in KEPT}, said


async def place_for(t: Case, kind: str, **fields: Any) -> Place:
    """A place for requests of this kind: a chat at rest, made by alice, whose title stays. Raises Unmet."""
    if kind == "create":
        return Place(t, kind, Chat(t.alice, ""), mark=t.unique())
    chat = await titled(t, **fields)
    return Place(t, kind, chat, (await chat.history())[0]["id"])


async def refused_alike(t: Case, place: Place, tries: list[tuple[Any, str]], **options: Any) -> None:
    """Each of these is refused as it should, and nothing is changed. Raises Failure."""
    before = await place.state()
    for sent, key in tries:
        t.refused(await place.ask(sent, **options), key, field="labels")
    t.expect(await place.state(), before, f"what a refused {place.kind} must leave as it is")


async def twins(t: Case, row: dict[str, Any]) -> None:
    """Play one row of a table."""
    row = bounded(t, row)
    place = await place_for(t, row["on"])
    await (first_of if row.get("in_order") else refused_alike)(t, place, row["tries"])
    t.accepted(await place.ask(row.get("good", {})))


def bounded(t: Case, row: dict[str, Any]) -> dict[str, Any]:
    """The row with the values that depend on a bound of the profile, and without fields that the revision does not read.

    Raises Unmet when nothing remains to be tried.
    """
    if "limit" in row:
        if row["limit"] not in t.session.profile.table("limits"):
            raise Unmet(f"this revision has no bound {row['limit']}")
        most = t.limit(row["limit"])
        row = {key: value(most) if callable(value) else value for key, value in row.items()}
    kept = readable(t, row["on"], row["tries"])
    if not kept:
        raise Unmet(f"a {row['on']} of this revision reads none of the fields")
    return row | {"tries": kept}


def readable(t: Case, kind: str, tries: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Those of the tries that the documents of the revision speak of: their fields, and their refusals."""
    fields = t.fields(ASKED[kind][1])
    return [(sent, key) for sent, key in tries if t.refuses(key) and (isinstance(sent, bytes) or sent.keys() <= fields)]


async def first_of(t: Case, place: Place, each: list[tuple[dict[str, Any], str]], **options: Any) -> None:
    """A request with several faults is answered like one with the first of them alone, whatever the wording. Raises Failure."""
    before = await place.state()
    alone = [(await place.ask(fields, **options), key) for fields, key in each]
    for i, (answer, key) in enumerate(alone):
        t.refused(answer, key, field="labels")
        fields: dict[str, Any] = {}
        for bad, _ in each[i:]:
            fields |= bad
        together = await place.ask(fields, **options)
        t.refused(together, key, field="labels")
        said = f"the refusal with the faults {', '.join(key for _, key in each[i:])}, beside that with the first alone"
        t.expect(together.response.body, answer.response.body, said)
    t.expect(len({str(answer.response.body) for answer, _ in alone}), len(each), "different refusals of the faults alone")
    t.expect(await place.state(), before, f"what a refused {place.kind} must leave as it is")


def tries(key: str, field: str, *values: Any) -> list[tuple[Any, str]]:
    """The same field with each of these values, each refused by this key."""
    return [({field: value}, key) for value in values]
