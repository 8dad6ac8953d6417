"""Chats that nobody has, since the experiment that they need is off."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.play.case import Case
from conformance.play.declaration import case
from spec.documents import Operation

EVERYBODY = ("alice", "bob", "root")


async def reached(t: Case) -> None:
    """The server answers the same token elsewhere: it is chats alone that are shut. Raises Failure."""
    t.accepted(await t.alice.get(t.url("getUser", user="me")))


def below_chats(t: Case, *, sockets: bool) -> Iterator[Operation]:
    """The documented operations below /chats that are opened so."""
    root = t.session.documents.operations["listChats"].path
    for operation in t.session.documents.operations.values():
        if operation.path.startswith(root) and operation.secured and operation.socket == sockets:
            yield operation


@case("GATE-001", needs=["second-user"])
async def nothing_below_chats(t: Case) -> None:
    for operation in below_chats(t, sockets=False):
        body = None if operation.method == "GET" else b"{broken"
        t.refused(await t.alice.request(operation.method, operation.url(), content=body), "gate.experiment")
    for name in EVERYBODY:
        t.refused(await t.actor(name).get(f"{t.url('listChats')}/no-uuid/no-such-thing"), "gate.experiment")
        t.refused(await t.actor(name).request("DELETE", t.url("listChats")), "gate.experiment")
    await reached(t)


@case("GATE-002")
async def tokens_come_first(t: Case) -> None:
    for operation in below_chats(t, sockets=False):
        t.refused(await t.nobody.request(operation.method, operation.url()), "auth.no-token")
    await reached(t)


@case("GATE-003")
async def no_sockets(t: Case) -> None:
    for operation in below_chats(t, sockets=True):
        socket = await t.alice.socket(operation.url())
        t.expect(socket.log.handshake.status, 403, f"the upgrade of {operation.path}")
    await reached(t)


@case("GATE-004")
async def no_tool_servers(t: Case) -> None:
    t.refused(await t.root.get(t.url("listMCPServers")), "gate.experiment")
    t.refused(await t.root.post(t.url("listMCPServers"), {}), "gate.experiment")
    await reached(t)
