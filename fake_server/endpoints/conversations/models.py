"""The models that there are, and the part of the deployment's configuration that says where they come from."""

from __future__ import annotations

from typing import Any

from fake_server.endpoints.administration.shared import V2, may_read
from fake_server.http.endpoint import Call, Reply, experiments, reply, route
from fake_server.state.store import State


@route("listLanguageModels", "GET", f"{V2}/deployment/llms", when="api.first-generation")
async def list_language_models(call: Call) -> Reply:
    """The models, in no fixed order. Whoever is signed in may know them."""
    return reply(200, {"models": shown(call.backend)})


def shown(backend: State) -> list[dict[str, Any]]:
    """The models as they are shown: without keys and addresses."""
    models = backend.store.language_models.values()
    return [{"id": model.id, "display_name": model.id, "provider": model.provider.type} for model in models]


@route("getDeploymentConfig", "GET", f"{V2}/deployment/config", when="api.first-generation")
async def get_deployment_config(call: Call) -> Reply:
    """The providers and experiments of the start configuration, without keys, for those who may read it."""
    call.backend.guard("common.forbidden", not may_read(call))
    providers = [
        {"type": provider.type, "models": list(provider.models or ()), "base_url": provider.base_url}
        for provider in call.backend.store.ai_providers
    ]
    return reply(200, {"config": {"ai": {"providers": providers}, "experiments": sorted(experiments(call.backend))}})
