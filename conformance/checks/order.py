"""The order of events on stream and watch: what may not overtake what, what comes once, what adds up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import dropwhile, pairwise
from typing import Any

from conformance.checks.asked import Asked, Judged, Verdict, Wrong, finding
from conformance.checks.feeds import Told, args_of, texts, told_of
from conformance.wire.exchange import Exchange
from conformance.wire.framing import Event
from spec.feeds import Feed
from spec.tables import StreamOrder

Rule = Callable[[Told, "Disturbed"], Verdict]
STREAM: list[tuple[str, Rule]] = []
WATCH: list[tuple[str, Rule]] = []
_RULES = {"streamChat": STREAM, "watchChats": WATCH}
_CUTTING = (("sendMessage", "interrupt"), ("patchChat", "archived"))
_ROOM = 28  # of the local feed's buffer, for what goes over it beside the pieces of one kind


class Disturbed:
    """What the requests of this run did to the chats: edits replay messages, interrupts leave loose ends."""

    def __init__(self, order: StreamOrder) -> None:
        self._replaying = order.replaying
        self.edited: set[str] = set()
        self.cut_short: set[str] = set()

    def note(self, asked: Asked) -> None:
        """Take note of a request that the server accepted."""
        if asked.request.method == "GET" or asked.status >= 300 or not asked.chat:
            return
        body = asked.request.body if isinstance(asked.request.body, dict) else {}
        key = "archived" if "archived" in body else str(body.get("busy_behavior"))
        if asked.operation in self._replaying:
            self.edited.add(asked.chat)
            self.cut_short.add(asked.chat)
        elif asked.operation in ("interruptChat", "promoteQueuedMessage") or (asked.operation, key) in _CUTTING:
            self.cut_short.add(asked.chat)


def stream(requirement: str) -> Callable[[Rule], Rule]:
    """Enter a rule about the stream of a chat."""

    def enter(rule: Rule) -> Rule:
        STREAM.append((requirement, rule))
        return rule

    return enter


def watch(requirement: str) -> Callable[[Rule], Rule]:
    """Enter a rule about the watch feed."""

    def enter(rule: Rule) -> Rule:
        WATCH.append((requirement, rule))
        return rule

    return enter


class OrderJudge:
    """Judges every stream and watch feed of one run or recording by the profile's order; hears of the requests, too."""

    def __init__(self, order: StreamOrder, feeds: dict[str, Feed]) -> None:
        self._order, self._feeds = order, feeds
        self._disturbed = Disturbed(order)

    def __call__(self, asked: Asked) -> Iterator[Judged]:
        said = asked.said
        if isinstance(said, Exchange):
            self._disturbed.note(asked)
            return
        rules, feed = _RULES.get(asked.operation), self._feeds.get(asked.operation)
        told = told_of(asked, feed, self._order) if rules and feed else None
        if rules is None or told is None:
            return
        for requirement, rule in rules:
            try:
                verdict = rule(told, self._disturbed)
            except (AttributeError, LookupError, TypeError, ValueError):
                continue  # the events have not the shape that the rule speaks of: the schemas say so
            if verdict is not None and verdict is not False:
                yield requirement, finding(requirement, verdict, said) if isinstance(verdict, Wrong) else None


# -- the snapshot ------------------------------------------------------------------------------------------


@stream("STREAM-015")
def events_name_their_chat(feed: Told, disturbed: Disturbed) -> Verdict:
    for event in feed.events:
        if event.value.get("chat_id") != feed.chat:
            return Wrong("an event is of another chat", f"{event.pointer}/chat_id", feed.chat, event.value.get("chat_id"))
        inner = event.message.get("chat_id", feed.chat)
        if inner != feed.chat:
            return Wrong("a message is of another chat", f"{event.pointer}/message/chat_id", feed.chat, inner)
    return True if feed.events else None


@stream("STREAM-024")
def first_is_a_status(feed: Told, disturbed: Disturbed) -> Verdict:
    if not feed.events:
        return None
    first, wanted = feed.events[0].type, feed.order.snapshot[0]
    return True if first == wanted else Wrong(f"the first event is no {wanted}", feed.events[0].pointer, wanted, first)


@stream("STREAM-246")
def messages_before_the_status(feed: Told, disturbed: Disturbed) -> Verdict:
    first = next((event for event in feed.events if event.type not in feed.order.before_status), None)
    if first is None:
        return None
    return True if first.type == "status" else Wrong("no status stands behind the messages", first.pointer, "status", first.type)


def _snapshot(feed: Told) -> list[Event]:
    """What surely is the snapshot: the events of the first frame, up to a second status, or to what ends it."""
    events = feed.events[: feed.snapshot]
    statuses = [n for n, event in enumerate(events) if event.type == "status"]
    ended = next((n + 1 for n, event in enumerate(events) if event.type == feed.order.snapshot_end), len(events))
    return events[: min([ended, *statuses[1:2]])]


def _status_of(snapshot: list[Event]) -> str | None:
    """The status that a snapshot tells, None where it holds none."""
    return next((event.status for event in snapshot if event.type == "status"), None)


@stream("STREAM-026")
@stream("STREAM-247")
def snapshot_order(feed: Told, disturbed: Disturbed) -> Verdict:
    events = _snapshot(feed)
    # While a turn runs, live events may have come into the first frame.
    if len(events) < 2 or _status_of(events) not in feed.order.end:
        return None
    for before, event in pairwise(events):
        if feed.order.rank(event.type) < feed.order.rank(before.type):
            said = f"{event.type} comes after {before.type}"
            return Wrong(said, event.pointer, list(feed.order.snapshot), [e.type for e in events])
    return True


@stream("STREAM-027")
@stream("STREAM-248")
def snapshot_ascends(feed: Told, disturbed: Disturbed) -> Verdict:
    key = feed.order.ascending["message"]
    times = [(event.message.get(key), event) for event in _snapshot(feed) if event.type == "message"]
    for (first, _), (second, event) in pairwise(times):
        if _sortable(second) < _sortable(first):
            return Wrong("the snapshot's messages do not ascend", event.pointer, f"after {first}", second)
    return True if len(times) > 1 else None


def _sortable(value: Any) -> str:
    """A UTC time, its fraction of any length, or an id, as a text that sorts."""
    if isinstance(value, int):
        return f"{value:020}"
    whole, _, fraction = str(value).rstrip("Z").partition(".")
    return f"{whole}.{fraction:<09}"


@stream("STREAM-028")
@stream("STREAM-249")
def snapshot_after_the_cursor(feed: Told, disturbed: Disturbed) -> Verdict:
    if feed.after_id <= 0 or feed.of(feed.order.starts_over):
        return None
    for event in _snapshot(feed):
        number = event.message.get("id")
        if event.type == "message" and isinstance(number, int) and number <= feed.after_id:
            return Wrong("a message is not after after_id", f"{event.pointer}/message/id", f"> {feed.after_id}", number)
    return True


@stream("STREAM-030")
def snapshot_without_empty_queue(feed: Told, disturbed: Disturbed) -> Verdict:
    events = _snapshot(feed)
    if not events or _status_of(events) not in feed.order.end:
        return None
    for event in events:
        if event.type in feed.order.non_empty and not event.value.get("queued_messages"):
            return Wrong("a snapshot without a queue has a queue_update", event.pointer)
    return True


@stream("STREAM-033")
def snapshot_without_action_required(feed: Told, disturbed: Disturbed) -> Verdict:
    return _never_in_snapshot(feed, feed.order.status_before("action_required"), "action_required")


@stream("STREAM-034")
def snapshot_without_error(feed: Told, disturbed: Disturbed) -> Verdict:
    return _never_in_snapshot(feed, feed.order.status_with("error"), "error")


def _never_in_snapshot(feed: Told, status: str, kind: str) -> Verdict:
    events = _snapshot(feed)
    if kind not in feed.order.never_in_snapshot or not events or _status_of(events) != status:
        return None
    bad = next((event for event in events if event.type == kind), None)
    return Wrong(f"a snapshot has {kind}", bad.pointer) if bad else True


# -- live --------------------------------------------------------------------------------------------------


def _since_snapshot(feed: Told) -> list[Event]:
    """What came live; where there are previews, without what they may still hold of an ended turn, right behind the snapshot."""
    end = feed.order.snapshot_end
    return list(dropwhile(lambda event: event.type in ("message_part", end), feed.live)) if end else feed.live


@stream("STREAM-038")
def running_before_parts(feed: Told, disturbed: Disturbed) -> Verdict:
    part = next((event for event in _since_snapshot(feed) if event.type == "message_part"), None)
    wanted = feed.order.status_before("message_part")
    if part is None or not wanted:
        return None
    ran = any(event.status == wanted for event in feed.events[: part.at])
    return True if ran else Wrong(f"a part comes before any {wanted} status", part.pointer)


@stream("STREAM-041")
def no_part_after_the_end(feed: Told, disturbed: Disturbed) -> Verdict:
    statuses = feed.of("status")
    never = feed.order.never_after_end
    if not feed.of(*never) or feed.chat in disturbed.cut_short or statuses[-1].status not in feed.order.end:
        return None
    late = next((event for event in _since_snapshot(feed) if event.at > statuses[-1].at and event.type in never), None)
    # A compaction's last part follows its stored message, and may follow the end.
    if late is not None and not str(late.part.get("tool_call_id", "")).startswith("chat_summarized"):
        return Wrong("a part comes after the last status of its turn", late.pointer, statuses[-1].status, late.part.get("type"))
    return True


@stream("STREAM-047")
def each_message_once(feed: Told, disturbed: Disturbed) -> Verdict:
    if feed.chat in disturbed.edited:
        return None
    seen: set[Any] = set()
    for event in feed.of("message"):
        if event.message.get("id") in seen:
            return Wrong("a message comes twice", f"{event.pointer}/message/id", "once", event.message.get("id"))
        seen.add(event.message.get("id"))
    return True if seen else None


@stream("SEND-028")
def ids_grow(feed: Told, disturbed: Disturbed) -> Verdict:
    if feed.chat in disturbed.edited:
        return None
    rows = [(event, event.message.get("id")) for event in feed.of("message") if event.role == "user"]
    for (_, first), (event, second) in pairwise(rows):
        if isinstance(first, int) and isinstance(second, int) and second <= first:
            return Wrong("a later user message has no higher id", f"{event.pointer}/message/id", f"> {first}", second)
    return True if len(rows) > 1 else None


@stream("STREAM-050")
def roles_of_parts(feed: Told, disturbed: Disturbed) -> Verdict:
    wanted = {
        "text": "assistant",
        "reasoning": "assistant",
        "tool-call": "assistant",
        "source": "assistant",
        "tool-result": "tool",
    }
    for event in feed.of("message_part"):
        role = wanted.get(str(event.part.get("type")))
        if role and event.role != role:
            return Wrong("a part has another role", f"{event.pointer}/message_part/role", role, event.role)
    return True if feed.of("message_part") else None


@stream("STREAM-052")
def results_after_their_call(feed: Told, disturbed: Disturbed) -> Verdict:
    # In a snapshot the messages of one step share their time, and then any order is good.
    live = [event for event in feed.live if event.type == "message"]
    calls: set[str] = set()
    asked = {str(p.get("tool_call_id")) for e in live for p in _content(e) if p.get("type") == "tool-call"}
    judged = False
    for event in live:
        for part in _content(event):
            name = str(part.get("tool_call_id"))
            if part.get("type") == "tool-call":
                calls.add(name)
            elif event.role == "tool" and part.get("type") == "tool-result" and name in asked:
                judged = True
                if name not in calls:
                    return Wrong("a tool message comes before its call", event.pointer, "the assistant message first", name)
    return True if judged else None


def _content(event: Event) -> list[dict[str, Any]]:
    content = event.message.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


@stream("STREAM-053")
def deltas_before_their_call(feed: Told, disturbed: Disturbed) -> Verdict:
    names: dict[str, Any] = {}
    full: set[str] = set()
    whole = [
        e.part.get("tool_call_id")
        for e in feed.of("message_part")
        if e.part.get("type") == "tool-call" and "args_delta" not in e.part
    ]
    for event in feed.of("message_part", "status", "retry"):
        if event.type != "message_part":
            full.clear()
            names.clear()
            continue
        part, call = event.part, str(event.part.get("tool_call_id"))
        if part.get("type") != "tool-call":
            continue
        if "args_delta" in part:
            if call in full and whole.count(call) == 1:
                return Wrong("a piece of a call comes after the whole call", event.pointer, "before", call)
            names[call] = part.get("tool_name")
        else:
            full.add(call)
            if names.get(call, part.get("tool_name")) != part.get("tool_name"):
                return Wrong("a call has another tool_name than its pieces", event.pointer, names[call], part.get("tool_name"))
    return True if names or full else None


@stream("STREAM-054")
def deltas_make_the_arguments(feed: Told, disturbed: Disturbed) -> Verdict:
    if feed.chat in disturbed.cut_short:
        return None
    pieces: dict[str, str] = {}
    judged = False
    for event in feed.of("message_part", "retry"):
        if event.type == "retry":
            pieces.clear()  # the next attempt says all anew
            continue
        part, call = event.part, str(event.part.get("tool_call_id"))
        if part.get("type") != "tool-call":
            continue
        if "args_delta" in part:
            pieces[call] = pieces.get(call, "") + str(part["args_delta"])
        elif call in pieces:
            joined = pieces.pop(call)
            judged = True
            if args_of(joined) != part.get("args", {}):
                return Wrong(
                    "the pieces of the arguments do not make args",
                    f"{event.pointer}/message_part/part/args",
                    joined,
                    part.get("args"),
                )
    return True if judged else None


@stream("STREAM-043")
def text_adds_up(feed: Told, disturbed: Disturbed) -> Verdict:
    return _adds_up(feed, disturbed, "text")


@stream("STREAM-044")
def reasoning_adds_up(feed: Told, disturbed: Disturbed) -> Verdict:
    return _adds_up(feed, disturbed, "reasoning")


def _adds_up(feed: Told, disturbed: Disturbed, kind: str) -> Verdict:
    """All parts that came live, joined, are the stored messages that came live, joined: if every turn was whole."""
    live = [event for event in feed.live if event.type in ("message_part", "message") and event.role == "assistant"]
    parts = [event.part for event in live if event.type == "message_part" and event.part.get("type") == kind]
    stored = [event for event in live if event.type == "message"]
    burst = len(parts) > feed.order.local_buffer - _ROOM  # some may have been lost on the way
    if not parts or not stored or burst or feed.chat in disturbed.cut_short | disturbed.edited:
        return None
    whole = all("usage" in event.message for event in stored) and not feed.of("retry", "error")
    statuses = feed.of("status")
    in_snapshot = any(event.type == "message_part" for event in feed.events[: feed.snapshot])
    rested = all(status.status in feed.order.end for status in (statuses[0], statuses[-1]))
    if not whole or in_snapshot or _may_be_older(feed) or not rested:
        return None
    if any(event.type == "queue_update" for event in feed.live):
        return None  # the pieces of a turn that follows another at once may be told to nobody
    if _unanswered(feed):
        return None  # a turn that got lost has told pieces that nothing keeps
    joined = texts(parts, kind)
    kept = "".join(texts(_content(event), kind) for event in sorted(stored, key=lambda e: e.message.get("id", 0)))
    # A reply of nothing but reasoning is streamed and not stored.
    same = joined == kept if kind == "text" else all(texts(_content(event), kind) in joined for event in stored)
    return True if same else Wrong(f"the live {kind} is not the stored one", stored[-1].pointer, kept, joined)


def _unanswered(feed: Told) -> bool:
    """Did a turn that came live leave no answer?"""
    roles = {e.message.get("id", 0): e.role for e in feed.live if e.type == "message"}
    in_order = [*(roles[number] for number in sorted(roles)), "user"]
    return any(first == second == "user" for first, second in pairwise(in_order))


def _may_be_older(feed: Told) -> bool:
    """Whether a snapshot that goes on after its first frame may hold a stored answer: frames mean nothing."""
    for event in feed.live:
        if event.type in ("status", "message_part"):
            return False
        if event.type == "message" and event.role == "assistant":
            return True
    return False


@stream("STREAM-073")
def action_required_once(feed: Told, disturbed: Disturbed) -> Verdict:
    asked: list[Any] = []
    wanted = feed.order.status_before("action_required")
    ran = True
    for event in feed.events:
        if event.type == "status" and event.status == feed.order.active:
            ran = True
        elif event.type == "action_required":
            if not any(e.status == wanted for e in feed.events[: event.at]):
                return Wrong(f"action_required comes before the status {wanted}", event.pointer)
            if not ran:
                return Wrong("action_required comes twice", event.pointer, "once", "again")
            ran = False
            asked.append(event)
    return True if asked else None


@stream("RETRY-011")
def attempts_count(feed: Told, disturbed: Disturbed) -> Verdict:
    retries = feed.of("retry")
    attempts = [(e, (e.value.get("retry") or {}).get("attempt")) for e in retries if isinstance(e.value.get("retry"), dict)]
    for (_, first), (event, second) in pairwise(attempts):
        if isinstance(first, int) and isinstance(second, int) and second not in (first + 1, 1):
            return Wrong("attempt does not count on", f"{event.pointer}/retry/attempt", [first + 1, 1], second)
    return True if attempts else None


@stream("ERROR-002")
def error_with_its_status(feed: Told, disturbed: Disturbed) -> Verdict:
    errors, wanted = feed.of("error"), feed.order.status_with("error")
    if not errors or feed.chat in disturbed.cut_short:
        return None
    if any(event.status == wanted for event in feed.of("status")):
        return True
    return Wrong(f"an error event without a status {wanted}", errors[0].pointer, f"status {wanted}")


# -- watch -------------------------------------------------------------------------------------------------


@watch("WATCH-010")
def only_own_chats(feed: Told, disturbed: Disturbed) -> Verdict:
    owners = {json.dumps(event.chat.get("owner_id")) for event in feed.events}
    if not owners:
        return None
    return True if len(owners) == 1 else Wrong("the feed tells of chats of several owners", "", "one owner", sorted(owners))


@watch("WATCH-006")
def deleted_is_archived(feed: Told, disturbed: Disturbed) -> Verdict:
    return _archived(feed, "deleted", True)


@watch("WATCH-007")
def created_is_not_archived(feed: Told, disturbed: Disturbed) -> Verdict:
    return _archived(feed, "created", False)


def _archived(feed: Told, kind: str, wanted: bool) -> Verdict:
    for event in feed.of(kind):
        if event.chat.get("archived") is not wanted:
            return Wrong(f"{kind} shows the chat otherwise", f"{event.pointer}/chat/archived", wanted, event.chat.get("archived"))
    return True if feed.of(kind) else None


@watch("WATCH-013")
def running_is_not_told(feed: Told, disturbed: Disturbed) -> Verdict:
    for event in feed.of("status_change"):
        shown = event.chat.get("status")
        if shown == feed.order.active and not event.chat.get("workspace_id"):
            return Wrong(f"a status_change tells of {shown}", f"{event.pointer}/chat/status", "none", shown)
    return True if feed.of("status_change") else None
