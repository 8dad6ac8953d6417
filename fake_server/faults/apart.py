"""Filters that look at what was, and settings and models that a change of another one touches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.faulting import Answer, Around, Fault, changes, declare, instead, replaces
from fake_server.rules.search import Search
from fake_server.state import settings
from fake_server.state.records import Chat, ModelConfig, Provider

if TYPE_CHECKING:
    from fake_server.backend import Backend


def _remembers(field: str) -> Around:
    """What to put in place of a change of this field, so that its old value is known."""

    def around(right: Around, chat: Chat, value: Any) -> None:
        right.__self__.backend.faults.memory.setdefault(f"{field} {chat.id}", []).append(getattr(chat, field))  # type: ignore[attr-defined]
        right(chat, value)

    return around


def _of_before(right: Around, backend: Backend, key: str, value: str, chat: Chat) -> bool:
    return right(backend, key, value, chat) or any(
        had.get(key) == value for had in backend.faults.memory.get(f"labels {chat.id}", ())
    )


def _titled_before(right: Around, backend: Backend, wanted: Search, chat: Chat) -> bool:
    return right(backend, wanted, chat) or any(map(wanted.matches_title, backend.faults.memory.get(f"title {chat.id}", ())))


declare(
    Fault(
        "labels-of-before-are-found",
        "a label filter finds chats by labels that they had",
        frozenset(["FILTER-065"]),
        around={"Lifecycle.set_labels": _remembers("labels"), "has_label": _of_before},
    )
)
declare(
    Fault(
        "titles-of-before-are-found",
        "a title finds a chat after its rename, too",
        frozenset(["FILTER-065"]),
        around={"Lifecycle.rename": _remembers("title"), "has_title": _titled_before},
    )
)
replaces(
    "no-titles-in-the-archive",
    "title is passed over beside archived:true",
    "has_title",
    lambda right, backend, wanted, chat: wanted.archived or right(backend, wanted, chat),
    red=["FILTER-066"],
)
replaces(
    "titles-with-each-turn",
    "every turn titles its chat anew",
    "wants_title",
    lambda right, backend, chat, shown: True,
    red=["TITLE-061", "TITLE-020"],
)


@instead("provider_of", red=["MODEL-107"])
def models_outlive_their_provider(right: Around, backend: Backend, config: ModelConfig) -> Provider | None:
    """Models of a deleted provider go on."""
    gone = backend.store.providers.get(config.provider_id)
    return gone if gone is not None and gone.deleted else right(backend, config)


@changes("putConfigWorkspaceTTL", red=["CONF-128", "CONF-010"])
def settings_go_back_together(answer: Answer) -> None:
    """Storing the workspaces' time to live switches the desktop off."""
    answer.backend.store.settings.pop("desktop_enabled", None)


@changes("putConfigUserCompactionThreshold", red=["CONF-129"])
def one_threshold_at_a_time(answer: Answer) -> None:
    """A user has one compaction threshold at most, the last one."""
    own = settings.user_settings(answer.backend, answer.caller)
    own["compaction_thresholds"] = {answer.body["model_config_id"]: answer.body["threshold_percent"]}


@changes("putConfigUserPrompt", red=["CONF-130"])
def cleared_prompts_go_on(answer: Answer) -> None:
    """A prompt that its user clears is still sent to the model."""
    own, memory = settings.user_settings(answer.backend, answer.caller), answer.backend.faults.memory
    if own.get("custom_prompt"):
        memory[f"prompt {answer.caller.id}"] = own["custom_prompt"]
    else:
        own["custom_prompt"] = memory.get(f"prompt {answer.caller.id}", "")


@changes("updateModelConfig", red=["MODEL-106"])
def changes_touch_the_neighbours(answer: Answer) -> None:
    """Another context_limit of a model config takes the names of the others of its provider."""
    changed = answer.backend.store.model_configs[answer.path_params["model_config"]]
    for other in answer.backend.store.model_configs.values():
        if other.provider_id == changed.provider_id and other is not changed and "context_limit" in answer.sent:
            other.display_name = ""


@changes("deleteModelConfig", red=["MODEL-106"])
def deletes_clear_the_neighbours(answer: Answer) -> None:
    """Deleting a model config clears the prices of the others of its provider that have names."""
    gone = answer.backend.store.model_configs[answer.path_params["model_config"]]
    for other in answer.backend.store.model_configs.values():
        if other.provider_id == gone.provider_id and other.display_name:
            other.model_config = None


@changes("putConfigUserPrompt", red=["CONF-129"])
def prompts_clear_thresholds(answer: Answer) -> None:
    """Storing one's own prompt clears one's thresholds."""
    settings.user_settings(answer.backend, answer.caller).pop("compaction_thresholds", None)
