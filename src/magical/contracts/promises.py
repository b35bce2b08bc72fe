"""Promises, read from the type hints of steps: a table, the parts of a split, a model, or a value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Generic, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import TypeAliasType, TypeVar

from magical.contracts.contract_fields import BaseContract, schema_of
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, ContractError, WiringError
from magical.pandas import Frame as PandasFrame

if TYPE_CHECKING:
    import polars as pl
    import sklearn.pipeline

__all__ = [
    "FOLD",
    "PARTS",
    "TABLE_KINDS",
    "TIME_FOLD",
    "Frame",
    "Lazy",
    "Parts",
    "Pipeline",
    "Promise",
    "attach_promise",
    "attached_promise",
    "bind_variables",
    "contract_of",
    "promise_of",
    "require_schema",
]

C = TypeVar("C", default=Any)

Frame = TypeAliasType("Frame", "pl.DataFrame", type_params=(C,))
"""A polars DataFrame whose rows satisfy a contract: ``Frame[Customer]``; bare, it promises no columns."""

Lazy = TypeAliasType("Lazy", "pl.LazyFrame", type_params=(C,))
"""The same for a polars LazyFrame: a step gets a scan of the stored file, and its result is computed into a
file in streaming mode. The rows are never in memory as a whole, not even while they are validated."""

Pipeline = TypeAliasType("Pipeline", "sklearn.pipeline.Pipeline")
"""scikit-learn's Pipeline as a hint that does not import it: drawing a workflow needs no scikit-learn."""

TABLE_KINDS = ("table", "lazy", "pandas")
_TABLE_HINTS = tuple(zip((Frame, Lazy, PandasFrame), TABLE_KINDS, strict=True))

PARTS = ("train", "validation", "test")

FOLD = "_fold"
"""The column that ``split`` adds to train and validation: the number of a row's fold, from 0.

No contract can declare a name with a leading underscore, so the column is no feature and hides none."""

TIME_FOLD = "_time_fold"
"""The same in a split by time: a row is predicted only by fits on the rows of earlier folds."""

_CONTAINERS = (list, tuple, Sequence, Iterable, Collection)


@dataclass(frozen=True)
class Parts(Generic[C]):
    """The three tables that a split returns, and the assignment of rows to them.

    Train and validation may have a column of folds, ``_fold`` or ``_time_fold``; test has none.

    Example:
        >>> import polars as pl
        >>> one = pl.DataFrame({"id": [1]})
        >>> train, validation, test = Parts(one, one, one, pl.DataFrame({"part": ["train"]}))
    """

    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame
    assignment: pl.DataFrame

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return iter((self.train, self.validation, self.test))

    def __repr__(self) -> str:
        shapes = (f"{name} {getattr(self, name).height:,} × {getattr(self, name).width}" for name in PARTS)
        return f"<parts: {', '.join(shapes)}>"


@dataclass(frozen=True)
class Promise:
    """The kind of one value, and the schema of its rows or the promises of its members.

    Attributes:
        kind: ``table``, ``lazy``, ``pandas``, ``parts``, ``model``, ``pipeline``, ``tuple``, ``list``,
            ``receipt``, ``value``, ``object``, ``none`` or ``any``.
        schema: for tables and parts; None for a table without a contract.
        items: for a tuple, its members; for a list, the one promise of all.
        type_variable: the placeholder of the schema, until ``bind_variables`` replaces it.
        annotated_hint: for a value, its hint with the bounds that ``Annotated`` gives it.
    """

    kind: str
    hint: Any = None
    schema: Schema | None = None
    items: tuple[Promise, ...] = ()
    type_variable: Any = None
    annotated_hint: Any = field(default=None, compare=False, repr=False)

    @property
    def is_table(self) -> bool:
        """True for a table, lazy and pandas ones included."""
        return self.kind in TABLE_KINDS

    @property
    def is_fit(self) -> bool:
        """True for a model or a pipeline, which a step computes by fitting, tuning or selecting."""
        return self.kind in ("model", "pipeline")

    def __str__(self) -> str:
        inner = f"[{self.schema.name}]" if self.schema else ""
        match self.kind:
            case "table":
                return f"Frame{inner}"
            case "pandas":
                return f"pandas.Frame{inner}"
            case "lazy" | "parts" | "model" | "pipeline" | "receipt":
                return f"{self.kind.capitalize()}{inner}"
            case "tuple" | "list" if self.items:
                return f"{self.kind}[{', '.join(map(str, self.items))}]"
        if isinstance(self.hint, type) and not get_args(self.hint):
            return self.hint.__name__
        return re.sub(r"typing\.|collections\.abc\.| at 0x[0-9a-f]+", "", str(self.hint or self.kind))

    def match_laziness(self, wanted: Promise) -> Promise:
        """Return the promise to load from a store: its tables are lazy where those of ``wanted`` are."""
        if self.is_table:
            return replace(self, kind="lazy" if wanted.kind == "lazy" else "table")
        others = wanted.items if wanted.kind == "tuple" else (wanted.items or (wanted,))[:1] * len(self.items)
        items = tuple(m.match_laziness(o) for m, o in zip(self.items, others, strict=False))
        return replace(self, items=items)

    def member(self, item: str) -> Promise:
        """Return the promise of a part of a split (by name), or of a member of a tuple (by its number)."""
        if self.kind == "parts":
            return Promise("table", Frame, self.schema, type_variable=self.type_variable)
        return self.items[int(item)]

    def find_mismatches(self, wanted: Promise) -> list[str]:
        """List the reasons why a value of this promise cannot be used as ``wanted``; empty if it can."""
        if "any" in (self.kind, wanted.kind):
            return []
        if (self.is_table and wanted.is_table) or self.kind == wanted.kind == "parts":
            if wanted.schema is None:  # a bare Frame asks for no columns
                return []
            if self.schema is None:
                return [f"it promises no columns, and {wanted} is wanted"]
            return self.schema.find_mismatches(wanted.schema)
        items, others = _member_promises(self), _member_promises(wanted)
        if items is not None and others is not None and {self.kind, wanted.kind} != {"value"}:
            return _member_mismatches(items, others, wanted.kind == "tuple")
        if self.kind != wanted.kind:
            return [f"it is {self}, and {wanted} is wanted"]
        if self.kind == "value":
            return _value_mismatches(self, wanted)
        return []

    def to_json(self) -> dict[str, Any]:
        """Convert the promise to JSON for keys and pages. Any change of it makes every result stale."""
        out: dict[str, Any] = {"kind": self.kind, "text": str(self)}
        if self.schema is not None:
            out["schema"] = self.schema.to_json()
        if self.items:
            out["items"] = [i.to_json() for i in self.items]
        return out


def promise_of(hint: Any) -> Promise:
    """Read the promise of a type hint.

    Example:
        >>> str(promise_of(tuple[int, Frame]))
        'tuple[int, Frame]'
    """
    if get_origin(hint) is Annotated:
        bare = promise_of(hint.__origin__)
        return replace(bare, annotated_hint=hint) if bare.kind == "value" else bare
    origin, arguments = get_origin(hint) or hint, get_args(hint)
    first = arguments[0] if arguments else None
    if hint is None or hint is type(None):
        return Promise("none", None)
    if hint is Any or isinstance(hint, TypeVar) or hint is object:
        return Promise("any", hint)
    kind = next((k for alias, k in _TABLE_HINTS if origin is alias), getattr(origin, "__promises__", ""))
    if origin is Parts:
        kind = "parts"
    if kind in (*TABLE_KINDS, "parts"):
        return _table_promise(kind, hint, first)
    if kind:
        return Promise(kind, hint)
    if origin is tuple and arguments and arguments[-1] is not ...:
        return Promise("tuple", hint, items=tuple(promise_of(a) for a in arguments))
    if origin in _CONTAINERS and arguments:  # of tables, models ...; a list of plain values is a value
        items = tuple(promise_of(a) for a in arguments[:1])
        if items[0].kind != "value":
            return Promise("list", hint, items=items)
    if _is_pipeline(origin):
        return Promise("pipeline", hint)
    return Promise("value", hint)


def bind_variables(promise: Promise, variables: Mapping[Any, Schema | None]) -> Promise:
    """Replace type variables by schemas; a variable without a schema stays.

    Example:
        >>> from magical.contracts.schema import Schema
        >>> str(bind_variables(promise_of(tuple[Frame[C], int]), {C: Schema("Row", ())}))
        'tuple[Frame[Row], int]'
    """
    if promise.type_variable is not None and variables.get(promise.type_variable) is not None:
        return Promise(promise.kind, promise.hint, variables[promise.type_variable])
    if promise.items:
        items = tuple(bind_variables(i, variables) for i in promise.items)
        return Promise(promise.kind, promise.hint, None, items)
    return promise


def as_schema(output: object, step: str) -> Schema:
    """Convert the result of a ``promises=`` function, a schema or a contract, to a schema."""
    if isinstance(output, Schema):
        return output
    if isinstance(output, type) and issubclass(output, BaseModel):
        return schema_of(output)
    raise BrokenPromise(
        f"{step}: its promises= function gave {output!r}.",
        hint="give a Contract, or a Schema made from one.",
    )


def _table_promise(kind: str, hint: Any, contract: Any) -> Promise:
    if contract is None or contract is Any:
        return Promise(kind, hint)
    # By name too: typing and typing_extensions have different classes of TypeVar in some versions of Python.
    if isinstance(contract, TypeVar) or type(contract).__name__ == "TypeVar":
        return Promise(kind, hint, type_variable=contract)
    return Promise(kind, hint, schema_of(contract))


def _is_pipeline(origin: Any) -> bool:
    if origin is Pipeline:
        return True
    # By name, so that scikit-learn is not imported to read a hint; subclasses are pipelines, too.
    names = {f"{c.__module__}.{c.__name__}" for c in getattr(origin, "__mro__", ())}
    return "sklearn.pipeline.Pipeline" in names


def _member_promises(promise: Promise) -> tuple[Promise, ...] | None:
    """Return the promises of a list's or tuple's members (empty if its hint has none); None otherwise."""
    if promise.kind in ("list", "tuple"):
        return promise.items
    origin = get_origin(promise.hint) or promise.hint
    if promise.kind != "value" or origin not in _CONTAINERS:
        return None
    return tuple(promise_of(a) for a in get_args(promise.hint) if a is not ...)


def _member_mismatches(
    have: tuple[Promise, ...], wanted: tuple[Promise, ...], fixed_length: bool
) -> list[str]:
    problems = [f"it has {len(have)} members"] if fixed_length and len(have) != len(wanted) else []
    pairs = zip(have, wanted if fixed_length else wanted[:1] * len(have), strict=False)
    return problems + [text for item, other in pairs for text in item.find_mismatches(other)]


def _value_mismatches(have: Promise, wanted: Promise) -> list[str]:
    hint, other = have.hint, wanted.hint
    if not (isinstance(hint, type) and isinstance(other, type)) or issubclass(hint, other):
        return []  # hints that are no classes, such as unions, are left to the type checker
    if issubclass(hint, BaseModel) and issubclass(other, BaseContract):
        return schema_of(hint).find_mismatches(schema_of(other))
    return [] if (hint, other) == (int, float) else [f"it is {have}, and {wanted} is wanted"]


_PROMISE_ATTRIBUTE = "_magical_promise"


def attach_promise(value: Any, promise: Promise) -> Any:
    """Mark the tables of a value with their promise, and return it.

    A table without this mark is copied first (its rows are shared), so that the original is not changed.
    """
    if promise.kind in ("list", "tuple") and isinstance(value, (list, tuple)):
        promises = promise.items if promise.kind == "tuple" else promise.items[:1] * len(value)
        members = [attach_promise(v, p) for v, p in zip(value, promises, strict=False)]
        return members if isinstance(value, list) else tuple(members)
    if promise.kind == "parts" and hasattr(value, "assignment"):
        tables = {name: attach_promise(getattr(value, name), promise.member(name)) for name in PARTS}
        return type(value)(**tables, assignment=value.assignment)
    if not promise.is_table or not hasattr(value, "__dict__"):
        return value
    # Without constraints: a body must not depend on bounds, which are not in its key.
    mark = Promise("table", schema=promise.schema.without_constraints()) if promise.schema else None
    if _PROMISE_ATTRIBUTE not in value.__dict__ or value.__dict__[_PROMISE_ATTRIBUTE] != mark:
        value = value.clone() if hasattr(value, "clone") else value.copy(deep=False)
    value.__dict__[_PROMISE_ATTRIBUTE] = mark
    return value


def attached_promise(value: Any) -> Promise | None:
    """Return the promise that a value is marked with, if any; a copy or a changed table has none."""
    if isinstance(value, (list, tuple)):
        members = [attached_promise(v) for v in value]
        marked = tuple(m for m in members if m is not None)
        if marked and len(marked) == len(members):
            return Promise("tuple" if isinstance(value, tuple) else "list", items=marked)
        return None
    mark = getattr(value, "__dict__", {}).get(_PROMISE_ATTRIBUTE)
    if mark is None and hasattr(value, "assignment") and hasattr(value, "train"):
        inner = attached_promise(value.train)
        return Promise("parts", None, inner.schema) if inner else None
    return mark if isinstance(mark, Promise) else None


def contract_of(table: Any) -> Schema:
    """Return the schema of a table that a step received: its columns, types and roles.

    Raises:
        ContractError: no step with a contract made the table.

    Example:
        >>> import polars as pl
        >>> contract_of(pl.DataFrame())
        Traceback (most recent call last):
        ...
        magical.errors.ContractError: This table promises nothing: no step with a contract made it.
        Hint: Customer.validate(table) of your contract, or model_data(table, Customer) if it is raw.
    """
    promise = attached_promise(table)
    if promise is None or promise.schema is None:
        raise ContractError(
            "This table promises nothing: no step with a contract made it.",
            hint="Customer.validate(table) of your contract, or model_data(table, Customer) if it is raw.",
        )
    return promise.schema


def require_schema(schema: Schema | None, step_name: str) -> Schema:
    """Return the schema of a table that a step needs, while a workflow is drawn.

    Raises:
        WiringError: the table promises no columns.
    """
    if schema is None:
        raise WiringError(
            f"{step_name} wants a table with a contract, and this one promises no columns.",
            hint="give it the result of model_data(table, Contract), or of a step after it.",
        )
    return schema
