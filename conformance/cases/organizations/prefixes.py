"""What is served twice gives the same answers at both places, and what is served once is unknown at the other."""

from __future__ import annotations

import re

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.lifecycle import first, queued
from conformance.wire.exchange import Exchange

READS = ("getChat", "listMessages", "listPrompts", "getChatACL", "getChatCost", "getChatDiff")
OF_ALL = ("chatsByWorkspace", "getConfigUserPrompt", "getConfigWorkspaceTTL", "getConfigRetentionDays", "listModelConfigs")
ALONE = ("getConfigAdvisor", "getConfigComputerUseProvider", "listDebugRuns", "streamDesktop")


def beside(t: Case, path: str) -> str:
    """The second place of what is served at this path. Raises Unmet."""
    for second, first_place in t.session.traits["beside"].items():
        pattern = re.sub("{[a-z]+}", "([^/]+)", first_place)
        if re.match(pattern, path):
            return re.sub(pattern, re.sub("{[a-z]+}", r"\\1", second), path, count=1)
    raise Unmet(f"{path} has no second place")


def beyond(t: Case, below: str) -> str:
    """What would stand at the second place of chats under this name."""
    return f"{beside(t, t.url('listChats'))}/{below}"


@case("ROUTE-300", needs=["roles"], writes=False)
async def everybody_lists_chats(t: Case) -> None:
    for actor in ("alice", "carol", "auditor", "orgadmin", "orgauditor", "root"):
        body = t.accepted(await t.actor(actor).list())
        t.true(isinstance(body, list), "the list is a JSON array", body)


@case("ROUTE-301")
async def the_same_reads(t: Case) -> None:
    chat = await first(t)
    for path in (*(chat.url(name) for name in READS), *map(t.url, OF_ALL)):
        shown = t.accepted(await t.alice.get(path))
        t.exactly(t.accepted(await t.alice.get(beside(t, path)), 200), shown, f"what the second place of {path} shows")


@case("ROUTE-302")
async def one_chat_two_prefixes(t: Case) -> None:
    body = t.session.dialect.creation(t.session.target, [{"type": "text", "text": "Hello"}], {})
    made = t.accepted(await t.alice.post(beside(t, t.url("createChat")), body), 201)
    t.cleanup(lambda: Chat(t.alice, made["id"]).patch(archived=True))
    chat = Chat(t.alice, made["id"])
    t.accepted(await t.alice.patch(beside(t, chat.url("patchChat")), {"title": "By hand"}), 204)
    t.expect(t.accepted(await chat.get())["title"], "By hand", "the title", "/title")
    await chat.settled()
    more = t.session.dialect.sending(t.session.target, [{"type": "text", "text": "More"}], {})
    sent = t.accepted(await t.alice.post(beside(t, chat.url("sendMessage")), more), 200)
    t.true(sent["message"]["id"] in [m["id"] for m in await chat.history()], "the message is in the history")


@case("ROUTE-303", writes=False)
async def what_stayed_behind(t: Case) -> None:
    chat = await first(t)
    for name in ALONE:
        path = chat.url(name)
        moved = path.replace(beyond(t, "").rstrip("/"), t.url("listChats"), 1)
        t.refused(await t.alice.get(moved), "common.route-not-found")
    t.accepted(await chat.get())


@case("ROUTE-304", "ROUTE-305", "ROUTE-307", writes=False)
async def what_is_gone(t: Case) -> None:
    chats = t.url("listChats")
    t.given(await t.alice.list())
    with t.judging("ROUTE-304"):
        for gone in ("models", "model-configs", "models/x", "model-configs/x"):
            t.refused(await t.alice.get(beyond(t, gone)), "common.route-not-found")
            t.refused(await t.alice.post(beyond(t, gone), {}), "common.route-not-found")
            t.refused(await t.nobody.get(beyond(t, gone)), "auth.no-token")
        t.accepted(await t.alice.list())
    with t.judging("ROUTE-305"):
        t.refused(await t.alice.get(f"{chats}/model-configs"), "common.route-not-found")
        t.accepted(await t.alice.list())
    with t.judging("ROUTE-307"):
        t.refused(await t.alice.get(f"{chats}/providers"), "common.route-not-found")
        t.refused(await t.alice.get(beyond(t, "providers")), "legacy-providers.gone")
        t.accepted(await t.alice.list())


@case("ROUTE-306", "ROUTE-308", needs=["second-user"])
async def gone_or_unknown_at_both(t: Case) -> None:
    chat = await first(t)
    places = (chat.url("getChat"), beside(t, chat.url("getChat")))
    with t.judging("ROUTE-306"):
        for place in places:
            t.refused(await t.alice.post(f"{place}/title/regenerate"), "common.route-not-found")
        t.accepted(await chat.propose())
    with t.judging("ROUTE-308"):
        answers: list[Exchange] = [await t.bob.get(place) for place in places]
        for answer in answers:
            t.refused(answer, "common.not-found")
        t.alike(answers[1], answers[0], "the answer at the second place")
        t.accepted(await chat.get())


@case("WATCH-300")
async def events_come_over_both(t: Case) -> None:
    watch = await t.alice.socket(beside(t, t.url("watchChats")))
    chat = await t.new_chat(queued("Hello"))
    await watch.until({"kind": "created", "chat": {"id": chat.id}})
