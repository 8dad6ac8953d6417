"""Chats of users, without organizations; edits and promotions answer the message itself, and `last_error` is a text or null."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import spec
from conformance.checks.times import instant, moment
from conformance.play.verdict import Unmet
from conformance.profiles import experimental_2026_05

if TYPE_CHECKING:
    from conformance.play.actors import Actor, Chat
    from conformance.play.case import Case
    from conformance.run.target import Target
    from conformance.wire.exchange import Exchange

SPARE = ("openai", "vercel")  # types of provider that speak with the scripted model; openrouter goes to its own address alone
BESIDE = ("azure", "google", "anthropic", *SPARE)  # what a case takes that has one already: no model is asked there
STORED = "database"  # source of a provider that somebody has set up
_NEAR = 40  # chats of a list that is looked at first
_TRIES = 5  # to have a type of provider that another run wants, too
_PATIENCE, _PAUSE = 30.0, 0.2  # seconds for other runs to give one back
_ALL = 1000  # chats of one list: more than a run makes


def _is_free(provider: dict[str, Any], target: Target) -> bool:
    """Is there no provider of this type, or one that a run of this suite has put out of use since it could not be deleted?"""
    if provider.get("source") != STORED:
        return True
    ours = str(provider.get("display_name")).startswith(("cc-", f"{target.prefix}-"))
    return ours and not provider.get("enabled") and not provider.get("has_api_key")


class Dialect(experimental_2026_05.Dialect):
    """What differs from the revision that came next."""

    def __init__(self, profile: spec.Profile) -> None:
        super().__init__(profile)
        self._used: dict[str, Case] = {}
        self._freed = asyncio.Condition()

    def creation(self, target: Target, content: Any, fields: dict[str, Any]) -> Any:
        # the server looks for its default model with the caller's own rights, which those of a member do not suffice for
        model = {"model_config_id": target.model_config_ids[0]} if target.model_config_ids else {}
        return {"content": content} | model | fields

    def providers(self, t: Case, provider: str) -> str:
        return t.url("updateChatProvider", provider_config=provider) if provider else t.url("listChatProviders")

    def behind(self, made: dict[str, Any]) -> dict[str, Any]:
        return {"provider": made["provider"]}

    async def new_provider(self, t: Case, base: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        for _ in range(_TRIES):
            kind, found = await self._free_type(t, fields.get("type", ""), base["provider"])
            key, name = next(iter(fields["api_keys"]), ""), t.named("p")
            url = fields.get("base_url", found[base["provider"]].get("base_url"))
            body = {"api_key": key, "base_url": url, "enabled": fields.get("enabled", True), "display_name": name}
            if found[kind]["source"] == STORED:  # one that an earlier case could not delete, since a chat has used it
                made = t.given(await t.root.patch(self.providers(t, found[kind]["id"]), body))
            else:
                answer = await t.root.post(self.providers(t, ""), {"provider": kind} | body)
                if answer.response.status == 409:
                    continue  # another run was quicker
                made = t.given(answer)
            if (await self._stored(t))[kind].get("display_name") == name:
                break
        else:
            raise Unmet(f"other runs on this server took a type of provider {_TRIES} times")
        path = self.providers(t, made["id"])

        async def take_back() -> None:
            if not t.succeeded(await t.root.delete(path)):
                await t.root.patch(path, {"enabled": False, "api_key": "", "base_url": ""})

        t.cleanup(take_back)
        return dict(made)

    async def _stored(self, t: Case) -> dict[str, dict[str, Any]]:
        return {row["provider"]: row for row in t.given(await t.root.get(self.providers(t, "")))}

    def _any_unused(self, kinds: Iterable[str]) -> bool:
        return not self._used.keys() >= set(kinds)

    async def _free_type(self, t: Case, wanted: str, own: str) -> tuple[str, dict[str, dict[str, Any]]]:
        """A type of provider that nobody uses, neither the target's own model nor another case until this one has ended: there is
        one of each type at most.

        Gives it with all providers by their types. Raises Unmet if other runs on this server keep all of them.
        """
        if wanted == own:
            raise Unmet(f"the target's own model is behind the only provider of the type {own}")
        until = time.monotonic() + _PATIENCE
        while True:
            async with self._freed:
                spare = BESIDE if t in self._used.values() else [kind for kind in SPARE if kind != own]
                free = [wanted] if wanted else spare
                await self._freed.wait_for(partial(self._any_unused, free))
                found = await self._stored(t)
                kind = next((name for name in free if name not in self._used and _is_free(found[name], t.session.target)), "")
                if kind:
                    self._used[kind] = t
                    break
            if time.monotonic() > until:
                raise Unmet(f"each type of provider that will do ({', '.join(free)}) is somebody else's")
            await asyncio.sleep(_PAUSE)  # another run does not tell when it is done

        async def give_back() -> None:
            async with self._freed:
                self._used.pop(kind, None)
                self._freed.notify_all()

        t.cleanup(give_back)
        return kind, found

    async def children(self, chat: Chat, shown: dict[str, Any]) -> list[dict[str, Any]]:
        listed = await self._since(chat)
        return sorted((c for c in listed if c.get("parent_chat_id") == chat.id), key=lambda c: moment(c["created_at"]))

    async def _since(self, chat: Chat) -> list[dict[str, Any]]:
        """The chats that have changed since this one was made; those that changed last come first in a list. Raises Unmet."""
        for limit in (_NEAR, _ALL):
            listed = chat.case.given(await chat.actor.list(limit=limit))
            made = next((instant(c["created_at"]) for c in listed if c["id"] == chat.id), None)
            last = instant(listed[-1]["updated_at"]) if listed else None
            if made and last and last < made:
                break
        return list(listed)

    def signals(self, word: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [({"archived": True}, {"kind": "deleted", "chat": {}}), ({"archived": False}, {"kind": "created", "chat": {}})]

    def message(self, answer: Any) -> dict[str, Any]:
        if isinstance(answer, dict) and "role" in answer:
            return answer
        return super().message(answer)

    def failure(self, chat: dict[str, Any]) -> str:
        return chat.get("last_error") or ""

    def marked(self, body: dict[str, Any], mark: str) -> dict[str, Any]:
        # the first title is made of the content, and no model replaces it where there is a file reference
        content = body.get("content")
        marks = [{"type": "file-reference", "file_name": mark}]
        return body | {"content": content + marks} if isinstance(content, list) and content else body

    async def with_mark(self, actor: Actor, mark: str, **params: Any) -> tuple[Exchange, Any]:
        answer = await actor.list(**{"limit": _ALL} | params)
        listed = answer.response.body
        return answer, [c for c in listed if mark in str(c.get("title"))] if isinstance(listed, list) else listed

    async def shelf(self, t: Case, mark: str) -> tuple[Actor, dict[str, Any]]:
        return await t.new_user(*t.chat_roles), {}  # no filter tells chats apart

    def title(self, scripted: str) -> str:
        # the model is asked for a text, and what a script calls the title comes as the text of an object
        return json.dumps({"title": scripted})
