"""Model configs and the providers behind them: which one a chat uses, and who may use it (config.md sections 3 to 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.faulting import replaceable
from fake_server.rules import authz
from fake_server.rules.validate import NIL_UUID
from fake_server.state.records import Chat, ModelConfig, Provider, User

if TYPE_CHECKING:
    from fake_server.state.store import State

# Types of providers, in the order of lists, with the names of those that are given none.
TYPE_NAMES = {
    "anthropic": "Anthropic",
    "azure": "Azure OpenAI",
    "bedrock": "AWS Bedrock",
    "google": "Google",
    "openai": "OpenAI",
    "openai-compat": "OpenAI Compatible",
    "openrouter": "OpenRouter",
    "vercel": "Vercel AI Gateway",
}
# Types of which one can do without any key.
KEYLESS = frozenset(("bedrock",))


def list_order(configs: list[ModelConfig]) -> list[ModelConfig]:
    """Configs by provider type and model, the latest change first, then the highest id."""
    newest_first = sorted(configs, key=lambda c: (c.updated_at, c.id), reverse=True)
    return sorted(newest_first, key=lambda c: (c.provider_type, c.model))


def live_configs(backend: State) -> list[ModelConfig]:
    """All configs that are not deleted, in list order."""
    return list_order([c for c in backend.store.model_configs.values() if not c.deleted])


def live_config(backend: State, config_id: str | None) -> ModelConfig | None:
    """The config of that id, unless it is deleted."""
    config = backend.store.model_configs.get(config_id or "")
    return None if config is None or config.deleted else config


def queued_model(backend: State, chat: Chat, wanted: str | None) -> str:
    """The model of a queued message that begins to run: that of its own unless it was deleted, the chat's last, the default."""
    last, default = chat.last_model_config_id, default_model_config(backend)
    live = next((i for i in (wanted, last) if live_config(backend, i)), None) if backend.does("queue.replaces-model") else wanted
    return live or (default.id if default and not live_config(backend, last) else last)


def of_organization(backend: State) -> bool:
    """Do models belong to an organization, and not to the deployment?"""
    return not backend.does("models.of-deployment")


def readers(backend: State, config: ModelConfig) -> dict[str, dict[str, str]]:
    """Who may use the config, by `users` and `groups`; that of everyone has the organization's id."""
    named = config.readers or {"users": {}, "groups": {backend.store.organization_id: "read"}}
    return {kind: dict(roles) for kind, roles in named.items()}


@replaceable
def readable(backend: State, config: ModelConfig, user: User) -> bool:
    """May the user use the config at all? In revisions without lists of access everybody may."""
    if not of_organization(backend) or authz.is_site_owner(user):
        return True
    organization = backend.store.organization_id
    if authz.has_org_role(user, organization, authz.ORG_ADMIN):
        return True
    named = readers(backend, config)
    return user.id in named["users"] or (organization in named["groups"] and authz.is_member(user, organization))


def default_model_config(backend: State) -> ModelConfig | None:
    """The default config, disabled or not; None when there is no config at all."""
    return next((c for c in backend.store.model_configs.values() if c.is_default and not c.deleted), None)


def live_provider(backend: State, provider_id: str) -> Provider | None:
    """The provider of that id, unless it is deleted."""
    provider = backend.store.providers.get(provider_id)
    return None if provider is None or provider.deleted else provider


@replaceable
def provider_of(backend: State, config: ModelConfig) -> Provider | None:
    """The provider behind a config, if it is there and enabled."""
    provider = live_provider(backend, config.provider_id)
    return provider if provider is not None and provider.enabled else None


def enabled(backend: State, config: ModelConfig) -> bool:
    """Can turns run on this config: it is enabled, and so is its provider?"""
    return not config.deleted and config.enabled and provider_of(backend, config) is not None


# -- keys -----------------------------------------------------------------------------------------------------


def byok(backend: State) -> bool:
    """May users bring their own provider keys?"""
    if not backend.does("userkeys.offered"):
        return False
    value = str(backend.options.get("CODER_AI_GATEWAY_ALLOW_BYOK", "true")).lower()
    return value not in ("0", "f", "false")


def through_gateway(backend: State) -> bool:
    """Do model calls go through the gateway? Only then one without any key is made (off here unless asked for)."""
    asked = str(backend.options.get("CODER_CHAT_AI_GATEWAY_ROUTING_ENABLED", "")).lower() in ("1", "t", "true")
    return asked or backend.does("gateway.always")


def user_keys(backend: State, user_id: str) -> dict[str, str]:
    """A user's own keys by provider id."""
    keys: dict[str, str] = backend.store.user_settings.setdefault(user_id, {}).setdefault("provider_keys", {})
    return keys


def has_user_key(backend: State, user_id: str, provider: Provider) -> bool:
    return provider.id in backend.store.user_settings.get(user_id, {}).get("provider_keys", ())


def api_key(backend: State, user_id: str, provider: Provider) -> str | None:
    """The key for this user's calls: the own one before the provider's first; None when there is none."""
    if byok(backend) and backend.does("userkeys.own-key-first"):
        own = backend.store.user_settings.get(user_id, {}).get("provider_keys", {}).get(provider.id)
        if own:
            return str(own)
    return str(provider.api_keys[0]["secret"]) if provider.api_keys else None


def available(backend: State, user_id: str, provider: Provider) -> bool:
    """Has this user a key for the provider, the own or a central one (or needs none)?"""
    own = byok(backend) and has_user_key(backend, user_id, provider)
    return own or bool(provider.api_keys) or provider.type in KEYLESS


def usable(backend: State, config: ModelConfig, user: User) -> bool:
    """Can this user's chats run on the config: enabled, provider enabled, and a key for it?"""
    provider = provider_of(backend, config)
    keyed = provider is not None and enabled(backend, config) and available(backend, user.id, provider)
    return keyed and readable(backend, config, user)


# -- which config ---------------------------------------------------------------------------------------------


def check_wanted(backend: State, user: User, wanted: str | None, last: str = "") -> None:
    """Refuse a model that the caller's chats can't run on; without one, a server that has neither `last` nor a default."""
    if not backend.does("model.checked-first"):
        return
    if wanted is None:
        config = live_config(backend, last)
        if config is not None and not readable(backend, config, user):
            config = None
        default = default_model_config(backend)
        usual = config if config is not None and enabled(backend, config) else default
        backend.guard("common.no-default-model", usual is None or not enabled(backend, usual))
        return
    found = live_config(backend, wanted)
    unknown = found is None or not found.enabled
    backend.guard("common.model-unknown", unknown or not (found and readable(backend, found, user)))
    if found is not None:
        provider = provider_of(backend, found)
        backend.guard("common.model-provider-off", provider is None or provider.type not in TYPE_NAMES)
        backend.guard("common.model-keyless", provider is not None and not available(backend, user.id, provider))


def resolve_model(backend: State, user: User, config_id: str | None) -> str:
    """The config id for a new chat: the wanted one as it is, else the user's personal choice, else the default.

    Refuses the all-zero id and a server without any config. Whether a wanted id is known is found out only when the chat
    is stored (`Lifecycle.create`), after the spend limit.
    """
    if config_id is not None and backend.does("model.wanted"):
        backend.guard("create.model-nil", config_id == NIL_UUID)
        check_wanted(backend, user, config_id)
        return config_id
    chosen = personal_choice(backend, user, "root")
    config = live_config(backend, chosen["model_config_id"]) if chosen["mode"] == "model" else None
    if config is not None and acts_for(backend, config, user):
        return config.id
    readable = authz.can_read_deployment(user)
    backend.guard("create.default-unreadable", not readable, detail="unauthorized: rbac: forbidden")
    default = default_model_config(backend)
    off = default is not None and not enabled(backend, default) and of_organization(backend)
    backend.guard("create.no-default-model", default is None or off)
    backend.guard("create.default-off", default is not None and not enabled(backend, default))
    return default.id if default else NIL_UUID


@replaceable
def acts_for(backend: State, config: ModelConfig, user: User) -> bool:
    """Does the user's own choice of this config count for new chats?"""
    return usable(backend, config, user)


@replaceable
def turn_model(backend: State, chat: Chat) -> ModelConfig | None:
    """The config that the chat's next turn runs on: its last one, or the default when that is deleted.

    None: there is none at all. A disabled one is given (see `enabled`): the turn then fails.
    """
    last = live_config(backend, chat.last_model_config_id)
    if last is not None and not enabled(backend, last) and backend.does("model.checked-first"):
        last = None
    return last or default_model_config(backend)


@replaceable
def personal_choice(backend: State, user: User, context: str) -> dict[str, Any]:
    """A user's stored choice `{mode, model_config_id}` for a context (root, general, explore), as far as it acts.

    While personal choices are not allowed nobody has one.
    """
    unset = {"mode": "chat_default" if context == "root" else "deployment_default", "model_config_id": ""}
    if not backend.store.settings.get("personal_model_overrides") and backend.does("personal-models.gate"):
        return unset
    stored = backend.store.user_settings.get(user.id, {}).get("model_overrides", {})
    choice: dict[str, Any] = stored.get(context, unset)
    return choice


@replaceable
def model_override(backend: State, context: str) -> ModelConfig | None:
    """The deployment's config for `general`, `explore` (sub-agents) or `title_generation`, if one is set and usable."""
    config = live_config(backend, backend.store.settings.get("model_overrides", {}).get(context))
    return config if config is not None and enabled(backend, config) else None


def override_id(backend: State, context: str) -> str:
    """The stored id of the deployment's choice for a context, usable or not; "" when none is set."""
    return str(backend.store.settings.get("model_overrides", {}).get(context, ""))


class OverrideUnavailable(LookupError):
    """The deployment's choice of a model for titles can't be used; the text is its id."""


@replaceable
def title_model(backend: State, chat: Chat) -> ModelConfig | None:
    """The config for title calls: the deployment's choice, else the chat's own. Raises OverrideUnavailable.

    A manual title then fails, an automatic one is left out.
    """
    wanted = override_id(backend, "title_generation")
    if not wanted:
        return turn_model(backend, chat)
    config = model_override(backend, "title_generation")
    if config is None:
        raise OverrideUnavailable(wanted)
    return config


@replaceable
def subagent_model(backend: State, owner: User, parent: Chat, context: str) -> str:
    """The config id for a sub-agent of type `general` or `explore`: personal choice, deployment's, the parent chat's."""
    choice = personal_choice(backend, owner, context)
    if choice["mode"] == "chat_default" and backend.does("personal-models.chat-default"):
        return parent.last_model_config_id
    if choice["mode"] == "model" and backend.does("personal-models.subagents"):
        config = live_config(backend, choice["model_config_id"])
        if config is not None and usable(backend, config, owner):
            return config.id
    override = model_override(backend, context)
    return override.id if override else parent.last_model_config_id
