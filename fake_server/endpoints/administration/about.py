"""Is the server there, and which one is it?"""

from __future__ import annotations

from fake_server.endpoints.administration.shared import V2
from fake_server.http.endpoint import TEXT, Call, Reply, experiments, reply, route


@route("getHealth", "GET", "/healthz", auth=False)
async def get_health(call: Call) -> Reply:
    """It is."""
    return reply(200, "OK", media=TEXT)


@route("getBuildInfo", "GET", f"{V2}/buildinfo", auth=False)
async def get_build_info(call: Call) -> Reply:
    """Version and addresses."""
    from fake_server.http.app import BUILD_VERSION  # app.py imports all endpoints

    address = str(call.backend.options.get("CODER_ACCESS_URL") or f"http://{call.header('host')}")
    return reply(
        200,
        {
            "external_url": "https://github.com/coder/coder",
            "version": BUILD_VERSION.decode(),
            "dashboard_url": address,
            "telemetry": False,
            "workspace_proxy": False,
            "agent_api_version": "1.0",
            "provisioner_api_version": "1.15",
            "upgrade_message": "",
            "deployment_id": call.backend.store.organization_id,
        },
    )


@route("listExperiments", "GET", f"{V2}/experiments")
async def list_experiments(call: Call) -> Reply:
    """The experiments that are on."""
    return reply(200, sorted(experiments(call.backend)))


@route("listAvailableExperiments", "GET", f"{V2}/experiments/available")
async def list_available_experiments(call: Call) -> Reply:
    """The experiments that a wildcard turns on."""
    return reply(200, {"safe": call.backend.revision.value("experiments.safe")})
