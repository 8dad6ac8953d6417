"""Which scenarios may run together, in which order, and which rows this target gives no way to replay."""

from __future__ import annotations

import re

from conformance.run.target import Target
from fixtures.transcripts import Transcript
from spec.documents import documents

# Reads count too: what another scenario writes there would show.
_SHARED = re.compile(r"/chats/(config|usage-limits|model-configs|models|cost|insights)\b|/ai/|/mcp/|/ai-provider-keys|/status/")
_OWN = re.compile(r"/chats/model-configs\b|/ai/providers\b")
_LIST = re.compile(r"/chats/?(\?|$)")
# Start configuration that a server has unless it says otherwise.
_USUAL = {"CODER_CHAT_AI_GATEWAY_ROUTING_ENABLED": "false"}
_NEEDS_OPTION = {"experiment-off": "CODER_EXPERIMENTS=", "experiment-wildcard": "CODER_EXPERIMENTS=*"}
_SETTING = re.compile(r"(?:flag|server-option):(.*)")
_NEEDS_CAPABILITY = {
    "rate-limits": "rate limits switched on",
    "templates": "templates",
    "workspaces": "workspaces",
    "git-host": "a git host",
    "scripted-google": "a Google API of its own",
    "an older chat of alice": "a chat from before",
}
# What an environment says of the machine that was recorded on.
_OF_THE_MACHINE = frozenset({"HTTPS_PROXY", "SSL_CERT_FILE", "CODER_CONFIG_PATH"})
_LLM = re.compile(r"http://127\.0\.0\.1:9911/v1")
_EXPERIMENTS, _PROVIDERS = "CODER_EXPERIMENTS", "CODER_AI_PROVIDER_"
# The providers that a server has unless it is told of any.
_PROVIDER = {"TYPE": "openai", "API_KEY": "sk-fake-1", "BASE_URL": "{llm}", "MODELS": "fake-model"}


def settings(transcript: Transcript) -> dict[str, str]:
    """The start configuration of the recorded server, as far as servers do not have it by themselves.

    `{llm}` stands for the address of the scripted LLM; `config-file` is the text of a configuration file.
    """
    found = {name: str(value) for name, value in (transcript.head.get("server") or {}).items() if _USUAL.get(name) != str(value)}
    config = transcript.head.get("config")
    if not config:
        return found
    said = {name: _LLM.sub("{llm}", str(value)) for name, value in config["env"].items() if name not in _OF_THE_MACHINE}
    providers = {name: value for name, value in said.items() if name.startswith(_PROVIDERS)}
    experiments = said.pop(_EXPERIMENTS, "")
    if "yaml" in config:
        found["config-file"] = _LLM.sub("{llm}", config["yaml"])
    elif experiments != "agentic-chat":
        found[_EXPERIMENTS] = experiments
    if not providers and "yaml" not in config:
        found["no-models"] = "true"
    if providers == {f"{_PROVIDERS}0_{key}": value for key, value in _PROVIDER.items()}:
        said = {name: value for name, value in said.items() if name not in providers}
    return found | said


def shows_all_chats(transcript: Transcript) -> bool:
    """Does it list chats of a user that every server has, where a list is always whole, so that there may be no others?"""
    listing = documents(transcript.profile).operations.get("listChats")
    if listing is None or listing.parameters:
        return False
    rows = [said for row in transcript.rows for said in (row.data, *row.data.get("during", ()))]
    asked = [(row.get("as"), row.get("request") or {}) for row in rows]
    further = transcript.head.get("users") or {}
    return any(r.get("method") == "GET" and _LIST.search(r["path"]) and actor not in further for actor, r in asked)


def named_settings(transcript: Transcript) -> list[str]:
    """The start settings (NAME=VALUE) that the scenario's needs name."""
    return [found[1] for need in transcript.needs if (found := _SETTING.fullmatch(need))]


def missing(transcript: Transcript, target: Target) -> str:
    """Why no row of this scenario can be replayed; "" if it can."""
    for name, value in settings(transcript).items():
        told = not name.endswith("_API_KEY") and name != "config-file"  # no target tells its keys, or whole files
        if told and not target.capabilities.get(f"{name}={value}"):
            return f"another start configuration ({name}={value})"
    for setting in named_settings(transcript):
        if not target.capabilities.get(setting):
            return f"another start configuration ({setting})"
    for need in transcript.needs:
        if need in _NEEDS_CAPABILITY and not target.capabilities.get(need):
            return f"needs {_NEEDS_CAPABILITY[need]}"
    return ""


def start_options(transcript: Transcript) -> tuple[str, ...]:
    """The start options (NAME=VALUE) that the embedded server needs for this scenario."""
    options = [f"{n}={v}" for n, v in settings(transcript).items()]
    options += named_settings(transcript)
    options += [_NEEDS_OPTION[need] for need in transcript.needs if need in _NEEDS_OPTION]
    if "exclusive" not in transcript.needs:
        options.append("turns-at-once=1000")  # scenarios are played together that were recorded one by one
    if "rate-limits" in transcript.needs:
        options.append("CODER_DANGEROUS_DISABLE_RATE_LIMITS=false")
    if "templates" in transcript.needs:
        named = ",".join(f"{name}={value}" for name, value in transcript.head["templates"].items())
        options.append(f"templates={named}")
    return tuple(options)


def is_shared(transcript: Transcript) -> bool:
    """Must it run alone, because it touches or shows what all users of a server share?"""
    if {"exclusive", "no-pins", "database"} & set(transcript.needs):
        return True
    defaults = (transcript.head.get("env") or {}).get("model_configs") or []
    for row in transcript.rows:
        request = row.data.get("request")
        if not request:
            continue
        body = request.get("body")
        # A provider or a model of its own, which no other scenario asks for, disturbs nobody.
        own = _OWN.search(request["path"]) and request["method"] != "GET" and defaults
        own = own and not any(name in request["path"] for name in defaults)
        own = own and not (isinstance(body, dict) and body.get("is_default"))
        if _SHARED.search(request["path"]) and row.data["response"]["status"] < 400 and not own:
            return True
        if isinstance(body, dict) and body.get("pin_order") and row.data["response"]["status"] < 300:
            return True
        everything = f"{request['path']} {request.get('params') or ''}"
        if _LIST.search(request["path"]) and request["method"] == "GET" and "label" not in everything:
            shown = row.data["response"].get("body")
            if isinstance(shown, list) and shown:
                return True
    return False


def seconds(transcript: Transcript) -> float:
    """About how long the scenario takes: its pauses, and what its sockets waited for."""
    total = 0.0
    for row in transcript.rows:
        total += float(row.data.get("pause_ms", row.data.get("sleep_ms", 0))) / 1000
        if row.kind == "wait":
            total += float(row.data["wait"].get("ms", 0)) / 1000
        if row.kind == "socket":
            frames = [*row.data.get("frames", ()), *row.data.get("control_frames", ()), row.data.get("close") or {}]
            total += max((float(item.get("t_ms", 0)) for item in frames), default=0.0) / 1000 + 0.5
    return total


def needs_untouched(transcript: Transcript) -> bool:
    """Does it show what its users have spent so far, so that it must run before all others?"""
    further = transcript.head.get("users") or {}
    return any(
        (row.data.get("request") or {}).get("path", "").endswith("/cost/me/summary") and row.actor not in further
        for row in transcript.rows
    )


def order(alone: list[Transcript]) -> list[Transcript]:
    """Scenarios that run alone: what needs untouched settings first, what leaves other model configs last."""

    def place(transcript: Transcript) -> int:
        if "fresh-setting" in transcript.needs:
            return 0
        # One that is left off in its middle puts nothing back.
        return 2 if {"no-model-config", "database"} & set(transcript.needs) else 1

    return sorted(alone, key=place)
