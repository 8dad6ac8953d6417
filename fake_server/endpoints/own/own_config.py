"""What every user sets for himself below /config: prompt, debug logging, compaction thresholds (config.md section 6)."""

from __future__ import annotations

from fake_server.endpoints.administration.config import BODY_CAP, CONFIG, prompt_text
from fake_server.endpoints.administration.shared import NUL_ERROR
from fake_server.http.endpoint import Call, Reply, not_found, reply, route
from fake_server.rules.decode import Bool, Integer, Struct, Text
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state import model_choice, settings

USER_PROMPT = Struct("UserChatCustomPrompt", {"custom_prompt": Text()})
DEBUG_LOGGING = Struct("UpdateUserChatDebugLoggingRequest", {"debug_logging_enabled": Bool()})
THRESHOLD = Struct("UpdateUserChatCompactionThresholdRequest", {"threshold_percent": Integer(32)})


@route("getConfigUserPrompt", "GET", f"{CONFIG}/user-prompt")
async def get_user_prompt(call: Call) -> Reply:
    """The caller's instructions for all his chats."""
    return reply(200, {"custom_prompt": settings.user_settings(call.backend, call.user).get("custom_prompt", "")})


@route("putConfigUserPrompt", "PUT", f"{CONFIG}/user-prompt")
async def put_user_prompt(call: Call) -> Reply:
    """Store them; answers with what is stored."""
    body = await call.json(USER_PROMPT, cap=BODY_CAP if call.backend.does("config.body-cap") else None)
    text = prompt_text(call, body["custom_prompt"], "config.user-prompt", NUL_ERROR)
    settings.user_settings(call.backend, call.user)["custom_prompt"] = text
    return reply(200, {"custom_prompt": text})


@route("getConfigUserDebugLogging", "GET", f"{CONFIG}/user-debug-logging")
async def get_debug_logging(call: Call) -> Reply:
    """Whether the caller's chats are recorded, and whether he may choose."""
    forced = settings.debug_forced(call.backend)
    return reply(
        200,
        {
            "debug_logging_enabled": settings.records_debug_runs(call.backend, call.user),
            "user_toggle_allowed": bool(settings.setting(call.backend, "debug_logging")) and not forced,
            "forced_by_deployment": forced,
        },
    )


@route("putConfigUserDebugLogging", "PUT", f"{CONFIG}/user-debug-logging")
async def put_debug_logging(call: Call) -> Reply:
    """Choose; kept while the administrator does not allow it."""
    backend = call.backend
    backend.guard("config.debug-forced", settings.debug_forced(backend))
    backend.guard("config.debug-not-allowed", not settings.setting(backend, "debug_logging"))
    body = await call.json(DEBUG_LOGGING)
    settings.user_settings(backend, call.user)["debug_logging"] = body["debug_logging_enabled"]
    return reply(204)


# -- compaction thresholds --------------------------------------------------------------------------------------------


def _thresholds(call: Call) -> dict[str, int]:
    own = call.user if call.backend.does("compaction.per-user") else next(iter(call.backend.store.users.values()))
    thresholds: dict[str, int] = settings.user_settings(call.backend, own).setdefault("compaction_thresholds", {})
    return thresholds


def _model_id(call: Call) -> str:
    try:
        return parse_uuid(call.params["model_config"])
    except BadUUID as error:
        raise refusal("compaction.model-id", detail=str(error)) from None


@route("getConfigUserCompactionThresholds", "GET", f"{CONFIG}/user-compaction-thresholds")
async def list_thresholds(call: Call) -> Reply:
    """The caller's thresholds, by model config id; those for deleted configs stay."""
    rows = sorted(_thresholds(call).items())
    return reply(200, {"thresholds": [{"model_config_id": i, "threshold_percent": n} for i, n in rows]})


@route("putConfigUserCompactionThreshold", "PUT", f"{CONFIG}/user-compaction-thresholds/{{model_config}}")
async def put_threshold(call: Call) -> Reply:
    """Set the caller's threshold for a model."""
    model_id = _model_id(call)
    percent = (await call.json(THRESHOLD))["threshold_percent"]
    backend = call.backend
    backend.guard("compaction.threshold-min", percent < 0, value=percent)
    backend.guard("compaction.threshold-max", percent > 100, value=percent)
    config = model_choice.live_config(backend, model_id)
    if config is None:
        raise not_found()
    backend.guard("compaction.disabled", not config.enabled)
    _thresholds(call)[model_id] = percent
    return reply(200, {"model_config_id": model_id, "threshold_percent": percent})


@route("deleteConfigUserCompactionThreshold", "DELETE", f"{CONFIG}/user-compaction-thresholds/{{model_config}}")
async def delete_threshold(call: Call) -> Reply:
    """Forget the caller's threshold for a model; also when there is none."""
    _thresholds(call).pop(_model_id(call), None)
    return reply(204)
