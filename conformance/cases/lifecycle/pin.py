"""Pins: one order for each user, from one to the count of pinned chats."""

from __future__ import annotations

import asyncio
from functools import partial

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.lifecycle import family, titled


async def unpin_all(t: Case) -> None:
    """Leave Alice without pins, whoever made them. Raises Unmet."""
    for _ in range(20):
        pins = [chat for chat in t.given(await t.alice.list(limit=50)) if chat["pin_order"]]
        for chat in pins:
            t.given(await t.alice.patch(t.url("patchChat", chat=chat["id"]), {"pin_order": 0}))
        if len(pins) < 50:  # pins come first in the list
            return


async def unpinned(t: Case, n: int) -> list[Chat]:
    """`n` chats under one label; Alice has no pins, and will have none after the case. Raises Unmet."""
    await unpin_all(t)
    label = t.unique()
    chats = await asyncio.gather(*(titled(t, labels={"mark": label}) for _ in range(n)))
    for chat in chats:
        t.cleanup(partial(chat.patch, pin_order=0))
    return list(chats)


async def pinned(t: Case, n: int) -> list[Chat]:
    """`n` chats, pinned in this order; Alice has no other pins. Raises Unmet."""
    chats = await unpinned(t, n)
    for chat in chats:
        t.given(await chat.patch(pin_order=1_000))
    return chats


async def places(t: Case, *chats: Chat) -> list[int]:
    """The pin_order of each chat, which the list shows too."""
    shown = [t.accepted(await chat.get()) for chat in chats]
    entries = t.accepted(await t.alice.list(label=f"mark:{shown[0]['labels']['mark']}"))
    listed = {c["id"]: c["pin_order"] for c in entries}
    orders = [c["pin_order"] for c in shown]
    t.expect([listed[chat.id] for chat in chats], orders, "pin_order in the list, compared with GET")
    return orders


@case("PIN-001", "PIN-008", alone=True)
async def pins_are_put_last(t: Case) -> None:
    a, b, c = await unpinned(t, 3)
    with t.judging("PIN-001"):
        for n, (chat, sent) in enumerate(((a, 1), (b, 1), (c, 7)), 1):
            t.accepted(await chat.patch(pin_order=sent))
            t.expect(await places(t, a, b, c), [*range(1, n + 1), *[0] * (3 - n)], f"places after pin {n} with number {sent}")
    with t.judging("PIN-008"):
        for chat, sent, count in ((b, 0, 2), (b, 9, 3), (a, 0, 2), (c, 0, 1)):
            t.given(await chat.patch(pin_order=sent))
            numbers = sorted(n for n in await places(t, a, b, c) if n)
            t.expect(numbers, list(range(1, count + 1)), "the numbers of all pins")


@case("PIN-002", alone=True)
async def pins_move(t: Case) -> None:
    a, b, c, d = await pinned(t, 4)
    for chat, to, expected in ((c, 1, [2, 3, 1, 4]), (c, 3, [1, 2, 3, 4]), (b, 3, [1, 3, 2, 4]), (b, 3, [1, 3, 2, 4])):
        t.accepted(await chat.patch(pin_order=to))
        t.expect(await places(t, a, b, c, d), expected, f"places after a move to {to}")


@case("PIN-003", alone=True)
async def pins_move_past_the_end(t: Case) -> None:
    a, b, c = await pinned(t, 3)
    t.accepted(await a.patch(pin_order=99))
    t.expect(await places(t, a, b, c), [3, 1, 2], "places after the first moved to 99")


@case("PIN-004", alone=True)
async def unpinning_closes_the_gap(t: Case) -> None:
    a, b, c = await pinned(t, 3)
    t.accepted(await a.patch(pin_order=0))
    t.expect(await places(t, a, b, c), [0, 1, 2], "places after the first is unpinned")


@case("PIN-005", "PIN-007", alone=True)
async def unpinning(t: Case) -> None:
    (a,) = await pinned(t, 1)
    stamps = [t.given(await a.get())["updated_at"]]
    with t.judging("PIN-005"):
        for _ in range(2):
            t.accepted(await a.patch(pin_order=0))
            t.expect(await places(t, a), [0], "the place after pin_order 0")
    with t.judging("PIN-007"):
        stamps.append(t.accepted(await a.get())["updated_at"])
        t.given(await a.patch(pin_order=1))
        stamps.append(t.accepted(await a.get())["updated_at"])
        t.expect(stamps, stamps[:1] * 3, "updated_at of a pinned, an unpinned, and a newly pinned chat", "/updated_at")


@case("PIN-005", "PIN-006", alone=True, needs=["llm"])
async def children_are_not_pinned(t: Case) -> None:
    root, (child,) = await family(t, "child task")
    t.cleanup(lambda: root.patch(pin_order=0))
    with t.judging("PIN-006"):
        t.refused(await child.patch(pin_order=1), "patch.pin-child")
        t.expect(t.accepted(await child.get())["pin_order"], 0, "the place of the child", "/pin_order")
        t.accepted(await root.patch(pin_order=1))
    with t.judging("PIN-005"):
        t.accepted(await child.patch(pin_order=0))
        t.given(await root.patch(archived=True))
        t.accepted(await root.patch(pin_order=0))
