"""Recorded requests of settings, models, limits and providers against their request schemas, both ways."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache

import pytest
from jsonschema_rs import Validator, validator_for

from conformance.wire.exchange import ABSENT, Exchange
from spec.documents import documents
from tests.spec.test_traffic import _sent
from tests.spec.traffic import PROFILE, operation, recorded

AREAS = ("config", "models", "limits", "cost", "debug", "retired", "providers")
# No recorded server had a debug run; these two settings were only reached with the all-off default in force.
UNSEEN = {"getDebugRun", "getConfigAdvisor", "getConfigAutoArchiveDays", "putConfigAutoArchiveDays"}

# Refusals that no schema of one request can foresee: they depend on what the server holds, or on the size in bytes.
STATEFUL = re.compile(
    r"Invalid (chat model config|chat (personal )?model override|chat usage limit user|AI provider ID|group ID|provider\.)|"
    r'Invalid model_config_id(:|\.")(?!, "detail")|not supported for root|does not match any existing|maximum length|'
    r"not found or deprecated|Model config is disabled|too large|unknown id for this provider|already referenced|"
    r"User not found|Group not found|AI provider ID is required when|only valid for type=|do not accept api_keys"
)
DECODER = re.compile(
    r"invalid character|unexpected E|^EOF|cannot unmarshal number [-\d.e]+ |request body too large|numeric literal|surrogate"
)


def _operations(*, judged: bool = True) -> list[str]:
    rows = documents(PROFILE).operations.values()
    return sorted(row.id for row in rows if set(row.tags) & set(AREAS) and row.judged == judged)


@cache
def _statuses() -> dict[str, Counter[int]]:
    seen: dict[str, Counter[int]] = {}
    for said in recorded():
        if isinstance(said, Exchange):
            seen.setdefault(operation(said), Counter())[said.response.status] += 1
    return seen


@pytest.mark.parametrize("name", _operations())
def test_the_traffic_shows_the_operation(name: str) -> None:
    documented = documents(PROFILE).operations[name].responses
    seen = _statuses().get(name, Counter())
    assert set(seen) <= set(documented)
    good = {status for status in documented if status < 300 or status == 410}
    assert bool(good & set(seen)) == (name not in UNSEEN)


@cache
def _schema(name: str) -> Validator | None:
    docs = documents(PROFILE)
    schema = docs.operations[name].request.get("application/json")
    return schema and validator_for(docs.standalone(schema), validate_formats=True)


def test_what_was_refused_for_its_form_is_invalid_by_the_request_schemas() -> None:
    refused: Counter[str] = Counter()
    for said in recorded():
        name = operation(said)
        if not isinstance(said, Exchange) or said.response.status != 400 or name not in _operations():
            continue
        schema, body, text = _schema(name), _sent(said), json.dumps(said.response.body, ensure_ascii=False)
        if schema is None or body is ABSENT or STATEFUL.search(text) or not said.response.body:
            continue
        if DECODER.search(said.response.body.get("detail", "")) and said.request.body is ABSENT:
            continue  # bytes that are no JSON at all, or JSON behind which something stands
        assert not schema.is_valid(body), f"{said.id} {name} was refused: {text[:200]} for {json.dumps(body)[:300]}"
        refused[name] += 1
    assert sum(refused.values()) > 150 and len(refused) > 20
