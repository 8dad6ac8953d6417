"""Generated requests for every operation: Schemathesis makes them from the contract document, the passive checks judge them.

What the document says of an answer (status, media type, shape) is judged under the operation's own SCHEMA requirement.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Failure
from conformance.properties.engine import Bridge, generated
from conformance.wire.exchange import ABSENT
from spec import Profile

# What a real server is known to answer with a server error, and why it is no finding.
KNOWN_500 = {
    "promoteQueuedMessage": "promoting an unknown queued message answers 500 in this revision",
    "editMessage": "a message of another user's chat answers 500 in this revision",
    "createChat": "a NUL in the first words of a text answers 500",
    "patchChat": "a NUL in a title answers 500",
    "uploadFile": "a site owner's upload into an unknown organization answers 500",
    "getUserSkill": "a NUL in a name answers 500",
    "regenerateTitle": "the model may fail to give a title",
    "proposeTitle": "the model may fail to give a title",
}
# Server-wide settings and other users' things are not for generated requests.
_SAFE_ELSEWHERE = ("get",)
_SOCKETS = ("streamChat", "watchChats", "streamGit", "streamDesktop")


@cache
def _schema(profile: Profile) -> Any:
    document = {**profile.openapi}
    # a generated token in the query would be looked at before the real one in the header
    document["security"] = []
    document["components"] = {k: v for k, v in document["components"].items() if k != "securitySchemes"}
    document["paths"] = {
        path: {m: {k: v for k, v in o.items() if k != "security"} if isinstance(o, dict) else o for m, o in item.items()}
        for path, item in document["paths"].items()
    }
    import schemathesis  # takes a third of a second, which only a run with a property phase has to pay

    return schemathesis.openapi.from_dict(document)


def operations(profile: Profile, chats_path: str) -> list[Any]:
    """The operations that generated requests may go to: a user's own chats, and reading everywhere."""
    found = []
    for result in _schema(profile).get_all_operations():
        operation = result.ok()
        name = operation.definition.raw.get("operationId", "")
        own = operation.path.startswith(chats_path) and "/config" not in operation.path and "model-config" not in operation.path
        own = own and not any(word in operation.path for word in ("usage-limits", "overrides", "providers", "insights"))
        if name not in _SOCKETS and (own or operation.method.lower() in _SAFE_ELSEWHERE):
            found.append(operation)
    return found


def _send(bridge: Bridge, generated_case: Any, chat_id: str, *, auth: bool) -> Any:
    """Play a generated case; a chat in its path is the case's own, so that requests get past the look-up."""
    path = generated_case.operation.path
    for name, value in (generated_case.path_parameters or {}).items():
        path = path.replace("{" + name + "}", chat_id if name == "chat" else quote(str(value), safe=""))
    params = [(k, str(v)) for k, v in (generated_case.query or {}).items() if not isinstance(v, (list, dict))]
    body = generated_case.body if _is_json(generated_case.body) else ABSENT
    headers = {"content-type": generated_case.media_type} if body is not ABSENT and generated_case.media_type else {}
    alice = bridge.t.alice
    request = alice.request(generated_case.method.upper(), path, params=params, body=body, headers=headers, auth=auth)
    return bridge(request)


def _is_json(body: Any) -> bool:
    return body is None or isinstance(body, (dict, list, str, int, float, bool))


@case("FUZZ-001", fuzz=True)
async def any_request(t: Case) -> None:
    bridge, chat = Bridge(t), await t.chat()
    for operation in operations(t.session.profile, t.url("listChats")):
        ask = _no_server_error(bridge, operation.definition.raw["operationId"], chat.id)
        await generated(t, ask, scale=0.25 if operation.path.startswith(t.url("listChats")) else 0.07, made=_any_of(operation))


def _any_of(operation: Any) -> st.SearchStrategy[Any]:
    """Requests that the contract allows and requests that it does not."""
    from schemathesis import GenerationMode

    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # made when first drawn from: Python 3.11 can't parse source, as making them does, in two threads at once
    return st.deferred(lambda: st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]))


def _no_server_error(bridge: Bridge, name: str, chat_id: str) -> Callable[[Any], None]:
    def ask(made: Any) -> None:
        answer = _send(bridge, made, chat_id, auth=True)
        if answer.response.status >= 500 and name not in KNOWN_500:
            raise Failure(f"{name} answered {answer.response.status}", actual=answer.response.status, exchange=answer.id)

    return ask


@case("FUZZ-002", fuzz=True)
async def any_request_without_a_token(t: Case) -> None:
    bridge, chat = Bridge(t), await t.chat()
    for operation in operations(t.session.profile, t.url("listChats")):
        known = t.session.documents.operations[operation.definition.raw["operationId"]]
        if not operation.path.startswith(t.url("listChats")) or not known.secured:
            continue  # elsewhere, or for whoever has a link

        def ask(made: Any) -> None:
            answer = _send(bridge, made, chat.id, auth=False)
            t.expect(answer.response.status, 401, f"{made.method.upper()} {made.operation.path} without a token")

        await generated(t, ask, scale=0.2, made=_any_of(operation))
