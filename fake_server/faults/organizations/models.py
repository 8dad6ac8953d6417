"""Wrong about models of organizations: lists, rights, access, choices."""

from __future__ import annotations

import re
from typing import Any

from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.faults.limits.bounds import refuse
from fake_server.http.endpoint import gateway_is_off

LACKS = "models.of-deployment"  # the faults of this module are ones only in revisions without it

LIST, MAKE, CHOOSE = "listModelConfigs", "createModelConfig", "putConfigModelOverride"


@changes(LIST, red=["MODEL-300", "SCHEMA-listModelConfigs"])
def providers_show_addresses(answer: Answer) -> None:
    """Providers show the address that calls go to."""
    for row in answer.body["providers"]:
        row["base_url"] = answer.backend.store.providers[row["id"]].base_url


@answers(LIST, red=["GATEWAY-024", "SCHEMA-listModelConfigs"])
def no_list_without_the_gateway(answer: Answer) -> None:
    """No models are listed while the gateway is off."""
    if gateway_is_off(answer.backend):
        refuse(answer, "common.gateway-off")


@changes("getModelConfig", red=["MODEL-301"])
def models_read_alone_have_another_organization(answer: Answer) -> None:
    """A model that is read alone has another organization."""
    answer.body["organization_id"] = answer.body["id"]


turns_off(
    "one-threshold-for-all", "large models get the threshold of small ones", "model-config.large-threshold", red=["MODEL-302"]
)


@answers(MAKE, red=["MODEL-303"])
def rights_before_bodies(answer: Answer) -> None:
    """Who may not make a model is not told what is wrong with it."""
    if answer.status == 400 and answer.actor == "alice":
        refuse(answer, "common.forbidden")


@answers("updateModelConfig", "deleteModelConfig", red=["MODEL-304"])
def changes_are_forbidden(answer: Answer) -> None:
    """Who may not change a model is told so."""
    if answer.status == 404 and answer.actor == "alice":
        refuse(answer, "common.forbidden")


turns_off("models-come-with-readers", "access is set with the model", "model-config.acl-create", red=["MODEL-305"])
replaces("models-are-for-all", "lists of access are not looked at", "readable", lambda right, *of: True, red=["MODEL-306"])
turns_off(
    "chats-without-a-model",
    "a message needs no model that can be used",
    "common.no-default-model",
    red=["MODEL-307"],
)


@instead("App._find", red=["MODEL-308"])
def any_organization_is_the_default_one(right: Any, app: Any, call: Any) -> Any:
    """Models of an organization that is not there are those of the default one."""
    call.path = re.sub("/organizations/[^/]+/chats", "/organizations/default/chats", call.path)
    return right(app, call)


@changes(CHOOSE, red=["CONF-300"])
def cleared_choices_are_shown(answer: Answer) -> None:
    """The answer to a choice that was cleared shows the one before."""
    known = answer.backend.faults.memory
    known[answer.path] = answer.body["model_config_id"] or known.get(answer.path, "")
    answer.body["model_config_id"] = known[answer.path]


@changes("listModelOverrides", red=["CONF-301"])
def unset_choices_are_listed(answer: Answer) -> None:
    """Choices that are not set are listed, too."""
    there = {one["context"] for one in answer.body["overrides"]}
    answer.body["overrides"] += [{"context": c, "model_config_id": ""} for c in ("general", "explore") if c not in there]


@answers("listModelOverrides", red=["CONF-302"])
def members_read_choices(answer: Answer) -> None:
    """Members read what the organization has chosen."""
    if answer.status == 404 and answer.actor == "alice":
        answer.status, answer.body = 200, {"overrides": []}


@answers("putConfigUserPersonalModelOverride", red=["CONF-303"])
def nobody_chooses_for_others(answer: Answer) -> None:
    """Nobody but themselves chooses models for members."""
    if answer.status == 204 and answer.path_params["user"] != "me":
        refuse(answer, "common.not-found")
