"""The list of one's own chats (chats.md section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from fake_server.chats.views import chat_view, is_unread
from fake_server.endpoints.chats.chat import shown_children
from fake_server.faulting import replaceable
from fake_server.http.endpoint import CHATS, Call, Reply, reply, route
from fake_server.rules import authz, search
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import NIL_UUID, quote
from fake_server.state.ordering import sort_key
from fake_server.state.records import Chat, User

if TYPE_CHECKING:
    from fake_server.backend import Backend

DEFAULT_LIMIT = 50
Condition = tuple[str, Callable[[Chat], bool]]  # what it looks at, and whether a chat meets it


@route("listChats", "GET", CHATS)
async def list_chats(call: Call) -> Reply:
    """The caller's own root chats: pinned ones first, then by last change, newest first; children embedded."""
    backend, user = call.backend, call.user
    problems = call.problems()
    after = problems.uuid(call, "after_id")
    limit = problems.integer(call, "limit")
    offset = problems.integer(call, "offset")
    problems.refuse()
    wanted = search.parse(backend, call.first_query("q"))
    labels = label_filter(call) if backend.does("list.filters-labels") else {}

    conditions: list[Condition] = [(f"label {key}", partial(has_label, backend, key, value)) for key, value in labels.items()]
    if wanted.title and backend.does("list.title"):
        conditions.append(("title", partial(has_title, backend, wanted)))
    if wanted.has_unread is not None:
        conditions.append(("unread", lambda chat: is_unread(backend, chat) == wanted.has_unread))
    conditions.append(("access", lambda chat: authz.can(backend, user, "read", chat)))
    chats: Iterator[Chat] = iter(())
    if wanted.words:
        conditions.append(("words", lambda chat: has_wanted(backend, chat, wanted.words)))
    if not wanted.git:
        chats = in_order(backend, user.id, wanted.archived, after if after != NIL_UUID else "")
    if wanted.sources and not wanted.git:
        own = list(chats) if "created_by_me" in wanted.sources else []
        shared = shared_chats(backend, user, wanted.archived) if "shared_with_me" in wanted.sources else []
        chats = iter(sorted([*own, *shared], key=sort_key, reverse=True))
    page = page_of(backend, chats, conditions, offset, limit or DEFAULT_LIMIT)
    return reply(
        200,
        [
            chat_view(
                backend,
                chat,
                diff_status=True,
                unread=True,
                children=shown_children(backend, chat, wanted.archived),
            )
            for chat in page
        ],
    )


@replaceable
def shared_chats(backend: Backend, user: User, archived: bool) -> list[Chat]:
    """The root chats of others that are shared with this user."""
    roots = (chat for chat in backend.store.chats.values() if chat.parent_chat_id is None and chat.owner_id != user.id)
    return [chat for chat in roots if chat.archived == archived and authz.shared_with(backend, user, chat)]


@replaceable
def has_wanted(backend: Backend, chat: Chat, words: str) -> bool:
    """Does a search for these words find the chat? In later revisions words of messages are compared by their stems."""
    if not backend.does("search.by-stem"):
        return search.has_words(words, whole_text(backend, chat))
    if not search.searchable(words):
        return False
    said = whole_text(backend, chat).removeprefix(chat.title)
    return search.has_words(words, chat.title) or search.has_words(words, said, search.stem)


def whole_text(backend: Backend, chat: Chat) -> str:
    """The title of a chat and the texts of its messages."""
    rows = (m for m in backend.store.messages.get(chat.id, ()) if not m.deleted and m.visibility != "model")
    return " ".join([chat.title, *(part["text"] for m in rows for part in m.content if part["type"] == "text")])


@replaceable
def page_of(backend: Backend, chats: Iterator[Chat], conditions: list[Condition], offset: int, limit: int) -> list[Chat]:
    """The page of the chats that meet all conditions."""
    return list(islice((chat for chat in chats if all(met(chat) for _, met in conditions)), offset, offset + limit))


@replaceable
def has_label(backend: Backend, key: str, value: str, chat: Chat) -> bool:
    """Does a label filter find this chat?"""
    return chat.labels.get(key) == value


@replaceable
def has_title(backend: Backend, wanted: search.Search, chat: Chat) -> bool:
    """Does a search for a title find this chat?"""
    return wanted.matches_title(chat.title)


@replaceable
def label_filter(call: Call) -> dict[str, str]:
    """The labels that a chat must have; of several values for one key the last counts."""
    labels: dict[str, str] = {}
    for raw in call.queries("label"):
        key, _, value = raw.partition(":")
        if not key or not value:
            raise refusal("list.label", label=quote(raw))
        labels[key] = value
    return labels


@replaceable
def in_order(backend: Backend, owner_id: str, archived: bool, after_id: str) -> Iterator[Chat]:
    """The owner's root chats in the order of the list, from behind the cursor chat on (any chat; unknown: none)."""
    if not backend.does("list.cursor"):
        after_id = ""
    cursor = None
    if after_id:
        chat = backend.store.chats.get(after_id)
        if chat is None:
            return iter(())
        cursor = sort_key(chat)
    return backend.store.order.walk(owner_id, archived, cursor)
