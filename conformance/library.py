"""All cases, found by importing the modules of conformance.cases and conformance.properties."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from conformance.case import CaseSpec
from conformance.plugin import specs_of

PACKAGES = ("conformance.cases", "conformance.properties")


@cache
def all_cases() -> list[CaseSpec]:
    """Every case, in the order of modules and source."""
    out: list[CaseSpec] = []
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        for module in sorted(m.name for m in pkgutil.iter_modules(path)):
            out += specs_of(f"{package}.{module}")
    return out
