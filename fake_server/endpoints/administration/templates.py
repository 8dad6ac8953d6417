"""Workspace templates by id: listed and deleted, never used."""

from __future__ import annotations

from fake_server.endpoints.administration.shared import V2, require_update
from fake_server.http.endpoint import Call, Reply, not_found, reply, route
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadUUID, parse_uuid, quote
from fake_server.state import templates

PATH = f"{V2}/templates"


def _find(call: Call) -> str:
    raw = call.params["template"]
    try:
        template_id = parse_uuid(raw)
    except BadUUID as error:
        raise refusal("common.chat-id", id=quote(raw), detail=str(error)) from None
    if template_id not in templates.known(call.backend):
        raise not_found()
    return template_id


def _view(call: Call, template_id: str) -> dict[str, str]:
    name = templates.known(call.backend)[template_id]
    return {"id": template_id, "name": name, "organization_id": call.backend.store.organization_id}


@route("listTemplates", "GET", PATH)
async def list_templates(call: Call) -> Reply:
    """All templates."""
    return reply(200, [_view(call, template_id) for template_id in templates.known(call.backend)])


@route("getTemplate", "GET", f"{PATH}/{{template}}")
async def get_template(call: Call) -> Reply:
    """One template."""
    return reply(200, _view(call, _find(call)))


@route("deleteTemplate", "DELETE", f"{PATH}/{{template}}")
async def delete_template(call: Call) -> Reply:
    """Delete it (site owner only)."""
    template_id = _find(call)
    require_update(call)
    del templates.known(call.backend)[template_id]
    return reply(200, {"message": "Template has been deleted!"})
