"""A table that a step gave knows its contract: the mark lies on the object, and no copy of it inherits it."""

from __future__ import annotations

from typing import Any

from magical.contracts.promises import PARTS, Promise
from magical.contracts.schema import Schema
from magical.errors import ContractError

__all__ = ["contract_of", "promised", "tag"]

_MARK = "_magical_promise"


def tag(value: Any, promise: Promise) -> Any:
    """Mark a value as keeping a promise, and give it; one without that mark is copied first."""
    if promise.kind in ("list", "tuple") and isinstance(value, (list, tuple)):
        promises = promise.items if promise.kind == "tuple" else promise.items[:1] * len(value)
        members = [tag(v, p) for v, p in zip(value, promises, strict=False)]
        return members if isinstance(value, list) else tuple(members)
    if promise.kind == "parts" and hasattr(value, "assignment"):
        tables = {name: tag(getattr(value, name), promise.member(name)) for name in PARTS}
        return type(value)(**tables, assignment=value.assignment)
    if not promise.is_table or not hasattr(value, "__dict__"):
        return value
    mark = Promise("table", schema=promise.schema.shape()) if promise.schema else None
    if _MARK not in value.__dict__ or value.__dict__[_MARK] != mark:
        value = value.clone() if hasattr(value, "clone") else value.copy(deep=False)
    value.__dict__[_MARK] = mark
    return value


def promised(value: Any) -> Promise | None:
    """Give the promise a value is marked with, if any."""
    if isinstance(value, (list, tuple)):
        members = [promised(v) for v in value]
        known = tuple(m for m in members if m is not None)
        if known and len(known) == len(members):
            return Promise("tuple" if isinstance(value, tuple) else "list", items=known)
        return None
    mark = getattr(value, "__dict__", {}).get(_MARK)
    if mark is None and hasattr(value, "assignment") and hasattr(value, "train"):
        inner = promised(value.train)
        return Promise("parts", None, inner.schema) if inner else None
    return mark if isinstance(mark, Promise) else None


def contract_of(table: Any) -> Schema:
    """Give what a table that a step was given promises: its columns, types and roles.

    Raises:
        ContractError: the table was not made by a step, so nothing is known of it.

    Example:
        >>> import polars as pl
        >>> contract_of(pl.DataFrame())
        Traceback (most recent call last):
        ...
        magical.errors.ContractError: This table promises nothing: no step with a contract made it.
        Hint: make it with model_data(table, Contract), or a step that promises Frame[Contract].
    """
    promise = promised(table)
    if promise is None or promise.schema is None:
        raise ContractError(
            "This table promises nothing: no step with a contract made it.",
            hint="make it with model_data(table, Contract), or a step that promises Frame[Contract].",
        )
    return promise.schema
