"""Wrong titles: by hand, regenerated, proposed."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, Fault, answers, changes, declare, instead, replaces, turns_off
from fake_server.faults.lifecycle.patch import _chat, _refuse, _sent
from fake_server.state.records import Chat, Message, Part
from fake_server.turns.titles import TITLE_RUNES, fallback_title, is_fallback


def _renamed(right: Any, chat: Chat, title: str) -> None:
    right.__self__.backend.faults.memory.setdefault(chat.id, chat.title)
    right(chat, title)


def _first_titles(answer: Answer) -> None:
    for chat in answer.body if answer.status == 200 else ():
        chat["title"] = answer.backend.faults.memory.get(chat["id"], chat["title"])


declare(
    Fault(
        "list-shows-the-first-title",
        "The list shows another title than the one given by hand.",
        frozenset(["TITLE-001"]),
        operations=frozenset(["listChats"]),
        answer=_first_titles,
        around={"Lifecycle.rename": _renamed},
    )
)


@instead("Lifecycle.rename", red=["TITLE-002"])
def rename_moves_the_chat(right: Any, chat: Chat, title: str) -> None:
    """A rename moves updated_at."""
    right(chat, title)
    chat.updated_at = right.__self__.backend.clock.now()


turns_off("titles-keep-blanks", "titles keep the blanks around them", "patch.title-trimmed", red=["TITLE-003", "PATCH-001"])


@changes("regenerateTitle", red=["TITLE-004", "TITLE-005", "TITLE-007", "TITLE-018"])
def regenerate_shows_another_title(answer: Answer) -> None:
    """Regenerate answers another title than the one that it keeps."""
    if answer.body["status"] == "waiting" and not answer.body["archived"]:
        answer.body["title"] += "!" if "parent_chat_id" not in answer.body else ""


turns_off("regenerate-always-moves", "regenerate moves updated_at even if nothing changes", "title.same-keeps-place",
          red=["TITLE-005", "TITLE-007"])  # fmt: skip
turns_off("propose-keeps-the-title", "propose stores its title", "title.propose-changes-nothing", red=["TITLE-006", "WATCH-029"])


@changes("proposeTitle", red=["TITLE-007"])
def propose_without_text(answer: Answer) -> None:
    """Without text New Chat is proposed."""
    answer.body["title"] = answer.body["title"] or "New Chat"


@answers("proposeTitle", red=["TITLE-008", "CONF-036", "TITLE-017"])
def failed_proposals_are_409(answer: Answer) -> None:
    """A proposal whose model call fails is answered with 409."""
    if answer.status == 500:
        answer.status = 409


turns_off(
    "titles-are-messages", "a title call adds a message", "title.adds-no-message", red=["TITLE-009", "READ-007", "READ-030"]
)


@answers("regenerateTitle", "proposeTitle", red=["TITLE-010"])
def no_titles_during_a_turn(answer: Answer) -> None:
    """During a turn no title can be made."""
    if answer.status == 200 and _chat(answer).status == "running":
        _refuse(answer, 409, "Title regeneration already in progress for this chat.")


turns_off("titles-do-not-lock", "a rename is accepted while a title is made", "title.locks", red=["TITLE-011"])


@answers("patchChat", red=["TITLE-012"])
def titles_lock_everything(answer: Answer) -> None:
    """While a title is made, labels can't be changed."""
    if answer.status == 204 and "labels" in _sent(answer) and _chat(answer).title_lock:
        _refuse(answer, 409, "Title regeneration already in progress for this chat.")


@answers("patchChat", red=["TITLE-013"])
def same_title_is_a_conflict(answer: Answer) -> None:
    """A rename to the present title is refused."""
    key, title = ("renamed", answer.path_params["chat"]), str(_sent(answer).get("title", "")).strip()
    if answer.status == 204 and title and set(_sent(answer)) == {"title"}:
        if answer.backend.faults.memory.get(key) == title:
            _refuse(answer, 409, "The chat has this title.")
        answer.backend.faults.memory[key] = title


@instead("take_title", red=["TITLE-014"])
def first_title_respects_rename(right: Any, backend: Any, chat: Chat, title: str, asked: Message) -> None:
    """A rename keeps the generated title away."""
    if is_fallback(backend, chat, asked.content):
        right(backend, chat, title, asked)


@answers("proposeTitle", red=["TITLE-015"])
def no_titles_for_archived_chats(answer: Answer) -> None:
    """No title is proposed for an archived chat."""
    if answer.status == 200 and _chat(answer).archived:
        _refuse(answer, 400, "Cannot propose a title for an archived chat.")


replaces(
    "titles-keep-quotes",
    "titles of the model keep their quotes",
    "tidy",
    lambda right, backend, text: text,
    red=["TITLE-016", "SCHEMA-proposeTitle", "TITLE-017", "TITLE-018"],
)
turns_off("titles-of-nine-words", "a title of nine words will do", "title.eight-words", red=["TITLE-017"])


@instead("tidy", red=["TITLE-018", "SCHEMA-proposeTitle"])
def titles_are_never_cut(right: Any, backend: Any, text: str) -> str:
    """A title has all its characters."""
    return " ".join(text.strip().strip("\"'`").split()) if right(backend, text) else ""


@answers("proposeTitle", red=["TITLE-017"])
def blank_titles_are_proposed(answer: Answer) -> None:
    """A blank title of the model is proposed as it is."""
    if answer.status == 500 and "not usable" in str(answer.body):
        answer.status, answer.body = 200, {"title": ""}


@instead("is_fallback", red=["TITLE-019"])
def long_words_have_no_title(right: Any, backend: Any, chat: Chat, content: list[Part]) -> bool:
    """A message of few long words gets no title."""
    return bool(right(backend, chat, content)) and (len(chat.title) < TITLE_RUNES or chat.title.endswith("…"))


@instead("is_fallback", red=["TITLE-020"])
def cut_titles_are_replaced(right: Any, backend: Any, chat: Chat, content: list[Part]) -> bool:
    """A title that was cut is made anew."""
    return bool(right(backend, chat, content)) or chat.title == fallback_title(content)


turns_off("titles-of-pending-chats", "titles are made for pending chats, too", "title.not-while-pending", red=["TITLE-039"])
