"""Settings that every user may read, and providers of which there is one of each type, that are not as they should be."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes, turns_off

LACKS = "access.by-organization"  # the faults of this module are ones only in revisions without it

SOME = "11111111-2222-4333-8444-555555555555"

turns_off(
    "system-prompt-is-hidden",
    "the system prompt is the owner's to read",
    "config.hides-system-prompt",
    red=["CONF-097", "SCHEMA-getConfigSystemPrompt"],
)
turns_off(
    "right-before-length",
    "the right to store a prompt is looked at first",
    "config.system-prompt-right-first",
    red=["CONF-100", "CONF-099"],
)
turns_off("prompts-are-tidied", "prompts are cleaned before they are stored", "config.sanitises-prompts", red=["CONF-103"])
turns_off("prompts-of-limited-size", "the body with a prompt has a limit", "config.body-cap", red=["CONF-104"])
turns_off("days-are-measured", "a workspace-ttl is never too large for its unit", "config.ttl-any-size", red=["CONF-106"])
turns_off(
    "two-of-one-type", "a second provider of a type is set up", "chat-provider.exists", red=["PROV-046", "PROV-047", "PROV-048"]
)
turns_off("any-type-goes", "a provider may be of any type", "chat-provider.type", red=["PROV-047", "SCHEMA-createChatProvider"])
turns_off(
    "any-address-goes",
    "a provider may have any address",
    "chat-provider.base-url",
    "chat-provider.base-url-scheme",
    red=["PROV-048"],
)
turns_off("used-providers-go", "a provider whose models are used is deleted", "chat-provider.used", red=["PROV-052"])


@answers(
    "putConfigDesktopEnabled",
    "putConfigWorkspaceTTL",
    red=["CONF-098", "SCHEMA-putConfigDesktopEnabled", "SCHEMA-putConfigWorkspaceTTL"],
)
def who_may_not_store_is_not_found(answer: Answer) -> None:
    """Who may not store a setting is told that there is none."""
    if answer.status == 403:
        answer.status, answer.body = 404, {"message": "Resource not found or you do not have access to this resource"}


@answers("putConfigSystemPrompt", red=["CONF-099", "CONF-100"])
def who_may_not_prompt_is_forbidden(answer: Answer) -> None:
    """Who may not store the system prompt is told so."""
    if answer.status == 404:
        answer.status, answer.body = 403, {"message": "Forbidden."}


@answers("getConfigUserPrompt", "putConfigUserPrompt", red=["CONF-101"])
def auditors_have_no_prompt(answer: Answer) -> None:
    """An auditor has no prompt."""
    if answer.actor in ("auditor", "orgauditor"):
        answer.status, answer.body = 403, {"message": "Forbidden."}


@changes("getConfigSystemPrompt", red=["CONF-102"])
def the_built_in_text_is_shown(answer: Answer) -> None:
    """Where no prompt is stored the built-in one is shown."""
    answer.body["system_prompt"] = answer.body["system_prompt"] or "You are an agent."


@changes("listChatProviders", red=["PROV-041"])
def types_from_the_end(answer: Answer) -> None:
    """The types are listed the other way round."""
    answer.body = answer.body[::-1]


@changes("listChatProviders", red=["PROV-042"])
def types_have_ids(answer: Answer) -> None:
    """A type that is not set up has an id."""
    answer.body = [{**p, "id": SOME} if p["source"] == "supported" else p for p in answer.body]


@answers("listChatProviders", red=["PROV-043"])
def auditors_see_no_providers(answer: Answer) -> None:
    """An auditor may not list the providers."""
    if answer.actor == "auditor":
        answer.status, answer.body = 403, {"message": "Forbidden."}


@changes("createChatProvider", red=["PROV-044", "PROV-043"])
def providers_come_from_nowhere(answer: Answer) -> None:
    """A new provider is said to come from the environment."""
    answer.body["source"] = "env_preset"


@changes("updateChatProvider", red=["PROV-045", "PROV-049"])
def keys_that_stay(answer: Answer) -> None:
    """A provider without a key is said to have one."""
    answer.body["has_api_key"] = True


@changes("updateChatProvider", red=["PROV-049"])
def changes_that_enable(answer: Answer) -> None:
    """A change of a provider enables it."""
    answer.body["enabled"] = True


@answers("updateChatProvider", "deleteChatProvider", red=["PROV-050"])
def bad_ids_are_not_found(answer: Answer) -> None:
    """A provider id that is no UUID is not found."""
    if answer.status == 400 and "ID" in str(answer.body):
        answer.status, answer.body = 404, {"message": "Resource not found or you do not have access to this resource"}


@answers("deleteChatProvider", red=["PROV-051", "PROV-050"])
def deleted_twice(answer: Answer) -> None:
    """A provider can be deleted twice."""
    if answer.status == 404:
        answer.status, answer.body = 204, None


@answers("createModelConfig", red=["MODEL-082"])
def models_of_what_runs(answer: Answer) -> None:
    """A model config needs a provider that is enabled."""
    enabled = {p.type for p in answer.backend.store.providers.values() if p.enabled and not p.deleted}
    if answer.status == 201 and answer.body["provider"] not in enabled:
        answer.status, answer.body = 400, {"message": "Chat provider is disabled."}


@changes("createModelConfig", red=["MODEL-083"])
def models_name_a_provider(answer: Answer) -> None:
    """A model config names the id of its provider."""
    answer.body["ai_provider_id"] = answer.body["id"]


@changes("listModels", red=["MODEL-084", "MODEL-052", "MODEL-058", "MODEL-085"])
def keys_are_not_missed(answer: Answer) -> None:
    """A provider without a key is there for everybody."""
    for provider in answer.body["providers"]:
        provider["available"] = True


@changes("listModels", red=["MODEL-085"])
def no_models_no_list(answer: Answer) -> None:
    """Where no model can be used a type has no list of models."""
    for provider in answer.body["providers"]:
        provider["models"] = provider["models"] or None


@answers("createModelConfig", "updateModelConfig", red=["MODEL-080", "SCHEMA-createModelConfig"])
def missing_providers_are_a_precondition(answer: Answer) -> None:
    """A model config for a type that is not set up fails a precondition."""
    if answer.status == 400 and answer.body["message"] == answer.backend.revision.errors["model-config.no-provider"].message:
        answer.status = 412


@answers("createModelConfig", red=["MODEL-081", "SCHEMA-createModelConfig"])
def unknown_types_are_not_found(answer: Answer) -> None:
    """A model config for an unknown type is not found."""
    if answer.status == 400 and answer.body["message"] == answer.backend.revision.errors["model-config.provider-unknown"].message:
        answer.status = 404
