"""neutron-lib, imported without the warnings that its own dependencies raise."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from functools import cache
from typing import Any


@cache
def module(name: str) -> Any:
    """One module of neutron-lib, ``api.definitions.port``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"neutron_lib.{name}")


@cache
def definitions() -> tuple[Any, ...]:
    """Every API definition, those first that others require."""
    names = [one.name for one in pkgutil.iter_modules(module("api.definitions").__path__)]
    found = [module(f"api.definitions.{name}") for name in names]
    with_alias = [one for one in found if hasattr(one, "ALIAS")]
    by_alias = {one.ALIAS: one for one in with_alias}
    return tuple(sorted(with_alias, key=lambda one: _depth(one, by_alias)))


def _depth(one: Any, by_alias: dict[str, Any]) -> int:
    below = [by_alias[alias] for alias in one.REQUIRED_EXTENSIONS or () if alias in by_alias]
    return 1 + max((_depth(other, by_alias) for other in below), default=0)
