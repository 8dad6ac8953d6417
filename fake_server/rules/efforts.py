"""Reasoning efforts: their names, those that a model config allows, and what is wrong with its bounds."""

from __future__ import annotations

from typing import Any

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
DISPLAYS = ("summarized", "omitted")
LEVELS = ("minimal", "low", "medium", "high")


def allowed(options: dict[str, Any] | None) -> list[str]:
    """The efforts up to the maximum of a model config's options; none where it has no bounds."""
    bounds = (options or {}).get("reasoning_effort")
    most = bounds.get("max") if bounds else None
    return list(EFFORTS[: EFFORTS.index(most) + 1]) if most in EFFORTS else []


def problem(sent: dict[str, Any]) -> str:
    """What is wrong with the options of a model config, as far as efforts go; "" for nothing."""
    bounds = sent.get("reasoning_effort")
    if bounds is not None:
        default, most = bounds.get("default"), bounds.get("max")
        if default is None or most is None:
            return "reasoning_effort.default and reasoning_effort.max must both be set"
        for name, value in (("default", default), ("max", most)):
            if value not in EFFORTS:
                return f'reasoning_effort.{name} "{value}" must be one of {", ".join(EFFORTS)}'
        if EFFORTS.index(default) > EFFORTS.index(most):
            return "reasoning_effort.default must not exceed reasoning_effort.max"
    options = sent.get("provider_options") or {}
    display = (options.get("anthropic") or {}).get("thinking_display")
    if display is not None and display not in DISPLAYS:
        return f"provider_options.anthropic.thinking_display must be one of {', '.join(DISPLAYS)}"
    thinking = (options.get("google") or {}).get("thinking_config") or {}
    level = thinking.get("thinking_level")
    if level is not None and level not in LEVELS:
        return f"provider_options.google.thinking_config.thinking_level must be one of {', '.join(LEVELS)}"
    if level is not None and thinking.get("thinking_budget") is not None:
        return "provider_options.google.thinking_config.thinking_level cannot be combined with thinking_budget"
    return ""
