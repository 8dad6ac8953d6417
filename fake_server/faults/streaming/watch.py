"""Watch feeds that tell too much, too little, or of the wrong chats."""

from __future__ import annotations

import copy
from typing import Any

from fake_server.chats.feeds import Event as Told
from fake_server.chats.views import chat_view
from fake_server.faulting import Answer, Fault, changes, declare, frames, instead, replaces, turns_off
from fake_server.faults.streaming.frames import Event, Memory
from fake_server.http.endpoint import not_found
from fake_server.rules import authz
from fake_server.state.records import Chat, User


def chat_of(answer: Answer) -> Any:
    return answer.backend.store.chats[answer.path_params["chat"]]


def changed(event: Event, **fields: Any) -> Event:
    """The event with other values in its chat."""
    return event | {"chat": event["chat"] | fields}


def is_a(event: Event, kind: str, **fields: Any) -> bool:
    return bool(event["kind"] == kind and all(event["chat"].get(k) == v for k, v in fields.items()))


def is_new(event: Event) -> bool:
    """Does it tell of a chat whose first turn is about to run, not of one that was unarchived?"""
    return bool(event["kind"] == "created" and event["chat"]["status"] in ("pending", "running"))


@instead("Hub._watch_feed", red=["WATCH-001", "WATCH-013"])
def watch_begins_with_all_chats(right: Any, user: User) -> Any:
    """The watch feed begins with every chat of its owner."""
    feed, state = right(user), right.__self__.backend
    for chat in [c for c in state.store.chats.values() if c.owner_id == user.id]:
        feed.put(Told({"kind": "status_change", "chat": chat_view(state, chat)}))
    return feed


replaces(
    "watch-events-in-arrays",
    "a frame of the watch feed is an array",
    "Hub._frames",
    lambda right, socket, events: [[e] for e in events] if socket == "watch" else right(socket, events),
    red=["WATCH-002", "SCHEMA-frame-watchChats"],
)


@frames("watch", red=["WATCH-003", "SCHEMA-frame-watchChats"])
def an_eighth_kind(batch: list[Event], memory: Memory) -> list[Event]:
    """An archived chat is told of by an event of its own, too."""
    return batch + [e | {"kind": "archived"} for e in batch if is_a(e, "deleted")]


@instead("watch_chats", red=["WATCH-004", "SCHEMA-watchChats"])
async def watch_needs_the_chat_role(right: Any, call: Any) -> None:
    """Who can't create chats can't watch."""
    if not authz.can_create(call.backend, call.user, call.backend.store.organization_id):
        raise not_found()
    await right(call)


@frames("watch", red=["WATCH-005"])
def new_chats_are_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """A create is not told."""
    return [e for e in batch if not (is_new(e) and "parent_chat_id" not in e["chat"])]


@frames("watch", red=["WATCH-006", "WATCH-104"])
def deleted_before_archived(batch: list[Event], memory: Memory) -> list[Event]:
    """deleted shows the chat as it was."""
    return [changed(e, archived=False) if is_a(e, "deleted") else e for e in batch]


@frames("watch", red=["WATCH-007", "WATCH-008", "WATCH-003", "WATCH-009"])
def unarchived_chats_are_changed(batch: list[Event], memory: Memory) -> list[Event]:
    """Unarchiving is told as a change of status."""
    return [e | {"kind": "status_change"} if is_a(e, "created", status="waiting") else e for e in batch]


turns_off("family-is-one-event", "of a family only the target is told", "watch.family", red=["WATCH-008"])
replaces(
    "target-of-a-family-last",
    "of a family the target is told last",
    "Lifecycle._announced",
    lambda right, members: right(members)[::-1],
    red=["WATCH-009"],
)


@instead("Hub._watchers_of", red=["WATCH-010", "WATCH-011"])
def everybody_is_told(right: Any, chat: Chat, kind: str) -> list[Any]:
    """Everybody is told of every chat."""
    return [watcher for feeds in right.__self__._watchers.values() for watcher in feeds]


@instead("Hub._watchers_of", red=["WATCH-011", "WATCH-010"])
def site_owners_are_told(right: Any, chat: Chat, kind: str) -> list[Any]:
    """Site owners are told of every chat."""
    hub = right.__self__
    admins = [u.id for u in hub.backend.store.users.values() if "owner" in u.site_roles and u.id != chat.owner_id]
    return [*right(chat, kind), *(feed for admin in admins for feed in hub._watchers.get(admin, ()))]


@instead("Hub._watchers_of", red=["WATCH-012"])
def last_watcher_only(right: Any, chat: Chat, kind: str) -> list[Any]:
    """The title of an archived chat reaches but the last connection."""
    watchers: list[Any] = right(chat, kind)
    return watchers[-1:] if kind == "title_change" and chat.archived else watchers


turns_off("running-is-told", "running is told", "watch.no-running", red=["WATCH-013"])


@changes("sendMessage", red=["WATCH-014"])
def queued_sends_are_told(answer: Answer) -> None:
    """A queued send is told as a change of status."""
    chat = chat_of(answer)
    if answer.body.get("queued") and chat.status == "running":
        chat.status = "pending"
        answer.backend.hub.watch(chat, "status_change")
        chat.status = "running"


@frames("watch", red=["WATCH-015", "WATCH-024", "WATCH-030"])
def pending_is_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """pending is not told."""
    return [e for e in batch if not is_a(e, "status_change", status="pending")]


@frames("watch", red=["WATCH-016", "WATCH-031", "WATCH-032", "WATCH-103", "WATCH-108", "WATCH-109"])
def summaries_are_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """summary_change is not sent."""
    return [e for e in batch if e["kind"] != "summary_change"]


@frames("watch", red=["WATCH-017", "WATCH-110"])
def generated_titles_are_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """A title that was generated during the first turn is not told."""
    return [e for e in batch if not is_a(e, "title_change", last_turn_summary=None)]


@frames("watch", red=["WATCH-018", "CHATOBJ-005", "WATCH-103"])
def failures_without_error(batch: list[Event], memory: Memory) -> list[Event]:
    """The chat of a status_change has no last_error."""
    return [e | {"chat": {k: v for k, v in e["chat"].items() if k != "last_error"}} for e in batch]


@frames("watch", red=["WATCH-019", "EVENT-004", "WATCH-109"])
def calls_are_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """action_required is not sent."""
    return [e for e in batch if e["kind"] != "action_required"]


@instead("Lifecycle.tool_results", red=["WATCH-020"])
def results_are_told(right: Any, chat: Chat, *given: Any) -> None:
    """Submitting tool results is told as a change of status."""
    right.__self__.backend.hub.watch(chat, "status_change")
    right(chat, *given)


turns_off("same-title-is-told", "a rename to the present title is told", "rename.same-is-free", red=["WATCH-021", "TITLE-012"])


@changes("patchChat", red=["WATCH-022"])
def labels_are_told(answer: Answer) -> None:
    """New labels are told as a change of status."""
    if answer.sent.get("labels"):
        answer.backend.hub.watch(chat_of(answer), "status_change")


_interrupted: set[str] = set()


def _note(answer: Answer) -> None:
    _interrupted.add(answer.path_params["chat"])


def _silent(batch: list[Event], memory: Memory) -> list[Event]:
    return [e for e in batch if not (is_a(e, "status_change", status="waiting") and e["chat"]["id"] in _interrupted)]


declare(
    Fault(
        "interrupts-are-not-told",
        "the end of an interrupted turn is not told",
        frozenset(["WATCH-023", "WATCH-104"]),
        operations=frozenset(["interruptChat"]),
        answer=_note,
        socket="watch",
        events=_silent,
    )
)


@instead("rename_chat", red=["WATCH-025"])
def renames_by_admins_are_not_told(right: Any, call: Any, title: str) -> None:
    """The owner is not told of a rename by an admin."""
    if call.user.id == call.chat.owner_id:
        right(call, title)
    else:
        call.chat.title = title.strip()


@frames("watch", red=["WATCH-026"])
def children_are_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """The creation of a child chat is not told."""
    return [e for e in batch if not (is_new(e) and e["chat"].get("parent_chat_id"))]


@frames("watch", red=["WATCH-027"])
def events_show_unread(batch: list[Event], memory: Memory) -> list[Event]:
    """The chat of an event is unread after a turn."""
    return [changed(e, has_unread=True) if is_a(e, "status_change", status="waiting") else e for e in batch]


@frames("stream", red=["WATCH-028"])
def large_calls_are_not_streamed(batch: list[Event], memory: Memory) -> list[Event]:
    """A call with large arguments is not streamed."""
    return [e for e in batch if e["type"] != "action_required" or len(str(e)) < 8000]


@changes("proposeTitle", red=["WATCH-029"])
def proposals_are_told(answer: Answer) -> None:
    """A title that was proposed is told."""
    answer.backend.hub.watch(chat_of(answer), "title_change")


replaces(
    "child-alone-is-not-told",
    "archiving and unarchiving a child alone is not told",
    "Lifecycle._announced",
    lambda right, members: [] if members[0].parent_chat_id else right(members),
    red=["WATCH-006", "WATCH-007"],
)
turns_off("no-summary-while-awaited", "requires_action sets no summary", "summary.while-awaited", red=["WATCH-032"])


def _known(event: Event, memory: Memory, *before: str) -> bool:
    """Is this a status_change, and was the chat's status before it one of these? Remembers the status."""
    was = memory.get(event["chat"]["id"])
    memory[event["chat"]["id"]] = event["chat"]["status"]
    return bool(event["kind"] == "status_change" and was in before)


@frames("watch", red=["WATCH-023", "WATCH-104"])
def same_status_is_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """waiting is not told of a chat that waits already."""
    return [e for e in batch if not (_known(e, memory, "waiting") and e["chat"]["status"] == "waiting")]


@frames("watch", red=["WATCH-030"])
def pending_after_errors_is_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """pending is not told of a chat that had failed."""
    return [e for e in batch if not (_known(e, memory, "error") and e["chat"]["status"] == "pending")]


@frames("watch", red=["WATCH-031", "WATCH-103"])
def cleared_summaries_are_not_told(batch: list[Event], memory: Memory) -> list[Event]:
    """A summary that was cleared is not told."""
    return [e for e in batch if not is_a(e, "summary_change", last_turn_summary=None)]


@frames("watch", red=["WATCH-033", "WATCH-103", "WATCH-104", "WATCH-105", "WATCH-108"])
def events_without_labels(batch: list[Event], memory: Memory) -> list[Event]:
    """The chat of an event has no labels."""
    return [changed(e, labels={}) for e in batch]


@frames("watch", red=["WATCH-054", "WATCH-107"])
def changes_tell_the_first_model(batch: list[Event], memory: Memory) -> list[Event]:
    """status_change shows the first model that the feed saw the chat on."""
    batch = copy.deepcopy(batch)
    for event in batch:
        shown = event["chat"]
        first = memory.setdefault(shown["id"], shown["last_model_config_id"])
        if event["kind"] == "status_change":
            shown["last_model_config_id"] = first
    return batch
