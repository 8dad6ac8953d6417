"""Handshakes that are answered wrongly, and sockets that treat their client wrongly."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, answers, instead, replaces, turns_off
from fake_server.http.endpoint import not_found

SAYS_NO = {"message": "Resource not found or you do not have access to this resource"}


@answers("streamChat", red=["STREAM-001"])
def plain_get_of_a_stream_is_a_bad_request(answer: Answer) -> None:
    """A plain GET of a stream is answered with 400."""
    if answer.status == 426:
        answer.status = 400


@answers("watchChats", red=["STREAM-002"])
def plain_get_of_the_watch_feed_is_a_bad_request(answer: Answer) -> None:
    """A plain GET of the watch feed is answered with 400."""
    if answer.status == 426:
        answer.status = 400


@answers(red=["STREAM-003"])
def streams_of_bad_ids_are_not_found(answer: Answer) -> None:
    """The stream of a chat whose id is no UUID is not found."""
    if answer.status == 400 and answer.path.endswith("/stream") and "UUID" in str(answer.body):
        answer.status, answer.body = 404, SAYS_NO


turns_off(
    "bad-after-id-means-all",
    "an after_id that is no number means every message",
    "stream.after-id",
    red=["STREAM-004", "STREAM-005"],
)


@answers(red=["STREAM-005"])
def after_id_before_the_right(answer: Answer) -> None:
    """A bad after_id is reported to whoever may not read the chat, too."""
    if answer.status == 404 and answer.path.endswith("/stream") and not answer.query.get("after_id", "0").lstrip("-").isdigit():
        detail = 'strconv.ParseInt: parsing "?": invalid syntax'
        answer.status, answer.body = 400, {"message": "Invalid after_id parameter.", "detail": detail}


@instead("wanted_after", red=["STREAM-006"])
def negative_after_id_means_none(right: Any, call: Any, raw: str) -> int:
    """A negative after_id means no message."""
    wanted = int(right(call, raw))
    return wanted if wanted >= 0 else max((m.id for m in call.backend.store.messages[call.chat.id]), default=0)


replaces(
    "after-id-is-inclusive",
    "a snapshot holds the message that after_id names, too",
    "Hub._behind",
    lambda right, messages, after_id: right(messages, after_id - 1),
    red=["STREAM-006", "STREAM-028", "STREAM-078", "STREAM-084", "STREAM-249"],
)
replaces(
    "after-id-is-ignored",
    "a snapshot has every message, whatever after_id is",
    "Hub._behind",
    lambda right, messages, after_id: right(messages, 0),
    red=["STREAM-028", "STREAM-006", "STREAM-078", "STREAM-079", "STREAM-084", "STREAM-111", "STREAM-249", "STREAM-255"],
)
turns_off("any-origin-may-stream", "a stream may be opened from a foreign origin", "stream.origin-foreign", red=["STREAM-007"])
turns_off(
    "any-origin-may-watch", "the watch feed may be opened from a foreign origin", "watch.origin-foreign", red=["STREAM-007"]
)
turns_off("subprotocol-is-taken", "the first subprotocol that is offered is chosen", "socket.no-subprotocol", red=["STREAM-008"])
turns_off("any-websocket-version", "a handshake of any WebSocket version is accepted", "stream.version", red=["STREAM-009"])
turns_off("any-websocket-key", "a handshake with a short key is accepted", "watch.key-bad", red=["STREAM-009"])


@instead("stream_chat", red=["STREAM-010"])
async def no_streams_of_archived(right: Any, call: Any) -> None:
    """The stream of an archived chat is not found."""
    if call.chat.archived:
        raise not_found()
    await right(call)


@answers("streamGit", "streamDesktop", red=["STREAM-011", "OWN-012"])
def no_workspace_is_not_found(answer: Answer) -> None:
    """The git and the desktop stream of a chat without a workspace are not found."""
    if answer.status == 400 and "workspace" in str(answer.body):
        answer.status, answer.body = 404, SAYS_NO


@answers(red=["STREAM-012", "OWN-012"])
def workspace_before_the_right(answer: Answer) -> None:
    """The git stream says of a chat that may not be read that it has no workspace."""
    if answer.status == 404 and answer.path.endswith("/stream/git"):
        answer.status, answer.body = 400, {"message": "Chat has no workspace to watch."}


turns_off("client-data-is-1003", "data of the client closes with 1003", "socket.data-is-1008", red=["STREAM-019"])
turns_off("close-without-a-reason", "the close after client data has no reason", "socket.close-reason", red=["STREAM-020"])
turns_off("client-data-is-read", "data of the client is passed over", "socket.refuses-data", red=["STREAM-019"])
turns_off("close-is-not-answered", "a close of the client is not answered", "socket.echoes-close", red=["STREAM-021"])
turns_off("no-pings", "an idle connection gets no pings", "socket.pings", red=["STREAM-022", "STREAM-023"])
turns_off("silent-clients-stay", "a client that answers no pings is kept", "socket.drops-silent", red=["STREAM-023"])


@answers(red=["STREAM-080", "SCHEMA-streamChat", "OWN-012"])
def lost_access_is_forbidden(answer: Answer) -> None:
    """Who may not read a chat gets 403 for its stream."""
    known = answer.backend.store.chats
    if answer.status == 404 and answer.path.endswith("/stream") and answer.path.split("/")[-2] in known and not answer.query:
        answer.status, answer.body = 403, {"message": "Forbidden."}


replaces(
    "last-after-id-counts",
    "of several after_id the last counts",
    "wanted_after",
    lambda right, call, raw: right(call, (call.queries("after_id") or [raw])[-1]),
    red=["STREAM-084"],
)
