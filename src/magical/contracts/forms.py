"""A table in the kind that a step's parameter asks for: polars, lazy polars or pandas."""

from __future__ import annotations

from typing import Any

import polars as pl

from magical.contracts.promises import Promise
from magical.contracts.tags import promised, tag

__all__ = ["form_of", "formed", "wanted_by"]

_TABLES = ("table", "lazy", "pandas")


def formed(value: Any, wanted: Promise) -> Any:
    """Give a table, or each of several, in the kind that is wanted; its mark goes along.

    Example:
        >>> formed(pl.DataFrame({"x": [1]}), Promise("lazy")).collect().item()
        1
    """
    if isinstance(value, (list, tuple)):
        promises = wanted.items if wanted.kind == "tuple" else wanted.items[:1] * len(value)
        if promises:
            value = [formed(v, p) for v, p in zip(value, promises, strict=False)]
        return tuple(value) if str(wanted.hint).startswith("tuple") else value
    if not wanted.is_table or not isinstance(value, (pl.DataFrame, pl.LazyFrame)):
        return value
    mark, given = promised(value), _given(value, wanted.kind)
    return tag(given, mark) if mark else given


def form_of(wanted: Promise) -> str:
    """Give the kinds that a parameter asks for as a text, such as ``pandas`` or ``tuple table lazy``.

    Example:
        >>> form_of(Promise("list", list, items=(Promise("pandas"),)))
        'list pandas'
    """
    if wanted.kind not in ("tuple", "list"):
        return wanted.kind if wanted.is_table else ""
    outer = "tuple*" if wanted.kind == "list" and str(wanted.hint).startswith("tuple") else wanted.kind
    return " ".join([outer, *(i.kind if i.is_table else "any" for i in wanted.items)])


def wanted_by(form: str) -> Promise:
    """Give what such a text asks for.

    Example:
        >>> formed([pl.DataFrame({"x": [1]})], wanted_by("tuple* lazy"))[0].collect().item()
        1
    """
    first, *others = form.split() or ["any"]
    if first in ("any", *_TABLES):
        return Promise(first)
    return Promise("tuple" if first == "tuple" else "list", first, items=tuple(map(Promise, others)))


def _given(table: pl.DataFrame | pl.LazyFrame, kind: str) -> Any:
    if kind == "lazy":
        return table.lazy()
    whole = table.collect() if isinstance(table, pl.LazyFrame) else table
    if kind != "pandas":
        return whole
    from magical.contracts.pandas_tables import to_pandas

    return to_pandas(whole)
