"""Chats of users, without organizations; edits and promotions answer the message itself, and `last_error` is a text or null."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.profiles import experimental_2026_05

if TYPE_CHECKING:
    from conformance.target import Target


class Dialect(experimental_2026_05.Dialect):
    """What differs from the revision that came next."""

    def creation(self, target: Target, content: Any, fields: dict[str, Any]) -> Any:
        # the server looks for its default model with the caller's own rights, which those of a member do not suffice for
        model = {"model_config_id": target.model_config_ids[0]} if target.model_config_ids else {}
        return {"content": content} | model | fields

    def message(self, answer: Any) -> dict[str, Any]:
        if isinstance(answer, dict) and "role" in answer:
            return answer
        return super().message(answer)

    def failure(self, chat: dict[str, Any]) -> str:
        return chat.get("last_error") or ""

    def title(self, scripted: str) -> str:
        # the model is asked for a text, and what a script calls the title comes as the text of an object
        return json.dumps({"title": scripted})
