"""Settings that are wrong: rights, bounds, what is stored, what it does."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes, replaces, turns_off
from fake_server.faults.models.providers import empty, refuse, sent
from fake_server.state import model_choice, settings

NOT_FOUND = {"message": "Resource not found or you do not have access to this resource"}


# -- rights --
@changes("getConfigRetentionDays", red=["CONF-001"])
def members_see_other_days(answer: Answer) -> None:
    """Members see the built-in number of days."""
    if answer.actor == "carol":
        answer.body["retention_days"] = 31


@answers("getConfigPlanModeInstructions", red=["CONF-002"])
def plan_instructions_are_open(answer: Answer) -> None:
    """Everybody may read the plan mode instructions."""
    if answer.status == 404:
        answer.status, answer.body = 200, {"plan_mode_instructions": ""}


@answers("getConfigDebugLogging", red=["CONF-003"])
def auditors_get_404(answer: Answer) -> None:
    """An auditor may not read debug-logging."""
    if answer.actor == "auditor":
        answer.status, answer.body = 404, dict(NOT_FOUND)


@answers("getConfigPersonalModelOverrides", red=["CONF-004"])
def members_read_debug_logging(answer: Answer) -> None:
    """Organization admins may read personal-model-overrides."""
    if answer.actor == "orgadmin":
        answer.status, answer.body = 200, {"allow_users": False}


@answers("putConfigAutoArchiveDays", red=["CONF-005"])
def org_admins_store_days(answer: Answer) -> None:
    """Organization admins may set auto-archive-days."""
    if answer.status == 403 and answer.actor == "orgadmin":
        answer.backend.store.settings["auto_archive_days"] = 79
        empty(answer)


@answers("putConfigTemplateAllowlist", red=["CONF-006", "SCHEMA-putConfigTemplateAllowlist"])
def allowlist_is_forbidden(answer: Answer) -> None:
    """The template-allowlist is refused with 403 like the others."""
    if answer.status == 404:
        refuse(answer, 403, "Forbidden.")


@answers("putConfigRetentionDays", red=["CONF-007", "CONF-005"])
def setting_body_before_right(answer: Answer) -> None:
    """The body of retention-days is read before the right of an auditor is checked."""
    if answer.status == 403 and answer.actor == "auditor":
        answer.status, answer.body = 400, {"message": "Request body must be valid JSON.", "detail": "unexpected EOF"}


@answers("putConfigModelOverride", red=["CONF-034"])
def context_before_right(answer: Answer) -> None:
    """The context of an override is looked at before the right."""
    if answer.status == 403 and answer.path_params["context"] not in ("general", "explore", "title_generation"):
        answer.status, answer.body = 400, {"message": "Invalid chat model override context.", "detail": "No such context."}


# -- what is stored --
turns_off(
    "settings-are-lost",
    "single values are not stored",
    "config.stores",
    red=[
        "CONF-008",
        "CONF-010",
        "CONF-011",
        "CONF-027",
        "CONF-029",
        "CONF-039",
        "CONF-040",
        "CONF-041",
        "CONF-042",
        "CONF-045",
        "CONF-050",
        "CONF-051",
        "CONF-069",
        "CONF-075",
        "CONF-128",
    ],
)


turns_off("left-out-is-kept", "a PUT without its field keeps what is stored", "config.zero-when-left-out", red=["CONF-011"])


@answers("putConfigUserPrompt", red=["CONF-009", "CONF-021", "SCHEMA-putConfigUserPrompt"])
def prompts_need_the_chat_role(answer: Answer) -> None:
    """Only who has the chat role may store a prompt."""
    if answer.caller and not any(answer.caller.org_roles.values()):
        refuse(answer, 403, "Forbidden.")


@answers("putConfigUserPrompt", red=["CONF-010"])
def odd_prompts_are_empty(answer: Answer) -> None:
    """A prompt that is no text counts as an empty one."""
    if answer.status == 400 and "cannot unmarshal" in str(answer.body.get("detail")):
        answer.status, answer.body = 200, {"custom_prompt": ""}


turns_off("nul-in-prompts", "a NUL in a prompt is stored", "config.user-prompt-nul", red=["CONF-012"])
turns_off("nul-in-the-system-prompt", "a NUL in the system prompt is stored", "config.system-prompt-nul", red=["CONF-107"])


@answers(red=["CONF-013", "SCHEMA-unrouted"])
def unknown_settings_are_empty(answer: Answer) -> None:
    """An unknown setting is an empty object."""
    if "/config/" in answer.path and answer.status == 404 and not answer.operation:
        answer.status, answer.body = 200, {}


turns_off(
    "prompts-without-end", "a prompt may be of any length", "config.user-prompt-length", red=["CONF-015", "CONF-016", "CONF-235"]
)
turns_off(
    "prompts-are-kept-raw",
    "prompts are stored as they were sent",
    "config.sanitises",
    red=["CONF-018", "CONF-017", "CONF-019", "CONF-020", "CONF-021"],
)
turns_off("prompt-flag-forgotten", "a prompt stored without the flag resets it", "config.keeps-prompt-flag", red=["CONF-023"])
TOO_LONG = "Custom prompt exceeds maximum length."


@answers("putConfigUserPrompt", red=["CONF-014", "CONF-017"])
def prompt_limit_off_by_one(answer: Answer) -> None:
    """A prompt of the largest size is refused."""
    if answer.status == 200 and len(answer.body["custom_prompt"].encode()) == 131_072:
        refuse(answer, 400, TOO_LONG)


@answers("putConfigUserPrompt", red=["CONF-016", "CONF-235"])
def prompt_bodies_without_cap(answer: Answer) -> None:
    """A prompt body of any size is read."""
    if answer.status == 413 or (answer.status == 400 and "too large" in str(answer.body.get("detail"))):
        answer.status, answer.body = 200, {"custom_prompt": "b"}


@answers("putConfigUserPrompt", red=["CONF-017"])
def prompt_measured_as_sent(answer: Answer) -> None:
    """The length of a prompt is measured before it is cleaned."""
    if answer.status == 200 and len(sent(answer)["custom_prompt"].encode()) > 131_072:
        refuse(answer, 400, TOO_LONG)


turns_off(
    "invisible-characters-stay", "soft hyphens and their like stay in prompts", "config.sanitises-invisible", red=["CONF-019"]
)


@changes("putConfigUserPrompt", red=["CONF-020"])
def prompt_echoed_as_sent(answer: Answer) -> None:
    """The answer to a prompt shows it as it was sent."""
    answer.body["custom_prompt"] = sent(answer)["custom_prompt"]


@changes("putConfigUserPrompt", red=["CONF-021"])
def one_prompt_for_all(answer: Answer) -> None:
    """A prompt is that of all whose first one was the same."""
    alike, text = answer.backend.faults.memory, answer.body["custom_prompt"]
    first = alike.setdefault(answer.caller.id, text)
    for user_id, own in answer.backend.store.user_settings.items():
        if alike.get(user_id) == first and text != first:
            own["custom_prompt"] = text


@changes("getConfigSystemPrompt", red=["CONF-022", "CONF-023"])
def built_in_always_included(answer: Answer) -> None:
    """The built-in prompt is always said to be included beside a custom one."""
    if answer.body["system_prompt"] and not answer.body["system_prompt"].endswith("!"):
        answer.body["include_default_system_prompt"] = True


# -- what settings do --
replaces(
    "prompt-reaches-old-chats",
    "a new system prompt is sent in old chats, too",
    "system_messages",
    lambda right, backend, chat, user: settings.stored_prompts(backend, chat) + settings.turn_prompts(backend, chat, user),
    red=["CONF-024"],
)
turns_off("user-prompt-not-sent", "the user's prompt is not sent", "user-prompt.sent", red=["CONF-025"])
turns_off("plan-instructions-not-sent", "plan mode instructions are not sent", "plan-mode.instructions-sent", red=["CONF-026"])
replaces(
    "override-ignored",
    "the override for sub-agents is ignored",
    "model_override",
    lambda right, backend, context: None if context in ("general", "explore") else right(backend, context),
    red=["CONF-035", "CONF-044", "CONF-071", "CONF-072"],
)
replaces(
    "title-model-ignored",
    "the override for titles is ignored",
    "title_model",
    lambda right, backend, chat: model_choice.turn_model(backend, chat),
    red=["CONF-036", "CONF-074"],
)
replaces(
    "own-root-model-ignored",
    "the own root model is ignored",
    "acts_for",
    lambda right, backend, config, user: False,
    red=["CONF-042"],
)
turns_off(
    "own-sub-agents-ignored",
    "the own choice for sub-agents is ignored",
    "personal-models.subagents",
    red=["CONF-044", "CONF-071"],
)
turns_off("own-models-while-forbidden", "own choices act while forbidden", "personal-models.gate", red=["CONF-041", "CONF-044"])
replaces(
    "own-threshold-ignored",
    "the user's own threshold is ignored",
    "compaction_threshold",
    lambda right, backend, user, config: config.compression_threshold,
    red=["CONF-064", "CONF-062"],
)
turns_off("always-compacts", "a threshold of 100 compacts, too", "compaction.never-at-100", red=["CONF-062"])
turns_off(
    "compacts-above", "a step is compacted above the threshold only", "compaction.at-threshold", red=["CONF-063", "COST-008"]
)
turns_off("no-advisor", "the advisor is never offered", "advisor.offered", red=["CONF-049", "CONF-067", "CONF-068", "CONF-076"])


@changes("createChat", red=["CONF-043"])
def own_model_wins(answer: Answer) -> None:
    """The user's own root model wins over one that was asked for."""
    own = answer.backend.store.user_settings.get(answer.body["owner_id"], {}).get("model_overrides", {}).get("root")
    if own and own["model_config_id"] and sent(answer).get("model_config_id"):
        answer.body["last_model_config_id"] = own["model_config_id"]


# -- bounds --
turns_off("days-without-bounds", "any number of days is stored", "config.retention-days", red=["CONF-028"])
turns_off("short-ttl", "any short TTL is stored", "config.ttl-short", red=["CONF-030"])
turns_off("override-of-anything", "any model may be the override", "config.override-model", red=["CONF-032"])
turns_off("override-of-any-context", "any context may be overridden", "config.override-context", red=["CONF-033"])
turns_off("any-computer-use", "any computer use provider is stored", "config.computer-use-provider", red=["CONF-046"])
turns_off("advisor-of-any-model", "the advisor takes an unknown model", "config.advisor-model", red=["CONF-048"])
turns_off("unknown-templates", "unknown templates are stored", "config.template-unknown", red=["CONF-053"])
turns_off("own-models-for-all", "own models may be stored while forbidden", "config.personal-not-allowed", red=["CONF-038"])
turns_off(
    "own-model-disabled", "a disabled model may be the own one", "config.personal-model", red=["CONF-040", "CONF-041", "CONF-042"]
)
turns_off(
    "logging-for-all",
    "own debug logging may be chosen while forbidden",
    "config.debug-not-allowed",
    red=["CONF-050", "CONF-051"],
)
turns_off("forced-logging-changes", "forced debug logging may be changed", "config.debug-forced", red=["CONF-052"])


@answers("putConfigAutoArchiveDays", red=["CONF-027"])
def days_bound_off_by_one(answer: Answer) -> None:
    """3650 days are refused."""
    if answer.status == 204 and sent(answer).get("auto_archive_days") == 3650:
        refuse(answer, 400, "Auto-archive days must be between 0 and 3649.")


@answers("putConfigWorkspaceTTL", red=["CONF-029"])
def ttl_bound_off_by_one(answer: Answer) -> None:
    """A TTL of one minute is refused."""
    if answer.status == 204 and sent(answer).get("workspace_ttl_ms") == 60_000:
        refuse(answer, 400, "Workspace TTL must be more than 1 minute.")


@changes("getConfigModelOverride", "listModelOverrides", red=["CONF-031"])
def override_of_another_context(answer: Answer) -> None:
    """The override for titles says that it is the one for general."""
    for shown in answer.body.get("overrides", [answer.body]):
        if shown["context"] == "title_generation":
            shown["context"] = "general"


@answers("getConfigUserPersonalModelOverrides", red=["CONF-037"])
def own_models_hidden(answer: Answer) -> None:
    """The own choice for sub-agents is said to be the chat's model when none was made."""
    if not answer.body["general"]["is_set"]:
        answer.body["general"]["mode"] = "chat_default"


@changes("putConfigUserPersonalModelOverride", red=["CONF-039", "CONF-041", "CONF-042", "CONF-069", "CONF-072"])
def own_choice_lost(answer: Answer) -> None:
    """A choice of the chat's own model is not stored."""
    if sent(answer)["mode"] == "chat_default":
        for own in answer.backend.store.user_settings.values():
            own.get("model_overrides", {}).pop(answer.path_params["context"], None)


@answers("putConfigComputerUseProvider", red=["CONF-045", "CONF-128"])
def no_openai_computer_use(answer: Answer) -> None:
    """openai is no computer use provider."""
    if answer.status == 204 and sent(answer).get("provider") == "openai":
        refuse(answer, 400, "Invalid computer use provider.")


@changes("putConfigAdvisor", red=["CONF-047"])
def advisor_is_patched(answer: Answer) -> None:
    """A PUT of the advisor keeps what it leaves out."""
    if sent(answer).get("max_uses_per_run") == 5:
        answer.backend.store.settings["advisor"]["max_output_tokens"] = 400


@changes("getConfigUserDebugLogging", red=["CONF-051"])
def choice_not_hidden(answer: Answer) -> None:
    """The own choice of debug logging shows while it is forbidden."""
    user = answer.caller
    answer.body["debug_logging_enabled"] = answer.backend.store.user_settings.get(user.id, {}).get("debug_logging", False)


@answers("putConfigTemplateAllowlist", red=["CONF-054"])
def empty_allowlist_refused(answer: Answer) -> None:
    """An empty template-allowlist is refused."""
    if answer.status == 204 and not sent(answer).get("template_ids"):
        refuse(answer, 400, "No template is allowed.")


# -- compaction thresholds --
turns_off(
    "threshold-of-101",
    "a threshold of 101 is stored",
    "compaction.threshold-max",
    red=[
        "CONF-056",
        "CONF-059",
        "CONF-060",
        "SCHEMA-getConfigUserCompactionThresholds",
        "SCHEMA-putConfigUserCompactionThreshold",
    ],
)
turns_off("threshold-of-disabled", "a disabled model has thresholds", "compaction.disabled", red=["CONF-058"])
turns_off(
    "thresholds-of-all",
    "thresholds are everybody's",
    "compaction.per-user",
    red=["CONF-060", "CONF-009", "CONF-055", "CONF-056", "CONF-062", "CONF-064"],
)
THRESHOLD = "putConfigUserCompactionThreshold"


@answers(THRESHOLD, red=["CONF-055", "CONF-056", "CONF-060"])
def threshold_of_zero(answer: Answer) -> None:
    """A threshold of 0 is refused."""
    if answer.status == 200 and sent(answer)["threshold_percent"] == 0:
        refuse(answer, 400, "Validation failed.")


@answers(THRESHOLD, red=["CONF-057"])
def threshold_of_unknown_model(answer: Answer) -> None:
    """The threshold of an unknown model is accepted."""
    if answer.status == 404:
        percent = sent(answer)["threshold_percent"]
        answer.status, answer.body = 200, {"model_config_id": answer.path_params["model_config"], "threshold_percent": percent}


@answers(THRESHOLD, red=["CONF-059"])
def model_before_threshold(answer: Answer) -> None:
    """The model is looked up before the threshold is checked."""
    known = answer.path_params["model_config"] in answer.backend.store.model_configs
    if answer.status == 400 and not known:
        answer.status, answer.body = 404, dict(NOT_FOUND)


@answers("deleteConfigUserCompactionThreshold", red=["CONF-061", "SCHEMA-deleteConfigUserCompactionThreshold"])
def delete_threshold_once(answer: Answer) -> None:
    """Deleting a threshold that is not there answers 404."""
    deleted = answer.backend.faults.memory.setdefault("deleted", set())
    if answer.path in deleted:
        answer.status, answer.body = 404, dict(NOT_FOUND)
    deleted.add(answer.path)


@answers("deleteUserProviderKey", red=["KEY-033"])
def own_keys_stay_when_switched_off(answer: Answer) -> None:
    """With own keys switched off none can be deleted."""
    if answer.status == 204 and not model_choice.byok(answer.backend):
        answer.status, answer.body = 400, {"message": "BYOK is disabled."}
