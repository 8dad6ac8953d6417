"""Wrong choices of the model that a chat uses."""

from __future__ import annotations

from dataclasses import replace

from fake_server.faulting import Answer, answers, replaces, turns_off
from fake_server.faults.models.providers import refuse, sent
from fake_server.state import model_choice

turns_off(
    "wanted-model-ignored",
    "a chat always begins on the default model",
    "model.wanted",
    red=[
        "MODEL-042",
        "MODEL-044",
        "MODEL-047",
        "MODEL-049",
        "CONF-043",
        "CONF-063",
        "CONF-064",
        "COST-001",
        "COST-002",
        "COST-003",
        "COST-006",
        "COST-007",
        "COST-008",
        "COST-009",
        "COST-015",
        "COST-016",
        "COST-017",
        "COST-020",
        "COST-024",
        "COST-026",
        "CREATE-021",
        "CREATE-022",
        "CREATE-035",
        "CREATE-037",
        "CREATE-038",
        "CREATE-039",
        "EDIT-014",
        "KEY-007",
        "PART-024",
        "RETRY-007",
        "SEND-015",
        "SEND-016",
        "SEND-017",
        "USAGE-024",
        "USAGE-026",
        "USAGE-027",
        "USAGE-028",
        "USAGE-029",
        "USAGE-030",
        "USAGE-031",
        "USAGE-032",
        "USAGE-036",
        "USAGE-037",
        "COST-031",
        "COST-032",
        "COST-033",
        "COST-038",
        "COST-039",
        "COST-040",
        "KEY-012",
        "MODEL-057",
        "TOOL-024",
        "MODEL-107",
        "COST-064",
        "COST-111",
        "COST-113",
        "COST-115",
        "KEY-053",
    ],
)
replaces(
    "deleted-model-fails",
    "a deleted model ends the turn in error",
    "turn_model",
    lambda right, backend, chat: model_choice.live_config(backend, chat.last_model_config_id),
    red=["MODEL-045"],
)
turns_off("disabled-models-run", "disabled models run turns", "model.disabled-fails", red=["MODEL-044", "MODEL-046"])
turns_off("disabled-providers-run", "models of disabled providers run turns", "model.disabled-provider-fails", red=["MODEL-049"])
replaces(
    "options-not-sent",
    "call options are not sent",
    "prompt_of",
    lambda right, *of: replace(right(*of), options={}),
    red=["MODEL-047"],
)
replaces(
    "no-token-bound",
    "no bound of output tokens is sent",
    "prompt_of",
    lambda right, *of: replace(right(*of), max_tokens=4096),
    red=["MODEL-048"],
)


@answers("createChat", red=["MODEL-045"])
def deleted_models_refused(answer: Answer) -> None:
    """A chat on a deleted model is refused."""
    config = answer.backend.store.model_configs.get(sent(answer).get("model_config_id"))
    if answer.status == 201 and config and config.deleted:
        refuse(answer, 400, "Invalid model config ID.")


@answers("createChat", red=["MODEL-046"])
def disabled_default_refused(answer: Answer) -> None:
    """A chat without model is refused while the default is disabled."""
    used = answer.backend.store.model_configs.get(answer.body.get("last_model_config_id"))
    if answer.status == 201 and used and not used.enabled and "model_config_id" not in sent(answer):
        refuse(answer, 400, "No default chat model config is configured.")


@answers("sendMessage", red=["MODEL-043"])
def sends_after_a_delete_refused(answer: Answer) -> None:
    """A send to a chat whose earlier model was deleted is refused."""
    said = answer.backend.store.messages.get(answer.path_params["chat"], [])
    used = [answer.backend.store.model_configs.get(m.model_config_id) for m in said]
    if answer.status == 200 and any(config and config.deleted for config in used):
        refuse(answer, 400, "The chat's model was deleted.")
