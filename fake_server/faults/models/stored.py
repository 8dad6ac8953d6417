"""AI providers, their keys and model configs that are stored, listed or changed wrongly."""

from __future__ import annotations

from typing import Any

from fake_server.endpoints.administration.model_configs import config_view, make_default
from fake_server.endpoints.administration.providers import mask
from fake_server.faulting import Answer, answers, changes
from fake_server.faults.models.providers import CHANGE, KEY, MODEL, refuse, sent
from fake_server.state import model_choice
from fake_server.state.records import ModelConfig

CATALOGUE, NEW, PATCH = "listModels", "createAIProvider", "updateAIProvider"


def _config(answer: Answer) -> ModelConfig:
    found: ModelConfig = answer.backend.store.model_configs[answer.body["id"]]
    return found


def _memory(answer: Answer) -> Any:
    """What was remembered of the config or provider that is answered."""
    return answer.backend.faults.memory.setdefault(answer.body["id"], {})


# -- the catalogue --
@changes(CATALOGUE, red=["MODEL-050"])
def one_entry_a_config(answer: Answer) -> None:
    """Two configs of one model are two entries of the catalogue."""
    named = [c.model for c in model_choice.live_configs(answer.backend)]
    for provider in answer.body["providers"]:
        provider["models"] = [m for m in provider["models"] or [] for _ in range(max(1, named.count(m["model"])))]


@changes(CATALOGUE, red=["MODEL-051"])
def keyless_models_listed(answer: Answer) -> None:
    """Models of providers without key are listed beside those of others."""
    for config in model_choice.live_configs(answer.backend):
        provider = model_choice.provider_of(answer.backend, config)
        for row in answer.body["providers"]:
            if provider and row["provider"] == provider.type and row["available"] and not provider.api_keys:
                name = config.model
                more = {"id": f"{provider.type}:{name}", "provider": provider.type, "model": name, "display_name": name}
                row["models"] = sorted([*row["models"], more], key=lambda m: m["model"])


@changes(CATALOGUE, red=["MODEL-052"])
def unavailable_types_have_no_models(answer: Answer) -> None:
    """A type that is unavailable lists no models."""
    for provider in answer.body["providers"]:
        provider["models"] = provider["models"] if provider["available"] else None


# -- model configs --
@changes(MODEL, red=["MODEL-053"])
def spaces_stay(answer: Answer) -> None:
    """Spaces around a model stay."""
    _config(answer).model = answer.body["model"] = answer.sent["model"]


@changes(CHANGE, red=["MODEL-054"])
def provider_stays(answer: Answer) -> None:
    """Another ai_provider_id is passed over."""
    default = model_choice.default_model_config(answer.backend)
    if "ai_provider_id" in sent(answer) and default:
        _config(answer).provider_id = answer.body["ai_provider_id"] = default.provider_id


@answers(CHANGE, red=["MODEL-035"])
def moves_to_disabled_providers(answer: Answer) -> None:
    """A model config may be moved to a disabled provider."""
    if answer.status == 412 and "disabled" in answer.body["message"]:
        config = answer.backend.store.model_configs[answer.path_params["model_config"]]
        answer.status, answer.body = 200, config_view(answer.backend, config)


@changes(MODEL, CHANGE, red=["MODEL-055"])
def options_are_merged(answer: Answer) -> None:
    """Options of a change are added to the stored ones."""
    config, kept = _config(answer), _memory(answer)
    if config.model_config:
        config.model_config = {**kept, **config.model_config}
        kept.update(config.model_config)
    answer.body = config_view(answer.backend, config)


@answers(CHANGE, "deleteModelConfig", red=["MODEL-056", "MODEL-013", "MODEL-043", "MODEL-045"])
def last_one_becomes_the_default(answer: Answer) -> None:
    """The default goes to the last model config of the list."""
    given = answer.method == "DELETE" or sent(answer).get("is_default") is False
    others = [c for c in model_choice.live_configs(answer.backend) if c.id != answer.path_params["model_config"]]
    if answer.status < 300 and given and any(c.is_default for c in others) and len(others) > 2:
        make_default(answer.backend, others[-1])


@changes(MODEL, CHANGE, red=["MODEL-057"])
def turns_run_on_the_first_name(answer: Answer) -> None:
    """Turns use the model that a config was made with."""
    _config(answer).model = _memory(answer).setdefault("model", answer.body["model"])


# -- providers --
@changes(NEW, PATCH, red=["PROV-018"])
def display_names_are_not_reset(answer: Answer) -> None:
    """An empty display name changes nothing."""
    provider, kept = answer.backend.store.providers[answer.body["id"]], _memory(answer)
    if answer.method == "PATCH" and answer.sent.get("display_name") == "":
        provider.display_name = answer.body["display_name"] = kept["name"]
    kept["name"] = answer.body["display_name"]


@changes(NEW, PATCH, red=["PROV-011"])
def an_empty_set_keeps_the_keys(answer: Answer) -> None:
    """No keys in a change are no change of them."""
    provider, kept = answer.backend.store.providers[answer.body["id"]], _memory(answer)
    if answer.method == "PATCH" and answer.sent.get("api_keys") == []:
        provider.api_keys, answer.body["api_keys"] = kept["keys"], kept["shown"]
    kept.update(keys=provider.api_keys, shown=answer.body["api_keys"])


@answers(PATCH, red=["PROV-019", "SCHEMA-updateAIProvider"])
def changes_to_any_address(answer: Answer) -> None:
    """A bad base_url in a change is taken, or so it seems."""
    if answer.status == 400 and "base_url" in str(answer.body):
        refuse(answer, 409, "There is something there already.")


@changes(PATCH, red=["PROV-020"])
def short_keys_shown(answer: Answer) -> None:
    """Of every key four characters are shown at both ends."""
    stored = {k["id"]: k["secret"] for k in answer.backend.store.providers[answer.body["id"]].api_keys}
    for key in answer.body["api_keys"]:
        secret = stored[key["id"]]
        key["masked"] = f"{secret[:4]}...{secret[-4:]}" if len(secret) >= 10 else mask(secret)


# -- users' keys --
@changes("listUserProviderKeys", red=["KEY-010"])
def disabled_providers_hide_keys(answer: Answer) -> None:
    """A disabled provider is not listed although the user has a key for it."""
    answer.body = [row for row in answer.body if row["provider"]["enabled"]]


@changes("listUserProviderKeys", red=["KEY-011"])
def every_provider_has_a_key(answer: Answer) -> None:
    """Every provider is said to have a key."""
    for row in answer.body:
        row["has_provider_api_key"] = True


@changes(KEY, red=["KEY-012"])
def the_first_key_stays(answer: Answer) -> None:
    """A second key is passed over."""
    user = answer.caller
    stored = answer.backend.store.user_settings.get(user.id, {}).get("provider_keys", {})
    stored[answer.path_params["provider"]] = answer.backend.faults.memory.setdefault(answer.path, answer.sent["api_key"])
