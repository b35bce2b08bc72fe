"""Hold what a body gave to its promise."""

from __future__ import annotations

from typing import Any, get_args, get_origin, is_typeddict

import polars as pl
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from magical.contracts.keeping import keep
from magical.contracts.promises import PARTS, Parts, Promise
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
        case "table" | "lazy":
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


def _table(value: Any, promise: Promise, who: str) -> pl.DataFrame:
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


def _other(value: Any, promise: Promise, who: str) -> BrokenPromise:
    kind = type(value)
    pandas = kind.__module__.startswith("pandas") and kind.__name__ == "DataFrame"
    hint = (
        "give polars: pl.from_pandas(table)."
        if pandas
        else "return what it promises, or promise what it returns."
    )
    name = f"{kind.__module__.split('.')[0]}.{kind.__name__}" if pandas else kind.__name__
    shown = f"{len(value):,} rows" if hasattr(value, "columns") else shorten(repr(value), 60)
    return BrokenPromise(f"{who} promised {promise}, and returned {shown} ({name}).", hint=hint)
