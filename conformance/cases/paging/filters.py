"""Filters of the list: labels, and the search language of q."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.paging import ids, shelved


@case("FILTER-001", "FILTER-002", "FILTER-003", "FILTER-004", "FILTER-006")
async def label_filters(t: Case) -> None:
    mark = t.unique()
    web = await t.chat(labels={"mark": mark, "team": "web", "env": "prod", "url": "http://x:80/y"})
    api = await t.chat(labels={"mark": mark, "team": "api", "env": "prod"})

    async def found(*labels: str) -> set[str]:
        params = [("label", value) for value in (f"mark:{mark}", *labels)]
        return set(ids(await t.alice.get(t.url("listChats"), params=params)))

    with t.judging("FILTER-001"):
        t.expect(await found("team:web"), {web.id}, "the chats labelled team:web")
        t.expect(await found(), {web.id, api.id}, "the chats of this case")
    with t.judging("FILTER-002"):
        t.expect(await found("team:web", "env:prod"), {web.id}, "the chats with both labels")
        t.expect(await found("team:web", "env:dev"), set(), "the chats with one label of two")
    with t.judging("FILTER-003"):
        t.expect(await found("url:http://x:80/y"), {web.id}, "the chats whose label's value holds colons")
    with t.judging("FILTER-004"):
        for label in ("team:Web", "Team:web", "team:we"):
            t.expect(await found(label), set(), f"the chats labelled {label}")
    with t.judging("FILTER-006"):
        t.expect(await found("team:web", "team:api"), {api.id}, "the chats by the last of two labels with one key")


@case("FILTER-005", rows={"no-colon": "novalue", "no-value": "k:", "no-key": ":v", "empty": ""}, writes=False)
async def bad_label_filter(t: Case, label: str) -> None:
    t.refused(await t.alice.list(label=label), "list.label")
    t.accepted(await t.alice.list(label="k:v"))


BOOL = {"key": "list.q-bool"}
BOOLEAN: dict[str, Any] = {"requirement": ["FILTER-009", "FILTER-041"], "either": True}
UNKNOWN = {"key": "list.q-unknown", "good": "archived:true"}
# Searches that are refused, each with its like that is accepted.
BAD_SEARCH: dict[str, dict[str, Any]] = {
    "bare-word": {"requirement": "FILTER-007", "q": "foo", "key": "list.q-term", "good": "archived:false"},
    "bare-phrase": {"requirement": "FILTER-007", "q": '"foo bar"', "key": "list.q-term", "good": 'archived:"true"'},
    "word-after-filter": {"requirement": "FILTER-007", "q": "archived:true foo", "key": "list.q-term", "good": "archived:true"},
    "unknown-key": {"requirement": "FILTER-008", "q": "nonsense:x", "field": "nonsense", **UNKNOWN},
    "owner": {"requirement": "FILTER-008", "q": "owner:me", "field": "owner", **UNKNOWN},
    "archived": {**BOOLEAN, "q": "archived:x", "field": "archived", **BOOL, "good": "archived:t"},
    "archived-yes": {**BOOLEAN, "q": "archived:yes", "field": "archived", **BOOL, "good": "archived:1"},
    "has-unread": {
        "requirement": "FILTER-009", "q": "has_unread:x", **BOOL, "field": "has_unread",
        "good": "has_unread:F",
    },
    "twice": {
        "requirement": "FILTER-010", "q": "archived:true archived:true", "key": "list.q-repeated", "field": "archived",
        "good": "archived:true",
    },
    "ends-with-colon": {"requirement": "FILTER-011", "q": "archived:", "key": "list.q-edge", "good": "archived:true"},
    "starts-with-colon": {"requirement": "FILTER-011", "q": ":true", "key": "list.q-edge", "good": "archived:true"},
    "two-colons": {"requirement": "FILTER-011", "q": "archived:true:false", "key": "list.q-colons", "good": "archived:true"},
    "pr-status": {"requirement": "FILTER-012", "q": "pr_status:review", "key": "list.q-pr-status",
        "good": "pr_status:open,draft"},
    "pr-word": {"requirement": "FILTER-012", "q": "pr:abc", "key": "list.q-pr", "good": "pr:1"},
    "pr-zero": {"requirement": "FILTER-012", "q": "pr:0", "key": "list.q-pr", "good": "pr:2147483647"},
    "diff-url-scheme": {
        "requirement": "FILTER-012", "q": 'diff_url:"ftp://x/y"', "key": "list.q-diff-url-scheme", "good": 'diff_url:"http://x/y"',
    },
    "diff-url-host": {
        "requirement": "FILTER-012", "q": 'diff_url:"http://"', "key": "list.q-diff-url-host", "good": 'diff_url:"https://x"',
    },
    "diff-url-syntax": {
        "requirement": "FILTER-012", "q": 'diff_url:"http://[::1"', "key": "list.q-diff-url", "good": 'diff_url:"http://[::1]"',
    },
}  # fmt: skip


@case(rows=BAD_SEARCH, writes=False)
async def bad_search(t: Case, row: dict[str, Any]) -> None:
    places = {"field": row["field"]} if "field" in row else {}
    t.refused(await t.alice.list(q=row["q"]), row["key"], **places)
    t.accepted(await t.alice.list(q=row["good"]))


@case("FILTER-013", writes=False)
async def bad_keys_together(t: Case) -> None:
    answer = await t.alice.list(q="archived:x has_unread:y nonsense:w")
    t.expect(answer.response.status, 400, "the status")
    named = sorted(v["field"] for v in answer.response.body["validations"])
    t.expect(named, ["archived", "has_unread", "nonsense"], "the fields of the validations", "/validations")
    t.accepted(await t.alice.list(q="archived:false"))


@case("FILTER-016", "FILTER-042")
async def letter_case_of_a_search(t: Case) -> None:
    shelf, (kept, gone) = await shelved(t, 2)
    t.given(await gone.patch(archived=True))
    with t.judging("FILTER-016"):
        t.expect(ids(await shelf.list(q="ARCHIVED:true")), [gone.id], "the chats found by ARCHIVED")
        t.expect(ids(await shelf.list(q="Archived:false")), [kept.id], "the chats found by Archived")
    with t.judging("FILTER-042"):
        t.expect(ids(await shelf.list(q="archived:tRuE")), [gone.id], "the chats found by a value in mixed letters")


@case("FILTER-040", writes=False)
async def the_archive_is_all_that_is_searched(t: Case) -> None:
    for key, value in (("title", "x"), ("has_unread", "true"), ("pr_status", "open"), ("pr", "1"), ("diff_url", '"https://x"')):
        t.refused(await t.alice.list(q=f"{key}:{value}"), "list.q-unknown", field=key)
    t.accepted(await t.alice.list(q="archived:false"))


@case("FILTER-043")
async def no_label_filter(t: Case) -> None:
    shelf, chats = await shelved(t, 2)
    for label in ("mark:nothing", "novalue"):
        t.expect(ids(await shelf.actor.list(label=label)), [c.id for c in chats], f"the list with label={label}")


@case("FILTER-014", "FILTER-015", "FILTER-017", "FILTER-019")
async def search_by_title(t: Case) -> None:
    shelf, (chat, other) = await shelved(t, 2)
    word = t.unique("Ab")
    t.given(await chat.patch(title=f"{word} Größe c:d"))
    t.given(await other.patch(title=f"{word} other"))

    async def found(q: str) -> set[str]:
        return set(ids(await shelf.list(q=q)))

    with t.judging("FILTER-014"):
        for part in (f"{word} Größe", f"{word} gRÖSSE c".replace("SS", "ß"), word[1:] + " GRÖ"):
            t.expect(await found(f'title:"{part}"'), {chat.id}, f"the chats whose titles hold {part}")
    with t.judging("FILTER-015"):
        t.expect(await found('title:"c:d"'), {chat.id}, 'the chats found by title:"c:d"')
    with t.judging("FILTER-017"):
        t.expect(await found('title:"Gr%c:d"'), {chat.id}, "the chats found with the wildcard %")
    with t.judging("FILTER-019"):
        t.expect(await found(f"title:{word}"), {chat.id, other.id}, "the chats that pass both filters")
        t.expect(await found(f'title:"{word} other"'), {other.id}, "the chats that pass both filters")
        none = await t.alice.list(q=f"title:{word}", label="mark:nothing")
        t.expect(ids(none), [], "the chats that pass one filter of two")


@case("FILTER-018", needs=["llm"])
async def search_by_unread(t: Case) -> None:
    shelf, (read, unread) = await shelved(t, 2)
    stream = await read.stream()
    await stream.until({"type": "message", "message": {"role": "assistant"}})
    t.expect(ids(await shelf.list(q="has_unread:true")), [unread.id], "the chats with unread messages")
    t.expect(ids(await shelf.list(q="has_unread:false")), [read.id], "the chats without")
