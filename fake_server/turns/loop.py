"""A turn: model calls and tool runs in turn, until the model has nothing more to do."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Container
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from fake_server.chats import debugging
from fake_server.chats.views import stamp
from fake_server.faulting import replaceable
from fake_server.model_calls import retry
from fake_server.model_calls.classify import Failure, ModelError, classify, message
from fake_server.model_calls.client import Model
from fake_server.model_calls.wires.base import Attachment, Prompt, UserTurn
from fake_server.state import model_choice, settings, workspaces
from fake_server.state.records import Chat
from fake_server.turns import compaction
from fake_server.turns.advisor import TOGETHER, run_advisor
from fake_server.turns.agents import run_agent_tool
from fake_server.turns.history import turns
from fake_server.turns.step import Step
from fake_server.turns.store import store_said, store_step, waiting_calls
from fake_server.turns.tools import (
    ToolError,
    arguments,
    client_tools,
    ends_turn,
    known_tools,
    offered,
    run_plain,
)
from fake_server.turns.toolset import AGENTS, active

if TYPE_CHECKING:
    from fake_server.backend import Backend
    from fake_server.turns.run import Run

MAX_STEPS = 1200
IMAGE_LIMIT = 5 << 20


class Outcome(enum.Enum):
    """How a turn that did not fail ended."""

    DONE = "done"
    REQUIRES_ACTION = "requires_action"


class RunFailed(Exception):
    """The turn can't go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def unexpected(backend: Backend, provider: str = "", *, why: str = "") -> RunFailed:
    """A failure before any model was called, or one that has nothing to do with the model."""
    rules = backend.revision.error_rules
    told = why if "raw" in rules and why else message(rules, "generic_unknown")
    return RunFailed(Failure("generic", False, told, provider=provider))


async def run_turn(backend: Backend, run: Run) -> Outcome:
    """Run one turn of a chat to its end, or the compaction that was ordered. Raises RunFailed."""
    chat = run.chat
    chat.planning = chat.plan_mode == "plan"
    if chat.api_key_id and chat.api_key_id not in backend.store.tokens:
        rules = backend.revision.error_rules
        detail = rules["details"]["missing_key"]
        raise RunFailed(Failure("missing_key", False, message(rules, "missing_key"), detail=detail))
    model = model_of(backend, run)
    run.debug = debugging.begin_turn(backend, chat, model.config)
    if run.only_compacts:
        if not await compaction.summarise(backend, run, model, compaction.stored_use(backend, chat), compaction.MANUAL):
            raise unexpected(backend)
        return Outcome.DONE
    for number in range(MAX_STEPS if backend.does("turn.any-length") else 20):
        if number and model_choice.provider_of(backend, model.config) is None:
            raise RunFailed(disabled(backend, model))
        if backend.does("turn.stores-first"):  # then each step begins with what is stored
            chat.planning = chat.plan_mode == "plan"
        await compaction.before_step(backend, run, model)
        step = await _call(backend, run, model)
        if backend.does("turn.stores-first"):
            store_said(backend, run, step, model)
            chat.planning = chat.plan_mode == "plan"  # the calls are looked at when the chat has been read once more
        waiting = await run_tools(backend, run, step)
        if any("\0" in call.name for call in step.calls):
            raise unexpected(backend)
        store_step(backend, run, step, model, requires_action=waiting)
        run.step = None
        if waiting:
            run.waiting_calls = waiting_calls(backend, chat, step)
            return Outcome.REQUIRES_ACTION
        compacted = await compaction.after_step(backend, run, step, model)
        if planned(backend, step) or not ((step.calls and step.runs_tools) or compacted):
            break
    return Outcome.DONE


@replaceable
def planned(backend: Backend, step: Step) -> bool:
    """Has a tool of this step succeeded that ends the run?"""
    return any(
        ends_turn(call.name) and not step.results[i].get("is_error") for i, call in enumerate(step.calls) if i in step.results
    )


def model_of(backend: Backend, run: Run) -> Model:
    """The model for the next call of this run, with its key. Raises RunFailed."""
    chat = run.chat
    config = model_choice.turn_model(backend, chat)
    if config is None or (not config.enabled and backend.does("model.disabled-fails")):
        raise unexpected(backend, why="resolve model config: no default chat model config is available")
    provider = model_choice.live_provider(backend, config.provider_id)
    keyless = f"create model: {config.provider_type.upper().replace('-', '_')}_API_KEY is not set"
    if provider is None or (not provider.enabled and backend.does("model.disabled-provider-fails")):
        raise unexpected(backend, why=keyless)
    key = model_choice.api_key(backend, chat.owner_id, provider)
    needless = provider.type in model_choice.KEYLESS or model_choice.through_gateway(backend)
    if key is None and not needless and backend.does("model.needs-a-key"):
        # so the real server calls it
        raise unexpected(backend, "openai" if provider.type == "openai-compat" else provider.type, why=keyless)
    chat.last_model_config_id = config.id
    return Model(config, provider, key or "")


def disabled(backend: Backend, model: Model) -> Failure:
    """The provider was switched off while the turn was on."""
    kind = "provider_disabled"
    return Failure(kind, False, message(backend.revision.error_rules, kind, model.provider.type), provider=model.provider.type)


def too_large(model: Model, prompt: Prompt) -> Failure | None:
    """Anthropic takes no images from 5 MiB on; then no call is made at all."""
    if model.provider.type not in ("anthropic", "bedrock"):
        return None
    parts = [part for turn in prompt.turns if isinstance(turn, UserTurn) for part in turn.parts]
    if not any(isinstance(p, Attachment) and p.media_type.startswith("image/") and len(p.data) >= IMAGE_LIMIT for p in parts):
        return None
    text = "Image attachment exceeds Anthropic's 5.0 MiB inline image limit. Replace it with a smaller image."
    return Failure("config", False, text, provider=model.provider.type)


@replaceable
def prompt_of(backend: Backend, chat: Chat, model: Model) -> Prompt:
    """What the model is called with for the next step of a turn."""
    return Prompt(
        model=model.config.model,
        system=settings.system_messages(backend, chat, backend.store.users[chat.owner_id]),
        turns=turns(backend, chat),
        tools=offered(backend, chat),
        options=model.config.model_config or {},
        echoes_reasoning=not backend.does("llm.drops-reasoning"),
    )


async def _call(backend: Backend, run: Run, model: Model) -> Step:
    """One model call, again and again as long as its failures allow that."""
    chat = run.chat
    prompt = prompt_of(backend, chat, model)
    if (failure := too_large(model, prompt)) is not None:
        raise RunFailed(failure)
    count_anew(backend, run)
    debug, rules = run.debug.step("stream", model, prompt), backend.revision.error_rules
    while True:
        run.attempts += 1
        step = run.step = begin_step(backend, run)
        try:
            await backend.runner.llm.stream(chat, model, prompt, step.take)
            debug.answered(step.parts, step.counts)
            return step
        except ModelError as error:
            run.failures += 1
            debug.failed(error.text, error.status)
            failure = classify(rules, error, model.provider.type, backend.faults.is_off)
            most = most_attempts(backend)
            last = run.attempts >= most
            if failure.retryable and last and "exceeded" in rules:
                told = rules["exceeded"].replace("{attempts}", str(most)).replace("{text}", failure.text)
                failure = replace(failure, message=told)
            if not failure.retryable or last:
                if backend.does("error.stores-nothing"):
                    run.step = None
                raise RunFailed(failure) from None
            wait = wait_ms(backend, run.attempts, error.hint_ms if backend.does("retry.heeds-provider") else 0.0)
        drop_failed(backend, run)
        again = backend.clock.now() + timedelta(milliseconds=wait)
        backend.hub.retry(chat, failure.retry_payload(run.attempts, wait, stamp(again)))
        if backend.does("retry.waits"):
            await backend.clock.sleep(wait / 1000)


@replaceable
def count_anew(backend: Backend, run: Run) -> None:
    """Each step of a turn has its own attempts."""
    run.attempts = 0


@replaceable
def begin_step(backend: Backend, run: Run) -> Step:
    """The step that the next attempt fills."""
    backend.hub.attempt(run.chat)
    return Step(partial(backend.hub.part, run.chat), backend.clock.now, backend.does("stream.versions"))


@replaceable
def drop_failed(backend: Backend, run: Run) -> None:
    """What a failed attempt has said is void."""
    run.step = None


@replaceable
def most_attempts(backend: Backend) -> int:
    """How often one step is tried in all."""
    return retry.max_attempts(backend.revision.error_rules)


@replaceable
def wait_ms(backend: Backend, attempt: int, hint_ms: float) -> int:
    """Milliseconds until the attempt after this one, with what the provider wishes."""
    return retry.delay_ms(backend.revision.error_rules, attempt, hint_ms)


@replaceable
async def run_tools(backend: Backend, run: Run, step: Step) -> bool:
    """Run the step's calls that are run here, all at once; show the results. True: the client has to run others."""
    if not step.calls or not step.runs_tools:
        return False
    if len(step.calls) > 1 and "advisor" in (call.name for call in step.calls) and _advised(backend, run.chat):
        for i, call in enumerate(step.calls):
            step.result(i, {"error": TOGETHER[call.name == "advisor"]}, is_error=True)
        step.publish_results()
        return False
    for_client = left_to_client(backend, run.chat)
    here = [i for i, call in enumerate(step.calls) if call.name not in for_client]
    await run_here(backend, run, step, here)
    return len(here) < len(step.calls)


@replaceable
def left_to_client(backend: Backend, chat: Chat) -> Container[str]:
    """The names of the tools that are not run here."""
    return client_tools(backend, chat)


@replaceable
async def run_here(backend: Backend, run: Run, step: Step, calls: list[int]) -> None:
    """Run the calls at these positions, and show their results."""
    await asyncio.gather(*(run_tool(backend, run, step, i) for i in calls))
    if step.stored and step.results:
        backend.hub.attempt(run.chat)
    step.publish_results()


def _advised(backend: Backend, chat: Chat) -> bool:
    """Does this chat's model have the advisor, and must it then be called alone?"""
    return "advisor" in active(backend, chat) and backend.does("advisor.alone")


@replaceable
async def run_tool(backend: Backend, run: Run, step: Step, position: int) -> None:
    call, chat = step.calls[position], run.chat
    known = known_tools(backend, chat)
    try:
        args = arguments(backend, call.name, call.arguments, known)
        result: Any
        if call.name in AGENTS:
            result = await run_agent_tool(backend, chat, call.name, args)
        elif call.name == "advisor":
            result = await run_advisor(backend, run, call, args)
        elif chat.workspace_id and call.name in workspaces.FILE_TOOLS:
            result, files = workspaces.run_file_tool(backend, chat, call.name, args)
            step.attached += files
        else:
            result = run_plain(backend, chat, call.name, args)
    except workspaces.CannotRun as error:
        step.result(position, {"error": str(error)}, is_error=True)
    except ToolError as error:
        step.result(position, error.result, is_error=backend.does("tools.mark-errors"))
    else:
        step.result(position, result)
