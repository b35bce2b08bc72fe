"""Column selectors: names, patterns, types and roles, wherever settings name columns of a table."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from magical.contracts.schema import ROLES, TRAINING_ROLES, Column, Schema
from magical.errors import WiringError, did_you_mean, join_names

__all__ = ["Columns", "select_columns", "to_tuple"]

_TYPES: dict[str, Callable[[Column], bool]] = {
    "number": lambda c: c.type in ("int", "float") and not c.choices,
    "category": lambda c: c.type == "str" or bool(c.choices),
    "moment": lambda c: c.type in ("date", "datetime"),
}
_PLAIN_TYPES = ("int", "float", "str", "bool", "date", "datetime", "time", "duration", "list")
_WILDCARDS = "*?["


def to_tuple(value: Any) -> Any:
    """Accept one text where a list of them is wanted.

    Example:
        >>> to_tuple("income"), to_tuple(["income", "age"])
        (('income',), ['income', 'age'])
    """
    return (value,) if isinstance(value, str) else value


def _validate_selector(selector: str) -> str:
    """Refuse a selector that selects nothing of any table, when the settings are read."""
    kind, separator, name = selector.removeprefix("!").partition(":")
    if not kind:
        raise ValueError("an empty text names no column")
    if separator and _find_test(kind, name) is None:
        raise ValueError(f"there is no selector {kind}:{name}; {_suggest_selectors(kind, name)}")
    return selector


Columns = Annotated[
    tuple[Annotated[str, AfterValidator(_validate_selector)], ...],
    BeforeValidator(to_tuple, json_schema_input_type=str | tuple[str, ...]),
    Field(min_length=1),
]
"""Selectors of columns: a name, a pattern such as ``mnt_*``, ``type:TYPE`` or ``role:ROLE``; one or a list.

``!`` before a selector leaves out what it selects: ``["mnt_*", "!mnt_wines"]``. A type is one of a contract,
or ``number``, ``category`` (texts and closed sets) or ``moment`` (dates with and without a time of day).
Patterns and types select features only; a column with a role is selected by its name or its role, the target
and the weight never.
"""


def select_columns(selectors: Iterable[str], schema: Schema, asker: object, *types: str) -> list[Column]:
    """Return the columns that selectors select, each once: in the order of the selectors, then of the table.

    Args:
        selectors: as in `Columns`; selectors that begin with ``!`` are applied last.
        schema: the table's columns.
        asker: what names the columns, for messages.
        types: types of a contract, such as ``int``, one of which each column must have; none for any type.

    Raises:
        WiringError: a selector selects no column, a type or a role does not exist, or a column that is named
            is missing, of another type, the target, or the weight.

    Example:
        >>> schema = Schema("Customer", tuple(Column(n, "int") for n in ("mnt_fish", "mnt_wines", "kids")))
        >>> [c.name for c in select_columns(["kids", "mnt_*", "!mnt_wines"], schema, "Log")]
        ['kids', 'mnt_fish']
    """
    selectors = list(selectors)
    chosen: dict[str, Column] = {}
    left_out: set[str] = set()
    for selector in selectors:
        if selector.startswith("!"):
            left_out |= {c.name for c in _find_left_out(selector[1:], schema, asker)}
        else:
            chosen |= {c.name: c for c in _find_columns(selector, schema, asker)}
    selected = [c for name, c in chosen.items() if name not in left_out]
    if not selected:
        raise WiringError(
            f"{asker!r} names no column of {schema.name}: {', '.join(selectors)}.",
            hint="name a column, or a pattern such as mnt_*, before what ! leaves out.",
        )
    for column in selected:
        if types and column.type not in (*types, "any"):
            raise WiringError(
                f"{asker!r} reads {column.name}, which must be {' or '.join(types)} but is "
                f"{column.type_text}.",
                hint=f"choose another column, or give {column.name} another type in {schema.name}."
                if column.name in selectors
                else f'leave it out by "!{column.name}".',
            )
    return selected


def _find_columns(selector: str, schema: Schema, asker: object) -> list[Column]:
    """Return the columns that a selector selects; raise a WiringError if there is none."""
    if not _is_description(selector):
        return [_find_named(selector, schema, asker)]
    described = _find_described(selector, schema, asker)
    selected = [c for c in described if not c.role or selector.startswith("role:")]
    if not selected:
        raise _no_such_column(selector, schema, asker, described)
    return selected


def _find_left_out(selector: str, schema: Schema, asker: object) -> list[Column]:
    """Return the columns that ``!selector`` leaves out; of a type or a role there need not be any."""
    if selector in schema.names_with_role(*TRAINING_ROLES):
        return []  # it is never selected, so that leaving it out does no harm
    if not _is_description(selector):
        return [_find_named(selector, schema, asker)]
    described = _find_described(selector, schema, asker)
    if not described and ":" not in selector:
        raise _no_such_column(selector, schema, asker, described)
    return described


def _is_description(selector: str) -> bool:
    return ":" in selector or any(w in selector for w in _WILDCARDS)


def _find_described(selector: str, schema: Schema, asker: object) -> list[Column]:
    """Return the columns of a pattern, type or role, whatever their own role."""
    kind, separator, name = selector.partition(":")
    if not separator:
        return [c for c in schema.columns if fnmatch.fnmatchcase(c.name, selector)]
    test = _find_test(kind, name)
    if test is None:
        raise WiringError(f"{asker!r} has no selector {selector}.", hint=_suggest_selectors(kind, name))
    return [c for c in schema.columns if test(c)]


def _no_such_column(selector: str, schema: Schema, asker: object, described: list[Column]) -> WiringError:
    """Word the error about a pattern or type of no feature, perhaps of columns with a role only."""
    with_role = [c.name for c in described if c.role not in TRAINING_ROLES]
    return WiringError(
        f"{asker!r} reads {selector}, and {schema.name} has no such feature.",
        hint=f"select columns with a role by name: {join_names(with_role)}."
        if with_role
        else did_you_mean(selector, [c.name for c in schema.features]),
    )


def _find_test(kind: str, name: str) -> Callable[[Column], bool] | None:
    """Return the test of ``type:NAME`` or ``role:NAME``; None if there is no such selector."""
    if kind == "role" and name in ROLES and name not in TRAINING_ROLES:
        return lambda c: c.role == name
    if kind == "type" and name in _TYPES:
        return _TYPES[name]
    if kind == "type" and name in _PLAIN_TYPES:
        return lambda c: c.type == name
    return None


def _suggest_selectors(kind: str, name: str) -> str:
    types = [f"type:{t}" for t in (*_TYPES, *_PLAIN_TYPES)]
    return did_you_mean(f"{kind}:{name}", [*types, *(f"role:{r}" for r in ROLES if r not in TRAINING_ROLES)])


def _find_named(name: str, schema: Schema, asker: object) -> Column:
    column = schema.by_name.get(name)
    if column is None:
        usable = [c.name for c in schema.columns if c.role not in TRAINING_ROLES]
        raise WiringError(
            f"{asker!r} reads {name}, which {schema.name} does not have.", hint=did_you_mean(name, usable)
        )
    if column.role in TRAINING_ROLES:
        why = ": the model would be told the answer" if column.role == "target" else ", which no new row has"
        raise WiringError(
            f"{asker!r} reads {name}, the {column.role} of {schema.name}{why}.", hint="leave it out."
        )
    return column
