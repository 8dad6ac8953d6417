"""AI providers, their keys and model configs that are wrong: rights, bounds, what is shown, which model is used."""

from __future__ import annotations

from typing import Any

from fake_server.endpoints.administration.model_configs import config_view
from fake_server.faulting import Answer, answers, changes, turns_off

PROVIDER, KEY, MODEL = "createAIProvider", "putUserProviderKey", "createModelConfig"
CHANGE = "updateModelConfig"
NOT_FOUND = {"message": "Resource not found or you do not have access to this resource"}


def sent(answer: Answer) -> dict[str, Any]:
    """The fields that were sent, without those that were null or empty."""
    return {k: v for k, v in answer.sent.items() if v not in (None, "")} if isinstance(answer.sent, dict) else {}


def refuse(answer: Answer, status: int, message: str) -> None:
    """Make the answer a refusal."""
    answer.status, answer.body = status, {"message": message}
    answer.headers["content-type"] = "application/json; charset=utf-8"


def empty(answer: Answer, status: int = 204) -> None:
    """Make the answer one without body."""
    answer.status, answer.body = status, b""
    answer.headers.pop("content-type", None)


# -- AI providers --
turns_off("providers-for-all", "everybody may manage AI providers", "provider.owner-only", red=["PROV-002"])
turns_off(
    "providers-come-enabled",
    "a new AI provider is enabled",
    "provider.disabled-by-default",
    red=["PROV-004", "KEY-005", "MODEL-021", "MODEL-035"],
)
turns_off(
    "keys-are-shown",
    "AI providers show their keys",
    "provider.masks-keys",
    red=[
        "PROV-007",
        "SCHEMA-createAIProvider",
        "SCHEMA-getAIProvider",
        "SCHEMA-listAIProviders",
        "SCHEMA-updateAIProvider",
        "PROV-020",
        "AUTH-080",
    ],
)
turns_off("provider-names-twice", "two AI providers may have one name", "provider.duplicate", red=["PROV-008"])
turns_off("empty-provider-change", "a change of nothing is accepted", "provider.no-field", red=["PROV-010", "PROV-003"])
turns_off("unknown-key-ids", "unknown key ids are passed over", "provider.unknown-key", red=["PROV-012"])
turns_off("odd-provider-names", "any text may name an AI provider", "provider.id", red=["PROV-014"])


@changes("updateAIProvider", red=["PROV-001"])
def renames_are_lost(answer: Answer) -> None:
    """A display name is not stored."""
    if set(sent(answer)) == {"display_name"}:
        answer.backend.store.providers[answer.body["id"]].display_name = ""


@answers(PROVIDER, red=["PROV-003"])
def right_before_body(answer: Answer) -> None:
    """The right is checked before the body of an AI provider."""
    if answer.status == 400 and answer.actor == "alice":
        refuse(answer, 403, "Forbidden.")


@answers(PROVIDER, red=["PROV-005"])
def first_validation_alone(answer: Answer) -> None:
    """Only the first of several wrong fields is named."""
    if answer.status == 400 and len(answer.body.get("validations", [])) > 1:
        answer.body["validations"] = answer.body["validations"][:1]


@answers(PROVIDER, red=["PROV-006"])
def wrong_field_named(answer: Answer) -> None:
    """A wrong type of AI provider is reported as a wrong name."""
    for row in answer.body.get("validations", []) if answer.status == 400 else []:
        if row["detail"].startswith("unsupported"):
            row["field"] = "name"


@changes("updateAIProvider", red=["PROV-009", "PROV-001"])
def names_change(answer: Answer) -> None:
    """A change of an AI provider changes its type."""
    answer.body["type"] = "google" if "display_name" in sent(answer) else answer.body["type"]


@changes("updateAIProvider", red=["PROV-011"])
def keys_are_added(answer: Answer) -> None:
    """Keys that a change does not list stay."""
    kept = answer.backend.faults.memory.setdefault(answer.body["id"], {})
    provider = answer.backend.store.providers[answer.body["id"]]
    kept.update({key["id"]: key for key in provider.api_keys})
    wanted = sent(answer).get("api_keys")
    if wanted and not any(key["api_key"] for key in wanted):
        provider.api_keys = list(kept.values())


@answers("getAIProvider", red=["PROV-013", "SCHEMA-getAIProvider"])
def missing_providers_gone(answer: Answer) -> None:
    """An AI provider that does not exist answers 410."""
    if answer.status == 404:
        refuse(answer, 410, "Gone.")


@answers("getAIProvider", red=["PROV-015"])
def providers_by_id_only(answer: Answer) -> None:
    """AI providers are found by id alone."""
    if answer.status == 200 and answer.path_params["provider"] == answer.body["name"]:
        answer.status, answer.body = 404, dict(NOT_FOUND)


@answers("deleteAIProvider", red=["PROV-016"])
def delete_provider_again(answer: Answer) -> None:
    """Deleting an AI provider again is accepted."""
    known = answer.path_params["provider"] in answer.backend.store.providers
    if answer.status == 404 and known:
        empty(answer)


@changes("listAIProviders", red=["PROV-017"])
def providers_by_age(answer: Answer) -> None:
    """AI providers are listed by age."""
    answer.body.sort(key=lambda p: p["created_at"])


# -- users' own keys --
turns_off("keys-with-space", "keys may have spaces around them", "userkeys.space", red=["KEY-004", "KEY-013"])
turns_off("keys-for-disabled", "a disabled AI provider takes keys", "userkeys.provider-disabled", red=["KEY-005"])
turns_off("central-key-first", "a user's own key is not used", "userkeys.own-key-first", red=["KEY-007", "KEY-012"])
turns_off("own-keys-always", "own keys can't be switched off", "userkeys.disabled", red=["KEY-009"])


@changes("deleteUserProviderKey", red=["KEY-001", "KEY-010", "KEY-012"])
def own_keys_stay(answer: Answer) -> None:
    """Deleting an own key by `me` keeps it."""
    if "/me/" in answer.path:
        provider = answer.path_params["provider"]
        answer.backend.store.user_settings[answer.caller.id].setdefault("provider_keys", {})[provider] = "kept"


@answers(red=["KEY-002", "SCHEMA-listUserProviderKeys"])
def foreign_keys_forbidden(answer: Answer) -> None:
    """Another user's provider keys answer 403."""
    if answer.status == 404 and answer.path.endswith("/ai-provider-keys"):
        refuse(answer, 403, "Forbidden.")


@changes(KEY, red=["KEY-003", "SCHEMA-putUserProviderKey", "AUTH-080"])
def own_keys_shown(answer: Answer) -> None:
    """The answer to a key shows it."""
    answer.body["api_key"] = sent(answer)["api_key"]


@answers("deleteUserProviderKey", red=["KEY-006"])
def unknown_keys_missing(answer: Answer) -> None:
    """Deleting the key of an unknown AI provider answers 404."""
    if answer.status == 204 and answer.path_params["provider"] not in answer.backend.store.providers:
        answer.status, answer.body = 404, dict(NOT_FOUND)


@answers(KEY, red=["KEY-008"])
def owner_stores_no_keys(answer: Answer) -> None:
    """The site owner may not store other users' keys."""
    if answer.status == 200 and answer.actor == "root0":
        refuse(answer, 403, "Forbidden.")


# -- the catalogue --
turns_off("catalogue-of-disabled", "the catalogue lists disabled models", "catalog.enabled-only", red=["MODEL-006", "MODEL-107"])
turns_off("disabled-types-listed", "a type whose providers are disabled stays listed", "catalog.enabled-types", red=["MODEL-009"])


@answers("listModels", red=["MODEL-001", "SCHEMA-listModels"])
def catalogue_needs_the_role(answer: Answer) -> None:
    """Only who has the chat role may read the catalogue."""
    if answer.actor == "carol":
        refuse(answer, 403, "Forbidden.")


@changes("listModels", red=["MODEL-002", "SCHEMA-listModels"])
def catalogue_without_availability(answer: Answer) -> None:
    """Providers in the catalogue do not say whether they are available."""
    for provider in answer.body["providers"]:
        if provider["provider"] == "openai-compat":
            provider.pop("available")


@changes("listModels", red=["MODEL-003"])
def plain_model_ids(answer: Answer) -> None:
    """The id of a model is its name."""
    for provider in answer.body["providers"]:
        for model in provider["models"] or []:
            model["id"] = model["model"]


@changes("listModels", red=["MODEL-004"])
def types_backwards(answer: Answer) -> None:
    """Types come in the opposite order."""
    answer.body["providers"].reverse()


@changes("listModels", red=["MODEL-005"])
def models_backwards(answer: Answer) -> None:
    """Models come in the opposite order."""
    for provider in answer.body["providers"]:
        (provider["models"] or []).reverse()


@changes("listModels", red=["MODEL-007", "SCHEMA-listModels"])
def models_without_name(answer: Answer) -> None:
    """A model without display name has an empty one."""
    for provider in answer.body["providers"]:
        for model in provider["models"] or []:
            if model["display_name"] == model["model"]:
                model["display_name"] = ""


@changes("listModels", red=["MODEL-008", "MODEL-052"])
def always_available(answer: Answer) -> None:
    """Every provider is available."""
    for provider in answer.body["providers"]:
        provider["available"] = True
        provider.pop("unavailable_reason", None)


# -- model configs: who, which --
turns_off(
    "disabled-configs-shown", "members see disabled model configs", "model-config.hides-disabled", red=["MODEL-011", "MODEL-107"]
)
turns_off(
    "config-without-provider-id",
    "a new model config needs no provider id",
    "model-config.provider-required",
    red=["MODEL-019", "MODEL-027", "MODEL-219"],
)
turns_off(
    "config-of-disabled",
    "a disabled AI provider takes model configs",
    "model-config.provider-disabled",
    red=["MODEL-021", "MODEL-035"],
)


@answers("createModelConfig", red=["MODEL-022", "MODEL-027", "MODEL-219", "SCHEMA-createModelConfig"])
def blank_models(answer: Answer) -> None:
    """A blank model is taken, or so it seems."""
    if answer.status == 400 and isinstance(answer.sent, dict) and not (answer.sent.get("model") or "").strip():
        stamp = "2024-01-01T00:00:00Z"
        answer.status = 201
        answer.body = {
            "id": "11111111-1111-4111-8111-111111111111", "provider": "openai-compat", "model": "", "display_name": "",
            "enabled": True, "is_default": False, "context_limit": 1, "compression_threshold": 70,
            "created_at": stamp, "updated_at": stamp,
        }  # fmt: skip


turns_off(
    "no-context-limit",
    "a context limit of zero is accepted",
    "model-config.limit-required",
    red=["MODEL-023", "ERR-133", "SCHEMA-createModelConfig", "SCHEMA-listModelConfigs"],
)
turns_off(
    "any-threshold",
    "any threshold is accepted",
    "model-config.threshold",
    red=[
        "MODEL-024",
        "ERR-135",
        "MODEL-035",
        "SCHEMA-createModelConfig",
        "SCHEMA-listModelConfigs",
        "SCHEMA-updateModelConfig",
        "MODEL-219",
    ],
)
turns_off(
    "negative-prices",
    "negative prices are accepted",
    "model-config.price",
    red=["MODEL-026", "MODEL-027", "SCHEMA-createModelConfig", "SCHEMA-listModelConfigs"],
)
turns_off(
    "changed-to-no-limit",
    "a context limit of zero may be set later",
    "model-config.limit",
    red=["MODEL-035", "SCHEMA-updateModelConfig", "SCHEMA-listModelConfigs"],
)
turns_off(
    "two-defaults",
    "the old default stays one",
    "model-config.one-default",
    red=["MODEL-037", "MODEL-039", "MODEL-040", "MODEL-041", "MODEL-046", "MODEL-056"],
)
turns_off("no-new-default", "a deleted default leaves none", "model-config.promotes", red=["MODEL-040", "MODEL-056"])


def listed_configs(answer: Answer) -> Any:
    """The model configs in the answer to a list, wherever they stand in it."""
    return answer.body["models"] if isinstance(answer.body, dict) else answer.body


@answers("listModelConfigs", red=["MODEL-010", "MODEL-011", "SCHEMA-listModelConfigs"])
def configs_need_the_role(answer: Answer) -> None:
    """Only who has the chat role may list model configs."""
    if answer.actor == "carol":
        refuse(answer, 403, "Forbidden.")


@changes("listModelConfigs", red=["MODEL-012"])
def auditors_see_less(answer: Answer) -> None:
    """A site auditor does not see disabled model configs."""
    if answer.actor == "auditor":
        answer.body = [c for c in answer.body if c["enabled"]]


@answers("deleteModelConfig", red=["MODEL-013"])
def id_before_right(answer: Answer) -> None:
    """The id of a model config is looked at before the right."""
    if answer.status == 403 and answer.path.rsplit("/", 1)[1].count("-") != 4:
        answer.status, answer.body = 400, {"message": "Invalid chat model config ID.", "detail": "invalid UUID length: 7"}


@changes("listModelConfigs", red=["MODEL-014"])
def oldest_config_first(answer: Answer) -> None:
    """Among equal models the oldest update comes first."""
    answer.body.sort(key=lambda c: (c.get("provider"), c["model"], c["updated_at"]))


@changes(MODEL, red=["MODEL-015"])
def config_without_threshold(answer: Answer) -> None:
    """The answer to a new model config shows another threshold."""
    if sent(answer).get("compression_threshold") == 33:
        answer.body["compression_threshold"] = 70


@changes("listModelConfigs", red=["MODEL-016", "MODEL-218", "SCHEMA-listModelConfigs", "MODEL-013", "MODEL-015", "MODEL-032"])
def configs_without_times(answer: Answer) -> None:
    """Listed model configs do not say when they were made."""
    for config in listed_configs(answer):
        config.pop("created_at")


@changes(MODEL, red=["MODEL-017", "MODEL-013"])
def threshold_of_eighty(answer: Answer) -> None:
    """A model config has a threshold of 80 when nothing was asked for."""
    if "compression_threshold" not in sent(answer):
        answer.body["compression_threshold"] = 80


@changes(MODEL, red=["MODEL-018"])
def provider_as_sent(answer: Answer) -> None:
    """The provider of a model config is what was sent."""
    answer.body["provider"] = sent(answer).get("provider", answer.body["provider"])


@answers(MODEL, red=["MODEL-020", "SCHEMA-createModelConfig"])
def unknown_provider_missing(answer: Answer) -> None:
    """A model config for an unknown AI provider answers 404."""
    if answer.status == 412 and "configured" in answer.body["message"]:
        answer.status, answer.body = 404, dict(NOT_FOUND)


@answers(MODEL, red=["MODEL-025"])
def threshold_bound_off_by_one(answer: Answer) -> None:
    """A threshold of 100 is refused."""
    if answer.status == 201 and sent(answer).get("compression_threshold") == 100 and sent(answer)["context_limit"] == 1:
        refuse(answer, 400, "Invalid compression threshold.")


@answers(MODEL, red=["MODEL-027", "MODEL-219"])
def limit_before_model(answer: Answer) -> None:
    """The context limit is checked before the model."""
    if answer.status == 400 and answer.body["message"] == "Model is required." and sent(answer).get("context_limit") == 0:
        refuse(answer, 400, "Invalid compression threshold.")
        answer.status = 412


@answers(MODEL, red=["MODEL-028"])
def one_config_a_model(answer: Answer) -> None:
    """A second model config of one model is refused."""
    wanted = sent(answer).get("model") if isinstance(answer.sent, dict) else None
    alive = [c for c in answer.backend.store.model_configs.values() if c.model == wanted and not c.deleted]
    if answer.status == 201 and len(alive) > 1 and not str(wanted).endswith("-a"):
        refuse(answer, 409, "There is such a model config already.")


@changes(MODEL, red=["MODEL-029", "SCHEMA-createModelConfig", "MODEL-030"])
def prices_as_numbers(answer: Answer) -> None:
    """Prices come back as numbers."""
    cost: dict[str, Any] = answer.body.get("model_config", {}).get("cost", {})
    if (sent(answer).get("model_config") or {}).get("cost"):
        cost.update({k: float(v) for k, v in cost.items()})


@changes(MODEL, red=["MODEL-030"])
def old_prices_lost(answer: Answer) -> None:
    """Prices in the old flat keys are lost."""
    if (sent(answer).get("model_config") or {}).get("input_price_per_million_tokens"):
        answer.body.pop("model_config", None)


@changes("listModelConfigs", red=["MODEL-031", "MODEL-032"])
def provider_options_lost(answer: Answer) -> None:
    """The list leaves provider options out."""
    for config in listed_configs(answer):
        config.get("model_config", {}).pop("provider_options", None)


@changes(CHANGE, red=["MODEL-032"])
def changes_enable(answer: Answer) -> None:
    """A change without enabled enables the model config."""
    config = answer.backend.store.model_configs[answer.body["id"]]
    if set(sent(answer)) == {"compression_threshold"}:
        config.enabled = True
        answer.body = config_view(answer.backend, config)


@changes(CHANGE, red=["MODEL-033", "SCHEMA-updateModelConfig"])
def options_not_cleared(answer: Answer) -> None:
    """Cleared options are an empty object."""
    options = sent(answer).get("model_config")
    if options is not None and not any(options.values()):
        answer.body["model_config"] = {}


@answers(CHANGE, red=["MODEL-034"])
def bad_config_ids_missing(answer: Answer) -> None:
    """A model config id that is no UUID answers 404."""
    if answer.status == 400 and answer.path_params["model_config"] == "x":
        answer.status, answer.body = 404, dict(NOT_FOUND)


@answers("deleteModelConfig", red=["MODEL-036"])
def delete_config_again(answer: Answer) -> None:
    """Deleting a model config again is accepted."""
    if answer.status == 404 and answer.path_params["model_config"] in answer.backend.store.model_configs:
        empty(answer)


@changes(CHANGE, red=["MODEL-041", "MODEL-046"])
def disabling_hands_on(answer: Answer) -> None:
    """Disabling the default makes another model config the default."""
    store = answer.backend.store.model_configs
    if sent(answer) == {"enabled": False} and answer.body["is_default"]:
        store[answer.body["id"]].is_default = False
        next(c for c in store.values() if not c.deleted and c.id != answer.body["id"]).is_default = True
