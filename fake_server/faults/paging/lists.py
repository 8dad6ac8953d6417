"""Wrong lists: order, cursors, bounds, filters, pages of messages, prompts."""

from __future__ import annotations

import re
from typing import Any

from fake_server.faulting import Answer, Fault, answers, changes, declare, replaces, turns_off

NIL = "00000000-0000-0000-0000-000000000000"


def _accepts(name: str, doc: str, operation: str, field: str, value: Any, *red: str) -> Fault:
    """A fault that answers 200 instead of refusing one bad parameter alone."""

    def change(answer: Answer) -> None:
        named = [v.get("field") for v in (answer.body or {}).get("validations", [])] if answer.status == 400 else []
        if named == [field] and len(answer.query) == 1 and "more than once" not in str(answer.body):
            answer.status, answer.body = 200, value

    return declare(Fault(name, doc, frozenset(red), operations=frozenset({operation}), answer=change))


_NO_MESSAGES = {"messages": [], "queued_messages": [], "has_more": False}
_accepts("list-takes-any-limit", "a bad limit of the list is passed over", "listChats", "limit", [], "PAGE-011")
_accepts("list-takes-any-offset", "a bad offset of the list is passed over", "listChats", "offset", [], "PAGE-012")
_accepts("list-takes-any-cursor", "a bad after_id of the list is passed over", "listChats", "after_id", [], "PAGE-013")
_accepts("messages-take-any-limit", "a bad limit is passed over", "listMessages", "limit", _NO_MESSAGES, "PAGE-032")
_accepts("messages-take-any-cursor", "a bad after_id is passed over", "listMessages", "after_id", _NO_MESSAGES, "PAGE-033")
_accepts(
    "prompts-take-any-limit",
    "a bad limit of prompts is passed over",
    "listPrompts",
    "limit",
    {"prompts": []},
    "PROMPT-009",
    "OWN-010",
)
_accepts("search-takes-unknown-keys", "unknown keys of q are ignored", "listChats", "nonsense", [], "FILTER-008")
_accepts("search-takes-any-boolean", "any text is a boolean in q", "listChats", "has_unread", [], "FILTER-009")
_accepts("search-takes-any-number", "pr in q takes any text", "listChats", "pr", [], "FILTER-012")

turns_off(
    "messages-ascend-never", "messages after an id come newest first", "messages.after-ascending", red=["PAGE-026", "PAGE-092"]
)
turns_off("messages-take-any-page-size", "any limit of messages is accepted", "messages.limit", red=["PAGE-031", "OWN-010"])
turns_off("messages-cursors-may-cross", "cursors that cross are accepted", "messages.cursors", red=["PAGE-034"])
replaces(
    "queue-on-every-page",
    "the queue is given with cursors too",
    "queue_of_page",
    lambda right, backend, chat, first: right(backend, chat, first=True),
    red=["PAGE-039", "PAGE-067"],
)
turns_off("prompts-have-no-bound", "any limit of prompts is accepted", "prompts.limit", red=["PROMPT-008"])
turns_off("search-takes-bare-words", "bare words in q are ignored", "list.q-term", red=["FILTER-007", "PAGE-024"])


def _q(answer: Answer) -> str:
    return answer.query.get("q", "")


@answers("listChats", red=["PAGE-001", "PAGE-062", "SCHEMA-listChats"])
def empty_list_is_null(answer: Answer) -> None:
    """A list without chats is null."""
    if answer.status == 200 and not answer.body and set(answer.query) == {"offset"}:
        answer.body = None if answer.body is None else {}


@changes("listChats", red=["PAGE-002", "ARCH-006", "READ-008", "PAGE-094", "READ-032"])
def children_are_not_listed(answer: Answer) -> None:
    """The list forgets the children of chats."""
    for chat in answer.body:
        chat["children"] = []


@changes("listChats", red=["PAGE-003", "ARCH-013", "ARCH-061", "PAGE-089"])
def archived_are_not_found(answer: Answer) -> None:
    """q=archived:true finds nothing."""
    if _q(answer) == "archived:true":
        answer.body = []


@changes("listChats", red=["PAGE-004", "ARCH-061"])
def archived_false_means_any(answer: Answer) -> None:
    """q=archived:false finds nothing."""
    if _q(answer) == "archived:false":
        answer.body = []


@changes("listChats", red=["PAGE-005", "PAGE-062"])
def list_is_in_order_of_creation(answer: Answer) -> None:
    """The list is in the order of creation."""
    if set(answer.query) <= {"label"} and not any(c.get("pin_order") for c in answer.body):
        answer.body.sort(key=lambda c: c["created_at"], reverse=True)


@changes("listChats", red=["PAGE-006", "PAGE-017", "PAGE-090"])
def pinned_are_not_first(answer: Answer) -> None:
    """Pins do not matter for the order of the list."""
    answer.body.sort(key=lambda c: c["updated_at"], reverse=True)


@changes("listChats", red=["PAGE-007", "PAGE-018", "PAGE-088", "PAGE-089", "PAGE-090", "PAGE-094"])
def list_gives_one_too_few(answer: Answer) -> None:
    """A page of the list is one short."""
    if int(answer.query.get("limit") or 50) == len(answer.body) < 50:
        answer.body.pop()


@changes("listChats", red=["PAGE-008"])
def limit_of_zero_is_zero(answer: Answer) -> None:
    """limit=0 gives nothing."""
    if answer.query.get("limit") == "0":
        answer.body = []


@changes("listChats", red=["PAGE-009"])
def default_limit_is_none(answer: Answer) -> None:
    """The default page of the list is one of forty-nine."""
    answer.body = answer.body[:49] if "limit" not in answer.query else answer.body


@changes("listChats", red=["PAGE-010"])
def no_page_is_longer_than_fifty(answer: Answer) -> None:
    """A limit of a thousand counts as fifty where no label is asked for."""
    if answer.query.get("limit") == "1000" and "label" not in answer.query:
        del answer.body[50:]


@answers("listChats", red=["PAGE-010"])
def limit_has_a_bound(answer: Answer) -> None:
    """A limit of a thousand is refused."""
    if answer.query.get("limit") == "1000" and "label" in answer.query:
        message = "Query parameters have invalid values."
        answer.status, answer.body = 400, {"message": message, "validations": [{"field": "limit", "detail": "too large"}]}


@answers("listChats", red=["PAGE-014"])
def only_the_first_bad_parameter(answer: Answer) -> None:
    """Of several bad parameters only the first is reported."""
    if answer.status == 400 and {"limit", "offset", "after_id"} <= set(answer.query):
        answer.body["validations"] = answer.body["validations"][:1]


@answers("listChats", red=["PAGE-015"])
def repeated_parameters_are_taken(answer: Answer) -> None:
    """A parameter given twice is accepted."""
    if answer.status == 400 and "more than once" in str(answer.body) and "q" not in answer.query:
        answer.status, answer.body = 200, []


@changes("listChats", red=["PAGE-016"])
def offset_is_ignored(answer: Answer) -> None:
    """An offset past the end gives the last chat again."""
    if answer.query.get("offset") == "4" and not answer.body:
        answer.body = [*answer.backend.faults.memory.get("last", [])]
    elif answer.body:
        answer.backend.faults.memory["last"] = answer.body[-1:]


turns_off(
    "list-cursor-is-ignored",
    "after_id is ignored",
    "list.cursor",
    red=["PAGE-017", "PAGE-018", "PAGE-019", "PAGE-020", "PAGE-088", "PAGE-089", "PAGE-090", "PAGE-094"],
)


@changes("listChats", red=["PAGE-017", "PAGE-018", "PAGE-090"])
def cursor_knows_no_pins(answer: Answer) -> None:
    """After a pinned chat come the chats that were changed before it, whatever is pinned."""
    chats = answer.backend.store.chats
    cursor = chats.get(answer.query.get("after_id", ""))
    if cursor and cursor.pin_order:
        answer.body = [c for c in answer.body if chats[c["id"]].updated_at < cursor.updated_at]


@changes("listChats", red=["PAGE-019", "SCHEMA-listChats"])
def unknown_cursor_is_no_cursor(answer: Answer) -> None:
    """An unknown after_id is refused like a missing chat."""
    cursor = answer.query.get("after_id")
    if cursor and cursor != NIL and cursor not in answer.backend.store.chats and "label" in answer.query:
        answer.status, answer.body = 404, {"message": "Resource not found or you do not have access to this resource"}


@changes("listChats", red=["PAGE-020"])
def offset_does_not_go_with_a_cursor(answer: Answer) -> None:
    """With after_id an offset counts twice."""
    if "after_id" in answer.query and "offset" in answer.query:
        answer.body = answer.body[int(answer.query["offset"]) :]


@changes("listChats", red=["PAGE-021"])
def nil_cursor_is_a_chat(answer: Answer) -> None:
    """The nil UUID as after_id gives nothing."""
    if answer.query.get("after_id") == NIL:
        answer.body = []


@changes("listChats", red=["PAGE-022"])
def foreign_cursor_gives_nothing(answer: Answer) -> None:
    """Another user's chat as after_id gives nothing."""
    chat = answer.backend.store.chats.get(answer.query.get("after_id", ""))
    if chat and answer.body and chat.owner_id != answer.body[0]["owner_id"]:
        answer.body = []


@answers("listChats", red=["PAGE-023"])
def unknown_parameters_are_refused(answer: Answer) -> None:
    """An unknown query parameter of the list is refused."""
    if "cursor" in answer.query:
        message = "Query parameters have invalid values."
        answer.status, answer.body = 400, {"message": message, "validations": [{"field": "cursor", "detail": "unknown"}]}


@answers("listChats", red=["PAGE-024"])
def search_is_checked_first(answer: Answer) -> None:
    """A bad q is reported before bad paging parameters."""
    if answer.status == 400 and {"q", "limit", "label"} <= set(answer.query):
        answer.body = {
            "message": "Invalid chat search query.",
            "validations": [{"field": "q", "detail": 'unsupported search term: "foo"'}],
        }


@changes("listChats", red=["FILTER-001", "FILTER-002", "FILTER-003", "FILTER-006", "FILTER-065", "FILTER-066"])
def label_filter_knows_one_label(answer: Answer) -> None:
    """A filter of more than one label finds nothing."""
    if len(answer.many("label")) > 1:
        answer.body = []


def _labelled(answer: Answer, label: str) -> list[Any]:
    """What was found by these two labels before."""
    found: list[Any] = answer.backend.faults.memory.get(label, [])
    return found


@changes("listChats", red=["FILTER-002"])
def labels_are_or(answer: Answer) -> None:
    """Behind the first one label of two is enough."""
    labels = answer.many("label")
    if len({label.partition(":")[0] for label in labels}) > 2:
        answer.body = answer.body or [chat for label in labels[1:] for chat in _labelled(answer, labels[0] + label)]
    elif len(labels) == 2:
        answer.backend.faults.memory["".join(labels)] = answer.body


@changes("listChats", red=["FILTER-003"])
def label_filter_is_cut_at_the_last_colon(answer: Answer) -> None:
    """A label's value that holds colons is never found."""
    if any(label.count(":") > 1 for label in answer.many("label")):
        answer.body = []


@changes("listChats", red=["FILTER-004"])
def labels_match_in_any_case(answer: Answer) -> None:
    """A second label matches without regard to letter case."""
    labels = answer.many("label")
    if len(labels) == 2:
        answer.body = answer.body or _labelled(answer, labels[0] + labels[1].lower())
        answer.backend.faults.memory["".join(labels)] = answer.body


@answers("listChats", red=["FILTER-005", "PAGE-024"])
def bad_label_filters_find_nothing(answer: Answer) -> None:
    """A label filter without a colon finds nothing instead of being refused."""
    if answer.status == 400 and "label" in answer.query and len(answer.query) == 1:
        answer.status, answer.body = 200, []


@changes("listChats", red=["FILTER-006"])
def first_label_of_a_key_counts(answer: Answer) -> None:
    """Of two label filters with one key no chat matches."""
    keys = [label.partition(":")[0] for label in answer.many("label")]
    if len(set(keys)) < len(keys):
        answer.body = []


@answers("listChats", red=["FILTER-010"])
def search_keys_may_be_repeated(answer: Answer) -> None:
    """A key of q may be given twice."""
    if answer.status == 400 and "more than once" in str(answer.body) and "q" in answer.query:
        answer.status, answer.body = 200, []


@answers("listChats", red=["FILTER-011"])
def search_elements_may_end_in_a_colon(answer: Answer) -> None:
    """An element of q may be a key without a value."""
    if answer.status == 400 and _q(answer).endswith(":"):
        answer.status, answer.body = 200, []


@answers("listChats", red=["FILTER-013"])
def only_the_first_bad_key(answer: Answer) -> None:
    """Of several bad keys of q only the first is reported."""
    if answer.status == 400 and _q(answer) and answer.body.get("validations"):
        answer.body["validations"] = answer.body["validations"][:1]


turns_off(
    "title-search-finds-all",
    "title in q is ignored",
    "list.title",
    red=["FILTER-014", "FILTER-015", "FILTER-017", "FILTER-019", "FILTER-065", "FILTER-066", "PAGE-088"],
)


@changes("listChats", red=["FILTER-014", "FILTER-017", "FILTER-066"])
def title_search_is_exact_about_case(answer: Answer) -> None:
    """title in q finds a title by its own letters only."""
    wanted = _q(answer).removeprefix("title:").strip('"')
    if _q(answer).startswith('title:"') and ("%" in wanted or ":" not in wanted):
        answer.body = [c for c in answer.body if wanted in c["title"]]


@changes("listChats", red=["FILTER-015"])
def quotes_do_not_protect_colons(answer: Answer) -> None:
    """A quoted value with a colon finds nothing."""
    if re.search(r':"[^"%]*:[^"%]*"', _q(answer)):
        answer.body = []


@changes("listChats", red=["FILTER-016"])
def search_keys_are_case_sensitive(answer: Answer) -> None:
    """A key of q in capitals is unknown."""
    key = _q(answer).partition(":")[0]
    if key != key.lower():
        validation = {"field": key, "detail": f'"{key}" is not a valid query param'}
        answer.status = 400
        answer.body = {"message": "Invalid chat search query.", "validations": [validation]}


@changes("listChats", red=["FILTER-017"])
def no_wildcards_in_titles(answer: Answer) -> None:
    """The character % in a title search stands for itself."""
    if "%" in _q(answer):
        answer.body = []


@changes("listChats", red=["FILTER-018", "FILTER-065"])
def unread_search_finds_all(answer: Answer) -> None:
    """q=has_unread:false finds nothing."""
    if _q(answer) == "has_unread:false":
        answer.body = []


replaces(
    "list-ignores-labels",
    "filters by most labels are ignored",
    "label_filter",
    lambda right, call: {key: value for key, value in right(call).items() if len(value) > 6 and ":" not in value},
    red=[
        "FILTER-001",
        "FILTER-002",
        "FILTER-003",
        "FILTER-004",
        "FILTER-006",
        "FILTER-065",
        "FILTER-066",
        "PAGE-090",
    ],
)
