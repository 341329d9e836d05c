"""The one door to numba: inner loops that numpy cannot express without 30 times the work."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """``function`` compiled to machine code on its first call, kept on disk between runs."""
    numba = importlib.import_module("numba")
    return cast(F, numba.njit(cache=True)(function))
