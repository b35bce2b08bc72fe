"""A run on few rows: what its sources give is cut, and what it makes is branded."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel

from magical.contracts.validation import LazyOutput

__all__ = ["brand_origin", "sample_rows"]

SAMPLE_SEED = 0


def sample_rows(value: Any, rows: int) -> Any:
    """Give at most so many rows of each table in a value: drawn at random, the same each time, in order.

    Args:
        value: a table, or a list, tuple or dictionary of them; anything else is given as it is.
        rows: at most.

    Example:
        >>> sample_rows(pl.DataFrame({"x": range(1000)}), 3).height
        3
    """
    match value:
        case tuple() if hasattr(value, "_fields"):
            return type(value)(*(sample_rows(v, rows) for v in value))
        case list() | tuple():
            return type(value)(sample_rows(v, rows) for v in value)
        case dict():
            return {name: sample_rows(v, rows) for name, v in value.items()}
        case LazyOutput():
            return dataclasses.replace(value, frame=sample_rows(value.frame, rows))
        case pl.LazyFrame():
            return sample_rows(value.collect(engine="streaming"), rows).lazy()
        case pl.DataFrame():
            return value[_sample_indices(value.height, rows)]
    return value


def brand_origin(value: Any, origin: tuple[str, ...]) -> Any:
    """Write on models and on scores what they stand on that is not real, wherever in a value they are.

    Args:
        value: what a body gave.
        origin: pretended or sampled steps; with none the value is given as it is.

    Example:
        >>> brand_origin({"a": 1}, ("orders",))
        {'a': 1}
    """
    return _brand(value, origin, frozenset()) if origin else value


def _brand(value: Any, origin: tuple[str, ...], ancestors: frozenset[int]) -> Any:
    """The value itself where nothing in it takes the brand, else a copy; what holds itself is left alone."""
    if id(value) in ancestors:
        return value
    if _has_origin(type(value)):
        return _set_origin(value, origin)
    held = _list_members(value)
    made = {k: _brand(v, origin, ancestors | {id(value)}) for k, v in held.items()}
    changed = {k: v for k, v in made.items() if v is not held[k]}
    if not changed:
        return value
    if isinstance(value, (list, tuple)):
        several = type(value)
        return several(*made.values()) if hasattr(value, "_fields") else several(made.values())
    other = copy.copy(value)
    for key, member in changed.items():
        if isinstance(other, dict):
            other[key] = member
        else:
            object.__setattr__(other, key, member)
    return other


def _list_members(value: Any) -> dict[Any, Any]:
    """What a value of several holds, by place or name."""
    if isinstance(value, (list, tuple)):
        return dict(enumerate(value))
    if isinstance(value, dict):
        return value
    if isinstance(value, BaseModel) or dataclasses.is_dataclass(value):
        return dict(getattr(value, "__dict__", {}))
    return {}


def _set_origin(value: Any, origin: tuple[str, ...]) -> Any:
    if isinstance(value, BaseModel):
        return value.model_copy(update={"origin": origin})
    inner: Any = getattr(value, "pipeline", None)
    pretended = {"pipeline": dataclasses.replace(inner, origin=origin)} if _has_origin(type(inner)) else {}
    return dataclasses.replace(value, origin=origin, **pretended)


def _has_origin(kind: type) -> bool:
    """Whether a class is one of ours with a place for the brand; a project's own ``origin`` is its own."""
    ours = [c for c in kind.__mro__ if c.__module__.startswith("magical.")]
    return any("origin" in inspect.get_annotations(c) for c in ours)


def _sample_indices(height: int, rows: int) -> Any:
    if height <= rows:
        return slice(None)
    return np.sort(np.random.default_rng(SAMPLE_SEED).choice(height, rows, replace=False))
