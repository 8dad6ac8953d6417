"""Walks as transcripts, which replay plays."""

from __future__ import annotations

from typing import Any

from conformance.wire.exchange import ABSENT, Exchange


def request_row(said: Exchange) -> dict[str, Any]:
    """A row of a transcript: what was asked and answered."""
    request: dict[str, Any] = {"method": said.request.method, "path": said.request.path}
    if said.request.params:
        names = dict.fromkeys(name for name, _ in said.request.params)
        request["params"] = {n: [v for k, v in said.request.params if k == n] for n in names}
        request["params"] = {n: v[0] if len(v) == 1 else v for n, v in request["params"].items()}
    if said.request.body is not ABSENT:
        request["body"] = said.request.body
    elif said.request.content is not None:
        request["content"] = said.request.content.decode("utf-8", "replace")
        request["headers"] = {k: v for k, v in said.request.headers.items() if k.startswith("content-")}
    response: dict[str, Any] = {"status": said.response.status, "headers": {}}
    if said.response.media_type:
        response["headers"]["content-type"] = said.response.headers.get("content-type", "")
    if said.response.body is not ABSENT:
        response["body"] = said.response.body
    elif said.response.content:
        response["body"] = said.response.content.decode("utf-8", "replace")
    return {"as": said.actor if said.actor == "root" else f"{said.actor}w", "request": request, "response": response}
