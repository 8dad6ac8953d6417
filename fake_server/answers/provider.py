"""Calls of a model of the start configuration: tried three times, with the waits that the provider asks for."""

from __future__ import annotations

import http
import json
import random
import re
from typing import TYPE_CHECKING, Any

import orjson

from fake_server.answers.messages import of_messages
from fake_server.faulting import replaceable
from fake_server.model_calls.http_client import Answer, Client, TransportError
from fake_server.state.language_models import LanguageModel

if TYPE_CHECKING:
    from fake_server.state.store import State

Json = Any
MAX_TOKENS = 8192
TRIES = 3
FIRST_WAIT, LONGEST_WAIT, LONGEST_HINT = 0.5, 8.0, 60.0  # seconds
_ERROR = re.compile(r'"error"\s*:\s*')
_NAMES = {413: "Request Entity Too Large", 418: "I'm a teapot", 422: "Unprocessable Entity", 425: "Too Early"}


class CallFailed(Exception):
    """The model was not reached or refused; the text says how, as the client library puts it."""


@replaceable
def body(backend: State, model: LanguageModel, messages: list[Json], tools: list[Json]) -> dict[str, Json]:
    """What a model is asked with."""
    named = {"model": model.id} if model.id else {}
    return {"messages": messages, **named, "max_tokens": MAX_TOKENS, "tools": tools, "stream": True}


async def call(backend: State, client: Client, model: LanguageModel, messages: list[Json], tools: list[Json]) -> Answer:
    """One call of the model: the answer has a head of success, its body is still to be read. Raises CallFailed."""
    said = body(backend, model, messages, tools)
    sent = orjson.dumps(of_messages(said) if model.provider.speaks_messages else said)
    tries = TRIES if backend.does("llm.tries-again") else 1
    for tried in range(tries):
        last, answer, hint = tried + 1 == tries, None, None
        headers = {
            "accept": "application/json",
            **_key(model),
            "content-type": "application/json",
            "user-agent": "OpenAI/Go 0.1.0-beta.6",
            "x-stainless-retry-count": str(tried),
        }
        try:
            answer = await client.post(model.address, headers, sent)
            if answer.status < 400:
                return answer
            failure = f'POST "{model.address}": {answer.status} {_name(answer.status)} {_error(model, await answer.read())}'
            again, hint = _again(answer.status, answer.headers), answer.headers
        except TransportError as error:
            failure, again = f'Post "{model.address}": {error}', True
        if last or not again:
            raise CallFailed(failure)
        await backend.clock.sleep(_wait(tried, hint or {}))
    raise AssertionError


def _again(status: int, headers: dict[str, str]) -> bool:
    """Is a call with this answer made again?"""
    wish = headers.get("x-should-retry")
    return wish == "true" or (wish != "false" and (status in (408, 409, 429) or status >= 500))


def _wait(tried: int, headers: dict[str, str]) -> float:
    """Seconds until the next try: what the provider asks for, else about half a second and twice as much each time."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            wish = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if 0 <= wish < LONGEST_HINT:
            return wish
    return min(FIRST_WAIT * 2.0**tried, LONGEST_WAIT) * random.uniform(0.75, 1)


def _name(status: int) -> str:
    if status in _NAMES:
        return _NAMES[status]
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _key(model: LanguageModel) -> dict[str, str]:
    """The headers that carry the key."""
    if model.provider.speaks_messages:
        return {"x-api-key": model.provider.api_key, "anthropic-version": "2023-06-01"}
    return {"authorization": f"Bearer {model.provider.api_key}"}


def _error(model: LanguageModel, data: bytes) -> str:
    """The member `error` of an answer's object, spelled as it came, or "" if there is none; of messages all of it."""
    text = data.decode("utf-8", "replace")
    if model.provider.speaks_messages:
        return text
    try:
        whole = json.loads(text)
    except ValueError:
        return ""
    found = _ERROR.search(text)
    if not isinstance(whole, dict) or "error" not in whole or found is None:
        return ""
    _, end = json.JSONDecoder().raw_decode(text, found.end())
    return text[found.end() : end]
