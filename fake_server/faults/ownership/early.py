"""Who may do what in early revisions, where a chat is its owner's alone."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import instead
from fake_server.rules.refusals import Refusal

LACKS = "access.by-organization"  # the faults of this module are ones only in revisions without it


@instead("App._answer_to", red=["OWN-024", "OWN-010"])
async def bodies_before_chats(right: Any, app: Any, call: Any, refused: Refusal) -> Any:
    """The body of a PATCH is read before the chat is looked for."""
    try:
        if refused.key == "common.not-found" and call.method == "PATCH":
            await call.json()
    except Refusal as first:
        refused = first
    return await right(app, call, refused)
