"""Who is asking, the experiment that chats need, and limits of requests."""

from __future__ import annotations

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.answers import empty

EXPERIMENT = "agentic-chat"
EVERYBODY = ("alice", "bob", "root")


@case("LAUTH-001", writes=False)
async def no_bearer(t: Case) -> None:
    t.refused(await t.nobody.get(t.url("listChats"), headers={"authorization": f"Bearer {t.alice.token}"}), "auth.no-token")
    t.accepted(await t.alice.list())


@case("LAUTH-002", needs=["admin"])
async def writes_need_a_token(t: Case) -> None:
    user = await t.new_user()
    chat = await empty(t, user)
    for content in (None, b"{broken", b'{"model": "fake-model", "message": {"role": "user"}}'):
        t.refused(await t.nobody.request("POST", t.url("createChat"), content=content), "auth.no-token")
        t.refused(await t.nobody.request("POST", chat.url("sendMessage"), content=content), "auth.no-token")
    t.expect([c["id"] for c in t.accepted(await user.list())], [chat.id], "the chats after creates without a token")
    t.exactly(t.accepted(await chat.messages()), [], "the messages after some without a token")


@case("LAUTH-003", needs=["admin"])
async def signed_out(t: Case) -> None:
    user = await t.new_user()
    t.accepted(await user.list())
    t.given(await user.post(t.url("logoutUser")))
    t.refused(await user.list(), "auth.unknown")


@case("LAUTH-004")
async def deleted_user(t: Case) -> None:
    user = await t.new_user()
    t.accepted(await user.list())
    t.given(await t.root.delete(t.url("deleteUser", user=user.id)))
    t.refused(await user.list(), "auth.unknown")


@case("LAUTH-005", writes=False)
async def lists_need_a_token(t: Case) -> None:
    for operation in ("listLanguageModels", "listExperiments"):
        t.refused(await t.nobody.get(t.url(operation)), "auth.no-token")
        t.accepted(await t.alice.get(t.url(operation)))


async def lists_models(t: Case) -> None:
    """The server answers the same token elsewhere. Raises Failure."""
    t.accepted(await t.alice.get(t.url("listLanguageModels")))


async def shut(t: Case, actor: Actor) -> None:
    """All at and below chats is refused to this user. Raises Failure."""
    chats = t.url("listChats")
    for method, below in (
        ("GET", ""), ("POST", ""), ("DELETE", ""), ("GET", "/no-uuid"), ("GET", "/no-uuid/messages"), ("GET", "/no-uuid/nothing"),
    ):  # fmt: skip
        t.refused(await actor.request(method, chats + below), "gate.experiment")
    one = t.url("sendMessage")
    t.refused(await actor.request("POST", one, content=b"{broken"), "gate.experiment")
    t.refused(await actor.post(one, {"model": "fake-model", "message": {}}), "gate.experiment")


@case("LGATE-001", needs=["second-user"])
async def nothing_at_chats(t: Case) -> None:
    for name in EVERYBODY:
        await shut(t, t.actor(name))
    await lists_models(t)


@case("LGATE-002")
async def tokens_come_first(t: Case) -> None:
    for operation in ("listChats", "getChat", "listMessages"):
        t.refused(await t.nobody.get(t.url(operation)), "auth.no-token")
    t.refused(await t.nobody.post(t.url("sendMessage"), {}), "auth.no-token")
    await lists_models(t)


@case("LGATE-003")
async def models_without_chats(t: Case) -> None:
    t.refused(await t.alice.list(), "gate.experiment")
    found = t.accepted(await t.alice.get(t.url("listLanguageModels")))["models"]
    t.true(found, "models are listed while the experiment is off", found)


@case("LGATE-004", "LGATE-005", writes=False)
async def the_experiment_is_told(t: Case) -> None:
    with t.judging("LGATE-004"):
        found = t.accepted(await t.alice.get(t.url("listExperiments")))
        t.true(EXPERIMENT in found, f"the experiments name {EXPERIMENT}", found)
    with t.judging("LGATE-005"):
        safe = t.accepted(await t.alice.get(t.url("listAvailableExperiments")))["safe"]
        t.true(EXPERIMENT not in safe, f"those that a wildcard turns on do not name {EXPERIMENT}", safe)


MOST = 2000  # requests within a minute, more than any limit that is of use in a test


@case("LRATE-001", "LRATE-002", alone=True, writes=False)
async def too_many_requests(t: Case) -> None:
    path = t.url("getChat")
    first = (await t.alice.get(t.url("listChats"))).response.headers
    with t.judging("LRATE-002"):
        limit, rest = first.get("x-ratelimit-limit", ""), first.get("x-ratelimit-remaining", "")
        t.true(limit.isdigit() and rest.isdigit() and int(rest) < int(limit), "the limit and what remains of it are told", first)
    with t.judging("LRATE-001"):
        for _ in range(min(int(first["x-ratelimit-limit"]), MOST)):
            await t.nobody.get(path)
        refused = await t.nobody.get(path)
        t.refused(refused, "rate.limited", count=first["x-ratelimit-limit"])
        t.true(refused.response.headers.get("retry-after", "").isdigit(), "Retry-After is a number of seconds")
