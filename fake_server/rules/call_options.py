"""Call options of a model config: how they are read, what of them is kept (config.md section 5)."""

from __future__ import annotations

from typing import Any

from fake_server.rules.decode import BadBody, Bool, Integer, Kind, ListOf, MapOf, Maybe, Number, Struct, Text
from fake_server.rules.money import PRICES, BadPrice, parse_price, price_text


class Price(Kind):
    """A price: a number, or a text that spells one; None when absent or null. Kept as a decimal text."""

    name = "decimal.Decimal"

    def read(self, value: Any, owner: str, path: str) -> str:
        try:
            return price_text(parse_price(value))
        except BadPrice as error:
            raise BadBody(str(error)) from None


class FreeMap(Kind):
    """An object whose values are kept as they are; None when absent or null."""

    name = "map[string]interface {}"

    def read(self, value: Any, owner: str, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.refuse(value, owner, path)
        return value


def _flags(*names: str) -> dict[str, Kind]:
    return {name: Maybe(Bool()) for name in names}


def _texts(*names: str) -> dict[str, Kind]:
    return {name: Maybe(Text()) for name in names}


def _integers(*names: str) -> dict[str, Kind]:
    return {name: Maybe(Integer()) for name in names}


_PRICES: dict[str, Kind] = {name: Price() for name in PRICES}
_REASONING = Struct("ChatModelReasoningOptions", {**_flags("enabled", "exclude"), **_integers("max_tokens"), **_texts("effort")})
_BIAS: dict[str, Kind] = {"logit_bias": MapOf(Integer())}
_DOMAINS: dict[str, Kind] = {"allowed_domains": ListOf(Text())}

OPENAI = Struct(
    "ChatModelOpenAIProviderOptions",
    {
        "include": ListOf(Text()),
        **_BIAS,
        **_flags("log_probs", "parallel_tool_calls", "store", "structured_outputs", "strict_json_schema", "web_search_enabled"),
        **_integers("top_log_probs", "max_tool_calls", "max_completion_tokens"),
        **_texts(
            "instructions", "user", "reasoning_effort", "reasoning_summary", "text_verbosity", "prompt_cache_key",
            "safety_identifier", "service_tier", "search_context_size",
        ),
        "prediction": FreeMap(),
        "metadata": FreeMap(),
        **_DOMAINS,
    },
)  # fmt: skip
ANTHROPIC = Struct(
    "ChatModelAnthropicProviderOptions",
    {
        **_flags("send_reasoning", "disable_parallel_tool_use", "web_search_enabled"),
        "thinking": Maybe(Struct("ChatModelAnthropicThinkingOptions", _integers("budget_tokens"))),
        **_texts("effort"),
        **_DOMAINS,
        "blocked_domains": ListOf(Text()),
    },
)
GOOGLE = Struct(
    "ChatModelGoogleProviderOptions",
    {
        "thinking_config": Maybe(
            Struct("ChatModelGoogleThinkingConfig", {**_integers("thinking_budget"), **_flags("include_thoughts")})
        ),
        **_texts("cached_content", "threshold"),
        "safety_settings": ListOf(Struct("ChatModelGoogleSafetySetting", _texts("category", "threshold"))),
        **_flags("web_search_enabled"),
    },
)
OPENAI_COMPAT = Struct("ChatModelOpenAICompatProviderOptions", _texts("user", "reasoning_effort"))
OPENROUTER = Struct(
    "ChatModelOpenRouterProviderOptions",
    {
        "reasoning": Maybe(_REASONING),
        "extra_body": FreeMap(),
        **_flags("include_usage", "log_probs", "parallel_tool_calls"),
        **_BIAS,
        **_texts("user"),
        "provider": Maybe(
            Struct(
                "ChatModelOpenRouterProvider",
                {
                    **{name: ListOf(Text()) for name in ("order", "only", "ignore", "quantizations")},
                    **_flags("allow_fallbacks", "require_parameters"),
                    **_texts("data_collection", "sort"),
                },
            )
        ),
    },
)
VERCEL = Struct(
    "ChatModelVercelProviderOptions",
    {
        "reasoning": Maybe(_REASONING),
        "providerOptions": Maybe(
            Struct("ChatModelVercelGatewayProviderOptions", {"order": ListOf(Text()), "models": ListOf(Text())})
        ),
        **_texts("user"),
        **_BIAS,
        **_flags("logprobs", "parallel_tool_calls"),
        **_integers("top_logprobs"),
        "extra_body": FreeMap(),
    },
)
PROVIDER_OPTIONS = Struct(
    "ChatModelProviderOptions",
    {
        "openai": Maybe(OPENAI),
        "anthropic": Maybe(ANTHROPIC),
        "google": Maybe(GOOGLE),
        "openaicompat": Maybe(OPENAI_COMPAT),
        "openrouter": Maybe(OPENROUTER),
        "vercel": Maybe(VERCEL),
    },
)
CALL_OPTIONS = Struct(
    "ChatModelCallConfig",
    {
        **_integers("max_output_tokens", "top_k"),
        **{name: Maybe(Number()) for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty")},
        "cost": Maybe(Struct("ModelCostConfig", _PRICES)),
        "provider_options": Maybe(PROVIDER_OPTIONS),
        **_PRICES,  # the old place of the prices
    },
)


# Of later revisions: bounds of reasoning effort, no prices, and no effort of a provider's own.
_LATER_OPENAI = Struct("ChatModelOpenAIProviderOptions", {k: v for k, v in OPENAI.fields.items() if k != "reasoning_effort"})
_LATER_COMPAT = Struct("ChatModelOpenAICompatProviderOptions", _texts("user"))
_LATER_ANTHROPIC = Struct(
    "ChatModelAnthropicProviderOptions",
    {
        **{k: v for k, v in ANTHROPIC.fields.items() if k != "effort"},
        **_texts("thinking_display"),
        **_flags("context_1m_enabled"),
    },
)
_LATER_GOOGLE = Struct(
    "ChatModelGoogleProviderOptions",
    {
        **GOOGLE.fields,
        "thinking_config": Maybe(
            Struct(
                "ChatModelGoogleThinkingConfig",
                {**_integers("thinking_budget"), **_flags("include_thoughts"), **_texts("thinking_level")},
            )
        ),
    },
)
LATER_CALL_OPTIONS = Struct(
    "ChatModelCallConfig",
    {
        **{k: v for k, v in CALL_OPTIONS.fields.items() if k not in ("cost", *PRICES)},
        "reasoning_effort": Maybe(Struct("ChatModelReasoningEffortConfig", _texts("default", "max"))),
        "openai_config": Maybe(Struct("ChatModelOpenAIConfig", _flags("use_responses_api"))),
        "provider_options": Maybe(
            Struct(
                "ChatModelProviderOptions",
                {
                    **PROVIDER_OPTIONS.fields,
                    "openai": Maybe(_LATER_OPENAI),
                    "anthropic": Maybe(_LATER_ANTHROPIC),
                    "google": Maybe(_LATER_GOOGLE),
                    "openaicompat": Maybe(_LATER_COMPAT),
                },
            )
        ),
    },
)


_FREE = ("prediction", "metadata", "extra_body", "logit_bias")


def _compact(value: Any) -> Any:
    """The value without what was not sent; whole floats as integers, as the real server writes them."""
    if isinstance(value, dict):
        kept = {k: v if k in _FREE else _compact(v) for k, v in value.items() if v is not None and v != []}
        return {k: v for k, v in kept.items() if v or k not in _FREE}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def stored_options(sent: dict[str, Any]) -> dict[str, Any] | None:
    """The options as they are kept and shown: prices under `cost`; None when nothing is left."""
    old = {name: sent[name] for name in PRICES if sent.get(name) is not None}
    kept: dict[str, Any] = _compact({k: v for k, v in sent.items() if k not in PRICES})
    kept["cost"] = {**old, **kept.get("cost", {})}
    for name in ("cost", "provider_options"):
        if not kept.get(name):
            kept.pop(name, None)
    return kept or None
