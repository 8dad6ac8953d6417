"""Wrong parts, live and stored, and texts that do not come back as they were."""

from __future__ import annotations

import unicodedata
from typing import Any

from fake_server.faulting import Answer, answers, changes, frames, turns_off
from fake_server.faults.objects import Change, Object, drop, put, spoils, spoils_events
from fake_server.turns.history import UNANSWERED
from fake_server.turns.toolset import EVERY

MESSAGES = "listMessages"


def of(kind: str, **fields: Any) -> Change:
    return lambda p: p.get("type") == kind and all(p.get(k) == v for k, v in fields.items())


def tooled(name: str) -> Change:
    return lambda p: p.get("tool_name") == name


spoils("parts-without-url", "parts leave url out when it is empty", "part", drop("url"), MESSAGES,
       red=["PART-001", "SCHEMA-listMessages", "MSG-014", "MSG-013", "PART-016", "STREAM-027", "STREAM-029", "STREAM-071", "STREAM-076"])  # fmt: skip
spoils("parts-without-null-ids", "ids of parts are left out when unset", "part", drop("mcp_server_config_id"), MESSAGES,
       red=["PART-002", "SCHEMA-listMessages", "MSG-014", "MSG-013", "STREAM-027", "STREAM-029", "STREAM-071", "STREAM-076"])  # fmt: skip
spoils("parts-with-empty-names", "parts have a name even if it is empty", "part", lambda p: p.setdefault("title", ""), MESSAGES,
       red=["PART-003", "MSG-014", "MSG-013", "PART-026", "STREAM-027", "STREAM-029", "STREAM-071", "STREAM-076"])  # fmt: skip
spoils("part-types-in-underscores", "tool-call is tool_call", "part", put(type="tool_call"), MESSAGES, where=of("tool-call"),
       red=["PART-004", "SCHEMA-listMessages", "PART-011", "PART-012", "PART-015", "PART-022", "PART-024", "ROUND-011", "PART-008", "ROUND-006", "INT-004", "MSG-013", "SEND-029", "TOOL-001", "STREAM-027"])  # fmt: skip
spoils("texts-are-not-trimmed", "a text part ends in a line end", "part", lambda p: put(text=p["text"] + "\n")(p), MESSAGES,
       "sendMessage", where=lambda p: p.get("text") == "a b", red=["PART-005"])  # fmt: skip
spoils("texts-with-times", "text parts of the model have a time", "part", put(created_at="2024-01-01T00:00:00Z"), MESSAGES,
       where=of("text"), red=["PART-006", "MSG-013", "MSG-014", "PART-005", "PART-025", "STREAM-027", "STREAM-029", "STREAM-071"])  # fmt: skip
spoils("reasoning-without-end", "reasoning has no completed_at", "part", drop("completed_at"), MESSAGES, where=of("reasoning"),
       red=["PART-007", "MSG-013", "PART-027", "PART-152"])  # fmt: skip
spoils("calls-without-arguments", "stored calls have no args", "part", drop("args"), MESSAGES, where=of("tool-call"),
       red=["ROUND-006", "ROUND-008", "ROUND-011", "PART-008", "MSG-013", "TOOL-001", "STREAM-027", "COMPACT-001"])  # fmt: skip
spoils("results-without-tool", "results name no tool", "part", drop("tool_name"), MESSAGES, where=of("tool-result"),
       red=["PART-024", "PART-010", "MSG-013", "STREAM-027", "STREAM-076", "COMPACT-001"])  # fmt: skip
spoils("calls-without-time", "calls of built-in tools have no time", "part", drop("created_at"), MESSAGES,
       where=lambda p: p["type"] == "tool-call" and p["tool_name"] in EVERY, red=["PART-011", "MSG-013", "STREAM-027"])  # fmt: skip
spoils("client-calls-with-time", "stored client calls have a time", "part", put(created_at="2024-01-01T00:00:00Z"), MESSAGES,
       where=lambda p: p["type"] == "tool-call" and p["tool_name"] not in {*EVERY, "chat_summarized"}, red=["PART-012", "MSG-013"])  # fmt: skip
turns_off(
    "tool-errors-unmarked",
    "errors of tools are not marked",
    "tools.mark-errors",
    red=["PART-013", "PART-010", "TOOL-017", "TOOL-018", "TOOL-021", "USAGE-037", "TOOL-025"],
)
spoils("made-up-results-with-time", "results that the server made up have a time", "part",
       put(created_at="2024-01-01T00:00:00Z"), MESSAGES, where=lambda p: p["type"] == "tool-result" and p.get("is_error") and (p["tool_name"] not in EVERY or UNANSWERED in str(p["result"])),
       red=["PART-014", "MSG-013"])  # fmt: skip
spoils("commands-are-not-parsed", "only the first command is parsed", "part",
       lambda p: put(parsed_commands=p["parsed_commands"][:1])(p), MESSAGES, where=lambda p: "parsed_commands" in p,
       red=["PART-015", "MSG-013"])  # fmt: skip
spoils(
    "sources-without-id",
    "sources have no id",
    "part",
    drop("source_id"),
    MESSAGES,
    where=of("source"),
    red=["PART-016", "MSG-013"],
)
spoils("files-with-data", "file parts hold their data", "part", put(data="aGVsbG8="), MESSAGES, where=of("file"),
       red=["PART-017", "MSG-013"])  # fmt: skip
spoils("file-references-lose-lines", "file references lose their end", "part", put(end_line=0), MESSAGES,
       where=of("file-reference"), red=["PART-019", "MSG-014", "MSG-013"])  # fmt: skip
spoils("foreign-keys-kept", "keys of other types are kept", "part", put(tool_name="t"), MESSAGES, "sendMessage",
       where=of("text"), red=["PART-025", "PART-026", "MSG-013", "MSG-014", "PART-005"])  # fmt: skip
spoils("compaction-is-unnamed", "the call of a compaction has another name", "part", put(tool_name="summarized"), MESSAGES,
       where=tooled("chat_summarized"), red=["PART-024", "CONF-063", "CONF-064", "COST-008"])  # fmt: skip
spoils("text-parts-carry-names", "text parts of the model have a file name", "part", put(file_name="x"), MESSAGES,
       where=of("text"), red=["PART-026", "MSG-013", "MSG-014", "PART-005", "PART-025", "STREAM-027", "STREAM-029", "STREAM-071"])  # fmt: skip


def _texts(change: Any) -> Change:
    return lambda p: put(text=change(p["text"]))(p)


spoils("texts-lose-marks", "combining marks are lost", "part", _texts(lambda s: s.replace("\u0351", "")), MESSAGES,
       where=of("text"), red=["ROUND-001", "ROUND-007", "MSG-013", "MSG-014", "ROUND-033"])  # fmt: skip
spoils("texts-are-composed", "text is normalised", "part", _texts(lambda s: unicodedata.normalize("NFC", s)), MESSAGES,
       where=lambda p: not unicodedata.is_normalized("NFC", p.get("text", "")), red=["ROUND-002", "ROUND-001", "ROUND-007", "MSG-013", "MSG-014", "ROUND-033", "ROUND-036"])  # fmt: skip
spoils("texts-are-escaped", "markup in text is escaped", "part", _texts(lambda s: s.replace("&amp;", "&amp;amp;")), MESSAGES,
       where=of("text"), red=["ROUND-003", "ROUND-007", "MSG-013", "MSG-014", "ROUND-033"])  # fmt: skip
spoils("texts-lose-controls", "control characters are lost", "part", _texts(lambda s: s.replace("\x01", "")), MESSAGES,
       where=lambda p: "\x01" in p.get("text", ""), red=["ROUND-004", "MSG-013", "ROUND-006"])  # fmt: skip
spoils("surrogates-become-questions", "what is no Unicode becomes a question mark", "part",
       _texts(lambda s: s.replace("\ufffd", "?")), "sendMessage", where=of("text"), red=["ROUND-005", "MSG-013"])  # fmt: skip
spoils("arguments-lose-nul", "a NUL in arguments is lost", "part", lambda p: put(args={"query": p["args"]["query"].replace("\0", "")})(p), MESSAGES,
       where=lambda p: p["type"] == "tool-call" and "\0" in str((p.get("args") or {}).get("query")), red=["ROUND-006", "MSG-013"])  # fmt: skip
spoils("long-texts-are-cut", "texts are cut at 32 kB", "part", _texts(lambda s: s[:32768]), MESSAGES, where=of("text"),
       red=["ROUND-008", "ROUND-010", "MSG-013"])  # fmt: skip
spoils("outputs-become-texts", "numbers in outputs become texts", "part", put(result="-7"), MESSAGES,
       where=of("tool-result", result=-7), red=["ROUND-009"])  # fmt: skip
spoils("very-long-texts-are-cut", "texts are cut at 256 kB", "part", _texts(lambda s: s[:262144]), MESSAGES, where=of("text"),
       red=["ROUND-010", "MSG-013"])  # fmt: skip
spoils("arguments-are-changed", "numbers in arguments become texts", "part", put(args={"query": "q"}), MESSAGES,
       where=lambda p: p.get("type") == "tool-call" and "b" in (p.get("args") or {}), red=["ROUND-011", "PART-008", "MSG-013"])  # fmt: skip


@changes(MESSAGES, red=["PART-018", "MSG-013"])
def claimed_names_are_kept(answer: Answer) -> None:
    """The name that a client claims for a file is kept."""
    for message in answer.body["messages"]:
        files = [p for p in message["content"] if p["type"] == "file"]
        if len(files) == 2:
            files[1]["name"] = "other.png"


@changes(MESSAGES, red=["PART-020", "MSG-014", "PART-019", "PART-025", "MSG-013"])
def files_come_last(answer: Answer) -> None:
    """File references are stored after all texts."""
    for message in answer.body["messages"]:
        message["content"].sort(key=lambda p: p["type"] == "file-reference")


@changes(MESSAGES, red=["PART-021", "PART-022", "PART-153", "MSG-013"])
def reasoning_comes_last(answer: Answer) -> None:
    """Reasoning is stored after all else."""
    for message in answer.body["messages"]:
        message["content"].sort(key=lambda p: p["type"] == "reasoning")


@changes(MESSAGES, red=["PART-022", "PART-153", "MSG-013"])
def sources_come_last(answer: Answer) -> None:
    """Sources are stored after all else."""
    for message in answer.body["messages"]:
        message["content"].sort(key=lambda p: p["type"] == "source")


@changes(
    MESSAGES,
    red=[
        "PART-023",
        "ROUND-007",
        "MSG-013",
        "PART-021",
        "INT-004",
        "CHAT-016",
        "ERROR-012",
        "LLM-008",
        "RETRY-019",
        "STREAM-056",
        "STREAM-059",
        "USAGE-033",
        "USAGE-036",
        "USAGE-037",
        "ROUND-036",
        "ROUND-037",
    ],
)
def pieces_are_stored_apart(answer: Answer) -> None:
    """Text of the model is stored in pieces, but for that of every sixth length."""
    for message in answer.body["messages"]:
        if message["role"] == "assistant":
            message["content"] = [q for p in message["content"] for q in _halves(p)]


def _halves(part: Object) -> list[Object]:
    text = part["text"]
    if part["type"] != "text" or len(text) % 6 == 5 or not 4 < len(text) < 100:
        return [part]
    return [{**part, "text": text[:3]}, {**part, "text": text[3:]}]


spoils_events("live-reasoning-with-times", "live reasoning has times", "stream", "part", put(created_at="2024-01-01T00:00:00Z"),
              where=lambda p: p["type"] == "reasoning" and "completed_at" not in p,
              red=["PART-007"])  # fmt: skip
spoils_events("live-pieces-with-arguments", "pieces of a call have args", "stream", "part", put(args={}),
              where=lambda p: "args_delta" in p, red=["PART-009", "SCHEMA-event-message_part", "ROUND-011", "STREAM-054"])  # fmt: skip
spoils_events("parts-without-role", "live parts have no role", "stream", "any", drop("role"), where=lambda e: "part" in e,
              red=["EVENT-005", "STREAM-050"])  # fmt: skip
spoils_events("errors-with-empty-detail", "an error without detail has null", "stream", "any", put(detail=None),
              where=lambda e: "retryable" in e, red=["EVENT-001", "SCHEMA-event-error", "ERROR-011", "ERROR-013"])  # fmt: skip
spoils_events("retries-without-delay", "a retry has no delay_ms", "stream", "any", drop("delay_ms"),
              where=lambda e: "retrying_at" in e, red=["EVENT-002", "SCHEMA-event-retry", "RETRY-010", "RETRY-012"])  # fmt: skip
spoils_events("calls-with-json-arguments", "arguments in action_required are objects", "stream", "any", put(args={"a": 1}),
              where=lambda e: isinstance(e.get("args"), str), red=["EVENT-003", "SCHEMA-event-action_required", "STREAM-075", "WATCH-028", "STREAM-256"])  # fmt: skip
spoils_events("watch-always-has-calls", "every watch event has tool_calls", "watch", "event",
              lambda e: e.setdefault("tool_calls", []), red=["EVENT-004"])  # fmt: skip


@answers("getChatDiff", red=["EVENT-006", "SCHEMA-getChatDiff", "CHAT-020"])
def unknown_changes_are_empty(answer: Answer) -> None:
    """What is not known of changes is an empty text."""
    if answer.status == 200:
        answer.body |= {"diff": "", "branch": ""}


@changes(
    "getChat",
    red=[
        "CHATOBJ-005",
        "CHAT-017",
        "EDIT-021",
        "INT-009",
        "SEND-022",
        "ERROR-004",
        "ERROR-005",
        "ERROR-006",
        "ERROR-007",
        "ERROR-008",
        "ERROR-009",
        "ERROR-010",
        "ERROR-014",
        "ERROR-015",
        "ERROR-018",
        "ERROR-019",
        "WATCH-018",
    ],
)
def errors_are_not_told(answer: Answer) -> None:
    """A chat in error does not say why."""
    answer.body.pop("last_error", None)


@frames("stream", red=["ROUND-007", "ROUND-036"])
def live_text_loses_marks(batch: list[Object], memory: Object) -> list[Object]:
    """Live text loses what is beyond the basic plane."""
    for event in batch:
        part = event.get("message_part", {}).get("part", {})
        if any(ord(c) > 0xFFFF for c in part.get("text", "")):
            event["message_part"] = {**event["message_part"], "part": {**part, "text": "?"}}
    return batch


spoils("reasoning-takes-no-time", "reasoning begins when it ends", "part", lambda p: put(created_at=p["completed_at"])(p), MESSAGES,
       where=of("reasoning"), red=["PART-027", "MSG-013"])  # fmt: skip
