"""Chats, models and tool servers that are not shown as they should be, and routes that should be gone."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes, turns_off
from fake_server.faults.limits.bounds import refuse
from fake_server.faults.objects import drop, put, spoils, walk
from fake_server.rules import authz

LACKS = "error.before-status"  # the faults of this module are ones only in revisions without it

LIST = "listChats"
spoils("listed-chats-are-completed", "a chat in a list is completed", "chat", put(status="completed"), LIST,
       red=["CHATOBJ-149", "SCHEMA-listChats"])  # fmt: skip
spoils("listed-chats-have-no-summary", "a chat in a list has no summary", "chat", drop("summary"), LIST,
       red=["CHATOBJ-150", "SCHEMA-listChats"])  # fmt: skip
spoils("created-chats-wait-for-a-place", "a created chat waits for a place", "chat", put(queued_for_capacity=True), "createChat",
       red=["CHATOBJ-151"])  # fmt: skip
spoils("chats-tell-what-was-injected", "a chat tells what was injected", "chat", put(last_injected_context=[]), "getChat", "createChat",
       red=["CHATOBJ-152"])  # fmt: skip
turns_off(
    "chats-take-any-effort",
    "any text is a reasoning effort of a chat",
    "common.effort",
    red=["EFFORT-101", "SCHEMA-createChat", "SCHEMA-getChat"],
)
turns_off("advice-without-its-experiment", "the advisor needs no experiment", "config.advisor-off", red=["CONF-232"])
turns_off(
    "servers-are-of-no-organization",
    "tool servers may be off and stand there twice",
    "mcp.only-enabled",
    red=["MCP-112", "MCP-113"],
)
turns_off("unknown-models-are-taken", "unknown models are not refused first", "common.model-unknown", red=["MODEL-209"])
turns_off(
    "models-outlast-their-provider", "models of disabled providers are taken", "common.model-provider-off", red=["MODEL-210"]
)
turns_off(
    "bounds-of-any-effort",
    "bounds of reasoning effort are not looked at",
    "model-config.effort",
    red=["MODEL-212", "SCHEMA-updateModelConfig"],
)
turns_off(
    "overrides-of-any-effort", "an override takes efforts that its model has not", "config.override-effort", red=["CONF-233"]
)
turns_off("efforts-without-a-model", "an override of no model takes an effort", "config.override-effort-model", red=["CONF-234"])
turns_off(
    "disabled-defaults-are-used",
    "chats run on a default that is off",
    "create.default-off",
    "common.no-default-model",
    red=["MODEL-214"],
)
turns_off("keyless-models-are-taken", "models without a key are not refused first", "common.model-keyless", red=["MODEL-215"])
turns_off(
    "any-name-behind-openai", "names with a namespace are taken by every provider", "model-config.namespaced", red=["MODEL-216"]
)
turns_off(
    "disabled-configs-become-the-default",
    "the default passes to a config that is off",
    "model-config.promotes-enabled",
    red=["MODEL-220"],
)
turns_off(
    "names-decide-on-types", "a name that begins with a type is listed there", "catalog.takes-names-apart", red=["MODEL-221"]
)
turns_off("empty-searches-find-all", "a search for nothing is none", "list.q-search-empty", red=["FILTER-170"])
turns_off("shares-outlast-memberships", "who has left an organization reads its chats", "acl.members-only", red=["ACL-178"])
turns_off("words-beside-titles", "words are searched beside titles", "list.q-search-combined", red=["FILTER-168"])


@changes("listChats", red=["DIFF-006", "FILTER-066"])
def unarchived_and_titled_lose_one(answer: Answer) -> None:
    """A list of chats with a title that are not archived, both asked for, lacks the last one."""
    q = answer.query.get("q", "")
    if "archived:false" in q and "title:" in q:
        answer.body[-1:] = []


@changes("getChat", red=["CHATOBJ-153", "SCHEMA-getChat"])
def files_of_chats_have_no_size(answer: Answer) -> None:
    """The files of a chat have no size."""
    for file in answer.body.get("files") or ():
        file.pop("size_bytes", None)


@changes("getChat", red=["ACL-177"])
def children_are_never_shared(answer: Answer) -> None:
    """A child is not shown as shared."""
    if answer.body.get("parent_chat_id"):
        answer.body["shared"] = False


@changes("getChat", red=["EFFORT-102"])
def efforts_are_not_shown(answer: Answer) -> None:
    """A chat does not show its reasoning effort."""
    answer.body.pop("last_reasoning_effort", None)


@changes("getChat", red=["CAPACITY-101"])
def waiting_for_a_place_is_hidden(answer: Answer) -> None:
    """A chat does not tell that it waits for a place."""
    answer.body.pop("queued_for_capacity", None)


@answers("getConfigRetentionDays", red=["CONF-231", "SCHEMA-getConfigRetentionDays"])
def members_read_no_retention(answer: Answer) -> None:
    """Only who may read the deployment reads how long chats are kept."""
    if answer.status == 200 and not authz.can_read_deployment(answer.caller):
        refuse(answer, "common.forbidden")


@changes("listModels", red=["MODEL-208", "SCHEMA-listModels"])
def every_provider_is_supported(answer: Answer) -> None:
    """The catalog does not name providers that can't be used."""
    answer.body.pop("unsupported_providers", None)


@changes("createModelConfig", red=["MODEL-211"])
def model_configs_name_a_provider(answer: Answer) -> None:
    """A created model config names its provider, too."""
    answer.body["provider"] = "openai"


@changes("updateModelConfig", red=["MODEL-213"])
def the_highest_effort_is_missing(answer: Answer) -> None:
    """The efforts of a model config end below its maximum."""
    answer.body["reasoning_efforts"] = answer.body["reasoning_efforts"][:-1]


@answers("patchMCPServer", "deleteMCPServer", red=["MCP-114"])
def servers_are_forbidden(answer: Answer) -> None:
    """Changing a tool server is forbidden for members."""
    if answer.status == 404 and not authz.can_update_deployment(answer.caller):
        refuse(answer, "common.forbidden")


@answers(red=["ROUTE-146"])
def spend_limits_are_not_found(answer: Answer) -> None:
    """The path of spend limits is not found."""
    if answer.status == 400 and "/usage-limits" in answer.path:
        refuse(answer, "common.not-found")


@answers(red=["ROUTE-147"])
def there_are_two_ways_to_chats(answer: Answer) -> None:
    """Chats are listed below the stable prefix, too."""
    if answer.status == 404 and answer.path == "/api/v2/chats":
        answer.status, answer.body = 200, []


@changes("listMessages", red=["PART-152", "MSG-013", "PART-027"])
def stored_reasoning_has_no_beginning(answer: Answer) -> None:
    """A stored reasoning part does not tell when it began."""
    for part in walk(answer.body["messages"]):
        if part.get("type") == "reasoning":
            part.pop("created_at", None)
