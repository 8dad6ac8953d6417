"""Wrong about paths, methods and the headers of every answer."""

from __future__ import annotations

from typing import Any

from fake_server.chats.feeds import encode
from fake_server.faulting import Answer, answers, instead, replaces, turns_off
from fake_server.faults.auth.callers import opens
from fake_server.http import endpoint
from fake_server.rules.refusals import Refusal, refusal

turns_off(
    "odd-id-not-found",
    "A chat id that is no UUID is answered with 404.",
    "common.chat-id",
    red=["ROUTE-001", "ROUTE-002", "ROUTE-011", "STREAM-003"],
)


@instead("App._answer_to", red=["ROUTE-002", "ERR-079"])
async def body_before_id(right: Any, app: Any, call: Any, refused: Refusal) -> Any:
    """The body is read before the chat's id."""
    try:
        if refused.key == "common.chat-id":
            await call.json()
    except Refusal as first:
        refused = first
    return await right(app, call, refused)


turns_off("ids-in-small-letters", "Only ids in lower case are known.", "route.id-case", red=["ROUTE-003"])
turns_off("ids-with-dashes", "Only ids with dashes are known.", "route.id-short", red=["ROUTE-004"])
turns_off("ids-without-frills", "Ids in braces and as URN are not known.", "route.id-long", red=["ROUTE-021"])
replaces(
    "allow-of-everything",
    "Allow names OPTIONS, too.",
    "App._unrouted",
    lambda right, app, call, allowed: right(app, call, [*allowed, "OPTIONS"] if allowed else []),
    red=["ROUTE-007"],
)


@instead("App._find", red=["ROUTE-010"])
def head_is_get(right: Any, app: Any, call: Any) -> Any:
    """HEAD is answered as GET is."""
    call.method = "GET" if call.method == "HEAD" else call.method
    return right(app, call)


@instead("App._find", red=["ROUTE-012"])
def no_odd_slashes(right: Any, app: Any, call: Any) -> Any:
    """Slashes at the end and doubled ones are not known."""
    if "//" in call.path or call.path.endswith("/"):
        raise refusal("common.route-not-found")
    return right(app, call)


@instead("App._send", red=["ROUTE-015", "SCHEMA-listChats"])
async def html_on_demand(right: Any, app: Any, call: Any, route: Any, answer: Any) -> None:
    """Accept: text/html gets text/html."""
    if call.header("accept") == "text/html":
        answer = endpoint.reply(answer.status, encode(answer.body), headers=answer.headers, media=b"text/html")
    await right(app, call, route, answer)


turns_off("rate-limits-unnamed", "Answers carry no X-RateLimit headers.", "rate.headers", red=["ROUTE-018"])
turns_off("uploads-unlimited", "Uploads are counted and never refused.", "rate.limited-POST", red=["ROUTE-019"])
turns_off("downloads-unlimited", "Downloads are counted and never refused.", "rate.limited-GET", red=["ROUTE-020"])


@answers(red=["ROUTE-006", "ROUTE-010"])
def wrong_method_not_found(answer: Answer) -> None:
    """A wrong method is answered with 404."""
    if answer.status == 405:
        answer.status, answer.body = 404, {"message": "Route not found."}
        answer.headers["content-type"] = "application/json"


@answers(red=["ROUTE-008", "CONF-013"])
def unknown_path_bad_request(answer: Answer) -> None:
    """An unknown path is a bad request."""
    if not answer.operation and answer.status == 404 and answer.body["message"] == "Route not found.":
        answer.status = 400


@answers(red=["ROUTE-009", "KEY-002", "SCHEMA-deleteUserProviderKey"])
def method_before_chat(answer: Answer) -> None:
    """A wrong method below a chat that is not there is answered with 405."""
    if not answer.operation and answer.status == 404 and answer.method == "DELETE" and "/queue/" not in answer.path:
        answer.status, answer.body = 405, None
        answer.headers.pop("content-type")
        answer.headers["allow"] = "GET, PATCH"


@answers(red=["ROUTE-011"])
def names_are_no_ids(answer: Answer) -> None:
    """A wrong method on a name beside the chats is answered with 405."""
    if answer.status == 400 and answer.path.endswith("/models"):
        answer.status, answer.body = 405, None
        answer.headers.pop("content-type")
        answer.headers["allow"] = "GET"


@answers(red=["ROUTE-008", "ROUTE-013", "SCHEMA-unrouted", "CONF-013"])
def unknown_path_in_text(answer: Answer) -> None:
    """The 404 of an unknown path is text."""
    if not answer.operation and answer.status == 404 and answer.body["message"] == "Route not found.":
        answer.headers["content-type"] = "text/plain"


@answers(red=["ROUTE-014", "SCHEMA-headers", "FILE-027"])
def sniffed(answer: Answer) -> None:
    """Answers let browsers guess their type."""
    answer.headers.pop("x-content-type-options", None)


@answers("deleteChatProvider", red=["ROUTE-016", "SCHEMA-deleteChatProvider"])
def retired_route_not_found(answer: Answer) -> None:
    """One retired route is answered with 404."""
    if answer.status == 410:
        answer.status = 404


opens("open-retired-routes", "A retired route asks for no token.", "user-provider-configs", red=["ROUTE-017", "AUTH-001"])
