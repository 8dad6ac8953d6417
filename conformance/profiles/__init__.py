"""Dialects: the few functions in which one revision of the API differs from another beyond data.

A profile's dialect is the class `Dialect` of the module here that has its name (with `_` for `-`), else that of the nearest
profile that it extends and that has one, else that of the default profile. Only these modules know which revision they are for.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import spec

if TYPE_CHECKING:
    from conformance.play.actors import Actor, Chat
    from conformance.play.case import Case
    from conformance.run.target import Target
    from conformance.wire.exchange import Exchange
    from conformance.wire.socket import Socket


class Dialect(Protocol):
    """How the verbs of the domain are said in one revision, and how what it answers is read. Content is a list of parts."""

    def creation(self, target: Target, content: Any, fields: dict[str, Any]) -> Any:
        """The body of a create; ABSENT where it has none."""
        ...

    async def begin(self, chat: Chat, content: Any, fields: dict[str, Any]) -> None:
        """Order the first turn of a chat just created with this, where the create has not done so. Raises Unmet."""
        ...

    def sending(self, target: Target, content: Any, fields: dict[str, Any]) -> Any:
        """The body of a send."""
        ...

    async def stream(self, chat: Chat, **options: Any) -> Socket:
        """The feed of a chat's events."""
        ...

    def message(self, answer: Any) -> dict[str, Any]:
        """The message that the answer to a send, an edit or a promotion says that it made; {} where it shows none."""
        ...

    def history(self, answer: Any) -> list[dict[str, Any]]:
        """The messages of an answer that lists them, oldest first."""
        ...

    def at_rest(self, chat: dict[str, Any]) -> bool:
        """Does no turn of this chat run, or wait to run?"""
        ...

    def failure(self, chat: dict[str, Any]) -> str:
        """What made the chat's last turn fail, in the server's words; "" when it did not fail."""
        ...

    def marked(self, body: dict[str, Any], mark: str) -> dict[str, Any]:
        """The body of a create whose chat can be told from all others by this mark."""
        ...

    async def with_mark(self, actor: Actor, mark: str, **params: Any) -> tuple[Exchange, Any]:
        """A list of the actor's chats, and those of them that bear this mark."""
        ...

    async def shelf(self, t: Case, mark: str) -> tuple[Actor, dict[str, Any]]:
        """Somebody, and the parameters of a list that holds those of their chats alone that bear this mark. Raises Unmet."""
        ...

    def title(self, scripted: str) -> str:
        """What a chat is called by itself whose script gives this title."""
        ...

    def providers(self, t: Case, provider: str) -> str:
        """The path of the providers of models, or of one."""
        ...

    def behind(self, made: dict[str, Any]) -> dict[str, Any]:
        """How a model config names this provider, or that of this model config."""
        ...

    async def new_provider(self, t: Case, base: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        """A provider of the case's own like the one behind the model `base`, gone when the case has ended. Raises Unmet.

        `fields`: api_keys, and what else is not as there: type, name, base_url, enabled.
        """
        ...

    async def children(self, chat: Chat, shown: dict[str, Any]) -> list[dict[str, Any]]:
        """The chats of the sub-agents of this chat, which was just `shown`; oldest first. Raises Unmet."""
        ...

    def signals(self, word: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Changes of a chat after which all is as before but for its title, and what the watch feed says of each."""
        ...

    def lost_turn(self, chat: dict[str, Any], answer: Any) -> bool:
        """Does this chat rest, with these messages listed then, on a user's message that got neither an answer nor an error?"""
        ...


def dialect(profile: spec.Profile) -> Dialect:
    """The dialect of this profile."""
    known = {module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])}
    names = [name.replace("-", "_") for name in (*profile.chain, spec.DEFAULT)]
    module = importlib.import_module(f"{__name__}.{next(name for name in names if name in known)}")
    found: Dialect = module.Dialect(profile)
    return found
