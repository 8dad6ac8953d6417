"""Settings that act wrongly: prompts, the advisor, choices of models for titles and sub-agents, debug logging."""

from __future__ import annotations

from fake_server.faulting import Answer, changes, replaces, turns_off
from fake_server.faults.models.providers import sent
from fake_server.state import model_choice

# -- prompts --
turns_off("system-prompt-without-end", "a system prompt may be of any length", "config.system-prompt-length", red=["CONF-015"])
turns_off("plan-instructions-without-end", "plan instructions may be of any length", "config.plan-mode-length", red=["CONF-015"])
turns_off(
    "built-in-always-sent", "the built-in prompt can't be excluded", "system-prompt.may-exclude", red=["CONF-066", "CONF-105"]
)


@changes("putConfigSystemPrompt", red=["CONF-018"])
def system_prompts_are_not_cleaned(answer: Answer) -> None:
    """The system prompt is stored as it was sent."""
    answer.backend.store.settings["system_prompt"] = answer.sent["system_prompt"]


@changes("putConfigPlanModeInstructions", red=["CONF-018"])
def plan_instructions_are_not_cleaned(answer: Answer) -> None:
    """Plan mode instructions are stored as they were sent."""
    answer.backend.store.settings["plan_mode_instructions"] = answer.sent["plan_mode_instructions"]


@changes("putConfigUserPrompt", "getConfigUserPrompt", red=["CONF-065"])
def no_joiners_at_all(answer: Answer) -> None:
    """The zero-width non-joiner is removed from prompts."""
    answer.body["custom_prompt"] = answer.body["custom_prompt"].replace("\u200c", "")


# -- advisor, compaction --
turns_off("advice-once-more", "the advisor may be asked once more than set", "advisor.limit", red=["CONF-067"])
turns_off("advice-beside-tools", "the advisor runs beside other tools", "advisor.alone", red=["CONF-076"])
turns_off("advice-of-the-chats-model", "the advisor runs on the chat's model", "advisor.own-model", red=["CONF-068"])
replaces(
    "cached-is-no-context",
    "cached tokens do not count as context",
    "context_used",
    lambda right, backend, step: step.counts.get("input_tokens", 0),
    red=["CONF-063"],
)

# -- choices of models --
turns_off(
    "own-model-without-key",
    "a model without key may be the own one",
    "config.personal-key",
    red=["CONF-040", "CONF-041", "CONF-042"],
)
replaces(
    "own-model-though-disabled",
    "a disabled own root model is used",
    "acts_for",
    lambda right, backend, config, user: True,
    red=["CONF-070"],
)
replaces(
    "explore-as-general",
    "the own choice for general is that for explore",
    "personal_choice",
    lambda right, backend, user, context: right(backend, user, "general" if context == "explore" else context),
    red=["CONF-071"],
)
replaces(
    "no-override-for-explore",
    "general's override is explore's",
    "model_override",
    lambda right, backend, context: right(backend, "general" if context == "explore" else context),
    red=["CONF-035", "CONF-071"],
)
turns_off("chat-default-ignored", "the own chat_default is ignored", "personal-models.chat-default", red=["CONF-072"])
replaces(
    "titles-on-the-chats-model",
    "titles use the chat's model",
    "title_model",
    lambda right, backend, chat: right(backend, chat) and model_choice.turn_model(backend, chat),
    red=["CONF-074"],
)
OWN = "getConfigUserPersonalModelOverrides"


@changes(OWN, red=["CONF-069"])
def own_models_hidden_while_forbidden(answer: Answer) -> None:
    """Own choices of models are not shown while they are forbidden."""
    if not answer.body["enabled"]:
        answer.body["root"] |= {"mode": "chat_default", "model_config_id": "", "is_set": False}


@changes(OWN, red=["CONF-073"])
def deployments_models_hidden(answer: Answer) -> None:
    """The deployment's choices of models are not shown to users."""
    for override in answer.body["deployment_defaults"].values():
        override["model_config_id"] = ""


@changes("putConfigUserDebugLogging", red=["CONF-075"])
def logging_cannot_be_switched_off(answer: Answer) -> None:
    """The own debug logging is never switched off."""
    if not sent(answer).get("debug_logging_enabled"):
        user = answer.caller
        answer.backend.store.user_settings[user.id]["debug_logging"] = True
