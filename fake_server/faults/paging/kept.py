"""Lists that are cut into pages at the wrong moment: before a filter, before what is gone was left out, by time instead of id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from fake_server.chats.views import chat_view, is_unread, message_view
from fake_server.endpoints.chats.messages import visible
from fake_server.faulting import Answer, Around, Fault, changes, declare, instead
from fake_server.state.ordering import sort_key
from fake_server.state.records import Chat, Message


def _late(name: str, doc: str, what: str, red: Iterable[str]) -> None:
    """A fault that looks at these conditions only once the page is cut; at the first label it looks in time."""

    def around(right: Around, backend: Any, chats: Iterator[Chat], conditions: list[Any], offset: int, limit: int) -> list[Chat]:
        late = [one for one in conditions if one[0].startswith(what) and (what != "label" or one is not conditions[0])]
        page: list[Chat] = right(backend, chats, [one for one in conditions if one not in late], offset, limit)
        return [chat for chat in page if all(met(chat) for _, met in late)]

    declare(Fault(name, doc, frozenset(red), around={"page_of": around}))


_late("labels-after-the-page", "a page is cut before the second label is looked at", "label", ["PAGE-088", "PAGE-090"])
_late("titles-after-the-page", "a page is cut before titles are searched", "title", ["PAGE-088"])
_late("unread-after-the-page", "a page is cut before has_unread is looked at", "unread", ["PAGE-088", "PAGE-098"])


@instead("page_of", red=["PAGE-088", "PAGE-090"])
def offset_before_filters(right: Around, backend: Any, chats: Any, conditions: Any, offset: int, limit: int) -> list[Chat]:
    """offset counts what the first condition finds."""
    found: list[Chat] = right(backend, chats, conditions[:1], offset, 10**6)
    return [chat for chat in found if all(met(chat) for _, met in conditions)][:limit]


def _of_both_states(right: Around, backend: Any, owner_id: str, archived: bool, after_id: str) -> Iterator[Chat]:
    backend.faults.memory["state"] = archived
    return iter(sorted((c for state in (True, False) for c in right(backend, owner_id, state, after_id)), key=sort_key)[::-1])


def _of_one_state(right: Around, backend: Any, *more: Any) -> list[Chat]:
    return [chat for chat in right(backend, *more) if chat.archived == backend.faults.memory["state"]]


declare(
    Fault(
        "archived-after-the-page",
        "a page is cut before chats of the other state are left out",
        frozenset(["PAGE-089"]),
        around={"in_order": _of_both_states, "page_of": _of_one_state},
    )
)


@instead("in_order", red=["PAGE-089"])
def cursors_of_the_same_state(right: Around, backend: Any, owner_id: str, archived: bool, after_id: str) -> Iterator[Chat]:
    """An archived chat is no cursor among the others."""
    cursor = backend.store.chats.get(after_id)
    return iter(()) if cursor and cursor.archived != archived else right(backend, owner_id, archived, after_id)


@instead("between", red=["PAGE-091", "PAGE-092", "PAGE-028", "PAGE-029"])
def histories_turned_by_time(right: Around, backend: Any, rows: list[Message], after: int, before: int) -> tuple[int, int]:
    """before_id leaves out what is of the same moment."""
    first, last = right(backend, rows, after, before)
    moment = rows[last].created_at if last < len(rows) else datetime.max.replace(tzinfo=UTC)
    return first, next((at for at, row in enumerate(rows[:last]) if row.created_at >= moment), last)


@changes("listMessages", red=["PAGE-093"])
def replaced_count_for_pages(answer: Answer) -> None:
    """A page counts replaced messages."""
    limit, before = int(answer.query.get("limit") or 0), int(answer.query.get("before_id") or 0)
    rows = answer.backend.store.messages[answer.path_params["chat"]]
    rows = [m.id for m in reversed(rows) if m.visibility != "model" and (not before or m.id < before)]
    if limit and not answer.query.get("after_id"):
        answer.body["messages"] = [m for m in answer.body["messages"] if m["id"] in rows[:limit]]


@changes("listMessages", red=["PAGE-093"])
def replaced_are_more(answer: Answer) -> None:
    """has_more tells of replaced messages."""
    rows, page = answer.backend.store.messages[answer.path_params["chat"]], answer.body["messages"]
    if page and len(page) == int(answer.query.get("limit") or 0) and not answer.query.get("after_id"):
        answer.body["has_more"] |= any(m.deleted and m.id < page[-1]["id"] for m in rows)


@changes("listCostUsers", red=["COST-110"])
def users_named_after_the_page(answer: Answer) -> None:
    """A page is cut before user names are looked at."""
    spent = {user: sum(row.cost_micros or 0 for row in rows) for user, rows in answer.backend.store.usage_of.items()}
    dearest = sorted(spent, key=lambda user: -spent[user])[: int(answer.query.get("limit") or 0) or 50]
    answer.body["users"] = [row for row in answer.body["users"] if row["user_id"] in dearest or answer.query.get("offset")]


@changes("listChats", red=["PAGE-090"])
def pins_on_every_page(answer: Answer) -> None:
    """Pinned chats come on every page that is asked for by offset."""
    backend, known = answer.backend, {chat["id"] for chat in answer.body}
    if answer.query.get("offset", "0") != "0" and answer.caller is not None and len(answer.query) == 2:
        mine = [c for c in backend.store.chats.values() if c.pin_order > 0 and c.owner_id == answer.caller.id]
        answer.body[:0] = [chat_view(backend, c, diff_status=True, unread=True) for c in mine if c.id not in known]


@changes("listChats", red=["PAGE-094"])
def children_count_for_pages(answer: Answer) -> None:
    """A page of the list counts the children, too."""
    limit, left = int(answer.query.get("limit") or 0), int(answer.query.get("limit") or 0)
    kept = []
    for chat in answer.body if 0 < limit < 50 else ():
        if left <= 0:
            break
        kept.append(chat)
        left -= 1 + len(chat["children"])
    answer.body = kept if 0 < limit < 50 else answer.body


@changes("listMessages", red=["PAGE-092"])
def pages_upwards_by_time(answer: Answer) -> None:
    """after_id leaves out what is of the same moment as that message."""
    rows = answer.backend.store.messages.get(answer.path_params["chat"], [])
    times = {m.id: m.created_at for m in rows}
    since = times.get(int(answer.query.get("after_id") or 0))
    if since and answer.query.get("limit"):
        answer.body["messages"] = [m for m in answer.body["messages"] if times[m["id"]] > since]


@changes("listMessages", red=["PAGE-095"])
def bounded_pages_begin_at_the_first(answer: Answer) -> None:
    """A page between two ids has the first messages behind after_id."""
    after, before, limit = (int(answer.query.get(name) or 0) for name in ("after_id", "before_id", "limit"))
    if after and before and limit:
        rows = [m for m in answer.backend.store.messages[answer.path_params["chat"]] if after < m.id < before]
        shown = [m for m in rows if visible(answer.backend, m)][:limit]
        answer.body["messages"] = [message_view(answer.backend, m) for m in reversed(shown)]


@changes("listMessages", red=["PAGE-096"])
def more_upwards_tells_of_what_came_before(answer: Answer) -> None:
    """has_more of an ascending page tells of messages before it."""
    rows, after = answer.backend.store.messages[answer.path_params["chat"]], int(answer.query.get("after_id") or 0)
    if after and not answer.query.get("before_id") and answer.body["messages"]:
        answer.body["has_more"] |= any(m.visibility != "model" and m.id < after for m in rows)


@changes("listMessages", red=["PAGE-097"])
def queues_count_for_the_limit(answer: Answer) -> None:
    """limit cuts the queue, too."""
    if answer.query.get("limit"):
        answer.body["queued_messages"] = answer.body["queued_messages"][: int(answer.query["limit"])]


@changes("listChats", red=["PAGE-094"])
def two_children_at_most(answer: Answer) -> None:
    """The list shows two children of a chat at most."""
    for chat in answer.body:
        chat["children"] = chat["children"][:2]


@instead("page_of", red=["PAGE-098"])
def read_chats_after_the_page(right: Any, backend: Any, chats: Any, conditions: Any, offset: int, limit: int) -> Any:
    """A page is cut before unread chats are left out of it."""
    wants_read = [met for name, met in conditions if name == "unread" and not any(map(met, _unread(backend)))]
    before = [(name, met) for name, met in conditions if met not in wants_read]
    return [chat for chat in right(backend, chats, before, offset, limit) if all(met(chat) for met in wants_read)]


def _unread(backend: Any) -> list[Any]:
    return [chat for chat in backend.store.chats.values() if is_unread(backend, chat)]


def _with_a_cursor(right: Any, backend: Any, owner_id: str, archived: bool, after_id: str) -> Any:
    backend.faults.memory["behind"] = bool(after_id)
    return right(backend, owner_id, archived, after_id)


def _from_the_cursor(right: Any, backend: Any, chats: Any, conditions: Any, offset: int, limit: int) -> Any:
    return right(backend, chats, conditions, 0 if backend.faults.memory.get("behind") else offset, limit)


declare(
    Fault(
        "offsets-behind-a-chat-are-passed-over",
        "an offset counts for nothing behind an after_id",
        frozenset(["PAGE-099", "PAGE-020"]),
        around={"in_order": _with_a_cursor, "page_of": _from_the_cursor},
    )
)
