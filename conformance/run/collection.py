"""All cases, found by importing the modules of conformance.cases and conformance.properties."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache

from conformance.play.declaration import CaseSpec, Declaration

PACKAGES = ("conformance.cases", "conformance.properties")


@cache
def all_cases() -> list[CaseSpec]:
    """Every case, in the order of modules and source."""
    return [spec for module in modules() for spec in specs_of(module)]


def modules() -> list[str]:
    """The names of the modules that may hold cases; each folder's are sorted."""
    return [name for package in PACKAGES for name in sorted(_below(package))]


def _below(package: str) -> Iterator[str]:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not module.ispkg:
            yield module.name


def specs_of(module_name: str) -> Iterator[CaseSpec]:
    """The cases of a module, in the order of the source."""
    module = importlib.import_module(module_name)
    for _, function in inspect.getmembers(module, inspect.isfunction):
        declared: Declaration | None = getattr(function, "__case__", None)
        if declared and function.__module__ == module_name:
            yield from declared.specs(module_name, function)
