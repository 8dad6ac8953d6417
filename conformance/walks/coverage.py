"""Which situations a run has reached: triples of what was done, to a chat in which situation, after a turn of which kind."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import spec
from conformance.walks.kinds import GROUPS
from conformance.walks.steps import SITUATIONS
from conformance.wire.exchange import Exchange, SocketLog
from spec.documents import documents

Triple = tuple[str, str, str]
_OPERATIONS = {
    "sendMessage": "send", "editMessage": "edit", "interruptChat": "interrupt", "promoteQueuedMessage": "promote",
    "deleteQueuedMessage": "unqueue", "submitToolResults": "results", "patchChatACL": "share", "regenerateTitle": "regenerate",
    "proposeTitle": "propose", "streamChat": "stream", "getChat": "get", "listMessages": "messages",
}  # fmt: skip
_PATCHES = {"title": "rename", "labels": "label", "plan_mode": "plan", "pin_order": "pin"}
ACTS = tuple(dict.fromkeys([*_OPERATIONS.values(), *_PATCHES.values(), "archive", "unarchive"]))
KINDS_OF_TURN = (*GROUPS, "other")


def possible(profile: spec.Profile) -> int:
    """How many triples there are: acts of this revision on chats in each situation but none, after each kind of turn."""
    known = documents(profile.name).operations
    lacking = {act for operation, act in _OPERATIONS.items() if operation not in known}
    fields = profile.openapi["components"]["schemas"].get("PatchChatRequest", {}).get("properties", {})
    lacking |= {act for name, act in _PATCHES.items() if name not in fields}
    return len(set(ACTS) - lacking) * (len(SITUATIONS) - 1) * len(KINDS_OF_TURN)


@dataclass(slots=True)
class _Chat:
    status: str = ""
    failed: bool = False
    archived: bool = False
    child: bool = False
    queued: bool = False
    kind: str = "other"


@dataclass(slots=True)
class Coverage:
    """Reads the situation of each chat from what was answered; feed it exchanges in the order of their answers."""

    profile: spec.Profile
    reached: set[Triple] = field(default_factory=set)
    _chats: dict[str, _Chat] = field(default_factory=dict)

    def observe(self, said: Exchange | SocketLog) -> None:
        match = documents(self.profile.name).match(said.request.method, said.request.path)
        if match is None:
            return
        name, chat_id = match.operation.id, match.params.get("chat", "")
        chat = self._chats.get(chat_id)
        if chat is not None:
            for act in acts_of(name, getattr(said.request, "body", None)):
                self.reached.add((act, self.situation(chat), chat.kind))
        if isinstance(said, Exchange):
            self._learn(chat_id, name, said)

    def situation(self, chat: _Chat) -> str:
        statuses, who = self.profile.traits["statuses"], "child-" if chat.child else ""
        if chat.archived:
            return f"{who}archived"
        if chat.status in statuses["busy"]:
            return f"{who}busy-queue" if chat.queued else f"{who}busy"
        if chat.status in statuses["final"] and chat.status not in (statuses["idle"], statuses["failed"]):
            return f"{who}asks"
        if chat.queued:
            return f"{who}backlog"
        return f"{who}failed" if chat.failed or chat.status == statuses["failed"] else f"{who}rest"

    def _learn(self, chat_id: str, operation: str, said: Exchange) -> None:
        body, asked = said.response.body, said.request.body
        if said.response.status >= 300:
            return
        for shown in body if isinstance(body, list) else [body]:
            self._show(shown)
        chat = self._chats.get(chat_id)
        if operation == "createChat" and isinstance(body, dict):
            chat = self._chats.get(str(body.get("id")))
        if chat is None:
            return
        if operation in ("createChat", "sendMessage", "editMessage"):
            chat.kind = kind_of(asked)
            if operation == "editMessage":
                chat.queued = False
            if isinstance(body, dict) and body.get("queued"):
                chat.queued = True
            elif chat.status not in self.profile.traits["statuses"]["busy"]:
                chat.status = self.profile.traits["statuses"]["active"]
        elif operation == "listMessages" and isinstance(body, dict) and "queued_messages" in body and not said.request.params:
            chat.queued = bool(body["queued_messages"])
        elif operation == "patchChat" and isinstance(asked, dict) and isinstance(asked.get("archived"), bool):
            chat.archived = asked["archived"]

    def _show(self, shown: Any) -> None:
        """Take in a chat as an answer shows it, and its children."""
        if not isinstance(shown, dict) or "owner_id" not in shown or not isinstance(shown.get("id"), str):
            return
        chat = self._chats.setdefault(shown["id"], _Chat())
        chat.status, chat.failed = str(shown.get("status")), shown.get("last_error") is not None
        chat.archived, chat.child = bool(shown.get("archived")), shown.get("parent_chat_id") is not None
        for child in shown.get("children") or ():
            self._show(child)
            if isinstance(child, dict) and child.get("id") in self._chats:
                self._chats[child["id"]].kind = "text"


def acts_of(operation: str, asked: Any) -> list[str]:
    """What a request of this operation does to its chat."""
    if operation in _OPERATIONS:
        return [_OPERATIONS[operation]]
    if operation != "patchChat" or not isinstance(asked, dict):
        return []
    acts = [act for key, act in _PATCHES.items() if key in asked]
    if isinstance(asked.get("archived"), bool):
        acts.append("archive" if asked["archived"] else "unarchive")
    return acts


def kind_of(asked: Any) -> str:
    """The group of the turn that this content orders, by its script."""
    content = asked.get("content") if isinstance(asked, dict) else None
    texts = (
        [p["text"] for p in content or [] if isinstance(p, dict) and isinstance(p.get("text"), str)]
        if isinstance(content, list)
        else []
    )
    text = next((t for t in texts if "script:" in t), "")
    if not text:
        return "text" if texts else "other"
    try:
        whole, _ = json.JSONDecoder().raw_decode(text.split("script:", 1)[1].lstrip())
    except (ValueError, RecursionError):
        return "other"
    said = json.dumps(whole)
    if '"http_error"' in said or '"error"' in said or '"fault"' in said:
        return "failure"
    if '"spawn_agent"' in said:
        return "agent"
    if '"look_up"' in said or '"lookup"' in said:
        return "action"
    if '"tool_call"' in said:
        return "tools"
    if '"reasoning"' in said:
        return "reasoning"
    return "text" if '"text"' in said else "empty"
