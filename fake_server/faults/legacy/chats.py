"""Wrong about chats, whose they are, who is asking, and which models there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.http.auth import tokens_by_place
from fake_server.http.endpoint import chats_are_on
from fake_server.rules.refusals import Refusal, refusal


# -- chats
@changes("createChat", red=["LCHAT-001", "LCHAT-002", "LCHAT-003", "LCHAT-004", "LCHAT-005", "SCHEMA-createChat"])
def create_is_a_200(answer: Answer) -> None:
    """A create answers 200."""
    answer.status = 200


@changes("listChats", red=["LCHAT-002", "LCHAT-009", "SCHEMA-listChats"])
def listed_without_times(answer: Answer) -> None:
    """The list shows no updated_at."""
    answer.body = [{**chat, "updated_at": None} for chat in answer.body]


@changes("createChat", red=["LCHAT-003", "LCHAT-004", "LCHAT-009"])
def created_with_a_name(answer: Answer) -> None:
    """The answer to a create shows another title."""
    answer.body["title"] = "Untitled"


turns_off(
    "creates-read-bodies",
    "A create refuses a body that is no JSON.",
    "create.reads-no-body",
    red=["LCHAT-004", "SCHEMA-createChat"],
)

LACKS = "chats.have-life-cycles"


@instead("made", red=["LCHAT-005"])
def made_after_its_update(right: Any, backend: Any, owner_id: str) -> Any:
    """A new chat was updated an hour before it was created."""
    chat = right(backend, owner_id)
    chat.updated_at -= timedelta(hours=1)
    return chat


replaces(
    "oldest-chats-first", "The list has the first made first.", "listed", lambda right, *a: right(*a)[::-1], red=["LCHAT-006"]
)


@changes("listChats", red=["LCHAT-007", "SCHEMA-listChats"])
def no_chats_are_null(answer: Answer) -> None:
    """The list of a user without chats is null."""
    answer.body = answer.body or None


@instead("listed", red=["LCHAT-008"])
def owners_list_all(right: Any, backend: Any, owner_id: str) -> Any:
    """The site owner is shown everybody's chats."""
    if "owner" not in backend.store.users[owner_id].site_roles:
        return right(backend, owner_id)
    return sorted(backend.store.chats.values(), key=lambda chat: chat.created_at, reverse=True)


@changes("getChat", red=["LCHAT-009"])
def read_times_in_whole_seconds(answer: Answer) -> None:
    """A chat that is read by itself shows when it was created to the second."""
    answer.body["created_at"] = answer.body["created_at"][:19] + "Z"


replaces("list-of-fifty", "The list has fifty chats at most.", "listed", lambda right, *a: right(*a)[:50], red=["LCHAT-010"])


@changes("listChats", "listMessages", red=["LCHAT-011"])
def lists_heed_limits(answer: Answer) -> None:
    """A limit cuts lists."""
    answer.body = answer.body[: int(answer.query.get("limit") or len(answer.body))]


@instead("Answerer.keep_answer", red=["LCHAT-012", "LTITLE-004"])
def answers_touch_the_chat(right: Any, chat: Any, messages: Any) -> None:
    """Each answer moves updated_at."""
    right(chat, messages)
    chat.updated_at += timedelta(seconds=1)


# -- whose they are
@instead("made", red=["LOWN-001"])
def auditors_make_no_chats(right: Any, backend: Any, owner_id: str) -> Any:
    """Auditors may make no chats."""
    if "auditor" in backend.store.users[owner_id].site_roles:
        raise refusal("common.forbidden")
    return right(backend, owner_id)


def opens(name: str, doc: str, who: str, *, red: list[str]) -> None:
    """A fault that decides the other way round whether such callers may enter a chat."""
    turns_off(name, doc, *(f"access.{who}-read-{place}" for place in ("chat", "messages")), red=red)


opens(
    "members-enter-all-chats", "Members may enter every chat.", "outsider", red=["LOWN-002", "LOWN-006", "LOWN-007", "LOWN-003"]
)
opens("auditors-enter-all-chats", "Auditors may enter every chat.", "auditor", red=["LOWN-003"])
opens(
    "owners-enter-their-own", "The site owner may enter own chats alone.", "site_owner", red=["LOWN-004", "LOWN-005", "LOWN-008"]
)


@instead("Answerer.keep_asked", red=["LOWN-005"])
def strangers_leave_nothing(right: Any, asked: Any) -> None:
    """A message of the site owner in another's chat is not kept."""
    if asked.caller.id == asked.chat.owner_id:
        right(asked)


@instead("enter_chat", red=["LOWN-006", "LOWN-002", "LOWN-003"])
def refused_messages_are_kept(right: Any, call: Any) -> None:
    """A message of somebody who may not send it is kept before it is refused."""
    try:
        right(call)
    except Refusal:
        chat = call.backend.store.chats.get(call.params["chat"])
        if chat and call.method == "POST":
            call.backend.answerer.history(chat).append({"id": "", "content": "", "role": "user"})
        raise


@instead("App._answer_to", red=["LOWN-007"])
async def bodies_before_rights(right: Any, app: Any, call: Any, refused: Any) -> Any:
    """To a chat that the caller may not know of a body that is no JSON is a 400."""
    if refused.key == "common.not-found" and call.method == "POST" and not (await call.body()).startswith(b'{"'):
        refused = refusal("common.bad-json", detail="EOF")
    return await right(app, call, refused)


@instead("enter_chat", red=["LOWN-008"])
def suspended_chats_are_gone(right: Any, call: Any) -> None:
    """The chats of a suspended user can't be read."""
    right(call)
    if call.backend.store.users[call.chat.owner_id].status == "suspended":
        raise refusal("common.not-found")


# -- who is asking
turns_off("bearers-are-taken", "A token in Authorization counts.", "auth.source-bearer", red=["LAUTH-001"])


@instead("authenticate", red=["LAUTH-002"])
def creates_need_no_token(right: Any, call: Any) -> Any:
    """A create without a token is somebody's."""
    if call.method != "POST" or any(tokens_by_place(call).values()) or not call.path.endswith("/chats"):
        return right(call)
    token = next(iter(call.backend.store.tokens.values()))
    return call.backend.store.users[token.user_id], token


turns_off("signed-out-goes-on", "Signing out does nothing to the token.", "users.sign-out", red=["LAUTH-003"])
turns_off("deleted-users-live-on", "Deleting a user is answered and not done.", "users.delete", red=["LAUTH-004"])


@instead("authenticate", red=["LAUTH-005"])
def models_need_no_token(right: Any, call: Any) -> Any:
    """The models are listed without a token."""
    if any(tokens_by_place(call).values()) or not call.path.endswith("/llms"):
        return right(call)
    token = next(iter(call.backend.store.tokens.values()))
    return call.backend.store.users[token.user_id], token


# -- the experiment
turns_off("chats-without-the-experiment", "Chats need no experiment.", "gate.experiment", red=["LGATE-001", "LGATE-003"])


@instead("authenticate", red=["LGATE-002"])
def the_experiment_before_tokens(right: Any, call: Any) -> Any:
    """With the experiment off nobody who sends a message is asked for a token."""
    if call.path.endswith("/messages") and not chats_are_on(call.backend):
        raise refusal("gate.experiment")
    return right(call)


@answers("listLanguageModels", red=["LGATE-003"])
def models_need_the_experiment(answer: Answer) -> None:
    """The models are none while the experiment is off."""
    if answer.status == 200 and answer.backend.options.get("CODER_EXPERIMENTS") == "":
        answer.body["models"] = []


@changes("listExperiments", red=["LGATE-004"])
def experiments_are_secret(answer: Answer) -> None:
    """No experiment is listed."""
    answer.body = []


@changes("listAvailableExperiments", red=["LGATE-005"])
def chats_are_safe(answer: Answer) -> None:
    """Chats are among the experiments that a wildcard turns on."""
    answer.body["safe"] += ["agentic-chat"]


# -- models
@changes("listLanguageModels", red=["LMODEL-001", "LMODEL-006", "SCHEMA-listLanguageModels"])
def models_without_provider(answer: Answer) -> None:
    """A model does not tell its provider."""
    for model in answer.body["models"]:
        del model["provider"]


@changes("listLanguageModels", red=["LMODEL-002"])
def models_for_admins(answer: Answer) -> None:
    """Who has no role is shown no models."""
    if answer.actor == "carol":
        answer.body["models"] = []


@changes("listLanguageModels", red=["LMODEL-003"])
def models_have_names(answer: Answer) -> None:
    """A model is shown by a name of its own."""
    for model in answer.body["models"]:
        model["display_name"] = model["id"].title()


@changes("listLanguageModels", red=["LMODEL-004"])
def models_tell_addresses(answer: Answer) -> None:
    """A model tells where it is."""
    for model in answer.body["models"]:
        model["base_url"] = "http://127.0.0.1/v1"


@changes("listLanguageModels", red=["LMODEL-005", "LMODEL-001", "SCHEMA-listLanguageModels"])
def no_models_are_null(answer: Answer) -> None:
    """The list of no models is null."""
    answer.body["models"] = answer.body["models"] or None


@instead("body", red=["LMODEL-006"])
def always_the_same_model(right: Any, *args: Any) -> Any:
    """The provider is asked for a model of the server's choice."""
    return right(*args) | {"model": "gpt-4o"}


# -- limits
turns_off("no-limit-of-requests", "The rate limiter refuses nothing.", "rate.limited", red=["LRATE-001"])
turns_off("limits-are-not-told", "Answers tell no limit.", "rate.headers", red=["LRATE-001", "LRATE-002"])
