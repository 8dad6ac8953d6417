"""The deployment's settings below /config (config.md sections 6.1 and 6.4 to 6.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fake_server.endpoints.administration.shared import IN_TRANSACTION, NUL_ERROR, may_read, may_update, require_update
from fake_server.http.endpoint import CHATS, Call, Reply, mount, not_found, reply, route
from fake_server.rules.decode import Bool, Integer, ListOf, Maybe, Struct, Text, Uuid
from fake_server.rules.sanitise import sanitise
from fake_server.rules.validate import NIL_UUID, BadUUID, parse_uuid, quote
from fake_server.state import model_choice, settings, templates

CONFIG = f"{CHATS}/config"
BODY_CAP = 262144
MAX_PROMPT = 131072  # bytes
MAX_DAYS = 3650
NUL_WORDS = "Internal error updating chat configuration."  # where the real server's words are not known
MINUTE_MS = 60_000
MOST_MS = (2**63 - 1) // 10**6  # whose nanoseconds fit into 64 bits
MAX_TTL_MS = 30 * 24 * 60 * MINUTE_MS

mount(CONFIG)


def prompt_text(call: Call, text: str, key: str, nul_detail: str) -> str:
    """A prompt as it is stored; refused when too long or with a NUL. `key` is the refusals' common part."""
    hidden = call.backend.does("config.sanitises-invisible")
    if not call.backend.does("config.sanitises-prompts"):
        clean = text.strip()
    else:
        clean = sanitise(text, invisible=hidden) if call.backend.does("config.sanitises") else text
    size = len(clean.encode())
    call.backend.guard(f"{key}-length", size > MAX_PROMPT, size=size)
    call.backend.guard(f"{key}-nul", "\0" in clean, detail=nul_detail, words=NUL_WORDS)
    return clean


# -- texts: the owner's, hidden from all others -----------------------------------------------------------------------

SYSTEM_PROMPT = Struct("UpdateChatSystemPromptRequest", {"system_prompt": Text(), "include_default_system_prompt": Maybe(Bool())})
PLAN_MODE = Struct("UpdateChatPlanModeInstructionsRequest", {"plan_mode_instructions": Text()})


@route("getConfigSystemPrompt", "GET", f"{CONFIG}/system-prompt")
async def get_system_prompt(call: Call) -> Reply:
    """The custom system prompt, the built-in one, and whether that is used."""
    backend = call.backend
    if not may_update(call) and backend.does("config.hides-system-prompt"):
        raise not_found()
    view = {
        "system_prompt": settings.setting(backend, "system_prompt"),
        "include_default_system_prompt": settings.includes_default_prompt(backend),
        "default_system_prompt": settings.DEFAULT_SYSTEM_PROMPT,
    }
    return reply(200, backend.revision.shown("system prompt", view))


@route("putConfigSystemPrompt", "PUT", f"{CONFIG}/system-prompt")
async def put_system_prompt(call: Call) -> Reply:
    """Store the custom prompt; an omitted flag keeps what is stored."""
    early = call.backend.does("config.system-prompt-right-first")
    if early:
        require_update(call)
    body = await call.json(SYSTEM_PROMPT, cap=BODY_CAP if call.backend.does("config.body-cap") else None)
    text = prompt_text(call, body["system_prompt"], "config.system-prompt", IN_TRANSACTION if early else NUL_ERROR)
    if not early and not may_update(call):
        raise not_found()
    settings.put(call.backend, "system_prompt", text)
    flag = body["include_default_system_prompt"]
    if flag is not None or not call.backend.does("config.keeps-prompt-flag"):
        settings.put(call.backend, "include_default_system_prompt", bool(flag))
    return reply(204)


@route("getConfigPlanModeInstructions", "GET", f"{CONFIG}/plan-mode-instructions")
async def get_plan_mode(call: Call) -> Reply:
    """The instructions that chats in plan mode get."""
    if not may_update(call):
        raise not_found()
    return reply(200, {"plan_mode_instructions": settings.setting(call.backend, "plan_mode_instructions")})


@route("putConfigPlanModeInstructions", "PUT", f"{CONFIG}/plan-mode-instructions")
async def put_plan_mode(call: Call) -> Reply:
    """Store them."""
    require_update(call)
    body = await call.json(PLAN_MODE, cap=BODY_CAP)
    text = prompt_text(call, body["plan_mode_instructions"], "config.plan-mode", NUL_ERROR)
    settings.put(call.backend, "plan_mode_instructions", text)
    return reply(204)


# -- single values ----------------------------------------------------------------------------------------------------


def _scalar(
    noun: str,
    path: str,
    request: str,
    setting: str,
    field: str,
    kind: Bool | Integer | Text,
    check: Callable[[Call, Any], None] | None = None,
    *,
    hidden: bool = False,
    shown: Callable[[Call], dict[str, Any]] | None = None,
) -> None:
    """Declare GET and PUT of a setting that is one value; `hidden`: others than owner and auditor get 404 on GET."""
    shape = Struct(request, {field: kind})

    @route(f"getConfig{noun}", "GET", f"{CONFIG}/{path}")
    async def get(call: Call) -> Reply:
        if hidden and not may_read(call):
            raise not_found()
        value = settings.setting(call.backend, setting)
        if setting == "workspace_ttl_ms":
            call.backend.guard("config.ttl-stored", value > MOST_MS, detail="duration must be non-negative")
        return reply(200, {field: value, **(shown(call) if shown else {})})

    @route(f"putConfig{noun}", "PUT", f"{CONFIG}/{path}")
    async def put(call: Call) -> Reply:
        require_update(call)
        value = (await call.json(shape))[field]
        if not call.backend.does("config.zero-when-left-out") and field.encode() not in await call.body():
            return reply(204)
        if check is not None:
            check(call, value)
        if call.backend.does("config.stores"):
            settings.put(call.backend, setting, value)
        return reply(204)


def _check_days(key: str) -> Callable[[Call, int], None]:
    def check(call: Call, days: int) -> None:
        call.backend.guard(key, not 0 <= days <= MAX_DAYS)

    return check


def _check_ttl(call: Call, milliseconds: int) -> None:
    call.backend.guard("config.ttl-negative", milliseconds < 0)
    call.backend.guard("config.ttl-short", 0 < milliseconds < MINUTE_MS)
    overflown = milliseconds > MOST_MS and not call.backend.does("config.ttl-any-size")
    call.backend.guard("config.ttl-long", milliseconds > MAX_TTL_MS and not overflown)


def _check_provider(call: Call, provider: str) -> None:
    for key in ("config.computer-use-provider", "config.computer-use-choice"):
        call.backend.guard(key, provider not in ("anthropic", "openai"), provider=quote(provider))


_scalar(
    "DesktopEnabled", "desktop-enabled", "UpdateChatDesktopEnabledRequest", "desktop_enabled", "enable_desktop", Bool()
)  # fmt: skip
_scalar(
    "ComputerUseProvider", "computer-use-provider", "UpdateChatComputerUseProviderRequest", "computer_use_provider", "provider",
    Text(), _check_provider,
)  # fmt: skip
_scalar(
    "DebugLogging", "debug-logging", "UpdateChatDebugLoggingAllowUsersRequest", "debug_logging", "allow_users", Bool(),
    hidden=True, shown=lambda call: {"forced_by_deployment": settings.debug_forced(call.backend)},
)  # fmt: skip
_scalar(
    "PersonalModelOverrides", "personal-model-overrides", "UpdateChatPersonalModelOverridesRequest",
    "personal_model_overrides", "allow_users", Bool(), hidden=True,
)  # fmt: skip
_scalar(
    "WorkspaceTTL", "workspace-ttl", "UpdateChatWorkspaceTTLRequest", "workspace_ttl_ms", "workspace_ttl_ms", Integer(64),
    _check_ttl,
)  # fmt: skip
_scalar(
    "RetentionDays", "retention-days", "UpdateChatRetentionDaysRequest", "retention_days", "retention_days", Integer(32),
    _check_days("config.retention-days"),
)  # fmt: skip
_scalar(
    "DebugRetentionDays", "debug-retention-days", "UpdateChatDebugRetentionDaysRequest", "debug_retention_days",
    "debug_retention_days", Integer(32), _check_days("config.debug-retention-days"),
)  # fmt: skip
_scalar(
    "AutoArchiveDays", "auto-archive-days", "UpdateChatAutoArchiveDaysRequest", "auto_archive_days", "auto_archive_days",
    Integer(32), _check_days("config.auto-archive-days"),
)  # fmt: skip


# -- advisor, templates -----------------------------------------------------------------------------------------------

ADVISOR = Struct(
    "AdvisorConfig",
    {"enabled": Bool(), "max_uses_per_run": Integer(), "max_output_tokens": Integer(), "model_config_id": Uuid()},
)
ALLOWLIST = Struct("UpdateChatTemplateAllowlistRequest", {"template_ids": ListOf(Text())})


@route("getConfigAdvisor", "GET", f"{CONFIG}/advisor")
async def get_advisor(call: Call) -> Reply:
    """The advisor's settings."""
    return reply(200, call.backend.revision.shown("advisor", settings.setting(call.backend, "advisor")))


@route("putConfigAdvisor", "PUT", f"{CONFIG}/advisor")
async def put_advisor(call: Call) -> Reply:
    """Replace them all."""
    require_update(call)
    body = await call.json(ADVISOR)
    guard = call.backend.guard
    guard("config.advisor-uses", body["max_uses_per_run"] < 0, value=body["max_uses_per_run"])
    guard("config.advisor-tokens", body["max_output_tokens"] < 0, value=body["max_output_tokens"])
    wanted = body["model_config_id"]
    guard("config.advisor-moved", wanted != NIL_UUID)
    known = wanted == NIL_UUID or model_choice.live_config(call.backend, wanted) is not None
    guard("config.advisor-model", not known, id=wanted)
    guard("config.advisor-choice", not known, problem=f'model_config_id "{wanted}" does not match any existing model config.')
    settings.put(call.backend, "advisor", body)
    return reply(204)


@route("getConfigTemplateAllowlist", "GET", f"{CONFIG}/template-allowlist")
async def get_allowlist(call: Call) -> Reply:
    """The templates that chats may use; none: all."""
    if not may_read(call):
        raise not_found()
    return reply(200, {"template_ids": list(settings.setting(call.backend, "template_allowlist"))})


@route("putConfigTemplateAllowlist", "PUT", f"{CONFIG}/template-allowlist")
async def put_allowlist(call: Call) -> Reply:
    """Store them: each must be there. Others than the owner get 404."""
    if not may_update(call):
        raise not_found()
    wanted = []
    for text in (await call.json(ALLOWLIST))["template_ids"] or []:
        try:
            wanted.append(parse_uuid(text))
        except BadUUID:
            call.backend.guard("config.template-id", True, value=quote(text))
    wanted = list(dict.fromkeys(wanted))
    unknown = [i for i in wanted if i not in templates.known(call.backend)]
    call.backend.guard("config.template-unknown", bool(unknown), ids=", ".join(unknown))
    settings.put(call.backend, "template_allowlist", tuple(wanted))
    return reply(204)
