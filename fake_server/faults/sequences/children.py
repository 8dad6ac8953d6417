"""Wrong only in the chats of sub-agents, or between them and who started them."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import instead, turns_off
from fake_server.state.records import Chat


def of_child(chat: Chat) -> bool:
    """Is this the chat of a sub-agent?"""
    return chat.parent_chat_id is not None


def kin(lifecycle: Any, chat: Chat) -> list[Chat]:
    """The other chats of the family."""
    store = lifecycle.backend.store
    return [other for other in lifecycle.family(store.chats[chat.family_id]) if other is not chat]


for operation, red in {
    "send": ["OWN-026", "OWN-034"],
    "edit": ["OWN-027", "OWN-034"],
    "promote": ["OWN-028", "OWN-034"],
    "regenerate": ["OWN-029"],
    "propose": ["OWN-029"],
    "tool-results": ["OWN-030", "OWN-034"],
}.items():
    turns_off(f"admins-{operation}-in-children", f"admins may {operation} there", f"{operation}.not-owner of children", red=red)
for operation, red in {
    "send": ["SEND-004", "CHILD-015"],
    "edit": ["EDIT-013", "CHILD-015"],
    "promote": ["QUEUE-016", "CHILD-015"],
    "tool-results": ["CHILD-015"],
}.items():
    turns_off(
        f"archived-children-take-{operation}", f"they do not refuse {operation}", f"{operation}.archived of children", red=red
    )
turns_off(
    "members-read-children",
    "who has the chat role reads them",
    "access.member-read of children",
    red=["OWN-003", "OWN-010", "OWN-012"],
)
turns_off("outsiders-read-children", "who has no chat role reads them", "access.outsider-read of children", red=["OWN-004"])
turns_off(
    "readers-change-children",
    "readers may change them",
    "access.reader-update of children",
    red=["OWN-017", "OWN-031", "OWN-025"],
)
turns_off(
    "org-admins-miss-children",
    "org admins do not see them",
    "access.org_admin-read of children",
    red=["OWN-007", "OWN-022", "OWN-026", "OWN-027", "OWN-029", "OWN-030"],
)
turns_off(
    "org-admins-leave-children",
    "org admins can't change them",
    "access.org_admin-update of children",
    red=["OWN-022", "OWN-026", "OWN-027", "OWN-029", "OWN-030"],
)
turns_off(
    "site-owners-leave-children",
    "nor can the site owner",
    "access.site_owner-update of children",
    red=["OWN-023", "OWN-026", "OWN-027", "OWN-028", "OWN-029", "OWN-030", "OWN-034"],
)
turns_off(
    "shares-end-at-the-root", "readers of a root do not see them", "access.reader-read of children", red=["OWN-002", "OWN-012"]
)


@instead(
    "Ledger.promote_next",
    red=[
        "QUEUE-003",
        "QUEUE-011",
        "QUEUE-012",
        "QUEUE-013",
        "QUEUE-017",
        "QUEUE-018",
        "QUEUE-020",
        "QUEUE-023",
        "CHILD-006",
        "CHILD-016",
        "CHILD-012",
    ],
)
def queues_of_children_are_lost(right: Any, chat: Chat) -> bool:
    """The queue of a sub-agent's chat is thrown away when its turn ends."""
    if of_child(chat):
        right.__self__.state.store.queues.pop(chat.id, None)
    return bool(right(chat))


@instead("Lifecycle.edit", red=["EDIT-018", "EDIT-005", "EDIT-020", "EDIT-022", "EDIT-023", "EDIT-025"])
def edits_of_children_cut_nothing(right: Any, chat: Chat, *args: Any, **more: Any) -> Any:
    """An edit in a sub-agent's chat leaves what was said before."""
    known = [m for m in right.__self__.backend.store.messages[chat.id] if not m.deleted] if of_child(chat) else []
    made = right(chat, *args, **more)
    for message in known[1:]:
        message.deleted = False
    return made


@instead("Lifecycle.interrupt", red=["INT-001", "INT-002", "INT-010", "INT-012"])
def running_children_are_not_interrupted(right: Any, chat: Chat) -> Chat:
    """An interrupt of a running sub-agent's chat does nothing."""
    return chat if of_child(chat) and chat.status == "running" else right(chat)


@instead("Lifecycle.set_labels", red=["PATCH-012", "PATCH-022", "PATCH-023"])
def children_take_no_labels(right: Any, chat: Chat, labels: Any) -> None:
    """The labels of a sub-agent's chat are thrown away."""
    right(chat, {} if of_child(chat) else labels)


@instead("Runner._store_partial", red=["INT-002", "INT-010", "CHILD-012", "CHILD-013", "CHILD-019", "RACE-001"])
def children_keep_no_partial_answer(right: Any, run: Any) -> Any:
    """What a sub-agent had said when it was interrupted is lost."""
    return [] if of_child(run.chat) else right(run)


@instead("Lifecycle.set_labels", red=["CHILD-001", "CHILD-002"])
def labels_reach_the_family(right: Any, chat: Chat, labels: Any) -> None:
    """The labels of one chat are those of its whole family."""
    right(chat, labels)
    for other in kin(right.__self__, chat):
        other.labels = dict(labels)


@instead("Lifecycle.rename", red=["CHILD-001"])
def children_rename_their_root(right: Any, chat: Chat, title: str) -> None:
    """A rename of a sub-agent's chat renames its root."""
    right(chat, title)
    for other in kin(right.__self__, chat) if of_child(chat) else ():
        other.title = title if other.parent_chat_id is None else other.title


@instead("Lifecycle.edit", red=["CHILD-002"])
def edits_reach_the_children(right: Any, chat: Chat, *args: Any, **more: Any) -> Any:
    """An edit of a root takes the last message out of the chats of its sub-agents."""
    for other in kin(right.__self__, chat) if not of_child(chat) else ():
        right.__self__.backend.store.messages[other.id][-1].deleted = True
    return right(chat, *args, **more)


@instead("Lifecycle.insert", red=["CHILD-003"])
def children_are_of_another_client(right: Any, chat: Chat, content: Any, **more: Any) -> Any:
    """A sub-agent's chat has the client_type ui."""
    chat.client_type = "ui" if of_child(chat) else chat.client_type
    return right(chat, content, **more)


@instead("Lifecycle.insert", red=["CHILD-004"])
def children_lose_the_plan_mode(right: Any, chat: Chat, content: Any, **more: Any) -> Any:
    """A sub-agent is out of plan mode."""
    chat.plan_mode = "" if of_child(chat) else chat.plan_mode
    return right(chat, content, **more)


@instead("Lifecycle.insert", red=["CHILD-005"])
def children_lose_the_servers(right: Any, chat: Chat, content: Any, **more: Any) -> Any:
    """A sub-agent has no tool servers."""
    chat.mcp_server_ids = [] if of_child(chat) else chat.mcp_server_ids
    return right(chat, content, **more)


@instead("Lifecycle.interrupt", red=["CHILD-006"])
def interrupts_reach_the_children(right: Any, chat: Chat) -> Any:
    """An interrupt of a root stops its sub-agents, too."""
    for other in kin(right.__self__, chat) if not of_child(chat) else ():
        right(other)
    return right(chat)


@instead("Lifecycle.interrupt", red=["CHILD-007"])
def interrupts_reach_the_root(right: Any, chat: Chat) -> Any:
    """An interrupt of a sub-agent stops who started it, too."""
    for other in kin(right.__self__, chat) if of_child(chat) else ():
        right(other)
    return right(chat)


@instead("Lifecycle.set_labels", red=["CHILD-002"])
def labels_of_roots_replace_those_of_children(right: Any, chat: Chat, labels: Any) -> None:
    """New labels of a root take those of its sub-agents away."""
    right(chat, labels)
    for other in kin(right.__self__, chat) if not of_child(chat) else ():
        other.labels = {}


@instead("Lifecycle.rename", red=["CHILD-002"])
def renamed_roots_end_the_plan_of_children(right: Any, chat: Chat, title: str) -> None:
    """A rename of a root takes its sub-agents out of plan mode."""
    right(chat, title)
    for other in kin(right.__self__, chat) if not of_child(chat) else ():
        other.plan_mode = ""


@instead("Lifecycle.unarchive", red=["CHILD-015"])
def children_come_back_without_labels(right: Any, chat: Chat) -> None:
    """Sub-agents lose their labels when their root comes back from the archive."""
    right(chat)
    for other in kin(right.__self__, chat) if not of_child(chat) else ():
        other.labels = {}


@instead("Lifecycle.interrupt", red=["CHILD-006", "CHILD-007"])
def interrupts_empty_the_queues_of_the_family(right: Any, chat: Chat) -> Any:
    """An interrupt empties the queues of the whole family but that of the chat itself."""
    for other in kin(right.__self__, chat):
        right.__self__.backend.store.queues.pop(other.id, None)
    return right(chat)


@instead("Lifecycle.send", red=["CHILD-016"])
def messages_to_agents_interrupt(right: Any, chat: Chat, caller: Any, **more: Any) -> Any:
    """A message of one who started a sub-agent always interrupts it."""
    interrupts = of_child(chat) and chat.status == "running" and "token" not in more
    return right(chat, caller, **(more | {"busy_behavior": "interrupt"} if interrupts else more))


@instead("report_of", red=["CHILD-008"])
def agents_report_their_first_answer(right: Any, backend: Any, chat: Chat) -> str:
    """wait_agent gives the first answer of the sub-agent."""
    answers = [m for m in backend.store.messages[chat.id] if m.role == "assistant" and not m.deleted]
    return " ".join(part.get("text", "") for part in answers[0].content) if answers else ""


@instead("report_of", red=["CHILD-008", "CHILD-009"])
def agents_report_nothing(right: Any, backend: Any, chat: Chat) -> str:
    """wait_agent gives no answer of the sub-agent."""
    return ""


@instead("Runner.until_idle", red=["CHILD-009"])
async def waits_end_at_once(right: Any, chat: Chat) -> None:
    """wait_agent does not wait."""


turns_off(
    "failed-agents-pass", "wait_agent takes a failure for an end", "agents.failures-are-errors", red=["CHILD-010", "CHILD-020"]
)
turns_off("messages-to-agents-are-lost", "message_agent does nothing", "agents.take-messages", red=["CHILD-011", "CHILD-012"])
turns_off(
    "closed-agents-are-archived", "close_agent archives the chat", "agents.close-only-stops", red=["CHILD-013", "CHILD-019"]
)
turns_off("agents-reach-any-chat", "agent tools take every chat", "agents.own-only", red=["CHILD-014"])


@instead("Runner._end_interrupted", red=["CHILD-012", "RACE-001"])
def interrupting_messages_come_first(right: Any, run: Any) -> None:
    """What a sub-agent had said when a message interrupted it is stored after that message."""
    rows = right.__self__.backend.store.messages[run.chat.id]
    known = len(rows)
    right(run)
    if of_child(run.chat) and len(rows) == known + 2:
        rows[-1], rows[-2] = rows[-2], rows[-1]
        rows[-1].id, rows[-2].id = rows[-2].id, rows[-1].id


@instead("Lifecycle._announced", red=["CHILD-017"])
def archiving_tells_of_no_running_child(right: Any, members: list[Chat]) -> list[Chat]:
    """Archiving tells nothing of children whose turn was on."""
    return [chat for chat in right(members) if chat.parent_chat_id is None or not right.__self__.backend.runner.active(chat)]


@instead("Ledger.set_status", red=["CHILD-018"])
def children_move_their_root(right: Any, chat: Chat, *what: Any, **more: Any) -> None:
    """Whatever a child does moves its root, too."""
    right(chat, *what, **more)
    if chat.root_chat_id:
        right.__self__.state.store.chats[chat.root_chat_id].updated_at = chat.updated_at
