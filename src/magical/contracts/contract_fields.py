"""The fields of contracts: their roles and rules, and the schema that is read from a class."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType, TypeVar

from magical.contracts.schema import Column, Rule, Schema
from magical.contracts.source_marks import check_source_marks, read_source_marks
from magical.errors import ContractError
from magical.python_parser import read_definition

__all__ = [
    "TYPES",
    "BaseContract",
    "Group",
    "Id",
    "Key",
    "Role",
    "Target",
    "Time",
    "Weight",
    "extract_bounds",
    "rule",
    "schema_of",
    "source_location",
    "unwrap_hint",
]

T = TypeVar("T")
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Role:
    """A role in the metadata of a field's type, one of ``ROLES``, such as ``id`` or ``target``.

    Attributes:
        parent: for a key, the contract (or its name) whose id the column contains.
        choices: the values of a ``Literal`` in their order. Python takes a Literal of the same values in
            another order for equal, and returns the first one of a process; this makes the two hints differ.
    """

    name: str
    parent: type[Any] | str | None = None
    choices: tuple[Any, ...] = ()


if TYPE_CHECKING:
    Id = Annotated[T, Role("id")]
    """The identity of a row, unique in its table; several ``Id`` columns are one composite id."""

    Time = Annotated[T, Role("time")]
    """The time of the event that a row describes."""

    Group = Annotated[T, Role("group")]
    """The unit that a row belongs to; a split by group never divides the rows of one unit."""

    Target = Annotated[T, Role("target")]
    """The column to predict."""

    Weight = Annotated[T, Role("weight"), Field(ge=0)]
    """The weight of a row in fits: a number of at least 0; a row of weight 2 counts as two rows.

    It is no feature, and rows to be scored need none. Metrics use it only by ``Metric(weights=...)``."""

    class Key(Generic[P]):  # at run time a field of this type would be a nested model
        """A reference to the id of a row of another contract: ``Key[Customer]``."""

else:

    @dataclass(frozen=True)
    class _RoleHint:
        name: str
        bounds: tuple[FieldInfo, ...] = ()

        def __getitem__(self, hint: Any) -> Any:
            choices = get_args(hint) if get_origin(hint) is Literal else ()
            return Annotated[(hint, Role(self.name, choices=choices), *self.bounds)]

    Id, Time, Group, Target = map(_RoleHint, ("id", "time", "group", "target"))
    Weight = _RoleHint("weight", (Field(ge=0),))

    class Key:
        """A reference to the id of a row of another contract: ``Key[Customer]``."""

        def __class_getitem__(cls, parent: type[Any] | str) -> Any:
            return Annotated[Any, Role("key", parent)]


TYPES: dict[Any, str] = {
    int: "int",
    float: "float",
    str: "str",
    bool: "bool",
    dt.datetime: "datetime",
    dt.date: "date",
    dt.time: "time",
    dt.timedelta: "duration",
    list: "list",
    tuple: "list",
    Any: "any",
}

_NUMBERS = ("int", "float")

_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")

# Weak keys: a project that is loaded again brings new classes, and the old ones can be freed, except those
# with rules, to which their schemas refer.
_schemas: weakref.WeakKeyDictionary[type[Any], Schema] = weakref.WeakKeyDictionary()


class BaseContract(BaseModel):
    """The fields of a contract; ``Contract`` adds what reads tables, which this module must not know."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        protected_namespaces=(),
        ser_json_inf_nan="constants",
    )

    __examples_from__: ClassVar[Path | None] = None

    def __init_subclass__(cls, examples_from: str | Path = "", **kwargs: Any) -> None:
        """Store the path of the sample that pretended rows imitate, given relative to the class's file."""
        super().__init_subclass__(**kwargs)
        if examples_from:
            home = getattr(sys.modules.get(cls.__module__), "__file__", None)
            cls.__examples_from__ = (
                Path(home).resolve().parent / examples_from if home else Path(examples_from)
            )


class rule(classmethod):  # type: ignore[type-arg]
    """Mark a method of a contract as a rule: a polars expression that must be true in every row.

    Example:
        >>> import polars as pl
        >>> from magical import Contract, rule
        >>> class Stay(Contract):
        ...     arrived: int
        ...     left: int
        ...
        ...     @rule
        ...     def leaves_after_arriving(cls) -> pl.Expr:
        ...         return pl.col("left") >= pl.col("arrived")
        >>> [r.name for r in schema_of(Stay).rules]
        ['leaves_after_arriving']
    """


def schema_of(contract: type[BaseModel]) -> Schema:
    """Read a contract class as data: columns, roles and rules.

    Raises:
        ContractError: a field has a type that no column can have, or roles conflict.

    Example:
        >>> from magical import Contract
        >>> class Visit(Contract):
        ...     id: Id[int]
        ...     note: str | None
        >>> [(c.name, c.type_text, c.role) for c in schema_of(Visit).columns]
        [('id', 'int', 'id'), ('note', 'str | None', '')]
    """
    if contract not in _schemas:
        fields = contract.model_fields.items()
        columns = tuple(_make_column(contract, name, info) for name, info in fields)
        _check_roles(contract, columns)
        where = source_location(contract)  # it parses the file, so not for each column
        for column in columns:
            check_source_marks(column, f"{contract.__name__}.{column.name}", f" ({where})" if where else "")
        _schemas[contract] = Schema(contract.__name__, columns, tuple(_collect_rules(contract)), where)
    return _schemas[contract]


def source_location(thing: Callable[..., Any] | type[Any]) -> str:
    """Return ``file:line`` of a function or class; an empty string if it has no source file."""
    code = getattr(thing, "__code__", None)
    if code is not None:  # a function knows its line; inspect would tokenize the file
        return f"{Path(code.co_filename).name}:{code.co_firstlineno}"
    module = sys.modules.get(thing.__module__)
    file = getattr(module, "__file__", None)
    if not file:
        return ""
    try:
        return f"{Path(file).name}:{read_definition(thing)[1]}"
    except (OSError, TypeError):  # the class was made by a call, or its file has gone
        return Path(file).name


def _location_suffix(contract: type[BaseModel]) -> str:
    where = source_location(contract)
    return f" ({where})" if where else ""


def _collect_rules(contract: type[BaseModel]) -> Iterator[Rule]:
    # Base classes first; a rule that a subclass overrides keeps its place, as a field does.
    for name in dict.fromkeys(n for base in reversed(contract.__mro__) for n in vars(base)):
        method = inspect.getattr_static(contract, name)
        if isinstance(method, rule):
            text = inspect.getdoc(method.__func__) or name.replace("_", " ")
            yield Rule(name, getattr(contract, name), method.__func__, text.split("\n")[0].rstrip("."))


def _check_roles(contract: type[BaseModel], columns: tuple[Column, ...]) -> None:
    for role in ("target", "time", "group", "weight"):
        names = [c.name for c in columns if c.role == role]
        if len(names) > 1:
            raise ContractError(
                f"{contract.__name__} has {len(names)} {role} columns: "
                f"{', '.join(names)}{_location_suffix(contract)}.",
                hint=f"leave {role.capitalize()}[...] on one of them.",
            )

    for column in columns:
        if column.role == "weight" and (column.nullable or column.choices or column.type not in _NUMBERS):
            raise ContractError(
                f"{contract.__name__}.{column.name} is {column.type_text}, and a weight is a number that is "
                f"never null{_location_suffix(contract)}.",
                hint=f"write {column.name}: Weight[float], and fill the missing ones in a step before.",
            )


def _make_column(contract: type[BaseModel], name: str, info: FieldInfo) -> Column:
    """Convert a field of a contract to a column; raise a ContractError for two roles or an unknown type."""
    marks: list[Any] = list(info.metadata)
    bare_hint, nullable = unwrap_hint(info.annotation, marks)
    roles = [m for m in marks if isinstance(m, Role)]
    if len(roles) > 1:
        raise ContractError(
            f"{contract.__name__}.{name} has {len(roles)} roles: "
            f"{', '.join(r.name for r in roles)}{_location_suffix(contract)}.",
            hint="a column has one role.",
        )
    role = roles[0] if roles else None
    kind, choices = _resolve_type(contract, name, bare_hint)
    parent, parents = "", tuple[Column, ...]()
    if role is not None and role.parent is not None:
        parent = role.parent if isinstance(role.parent, str) else role.parent.__name__
        parents = _parent_ids(role.parent)
        kind = parents[0].type if len(parents) == 1 else "any"  # a composite id has no single type
    return Column(
        name=name,
        type=kind,
        nullable=nullable,
        role=role.name if role else "",
        parent=parent,
        choices=choices,
        bounds=extract_bounds(marks),
        alias=info.alias or "",
        **read_source_marks(marks),
        description=info.description or "",
        examples=tuple(info.examples or ()),
        inner=_member_type(bare_hint) if kind == "list" else "",
        parents=parents,
        sample=str(getattr(contract, "__examples_from__", None) or ""),
    )


def unwrap_hint(hint: Any, marks: list[Any]) -> tuple[Any, bool]:
    """Strip ``Annotated``, ``| None`` and aliases from a hint; their metadata is appended to ``marks``.

    Returns:
        The bare type, and True if it allows ``None``.

    Example:
        >>> unwrap_hint(Id[int] | None, [])
        (<class 'int'>, True)
    """
    origin = get_origin(hint)
    if origin is Annotated:
        for mark in hint.__metadata__:
            marks.extend(mark.metadata if isinstance(mark, FieldInfo) else [mark])
        return unwrap_hint(hint.__origin__, marks)
    if isinstance(hint, TypeAliasType):
        return unwrap_hint(hint.__value__, marks)
    if origin in (Union, types.UnionType):
        rest = [a for a in get_args(hint) if a is not type(None)]
        if len(rest) == 1 and len(rest) < len(get_args(hint)):
            return unwrap_hint(rest[0], marks)[0], True
    return hint, False


def _resolve_type(contract: type[BaseModel], name: str, bare_hint: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the column type of a bare hint, and the choices of a Literal or an Enum."""
    origin = get_origin(bare_hint) or bare_hint
    if origin is Literal:
        choices = get_args(bare_hint)
        kinds = {TYPES.get(type(c), "") for c in choices}
        if len(kinds) == 1 and kinds <= {"str", "int", "bool"}:
            return kinds.pop(), choices
    elif isinstance(origin, type) and issubclass(origin, enum.Enum):
        return "str", tuple(str(m.value) for m in origin)
    elif origin in TYPES:
        return TYPES[origin], ()
    raise ContractError(
        f"{contract.__name__}.{name} has the type {getattr(bare_hint, '__name__', bare_hint)}, "
        f"which no column has{_location_suffix(contract)}.",
        hint="use int, float, str, bool, date, datetime, time, timedelta, Literal[...] or list.",
    )


def _member_type(bare_hint: Any) -> str:
    """Return the type that all members of a list share, or an empty string."""
    hints = {unwrap_hint(a, [])[0] for a in get_args(bare_hint) if a is not ...}
    kinds = {TYPES.get(get_origin(h) or h, "") for h in hints}
    return kinds.pop() if len(kinds) == 1 else ""


def _parent_ids(parent: type[Any] | str) -> tuple[Column, ...]:
    # The other columns are not read, since keys among them may refer back to where this began.
    if isinstance(parent, str):
        return ()
    return tuple(
        _make_column(parent, name, info) for name, info in parent.model_fields.items() if _is_id(info)
    )


def _is_id(info: FieldInfo) -> bool:
    marks = list(info.metadata)
    unwrap_hint(info.annotation, marks)
    return any(isinstance(mark, Role) and mark.name == "id" for mark in marks)


def extract_bounds(marks: list[Any]) -> dict[str, Any]:
    """Collect the bounds, such as ``ge`` and ``pattern``, from the metadata of a type, by name."""
    values = ((bound, getattr(mark, bound, None)) for mark in marks for bound in _BOUNDS)
    # A mark can be any object: a method with one of these names is not a bound.
    return {k: v for k, v in values if v is not None and not callable(v)}
