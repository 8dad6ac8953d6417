"""How model calls reach the provider: directly, or through a gateway of the server's own that changes what comes back.

Some requirements hold on one of the two ways only (needs `direct-llm`, `gateway-llm`). A target file may declare either; else
one scripted turn is run, and what reached the scripted LLM tells: a gateway asks for one choice (`n`), which chats do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.play.llm_control import LlmControl
from conformance.play.verdict import Unmet
from conformance.wire.exchange import Request
from conformance.wire.http import TargetUnreachable
from fixtures.scripts import script, text

if TYPE_CHECKING:
    from conformance.run.session import Session

DIRECT, GATEWAY, UNKNOWN = "direct", "gateway", "unknown"
NEEDS = {"direct-llm": DIRECT, "gateway-llm": GATEWAY}
_WORDS = {DIRECT: "model calls go to the provider directly", GATEWAY: "model calls go through a gateway"}


@dataclass(frozen=True, slots=True)
class Routing:
    """`way` is direct, gateway or unknown; `why` says how it was found out, or why it could not be."""

    way: str = UNKNOWN
    why: str = "nobody looked"

    def obstacle(self, need: str) -> str:
        """Why this need is not met here; nothing when it is, or when it has nothing to do with routing."""
        if NEEDS.get(need, self.way) == self.way:
            return ""
        return f"{self} ({need} is needed)"

    def __str__(self) -> str:
        return f"{_WORDS.get(self.way, 'how model calls are routed is unknown')}: {self.why}"


def declared(capabilities: dict[str, bool]) -> str:
    """The way that a target file declares, by either of the two capabilities; nothing when it does not."""
    for need, other in (("direct-llm", GATEWAY), ("gateway-llm", DIRECT)):
        if need in capabilities:
            return NEEDS[need] if capabilities[need] else other
    return ""


async def find(session: Session) -> Routing:
    """What the target file declares, else what a turn shows; nothing where the profile asks for neither."""
    if not NEEDS.keys() & set(session.traits["capabilities"]):
        return Routing(UNKNOWN, "this revision has no gateway")
    said = declared(session.target.capabilities)
    return Routing(said, "so the target file declares") if said else await seen(session)


async def seen(session: Session) -> Routing:
    """What a turn shows, whatever the target file declares."""
    try:
        return await _look(session)
    except (Unmet, TargetUnreachable) as error:
        return Routing(UNKNOWN, str(error))


async def contradiction(session: Session) -> str:
    """What a turn shows, when the target file declares otherwise; else nothing."""
    said = declared(session.target.capabilities) if NEEDS.keys() & set(session.traits["capabilities"]) else ""
    shown = await seen(session) if said else Routing()
    return "" if shown.way in (said, UNKNOWN) else f"the target file declares another routing than a turn shows: {shown}"


async def _look(session: Session) -> Routing:
    """Run a turn as alice and read what the scripted LLM was sent for it. Raises Unmet."""
    target, user = session.target, session.target.users.get("alice")
    if target.llm.kind != "scripted" or not target.llm.control_url:
        raise Unmet(
            "without a scripted LLM and its llm.control_url no request can be looked at; declare direct-llm in the target file"
        )
    if user is None or (session.traits.get("organizations") and not target.organization_id):
        raise Unmet("the target file has no alice or no organization_id to run a turn with")
    if session.options.read_only:
        raise Unmet("the run is read-only; declare direct-llm in the target file")
    headers = {session.traits["token_header"]: user.token}

    async def ask(method: str, path: str, body: Any) -> Any:
        request = Request(method, path, headers=headers, body=body)
        return (await session.wire.send(request, actor="alice", case="preflight", timeout=session.deadline)).response

    prompt = {"type": "text", "text": script(text("routed"))}
    made = await ask("POST", session.documents.url("createChat"), session.dialect.creation(target, [prompt], {}))
    chat = made.body.get("id") if isinstance(made.body, dict) else None
    if not made.ok or not isinstance(chat, str):
        raise Unmet(f"creating a chat to see it answered {made.status}")
    try:
        calls = await LlmControl(session, target.llm.control_url).journal(chat, opening=prompt["text"], purpose="turn", wait=1)
    finally:
        await ask("PATCH", session.documents.url("patchChat", chat=chat), {"archived": True})
    return of_call(calls[0])


def of_call(call: dict[str, Any]) -> Routing:
    """The way that one streamed call came, by its line of the scripted LLM's journal."""
    if call.get("wire") != "chat" or not isinstance(call.get("body"), dict):
        return Routing(UNKNOWN, f"calls over {call.get('wire')} do not tell; use a model of an openai-compat provider")
    if call["body"].get("n") == 1:
        return Routing(GATEWAY, "its request asked for one choice (n: 1)")
    return Routing(DIRECT, "its request was the chat's own, without n")
