"""Settings of the deployment and of users, and what they mean for a chat's turns (config.md section 6).

A setting that was never stored is absent; `DEFAULTS` says what holds then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.faulting import replaceable
from fake_server.rules.sanitise import sanitise
from fake_server.rules.validate import NIL_UUID
from fake_server.state.model_choice import model_override as model_override
from fake_server.state.records import Chat, ModelConfig, User

if TYPE_CHECKING:
    from fake_server.state.store import State

DEFAULTS: dict[str, Any] = {
    "system_prompt": "",
    "include_default_system_prompt": None,  # None: as long as there is no custom prompt
    "plan_mode_instructions": "",
    "personal_model_overrides": False,
    "desktop_enabled": False,
    "computer_use_provider": "anthropic",
    "debug_logging": False,
    "advisor": {"enabled": False, "max_uses_per_run": 0, "max_output_tokens": 0, "model_config_id": NIL_UUID},
    "workspace_ttl_ms": 0,
    "retention_days": 30,
    "debug_retention_days": 30,
    "auto_archive_days": 0,
    "template_allowlist": (),
}

# Where the server puts the path of a plan file; replaced by nothing in chats without one.
PLAN_FILE_PLACE = "{{CODER_CHAT_PLAN_FILE_PATH_BLOCK}}"
DEFAULT_SYSTEM_PROMPT = f"""You are the agent of a chat server that people test their clients and servers with.

Answer what you are asked, call the tools that you are given when they help, and say so when you can't do something.
{PLAN_FILE_PLACE}
Keep answers short."""
NO_WORKSPACE = "No workspace is attached to this chat. Tools that work on files need one: create it first."
WITH_WORKSPACE = "This chat is attached to a workspace. Tools that work on files act on it."


def setting(backend: State, name: str) -> Any:
    """The value of a deployment setting."""
    return backend.store.settings.get(name, DEFAULTS[name])


def put(backend: State, name: str, value: Any) -> None:
    """Store a deployment setting."""
    backend.store.settings[name] = value


def user_settings(backend: State, user: User) -> dict[str, Any]:
    """What a user has stored for himself, by name; may be written to."""
    return backend.store.user_settings.setdefault(user.id, {})


def includes_default_prompt(backend: State) -> bool:
    """Is the built-in text part of the system prompt? If that was never said: as long as there is no custom text."""
    stored = setting(backend, "include_default_system_prompt")
    return bool(stored) if stored is not None else not setting(backend, "system_prompt")


def debug_forced(backend: State) -> bool:
    """Does the start configuration record debug runs of every chat?"""
    value = str(backend.options.get("CODER_CHAT_DEBUG_LOGGING_ENABLED", "")).lower()
    return value in ("1", "t", "true")


def records_debug_runs(backend: State, user: User) -> bool:
    """Are debug runs of this user's chats recorded?"""
    if debug_forced(backend):
        return True
    own = backend.store.user_settings.get(user.id, {}).get("debug_logging", False)
    return bool(setting(backend, "debug_logging") and own)


# -- what a turn is told ------------------------------------------------------------------------------------------


@replaceable
def deployment_prompt(backend: State) -> str:
    """The system prompt that a chat created now gets: built-in text and custom text, an empty line between."""
    parts = []
    if includes_default_prompt(backend) or not backend.does("system-prompt.may-exclude"):
        parts.append(DEFAULT_SYSTEM_PROMPT.replace(PLAN_FILE_PLACE, ""))
    if setting(backend, "system_prompt"):
        parts.append(setting(backend, "system_prompt"))
    return "\n\n".join(parts)


@replaceable
def stored_prompts(backend: State, chat: Chat) -> list[str]:
    """The system messages that are stored with a new chat, so that later changes of settings don't touch it."""
    awareness = WITH_WORKSPACE if chat.workspace_id else NO_WORKSPACE
    return [text for text in (deployment_prompt(backend), sanitise(chat.system_prompt), awareness) if text]


def turn_prompts(backend: State, chat: Chat, user: User) -> list[str]:
    """The system messages that are read anew for each turn: the owner's wishes, instructions of plan mode."""
    prompts = []
    wish = backend.store.user_settings.get(user.id, {}).get("custom_prompt", "")
    if wish and backend.does("user-prompt.sent"):
        prompts.append(f"<user-instructions>\n{wish}\n</user-instructions>")
    instructions = setting(backend, "plan_mode_instructions")
    if chat.planning and instructions and backend.does("plan-mode.instructions-sent"):
        prompts.append(instructions)
    return prompts


@replaceable
def system_messages(backend: State, chat: Chat, user: User) -> list[str]:
    """All system messages of a turn, in order. `user` is the chat's owner."""
    stored = [
        str(part.get("text", ""))
        for message in backend.store.messages.get(chat.id, ())
        if message.role == "system" and not message.deleted
        for part in message.content
    ]
    return (stored or stored_prompts(backend, chat)) + turn_prompts(backend, chat, user)


@replaceable
def compaction_threshold(backend: State, user: User, config: ModelConfig) -> int:
    """From how many percent of the context limit on a chat of this user is compacted; 100: never."""
    own: dict[str, int] = backend.store.user_settings.get(user.id, {}).get("compaction_thresholds", {})
    return own.get(config.id, config.compression_threshold)
