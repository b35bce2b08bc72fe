"""Column selectors: names, patterns, types and roles, wherever settings name columns of a table."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from magical.contracts.schema import ROLES, Column, Schema
from magical.errors import WiringError, did_you_mean

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
    if separator:
        _build_test(kind, name)
    return selector


Columns = Annotated[
    tuple[Annotated[str, AfterValidator(_validate_selector)], ...],
    BeforeValidator(to_tuple, json_schema_input_type=str | tuple[str, ...]),
    Field(min_length=1),
]
"""Selectors of columns: a name, a pattern such as ``mnt_*``, ``type:TYPE`` or ``role:ROLE``; one or a list.

``!`` before a selector leaves out what it selects: ``["mnt_*", "!mnt_wines"]``. A type is one of a contract,
or ``number``, ``category`` (texts and closed sets) or ``moment`` (dates with and without a time of day).
Patterns and types select features only: no id, key, time, group or target.
"""


def select_columns(selectors: Iterable[str], schema: Schema, asker: object) -> list[Column]:
    """Return the columns that selectors select, each once: in the order of the selectors, then of the table.

    Args:
        selectors: as in `Columns`; selectors that begin with ``!`` are applied last.
        schema: the table's columns.
        asker: what names the columns, for messages.

    Raises:
        WiringError: a selector selects no column, a type or a role does not exist, or a column that is named
            is missing or the target.

    Example:
        >>> schema = Schema("Customer", tuple(Column(n, "int") for n in ("mnt_fish", "mnt_wines", "kids")))
        >>> [c.name for c in select_columns(["kids", "mnt_*", "!mnt_wines"], schema, "Log")]
        ['kids', 'mnt_fish']
    """
    chosen: dict[str, Column] = {}
    left_out: set[str] = set()
    for selector in selectors:
        if selector.startswith("!"):
            name = selector[1:]  # the target is never selected, so leaving it out by name does no harm
            found = [] if name == schema.target else _find_columns(name, schema, asker)
            left_out |= {c.name for c in found}
        else:
            chosen |= {c.name: c for c in _find_columns(selector, schema, asker)}
    selected = [c for name, c in chosen.items() if name not in left_out]
    if not selected:
        raise WiringError(
            f"{asker!r} names no column of {schema.name}: {', '.join(selectors)}.",
            hint="name a column, or a pattern such as mnt_*, before what ! leaves out.",
        )
    return selected


def _find_columns(selector: str, schema: Schema, asker: object) -> Sequence[Column]:
    """Return the columns of one selector; raise a WiringError if there is none."""
    kind, separator, name = selector.partition(":")
    if separator:
        try:
            is_selected = _build_test(kind, name)
        except ValueError as error:
            raise WiringError(f"{asker!r} reads {selector}: {error}.") from None
        found = [c for c in schema.columns if is_selected(c)]
    elif any(w in selector for w in _WILDCARDS):
        found = [c for c in schema.features if fnmatch.fnmatchcase(c.name, selector)]
    else:
        return [_find_named(selector, schema, asker)]
    if not found:
        raise WiringError(
            f"{asker!r} reads {selector}, and {schema.name} has no such column.",
            hint=did_you_mean(selector, [c.name for c in schema.features]),
        )
    return found


def _build_test(kind: str, name: str) -> Callable[[Column], bool]:
    """Return the test of ``type:NAME`` or ``role:NAME``; raise a ValueError if there is no such selector."""
    if kind == "role" and name in ROLES and name != "target":
        return lambda c: c.role == name
    if kind == "type" and name in _TYPES:
        return lambda c: not c.role and _TYPES[name](c)
    if kind == "type" and name in _PLAIN_TYPES:
        return lambda c: not c.role and c.type == name
    words = [f"type:{t}" for t in (*_TYPES, *_PLAIN_TYPES)] + [f"role:{r}" for r in ROLES if r != "target"]
    raise ValueError(f"there is no selector {kind}:{name}; {did_you_mean(f'{kind}:{name}', words)}")


def _find_named(name: str, schema: Schema, asker: object) -> Column:
    column = schema.by_name.get(name)
    if column is None:
        usable = [c.name for c in schema.columns if c.role != "target"]
        raise WiringError(
            f"{asker!r} reads {name}, which {schema.name} does not have.", hint=did_you_mean(name, usable)
        )
    if column.role == "target":
        raise WiringError(
            f"{asker!r} reads {name}, the target of {schema.name}: the model would be told the answer.",
            hint="leave it out.",
        )
    return column
