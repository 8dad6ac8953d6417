"""Ids in paths, wrong methods, unknown paths, headers of every answer, retired routes."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.files import upload
from conformance.wire.exchange import Exchange
from spec.documents import documents

WRONG_IDS = {
    "word": lambda i: "not-a-uuid",
    "number": lambda i: "1",
    "short": lambda i: i[:-1],
    "long": lambda i: i + "0",
    "no-hex": lambda i: "z" + i[1:],
    "only-letters": lambda i: "z" * 36,
}


@case("ROUTE-001", rows=WRONG_IDS)
async def id_that_is_none(t: Case, make: Any) -> None:
    chat = await t.new_chat()
    wrong = Chat(t.alice, make(chat.id))
    asked = [wrong.get, wrong.messages] + ([wrong.patch, wrong.interrupt] if t.offers("patchChat") else [wrong.send])
    for ask in asked:
        t.refused(await ask(), "common.chat-id", id=f'"{wrong.id}"')
    t.accepted(await chat.get())


@case("ROUTE-002")
async def id_before_body(t: Case) -> None:
    chat, wrong = await t.new_chat(), t.url("getChat", chat="not-a-uuid")
    good, bad = await t.alice.patch(wrong, {}), await t.alice.request("PATCH", wrong, content=b"{broken")
    t.refused(bad, "common.chat-id")
    t.expect(bad.response.body, good.response.body, "the refusal of a malformed body beside that of a good one")
    t.refused(await t.alice.request("PATCH", chat.path, content=b"{broken"), "common.bad-json")


SPELLINGS = {
    "upper": {"requirement": "ROUTE-003", "spell": lambda i: i.upper()},
    "no-dashes": {"requirement": "ROUTE-004", "spell": lambda i: i.replace("-", "")},
    "urn": {"requirement": "ROUTE-021", "spell": lambda i: f"urn:uuid:{i}"},
    "braces": {"requirement": "ROUTE-021", "spell": lambda i: f"%7B{i}%7D"},
}


@case(rows=SPELLINGS)
async def spelling_of_an_id(t: Case, row: dict[str, Any]) -> None:
    chat = await t.new_chat()
    shown = t.accepted(await t.alice.get(t.url("getChat", chat=row["spell"](chat.id))))["id"]
    t.expect(shown, chat.id, "the id of the chat")
    t.expect(shown, str(UUID(shown)), "its spelling")
    said = t.accepted(await t.alice.get(t.url("listMessages", chat=row["spell"](chat.id))))
    here = t.session.dialect.history(said)
    t.true(here, "the chat has messages", here)
    t.expect(here[:1], (await chat.history())[:1], "the first message of the chat")


def paths_below_a_chat(t: Case) -> dict[str, set[str]]:
    """Each documented path below a chat with its methods."""
    out: dict[str, set[str]] = {}
    for operation in documents(t.session.profile.name).operations.values():
        if "{chat}" in operation.path:
            out.setdefault(operation.path, set()).add(operation.method)
    return out


async def wrong_methods(t: Case, chat: Chat, methods: set[str], path: str) -> list[Exchange]:
    values = {"{chat}": chat.id, "{message}": "1", "{queuedMessage}": "1"}
    for place, value in values.items():
        path = path.replace(place, value)
    wrong = [m for m in ("GET", "POST", "PUT", "PATCH", "DELETE") if m not in methods]
    return [await chat.actor.request(method, path) for method in wrong]


@case("ROUTE-006", "ROUTE-007")
async def wrong_method(t: Case) -> None:
    chat = await t.chat()
    before, history = t.given(await chat.get()), await chat.history()
    answers = {p: (m, await wrong_methods(t, chat, m, p)) for p, m in paths_below_a_chat(t).items() if "debug/runs/{" not in p}
    with t.judging("ROUTE-006"):
        for _, refused in answers.values():
            for x in refused:
                t.accepted(x, 405)
        after = t.accepted(await chat.get())
        for key in ("id", "status", "archived", "labels", "pin_order"):
            t.expect(after.get(key), before.get(key), f"{key} after wrong methods", f"/{key}")
        t.expect([m["id"] for m in await chat.history()], [m["id"] for m in history], "the messages after wrong methods")
    with t.judging("ROUTE-007"):
        for path, (methods, refused) in answers.items():
            for x in refused:
                allow = {m.strip() for m in x.response.headers.get("allow", "").split(",")}
                t.expect(sorted(allow), sorted(methods), f"Allow of {x.request.method} {path}")


UNKNOWN_PATHS = ("no-such-thing", "title", "queue", "title/nothing", "messages/1/2", "config")


@case("ROUTE-008")
async def unknown_path(t: Case) -> None:
    chat = await t.new_chat()
    for below in UNKNOWN_PATHS:
        t.refused(await t.alice.get(f"{chat.path}/{below}"), "common.route-not-found")
    t.accepted(await chat.messages())


@case("ROUTE-009")
async def nothing_below_what_is_not_there(t: Case) -> None:
    foreign = (await t.new_chat()).by(t.bob)
    for chat in (foreign, Chat(t.alice, str(uuid4()))):
        plain = await chat.get()
        t.refused(plain, "common.not-found")
        ask = chat.actor.request
        for method, below in (("DELETE", ""), ("PUT", "/messages"), ("GET", "/no-such-thing"), ("GET", "/title")):
            answer = await ask(method, chat.path + below)
            t.refused(answer, "common.not-found")
            t.alike(answer, plain, f"the body of {method} {below} beside the chat's own 404")
    t.accepted(await foreign.by(t.alice).get())


@case("ROUTE-010")
async def head_and_options(t: Case) -> None:
    chat = await t.new_chat()
    for method in ("HEAD", "OPTIONS"):
        for path in (t.url("listChats"), chat.path):
            t.accepted(await t.alice.request(method, path), 405)


@case("ROUTE-011", writes=False)
async def wrong_method_on_a_name(t: Case) -> None:
    for operation in filter(t.offers, ("chatsByWorkspace", "watchChats", "listModels")):
        path = t.url(operation)
        t.refused(await t.alice.post(path, {}), "common.chat-id", id=f'"{path.rsplit("/", 1)[1]}"')
    t.accepted(await t.alice.get(t.url("listModels")))


@case("ROUTE-022")
async def wrong_method_on_files(t: Case) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        t.accepted(await t.alice.request(method, t.url("uploadFile")), 405)
    t.accepted(await upload(t))


@case("ROUTE-044")
async def paths_of_later_revisions(t: Case) -> None:
    chat = await t.new_chat()
    for below in ("acl", "prompts", "debug/runs"):
        t.refused(await t.alice.get(f"{chat.path}/{below}"), "common.route-not-found")
    for below in ("tool-results", "title/regenerate", "title/propose"):
        t.refused(await t.alice.post(f"{chat.path}/{below}", {}), "common.route-not-found")
    for name in ("by-workspace", "user-provider-configs"):
        t.refused(await t.alice.get(f"{t.url('listChats')}/{name}"), "common.chat-id", id=f'"{name}"')
    t.accepted(await chat.messages())


@case("ROUTE-045")
async def names_that_are_no_routes(t: Case) -> None:
    for name in ("nothing", "archive", "stream", "queue", "config", "cost"):
        answer = await t.alice.get(f"{t.url('listChats')}/{name}")
        t.true(answer.response.status in (400, 404), f"{name} is no chat", answer.response.status)
    for name in ("nothing", "archive", "stream"):
        t.refused(await t.alice.get(f"{t.url('listChats')}/{name}"), "common.chat-id", id=f'"{name}"')
    t.accepted(await (await t.new_chat()).get())


@case("ROUTE-012")
async def slashes(t: Case) -> None:
    chat = await t.new_chat()
    listed = t.accepted(await t.alice.get(f"{t.url('listChats')}/", params={"limit": 1000}))
    t.expect([c["id"] for c in listed].count(chat.id), 1, "how often the list under a path with a slash at its end has the chat")
    for path in (f"{chat.path}/", f"{t.url('listChats')}//{chat.id}"):
        t.expect(t.accepted(await t.alice.get(path))["id"], chat.id, f"the chat under {path}")
    doubled = t.accepted(await t.alice.get(chat.url("listMessages").replace("/messages", "//messages")))
    t.true(t.session.dialect.history(doubled), "messages behind a doubled slash")


@case("ROUTE-013", "ROUTE-014", "ROUTE-015")
async def headers_of_answers(t: Case) -> None:
    chat, path = await t.new_chat(), t.url("listChats")
    answers = [await t.alice.list(), await chat.get(), await chat.messages(), await t.alice.create(), await t.nobody.list()]
    answers += [await t.alice.get(f"{path}/{below}") for below in (uuid4(), "no-uuid", f"{chat.id}/no-such-thing")]
    asked = [await t.alice.get(path, headers={"accept": a}) for a in ("text/html", "application/xml", "image/png;q=0.5")]
    with t.judging("ROUTE-013"):
        for x in answers:
            t.expect(x.response.media_type, "application/json", f"Content-Type of {x.request.method} {x.request.path}")
    with t.judging("ROUTE-014"):
        for x in answers:
            t.expect(x.response.headers.get("x-content-type-options"), "nosniff", "X-Content-Type-Options")
    with t.judging("ROUTE-015"):
        for x in asked:
            t.true(isinstance(t.accepted(x), list), f"a JSON list for Accept: {x.request.headers['accept']}")


async def retired(t: Case, actor: Actor, some_id: str, content: bytes | None) -> list[Exchange]:
    """Ask every retired route; writing ones with this body."""
    gone = [t.session.documents.operations[name] for name in t.session.traits["retired"]]
    asked = [(operation.method, operation.url(provider_config=some_id)) for operation in gone]
    return [await actor.request(method, path, content=None if method == "GET" else content) for method, path in asked]


@case("ROUTE-016")
async def retired_routes_are_gone(t: Case) -> None:
    t.accepted(await t.alice.list(limit=1))
    users = [t.actor(name) for name, user in t.session.target.users.items() if user.token]
    for actor in users:
        for x in await retired(t, actor, str(uuid4()), b'{"provider": "openai", "api_key": "x"}'):
            t.refused(x, "legacy-providers.gone")
    for x in await retired(t, t.alice, "not-a-uuid", b"{broken"):
        t.refused(x, "legacy-providers.gone")


@case("ROUTE-017", writes=False)
async def retired_routes_need_a_token(t: Case) -> None:
    t.accepted(await t.alice.list(limit=1))
    for x in await retired(t, t.nobody, str(uuid4()), b"{}"):
        t.refused(x, "auth.no-token")
