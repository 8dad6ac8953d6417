"""Chats of organizations, told of over sockets; `last_error` is an object, and left out when there is none."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import spec
from conformance.checks.times import moment
from conformance.run.target import own_model

if TYPE_CHECKING:
    from conformance.play.actors import Actor, Chat
    from conformance.play.case import Case
    from conformance.run.target import Target
    from conformance.wire.exchange import Exchange
    from conformance.wire.socket import Socket


class Dialect:
    """The dialect of profiles that have none of their own. `statuses` are those of profile.yaml."""

    def __init__(self, profile: spec.Profile) -> None:
        self._statuses: dict[str, Any] = profile.traits["statuses"]

    def creation(self, target: Target, content: Any, fields: dict[str, Any]) -> Any:
        model = {"model_config_id": named} if (named := own_model(target)) else {}
        return {"organization_id": target.organization_id, "content": content} | model | fields

    async def begin(self, chat: Chat, content: Any, fields: dict[str, Any]) -> None:
        """A create orders the first turn itself."""

    def sending(self, target: Target, content: Any, fields: dict[str, Any]) -> Any:
        return {"content": content} | fields

    async def stream(self, chat: Chat, **options: Any) -> Socket:
        return await chat.actor.socket(chat.url("streamChat"), **options)

    def message(self, answer: Any) -> dict[str, Any]:
        found = answer.get("message") if isinstance(answer, dict) else None
        return found if isinstance(found, dict) else {}

    def history(self, answer: Any) -> list[dict[str, Any]]:
        return list(reversed(answer.get("messages", [])))

    def at_rest(self, chat: dict[str, Any]) -> bool:
        return chat.get("status") in self._statuses["rest"]

    def failure(self, chat: dict[str, Any]) -> str:
        error = chat.get("last_error")
        return str(error.get("message") or error) if isinstance(error, dict) else str(error or "")

    def marked(self, body: dict[str, Any], mark: str) -> dict[str, Any]:
        labels = body.get("labels", {})
        return body | {"labels": labels | {"mark": mark}} if isinstance(labels, dict) else body

    async def with_mark(self, actor: Actor, mark: str, **params: Any) -> tuple[Exchange, Any]:
        answer = await actor.list(label=f"mark:{mark}", **params)
        return answer, answer.response.body

    async def shelf(self, t: Case, mark: str) -> tuple[Actor, dict[str, Any]]:
        return t.alice, {"label": f"mark:{mark}"}

    def title(self, scripted: str) -> str:
        return scripted

    def providers(self, t: Case, provider: str) -> str:
        return t.url("getAIProvider", provider=provider) if provider else t.url("listAIProviders")

    def behind(self, made: dict[str, Any]) -> dict[str, Any]:
        return {"ai_provider_id": made.get("ai_provider_id", made["id"])}

    async def new_provider(self, t: Case, base: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        like = t.given(await t.root.get(self.providers(t, base["ai_provider_id"])))
        body = {"type": like["type"], "name": t.named("p"), "base_url": like["base_url"], "enabled": True}
        made = t.given(await t.root.post(self.providers(t, ""), body | fields))
        t.cleanup(lambda: t.root.delete(self.providers(t, made["id"])))
        return dict(made)

    async def children(self, chat: Chat, shown: dict[str, Any]) -> list[dict[str, Any]]:
        return sorted(shown.get("children") or [], key=lambda c: moment(c["created_at"]))

    def signals(self, word: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [({"title": word}, {"kind": "title_change", "chat": {"title": word}})]

    def lost_turn(self, chat: dict[str, Any], answer: Any) -> bool:
        if chat.get("status") != self._statuses["idle"] or chat.get("last_error") is not None or answer.get("queued_messages"):
            return False
        roles = [*(message.get("role") for message in self.history(answer)), None]
        return any(older == "user" and newer in ("user", None) for older, newer in pairwise(roles))
