"""Sampled runs: cutting the tables of sources, and branding models and scores."""

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
    """Cut each table in a value to a random sample of rows, the same each time, in their order.

    Args:
        value: a table, or a list, tuple or dictionary of them; any other value is returned unchanged.
        rows: the greatest number of rows of a table.

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
    """Set the origin of all models and scores in a value, at any depth.

    Args:
        value: the output of a body; it is copied where something in it changes.
        origin: the pretended or sampled steps; if empty, the value is returned unchanged.

    Example:
        >>> brand_origin({"a": 1}, ("orders",))
        {'a': 1}
    """
    return _brand(value, origin, frozenset()) if origin else value


def _brand(value: Any, origin: tuple[str, ...], ancestors: frozenset[int]) -> Any:
    """Return the value itself if nothing in it takes an origin, otherwise a copy."""
    if id(value) in ancestors:  # it contains itself
        return value
    if _has_origin(type(value)):
        return _set_origin(value, origin)
    members = _list_members(value)
    branded = {k: _brand(v, origin, ancestors | {id(value)}) for k, v in members.items()}
    changed = {k: v for k, v in branded.items() if v is not members[k]}
    if not changed:
        return value
    if isinstance(value, (list, tuple)):
        kind = type(value)
        return kind(*branded.values()) if hasattr(value, "_fields") else kind(branded.values())
    copied = copy.copy(value)
    for key, member in changed.items():
        if isinstance(copied, dict):
            copied[key] = member
        else:
            object.__setattr__(copied, key, member)  # frozen dataclasses and models too
    return copied


def _list_members(value: Any) -> dict[Any, Any]:
    """Return the members of a container, dataclass or pydantic model, by position or name."""
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
    changes = {"pipeline": dataclasses.replace(inner, origin=origin)} if _has_origin(type(inner)) else {}
    return dataclasses.replace(value, origin=origin, **changes)


def _has_origin(kind: type) -> bool:
    """Return True if magical, not the project, declares the field ``origin`` of a class."""
    ours = [c for c in kind.__mro__ if c.__module__.startswith("magical.")]
    return any("origin" in inspect.get_annotations(c) for c in ours)


def _sample_indices(height: int, rows: int) -> Any:
    if height <= rows:
        return slice(None)
    return np.sort(np.random.default_rng(SAMPLE_SEED).choice(height, rows, replace=False))
