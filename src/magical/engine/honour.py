"""Hold what a body gave to its promise."""

from __future__ import annotations

from typing import Any, get_args, get_origin, is_typeddict

import polars as pl
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from magical.contracts.promises import PARTS, Parts, Promise
from magical.contracts.validation import Stream, keep
from magical.errors import BrokenPromise, shorten
from magical.graph import Node
from magical.steps import Receipt

__all__ = ["honoured"]


def honoured(value: Any, promise: Promise, node: Node) -> Any:
    """Hold what a body gave to its promise, and give it in its one form.

    Raises:
        BrokenPromise: it is something else.
    """
    who = f"{node.name} ({node.where})"
    if value is None and promise.kind not in ("none", "any", "value"):
        raise BrokenPromise(f"{who} promised {promise}, and returned None.", hint="is a return missing?")
    match promise.kind:
        case "table" | "lazy" | "pandas":
            return _table(value, promise, who)
        case "parts":
            return _parts(value, promise, who)
        case "model" if getattr(type(value), "__promises__", "") != "model":
            raise _other(value, promise, who)
        case "receipt" if not isinstance(value, Receipt):
            raise _other(value, promise, who)
        case "tuple" if not isinstance(value, tuple) or len(value) != len(promise.items):
            raise _other(value, promise, who)
        case "tuple":
            return tuple(honoured(v, p, node) for v, p in zip(value, promise.items, strict=True))
        case "list" if not isinstance(value, (list, tuple)):
            raise _other(value, promise, who)
        case "list":
            return [honoured(v, promise.items[0], node) if promise.items else v for v in value]
        case "pipeline" if not hasattr(value, "fit"):
            raise _other(value, promise, who)
        case "none":
            return None
        case "value":
            return _value(value, promise, who)
    return value


def _table(value: Any, promise: Promise, who: str) -> pl.DataFrame | Stream:
    if promise.kind == "lazy" and isinstance(value, (pl.DataFrame, pl.LazyFrame)):
        return Stream(value.lazy(), promise.schema, who)
    if promise.kind == "pandas":
        if not _is_pandas(value):
            raise _other(value, promise, who)
        from magical.contracts.pandas_tables import from_pandas

        value = from_pandas(value, promise.schema, who=who)
    if isinstance(value, pl.LazyFrame):
        value = value.collect()
    if not isinstance(value, pl.DataFrame):
        raise _other(value, promise, who)
    if promise.schema is not None:
        keep(value, promise.schema, who=who)
    return value


def _parts(value: Any, promise: Promise, who: str) -> Parts[Any]:
    if not isinstance(value, Parts):
        raise BrokenPromise(
            f"{who} promised {promise}, and returned a {type(value).__name__}.",
            hint="return partition(table, assignment).",
        )
    for name in PARTS:
        _table(getattr(value, name), promise.member(name), f"{who}: {name}")
    return value


def _value(value: Any, promise: Promise, who: str) -> Any:
    if value is None and not _admits_none(promise.hint):
        raise BrokenPromise(f"{who} promised {promise}, and returned None.", hint="is a return missing?")
    try:
        return TypeAdapter(promise.hint).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        detail = f"{place}: {first['msg']}" if place else first["msg"]
        raise BrokenPromise(
            f"{who} promised {promise}, and returned {shorten(repr(value), 80)}:",
            f"  {shorten(detail, 120)}",
            hint="return what it promises, or promise what it returns.",
        ) from None
    except (
        PydanticUserError,
        TypeError,
    ):  # a hint that pydantic does not know: any object of that class will do
        cls = get_origin(promise.hint) or promise.hint
        if isinstance(cls, type) and not is_typeddict(cls) and not isinstance(value, cls):
            raise _other(value, promise, who) from None
        return value


def _admits_none(hint: Any) -> bool:
    return type(None) in get_args(hint) or None in get_args(hint)


def _is_pandas(value: Any) -> bool:
    return type(value).__module__.startswith("pandas") and hasattr(value, "columns")


def _other(value: Any, promise: Promise, who: str) -> BrokenPromise:
    kind = type(value)
    package = kind.__module__.split(".")[0]
    name = f"{package}.{kind.__name__}" if package in ("pandas", "polars") else kind.__name__
    hint = "return what it promises, or promise what it returns."
    if promise.is_table and _is_pandas(value):
        hint = "give polars: pl.from_pandas(table); or promise pandas: from magical.pandas import Frame."
    elif promise.kind == "pandas" and isinstance(value, (pl.DataFrame, pl.LazyFrame)):
        hint = "promise polars: from magical import Frame; or give table.to_pandas()."
    elif promise.is_table and name == "pandas.Series":
        hint = "make it a table: .reset_index(), or .to_frame()."
    shown = (
        f"{len(value):,} rows"
        if hasattr(value, "iloc") or isinstance(value, pl.DataFrame)
        else shorten(repr(value), 60)
    )
    return BrokenPromise(f"{who} promised {promise}, and returned {shown} ({name}).", hint=hint)
