"""What a fresh server is given: the actors with their roles, a provider that is the scripted LLM, a default model."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from fake_server.state import language_models, model_choice, workspaces
from fake_server.state.accounts import make_token, make_user, wire_token
from fake_server.state.records import ModelConfig, Provider, User, new_id

if TYPE_CHECKING:
    from fake_server.backend import Backend

PASSWORD = "SomeSecurePassword!"
TOKEN_SECONDS = 30 * 86400
USERNAMES = {"root": "root0"}  # where it is not the actor's name: `root` itself is reserved on real servers
MODEL, OTHER_MODEL = "fake-model", "fake-claude"
CONTEXT_LIMIT = 128000


def _actors(backend: Backend) -> dict[str, dict[str, list[str]]]:
    """The actors of the profile: the roles that each has on the site and, as everybody is a member of it, in the organization."""
    actors: dict[str, dict[str, list[str]]] = backend.revision.profile.traits["actors"]
    return actors


def _add_actor(backend: Backend, name: str) -> None:
    roles = _actors(backend)[name]
    user = make_user(
        backend,
        USERNAMES.get(name, name),
        name=name.capitalize(),
        password=PASSWORD,
        site_roles=roles.get("site", ()),
        org_roles=roles.get("organization", ()),
    )
    make_token(backend, user, name="seeded", seconds=TOKEN_SECONDS)


def seed_root(backend: Backend) -> None:
    """Only the site owner."""
    _add_actor(backend, "root")


def models_of_start(backend: Backend) -> bool:
    """Does the server of this revision get its models with its start configuration?"""
    return "listLanguageModels" in backend.revision.paths


async def seed_models(backend: Backend, llm_url: str) -> None:
    """The models of the start options, where `{llm}` is the scripted LLM's address; if these say nothing, one there.

    Raises BadConfiguration.
    """
    options = {name: str(value).replace("{llm}", llm_url) for name, value in backend.options.items()}
    providers = [language_models.Provider("openai", llm_url, "sk-fake-1", (MODEL,))]
    if options.get("anthropic-llm"):
        providers.append(language_models.Provider("anthropic", "", "sk-fake-2", (OTHER_MODEL,)))
    if language_models.given(options):
        providers = language_models.configured(options)
    backend.store.ai_providers = providers
    # of a model that several name the last has it
    backend.store.language_models = {
        name: language_models.LanguageModel(name, provider, provider.base_url or llm_url)
        for provider in providers
        for name in await _models_of(provider, llm_url)
    }


async def _models_of(provider: language_models.Provider, llm_url: str) -> list[str]:
    """The models that a provider has: those that it is given, or else those that it names itself."""
    if provider.models is not None:
        return list(provider.models)
    url = f"{(provider.base_url or llm_url).rstrip('/')}/models"
    try:
        with await asyncio.to_thread(urlopen, Request(url, headers={"Authorization": f"Bearer {provider.api_key}"})) as answer:
            return [str(model["id"]) for model in json.load(answer)["data"]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise language_models.BadConfiguration(f'create language models: Get "{url}": {error}') from None


def seed(backend: Backend, llm_url: str) -> None:
    """All actors, and a default model at the scripted LLM's address where models are not given at start."""
    for name in _actors(backend):
        _add_actor(backend, name)
    if models_of_start(backend):
        return
    now = backend.clock.now()
    provider = Provider(
        type="openai-compat",
        name="fake",
        display_name="Fake LLM",
        base_url=llm_url,
        enabled=True,
        api_keys=[{"id": new_id(), "secret": "sk-fake-1", "created_at": now}],
        created_at=now,
        updated_at=now,
    )
    backend.store.providers[provider.id] = provider
    config = ModelConfig(
        provider_id=provider.id,
        provider_type=provider.type,
        model=MODEL,
        context_limit=CONTEXT_LIMIT,
        display_name="Fake model",
        is_default=True,
        created_at=now,
        updated_at=now,
    )
    backend.store.model_configs[config.id] = config
    if workspaces.offered(backend):
        workspaces.seed(backend)
    if backend.options.get("stored-shares"):
        _from_before(backend, provider, config)


def _from_before(backend: Backend, provider: Provider, config: ModelConfig) -> None:
    """What was stored before the server's settings forbade it: a chat of Alice's shared with Bob, an own key of Alice's."""
    people: dict[str, User] = {user.username: user for user in backend.store.users.values()}
    chat = backend.lifecycle.create(
        people["alice"],
        organization_id=backend.store.organization_id,
        content=[{"type": "text", "text": "Shared long ago"}],
        model_config_id=config.id,
        labels={"shared": "before"},
    )
    chat.acl_users[people["bob"].id] = "read"
    model_choice.user_keys(backend, people["alice"].id)[provider.id] = "sk-from-before"


def target_users(backend: Backend) -> dict[str, dict[str, Any]]:
    """The actors as a target file has them, by actor: id, user name, token."""
    actors = {USERNAMES.get(name, name): name for name in _actors(backend)}
    users = backend.store.users
    return {
        actors[users[t.user_id].username]: {
            "id": t.user_id,
            "username": users[t.user_id].username,
            "token": wire_token(t),
        }
        for t in backend.store.tokens.values()
        if t.name == "seeded"
    }
