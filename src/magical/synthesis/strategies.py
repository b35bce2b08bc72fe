"""Recipes for the values of type hints, and the reasons why a hint has none.

Nothing heavy is imported here: a plan needs these reasons before anything runs.
"""

from __future__ import annotations

import dataclasses
import decimal
import enum
import inspect
import types
import uuid
from collections import abc
from collections.abc import Mapping
from typing import (
    Any,
    Literal,
    NewType,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import ReadOnly, is_typeddict

from magical.contracts.contract import TYPES, Role, extract_bounds, unwrap_hint
from magical.contracts.promises import Promise
from magical.contracts.schema import Column
from magical.errors import ContractError, shorten

__all__ = [
    "DEFAULT_ROWS",
    "FIGURE_CLASSES",
    "OMITTED",
    "PRETEND_HINT",
    "Recipe",
    "UnsupportedHint",
    "find_pretend_obstacle",
    "find_recipe",
    "pretence_json",
    "pretend_error",
]

PRETEND_HINT = "promise a table, a model, numbers, texts or a pydantic model."
FIGURE_CLASSES = {"matplotlib": "Figure", "plotly": "Figure", "altair": "Chart"}

DEFAULT_ROWS = 1000
"""The height of a generated table, unless its rows come from an input of the step."""

_LISTS = (list, abc.Sequence, abc.Iterable, abc.Collection, abc.MutableSequence)
_SETS = (set, frozenset, abc.Set, abc.MutableSet)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
_OTHER_TYPES: dict[Any, str] = {bytes: "bytes", decimal.Decimal: "decimal", uuid.UUID: "uuid"}
_BARE_TYPES = (list, tuple, set, frozenset, dict)


class UnsupportedHint(Exception):
    """A type hint for which no value can be generated; the text is its name."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Instructions to generate one value. Its repr is part of cache keys.

    Attributes:
        kind: ``none``, ``column``, ``choice``, ``list``, ``set``, ``tuple``, ``mapping``, ``record``,
            ``figure``, ``bytes``, ``decimal``, ``uuid``, or ``omitted`` for a field that keeps its default.
        hint: the type itself.
        column: type and bounds of a single value; of a collection, the bounds of its size.
        choices: the values to choose from.
        parts: the recipes of members; of a mapping's keys and values; of a record's fields.
        names: the names of a record's fields; the alias of a field that has one.
    """

    kind: str
    hint: Any = None
    column: Column | None = None
    choices: tuple[Any, ...] = ()
    parts: tuple[Recipe, ...] = ()
    names: tuple[str, ...] = ()


OMITTED = Recipe("omitted")


def find_pretend_obstacle(promise: Promise) -> str:
    """Explain why no value can be generated for a promise; an empty text if one can.

    Example:
        >>> from magical.contracts.promises import promise_of
        >>> find_pretend_obstacle(promise_of(dict[str, int])), find_pretend_obstacle(promise_of(slice))
        ('', 'it promises slice, and nobody can guess what slice is')
    """
    if promise.is_table or promise.kind == "parts":
        return f"it promises {promise}, which says nothing of its columns" if promise.schema is None else ""
    if promise.kind in ("tuple", "list"):
        return next((reason for item in promise.items if (reason := find_pretend_obstacle(item))), "")
    if promise.kind in ("none", "model", "pipeline", "receipt"):
        return ""
    if promise.kind == "any":
        return f"it promises {promise}, which says nothing of what it is"
    try:
        find_recipe(promise.annotated_hint or promise.hint)
    except UnsupportedHint as error:
        return f"it promises {promise}, and nobody can guess what {error} is"
    return ""


def pretence_json(promise: Promise) -> dict[str, Any]:
    """Describe all that a generated value depends on, for its cache key.

    Example:
        >>> from magical.contracts.promises import promise_of
        >>> pretence_json(promise_of(bool))["recipe"][:40]
        "Recipe(kind='column', hint=<class 'bool'"
    """
    out = promise.to_json()
    if promise.schema is not None:
        out["schema"] = promise.schema.generation_json()
    if promise.items:
        out["items"] = [pretence_json(item) for item in promise.items]
    elif promise.kind == "value" and not find_pretend_obstacle(promise):
        out["recipe"] = repr(find_recipe(promise.annotated_hint or promise.hint))
    return out


def pretend_error(label: str, promise: Promise) -> ContractError:
    """Build the error for a promise for which no value can be generated.

    Example:
        >>> from magical.contracts.promises import promise_of
        >>> print(pretend_error("load (flow.py:3)", promise_of(slice)))
        load (flow.py:3) cannot be pretended: it promises slice, and nobody can guess what slice is.
        Hint: promise a table, a model, numbers, texts or a pydantic model.
    """
    return ContractError(f"{label} cannot be pretended: {find_pretend_obstacle(promise)}.", hint=PRETEND_HINT)


def find_recipe(hint: Any, enclosing: tuple[Any, ...] = (), marks: tuple[Any, ...] = ()) -> Recipe:
    """Build the recipe for a type hint.

    Args:
        hint: any type hint.
        enclosing: the classes whose fields are being read; one that contains itself has no finite value.
        marks: the metadata of an outer ``Annotated``.

    Raises:
        UnsupportedHint: no value can be generated.

    Example:
        >>> find_recipe(Literal["a", "b"]).choices
        ('a', 'b')
    """
    all_marks = list(marks)
    hint, nullable = unwrap_hint(hint, all_marks)
    try:
        return _find_hint_recipe(hint, enclosing, all_marks)
    except UnsupportedHint:
        if nullable:
            return Recipe("none")
        raise


def _find_hint_recipe(hint: Any, enclosing: tuple[Any, ...], marks: list[Any]) -> Recipe:
    """Build the recipe for a hint without ``Annotated`` and ``| None``."""
    origin, arguments = get_origin(hint) or hint, get_args(hint)
    if hint is None or hint is type(None):
        return Recipe("none")
    if isinstance(hint, NewType):
        return find_recipe(hint.__supertype__, enclosing, tuple(marks))
    if origin is Literal:
        return Recipe("choice", hint, choices=arguments)
    if origin in (Union, types.UnionType):
        return _find_first_recipe(arguments, enclosing, marks)
    if origin in (Required, NotRequired, ReadOnly):
        return find_recipe(arguments[0], enclosing, tuple(marks))
    if any(isinstance(m, Role) and m.name == "key" for m in marks):  # its hint is the parent's class
        return Recipe("column", hint, Column("id", "int", bounds={"ge": 1} | extract_bounds(marks)))
    if origin in (*_LISTS, *_SETS, *_MAPPINGS, tuple) and (arguments or origin in _BARE_TYPES):
        return _find_collection_recipe(origin, arguments, enclosing, marks, is_bare=hint is origin)
    if isinstance(origin, type):
        return _find_class_recipe(origin, hint, enclosing, marks)
    raise UnsupportedHint(_hint_name(hint))


def _find_first_recipe(arguments: tuple[Any, ...], enclosing: tuple[Any, ...], marks: list[Any]) -> Recipe:
    """Return the recipe of the first type of a union that has one."""
    last_error = UnsupportedHint("nothing")
    for argument in arguments:
        try:
            return find_recipe(argument, enclosing, tuple(marks))
        except UnsupportedHint as error:
            last_error = error
    raise last_error


def _find_collection_recipe(
    origin: Any, arguments: tuple[Any, ...], enclosing: tuple[Any, ...], marks: list[Any], *, is_bare: bool
) -> Recipe:
    sizes = Column("size", "list", bounds=extract_bounds(marks))
    # `tuple[()]` has no arguments, as a bare `tuple` has none; only the latter is its own origin.
    if origin is tuple and not is_bare and arguments[-1:] != (...,):
        return Recipe("tuple", tuple, parts=tuple(find_recipe(a, enclosing) for a in arguments))
    kind = "mapping" if origin in _MAPPINGS else "set" if origin in _SETS else "list"
    defaults = (str, int) if kind == "mapping" else (str,)
    members = tuple(find_recipe(a, enclosing) for a in (arguments or defaults) if a is not ...)
    return Recipe(kind, origin, sizes, parts=members)


def _find_class_recipe(cls: type[Any], hint: Any, enclosing: tuple[Any, ...], marks: list[Any]) -> Recipe:
    """Build the recipe for a class: an enum, a plain type, a figure or a record."""
    if cls in enclosing:  # a class that requires itself has no finite value
        raise UnsupportedHint(_hint_name(cls))
    if issubclass(cls, enum.Enum):
        return Recipe("choice", cls, choices=tuple(cls))
    if cls in TYPES and cls is not Any:
        return Recipe("column", cls, Column("value", TYPES[cls], bounds=extract_bounds(marks)))
    if cls in _OTHER_TYPES:
        kind = "float" if cls is decimal.Decimal else "str"
        return Recipe(_OTHER_TYPES[cls], cls, Column("value", kind, bounds=extract_bounds(marks)))
    if FIGURE_CLASSES.get(cls.__module__.split(".")[0]) == cls.__name__:
        return Recipe("figure", cls)
    if fields := _record_fields(cls):
        parts = []
        for name, (field, optional) in fields.items():
            try:
                parts.append(_find_field_recipe(field, optional, (*enclosing, cls)))
            except UnsupportedHint as error:
                raise UnsupportedHint(f"{cls.__name__}.{name} ({error})") from None
        return Recipe("record", hint, parts=tuple(parts), names=tuple(fields))
    if issubclass(cls, BaseModel) or dataclasses.is_dataclass(cls) or is_typeddict(cls):
        return Recipe("record", hint)
    raise UnsupportedHint(_hint_name(hint))


def _find_field_recipe(field: Any, optional: bool, enclosing: tuple[Any, ...]) -> Recipe:
    """Build the recipe of a record's field: from its examples, else its default, else its type."""
    if isinstance(field, FieldInfo):
        if field.examples:
            return Recipe("choice", choices=tuple(field.examples))
        # A default of None is not used: a value shows more of the type.
        if not field.is_required() and not (field.default is None and field.default_factory is None):
            return OMITTED
        hint, marks = field.annotation, tuple(field.metadata)
    else:
        hint, marks = field, ()
    try:
        return find_recipe(hint, enclosing, marks)
    except UnsupportedHint:
        if optional or (isinstance(field, FieldInfo) and not field.is_required()):
            return OMITTED
        raise


def _record_fields(cls: type[Any]) -> Mapping[str, tuple[Any, bool]]:
    """Map the alias or name of a record's fields to the field or its hint, and True if it may be omitted."""
    if issubclass(cls, BaseModel):
        return {f.alias or name: (f, False) for name, f in cls.model_fields.items()}
    if dataclasses.is_dataclass(cls):
        hints = get_type_hints(cls, include_extras=True)
        none = dataclasses.MISSING
        return {
            f.name: (hints[f.name], False)
            for f in dataclasses.fields(cls)
            if f.init and f.default is none and f.default_factory is none
        }
    if is_typeddict(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields")):
        hints = get_type_hints(cls, include_extras=True)
        names = getattr(cls, "_fields", tuple(hints))
        missing = set(getattr(cls, "__optional_keys__", ()))
        return {n: (hints.get(n, str), n in missing) for n in names}
    return {}


def _hint_name(hint: Any) -> str:
    return hint.__name__ if inspect.isclass(hint) and not get_args(hint) else shorten(hint)
