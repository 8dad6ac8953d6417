"""Chats that only talk: made empty, titled by their first message, and answered by the answer to each message, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import spec
from conformance.play.verdict import Unmet
from conformance.profiles import experimental_2026_05
from conformance.wire.exchange import ABSENT

if TYPE_CHECKING:
    from conformance.play.actors import Actor, Chat
    from conformance.play.case import Case
    from conformance.run.target import Target
    from conformance.wire.exchange import Exchange
    from conformance.wire.socket import Socket

MODEL = "fake-model"  # where the target file names none
_OF_A_MESSAGE = frozenset({"id", "createdAt", "content", "role", "parts", "annotations", "experimental_attachments"})
_BESIDE_IT = frozenset({"model", "message", "thinking"})


class Dialect(experimental_2026_05.Dialect):
    """What differs from the revisions that came later."""

    def __init__(self, profile: spec.Profile) -> None:
        super().__init__(profile)

    def creation(self, target: Target, content: Any, fields: dict[str, Any]) -> Any:
        return ABSENT

    async def begin(self, chat: Chat, content: Any, fields: dict[str, Any]) -> None:
        """The first message, whose answer ends with its turn. Raises Unmet."""
        known = {name: value for name, value in fields.items() if name in _OF_A_MESSAGE | _BESIDE_IT}
        answer = await chat.send(content, **known)
        if answer.response.status != 200:
            raise Unmet(f"the first message answered {answer.response.status}")

    def sending(self, target: Target, content: Any, fields: dict[str, Any]) -> Any:
        """The body of a send. `fields` of a message go into it, ABSENT takes one out; others stand beside it."""
        texts = [p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str)] if content else []
        message = {"id": "u1", "role": "user", "content": "\n".join(texts), "parts": content}
        message |= {name: value for name, value in fields.items() if name in _OF_A_MESSAGE}
        message = {name: value for name, value in message.items() if value is not ABSENT}
        model = target.model_config_ids[0] if target.model_config_ids else MODEL
        body = {"model": model, "message": message}
        body |= {name: value for name, value in fields.items() if name not in _OF_A_MESSAGE}
        return {name: value for name, value in body.items() if value is not ABSENT}

    async def stream(self, chat: Chat, **options: Any) -> Socket:
        raise Unmet("chats have no feed of their own: a message is answered by its turn")

    def message(self, answer: Any) -> dict[str, Any]:
        return {}

    def history(self, answer: Any) -> list[dict[str, Any]]:
        return list(answer)

    def at_rest(self, chat: dict[str, Any]) -> bool:
        return True  # a turn ends with the answer that it is

    def failure(self, chat: dict[str, Any]) -> str:
        return ""

    def marked(self, body: dict[str, Any], mark: str) -> dict[str, Any]:
        return body  # a create takes no word of the client's

    async def with_mark(self, actor: Actor, mark: str, **params: Any) -> tuple[Exchange, Any]:
        raise Unmet("nothing that a client says marks a chat")

    async def shelf(self, t: Case, mark: str) -> tuple[Actor, dict[str, Any]]:
        return await t.new_user(), {}

    def lost_turn(self, chat: dict[str, Any], answer: Any) -> bool:
        return False
