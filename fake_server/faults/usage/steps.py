"""Tokens and costs of turns that have several steps, counted wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from fake_server.faulting import Answer, Around, changes, instead
from fake_server.state.records import Chat, Message, ModelConfig, UsageRow
from fake_server.state.usage import charge, prices_of


def _earlier(backend: Any, chat: Chat) -> list[UsageRow]:
    """The rows of the turn under way, oldest first."""
    asked = max((m.id for m in backend.store.messages[chat.id] if m.role == "user"), default=0)
    return [row for row in backend.store.usage_of.get(chat.owner_id, ()) if row.chat_id == chat.id and row.message_id > asked]


def _of_all(backend: Any, config: ModelConfig, rows: list[UsageRow]) -> int:
    """What these rows would cost as one step."""
    counts = Counter({name: 0 for row in rows for name in row.usage})
    for row in rows:
        counts.update(row.usage)
    return charge(backend, prices_of(config), counts) or 0


@instead(
    "record",
    red=["COST-111", "COST-006", "COST-007", "COST-008", "COST-015", "COST-017", "COST-020", "COST-032", "COST-035", "COST-112",
         "COST-113", "USAGE-037"],
)  # fmt: skip
def last_step_counts_alone(right: Around, backend: Any, chat: Chat, config: Any, *more: Any, **named: Any) -> UsageRow:
    """The last step of a turn is all that it costs."""
    gone, rows = _earlier(backend, chat), backend.store.usage_of.get(chat.owner_id, [])
    rows[:] = [row for row in rows if not any(row is earlier for earlier in gone)]
    made: UsageRow = right(backend, chat, config, *more, **named)
    return made


@instead("record", red=["COST-111", "COST-006", "COST-007", "COST-008", "COST-017", "COST-020", "COST-112", "COST-113"])
def steps_are_charged_again(right: Around, backend: Any, chat: Chat, config: Any, *more: Any, **named: Any) -> UsageRow:
    """Each step is charged for those before it."""
    before = _earlier(backend, chat)
    made: UsageRow = right(backend, chat, config, *more, **named)
    made.cost_micros = _of_all(backend, config, [*before, made]) if before else made.cost_micros
    return made


@instead("record", red=["COST-112"])
def turns_are_rounded_once(right: Around, backend: Any, chat: Chat, config: Any, *more: Any, **named: Any) -> UsageRow:
    """The cost of a turn is rounded up once."""
    before = _earlier(backend, chat)
    made: UsageRow = right(backend, chat, config, *more, **named)
    if before:
        made.cost_micros = _of_all(backend, config, [*before, made]) - sum(row.cost_micros or 0 for row in before)
    return made


@instead("by_config", red=["COST-113", "COST-112"])
def steps_move_to_the_last_model(right: Around, backend: Any, rows: list[UsageRow]) -> dict[str, list[UsageRow]]:
    """Steps count for the model that the chat is on now."""
    found: dict[str, list[UsageRow]] = {}
    for row in rows:
        found.setdefault(backend.store.chats[row.chat_id].last_model_config_id, []).append(row)
    return found


@instead("Ledger.add_message", red=["MSG-059", "MSG-061"])
def usage_adds_up(right: Callable[..., Message], chat: Chat, role: str, *rest: Any, **more: Any) -> Message:
    """usage of an answer counts all steps of its turn so far."""
    memory = right.__self__.state.faults.memory  # type: ignore[attr-defined]
    before = memory.setdefault(f"usage {chat.id}", {}) if role != "user" else memory.update({f"usage {chat.id}": {}})
    usage = more.get("usage")
    if usage and before is not None and role == "assistant":
        counted = {k: n + before.get(k, 0) * (k != "context_limit") for k, n in usage.items()}
        more["usage"] = {**{k: n for k, n in before.items() if k not in counted}, **counted}
        before.update(more["usage"])
    return right(chat, role, *rest, **more)


@instead("Ledger.add_message", red=["MSG-059"])
def silent_steps_repeat_usage(right: Callable[..., Message], chat: Chat, role: str, *rest: Any, **more: Any) -> Message:
    """A step that reported no usage shows that of the step before."""
    memory = right.__self__.state.faults.memory  # type: ignore[attr-defined]
    usage = more.get("usage")
    if usage and role == "assistant":
        if "input_tokens" not in usage:
            more["usage"] = memory.get(f"usage {chat.id}", {}) | usage
        memory[f"usage {chat.id}"] = more["usage"]
    return right(chat, role, *rest, **more)


@changes("listMessages", red=["MSG-060", "MSG-013"])
def messages_go_on_with_their_chat(answer: Answer) -> None:
    """Every message names the model that its chat is on now."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    for message in answer.body["messages"]:
        if message["role"] == "assistant":
            message["model_config_id"] = chat.last_model_config_id


@changes("getCostSummary", red=["COST-114"])
def costs_keep_the_first_title(answer: Answer) -> None:
    """by_chat shows the title that it showed first."""
    for row in answer.body["by_chat"]:
        row["chat_title"] = answer.backend.faults.memory.setdefault(f"title {row['root_chat_id']}", row["chat_title"])


@instead("store_answer", red=["MSG-061"])
def later_steps_lose_cached_tokens(right: Around, backend: Any, chat: Chat, content: Any, made: dict[str, Any]) -> Message:
    """usage of a later step has input and output alone."""
    if backend.store.messages[chat.id][-1].role == "tool":
        made |= {"usage": {k: n for k, n in made["usage"].items() if not k.startswith(("cache", "reasoning"))}}
    answer: Message = right(backend, chat, content, made)
    return answer


@instead("record", red=["COST-115"])
def first_prices_for_ever(right: Around, backend: Any, chat: Chat, config: Any, *more: Any, **named: Any) -> UsageRow:
    """A model is charged at the prices that it was used with first."""
    made: UsageRow = right(backend, chat, config, *more, **named)
    prices = backend.faults.memory.setdefault(f"prices {config.id}", dict(prices_of(config)))
    made.cost_micros = charge(backend, prices, made.usage)
    return made


@instead("record", red=["COST-116"])
def later_steps_take_no_time(right: Any, backend: Any, chat: Any, *what: Any, runtime_ms: int = 0) -> Any:
    """Of the time of a turn the first step counts alone."""
    rows = backend.store.messages[chat.id]
    last = max((i for i, m in enumerate(rows) if m.role == "user"), default=0)
    later = sum(m.role == "assistant" for m in rows[last:]) > 1
    return right(backend, chat, *what, runtime_ms=0 if later else runtime_ms)
