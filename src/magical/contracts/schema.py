"""Contracts as data: columns with bounds and roles, and rules. The engine reads only this form."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from magical.errors import ContractError, did_you_mean, join_names
from magical.html_tables import render_table

__all__ = ["ROLES", "TRAINING_ROLES", "Column", "Rule", "Schema", "match_keys", "to_snake_case"]

ROLES = ("id", "key", "time", "group", "target", "weight")

TRAINING_ROLES = ("target", "weight")
"""The roles of columns that only rows to learn from have: a row to be scored needs none of them."""


@dataclass(frozen=True, slots=True)
class Column:
    """One promised column.

    Attributes:
        name: its name in the typed table.
        type: ``int``, ``float``, ``str``, ``bool``, ``date``, ``datetime``, ``time``, ``duration``, ``list``
            or ``any``.
        role: ``id``, ``key``, ``time``, ``group``, ``target``, ``weight``, or empty for a feature.
        parent: for a key, the name of the contract whose id it contains.
        choices: the closed set of values; empty for an open one.
        bounds: ``ge``, ``gt``, ``le``, ``lt``, ``multiple_of``, ``min_length``, ``max_length``, ``pattern``.
        alias: its name in the source.
        format: its format in the source, as ``strptime`` codes.
        decimal: the decimal mark of its numbers in the source.
        thousands: the mark between thousands of its numbers in the source.
        max_orphans: for a key, the share of rows that may refer to no parent.
        zone: the time zone of its moments without an offset in the source.
        zone_twice: ``earliest`` or ``latest`` of two moments with one local time; empty to refuse them.
        unit: the unit or currency of its numbers in the source.
        order: ``day`` or ``month``, whichever comes first in its dates in the source; empty for neither.
        settled: ``source`` if its marks are those that a source showed in a run, ``contract`` if the contract
            states them and the source showed the unit. Then each text is read by itself: other texts of the
            column decide nothing, and marks or units that the run did not see are refused.
        examples: values that a pretended column is drawn from.
        inner: for a list, the type of its members.
        parents: for a key, the columns of the parent's id; empty if the parent is given by name only.
        sample: the path of a real sample that a pretended column imitates.

    Example:
        >>> Column("income", "float", nullable=True, bounds={"ge": 0}).type_text
        'float | None'
    """

    name: str
    type: str
    nullable: bool = False
    role: str = ""
    parent: str = ""
    choices: tuple[Any, ...] = ()
    bounds: Mapping[str, Any] = field(default_factory=dict)
    alias: str = ""
    format: str = ""
    decimal: str = ""
    thousands: str = ""
    max_orphans: float = 0.0
    zone: str = ""
    zone_twice: Literal["", "earliest", "latest"] = ""
    unit: str = ""
    order: Literal["", "day", "month"] = ""
    settled: Literal["", "contract", "source"] = ""
    description: str = ""
    examples: tuple[Any, ...] = ()
    inner: str = ""
    parents: tuple[Column, ...] = field(default=(), compare=False, repr=False)
    sample: str = field(default="", compare=False, repr=False)

    @property
    def is_class(self) -> bool:
        """True if its values are classes to a model: booleans, texts or a closed set."""
        return bool(self.choices) or self.type in ("bool", "str")

    @property
    def type_text(self) -> str:
        """The type as an author writes it, such as ``float | None``."""
        name = f"Literal[{join_names(map(repr, self.choices), 6)}]" if self.choices else self.type
        return f"{name} | None" if self.nullable else name

    @property
    def marks_text(self) -> str:
        """The marks that its texts have in the source, such as ``decimal ',', unit '%'``."""
        marks = {"decimal": self.decimal, "thousands": self.thousands, "unit": self.unit}
        texts = [f"{name} {mark!r}" for name, mark in marks.items() if mark]
        texts += [f"{self.order} first"] if self.order else []
        return ", ".join([*texts, *filter(None, [self.format, self.zone])])

    def to_json(self) -> dict[str, Any]:
        """Convert the column to JSON for keys, without its description and examples, which no step sees."""
        full = {
            "name": self.name,
            "type": self.type,
            "nullable": self.nullable,
            "role": self.role,
            "parent": self.parent,
            "choices": list(self.choices),
            "bounds": {k: str(v) for k, v in sorted(self.bounds.items())},
            "alias": self.alias,
            "format": self.format,
            "decimal": self.decimal,
            "thousands": self.thousands,
            "max_orphans": self.max_orphans,
            "zone": self.zone,
            "zone_twice": self.zone_twice,
            "unit": self.unit,
            "order": self.order,
            "settled": self.settled,
            "inner": self.inner,
        }
        # Without empty entries, so that a field that is added later does not change existing keys.
        return {k: v for k, v in full.items() if v not in ("", [], {}, False)}

    def generation_json(self) -> dict[str, Any]:
        """Convert the column to JSON with everything that its pretended values depend on."""
        more = {
            "examples": list(map(repr, self.examples)),
            "parents": [p.generation_json() for p in self.parents],
            "sample": sample_digest(self.sample) if self.sample else "",
        }
        return self.to_json() | {k: v for k, v in more.items() if v}

    def find_mismatch(self, wanted: Column) -> str:
        """Return the reason why this column cannot be used as ``wanted``; empty if it can."""
        if "any" not in (self.type, wanted.type) and self.type != wanted.type:
            return f"{self.name} is {self.type_text}, not {wanted.type_text}"
        if self.nullable and not wanted.nullable:
            return f"{self.name} may be null, but {wanted.type_text} is wanted"
        if wanted.role in TRAINING_ROLES and self.role != wanted.role:
            return f"{self.name} is not a {wanted.role}"
        return ""

    def is_as_strict_as(self, wanted: Column) -> bool:
        """Return True if its choices, bounds and ``Id`` role imply those of ``wanted``."""
        choices = not wanted.choices or (bool(self.choices) and set(self.choices) <= set(wanted.choices))
        # Only an equal bound is accepted: a tighter one is validated again, which costs time only.
        bounds = all(self.bounds.get(k) == v for k, v in wanted.bounds.items())
        return choices and bounds and (wanted.role != "id" or self.role == "id")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule across columns or rows: ``expression()`` returns a polars expression, true where it is met."""

    name: str
    expression: Callable[[], Any]
    function: Callable[..., Any]
    text: str = ""


@dataclass(frozen=True)
class Schema:
    """A contract as data: its name, its columns in order, and its rules.

    Attributes:
        source: ``file:line`` of the contract's class, for hints.

    Example:
        >>> schema = Schema("Visit", (Column("id", "int", role="id"), Column("note", "str")))
        >>> schema.ids, [c.name for c in schema.features], schema.target
        (['id'], ['note'], None)
    """

    name: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    source: str = ""

    def __repr__(self) -> str:
        roles = [f"{role} {join_names(names, 3)}" for role in ROLES if (names := self.names_with_role(role))]
        return f"<contract {', '.join([f'{self.name}: {len(self.columns)} columns', *roles])}>"

    def _repr_html_(self) -> str:
        rows = [(c.name, c.type_text, c.role, c.description) for c in self.columns]
        return render_table(self.name, rows, ("column", "type", "role", "description"))

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by name."""
        return {c.name: c for c in self.columns}

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return [c.name for c in self.columns]

    def names_with_role(self, *roles: str) -> list[str]:
        """List the names of the columns with one of these roles."""
        return [c.name for c in self.columns if c.role in roles]

    @property
    def ids(self) -> list[str]:
        """The names of the columns that together identify a row."""
        return self.names_with_role("id")

    @property
    def target(self) -> str | None:
        """The name of the column to predict, or None."""
        return next(iter(self.names_with_role("target")), None)

    @property
    def features(self) -> list[Column]:
        """The columns a model may learn from: those without a role."""
        return [c for c in self.columns if not c.role]

    def column(self, name: str) -> Column:
        """Return one column.

        Raises:
            ContractError: the contract has no such column.
        """
        if name not in self.by_name:
            raise ContractError(f"{self.name} has no column {name!r}.", hint=did_you_mean(name, self.names))
        return self.by_name[name]

    def with_columns(self, columns: Iterable[Column], name: str = "") -> Schema:
        """Return a schema with further columns; a column of the same name is replaced."""
        merged = {**self.by_name, **{c.name: c for c in columns}}
        return Schema(name or self.name, tuple(merged.values()), self.rules, self.source)

    def without(self, names: Iterable[str], name: str = "") -> Schema:
        """Return a schema without some columns, and without rules, since a rule may read a dropped column.

        Raises:
            ContractError: the contract has no such column.
        """
        dropped = {self.column(n).name for n in names}
        if not dropped:
            return replace(self, name=name or self.name)
        kept = tuple(c for c in self.columns if c.name not in dropped)
        return Schema(name or self.name, kept, (), self.source)

    def without_constraints(self) -> Schema:
        """Return what a step's body may read: names, types, choices and roles, without bounds and rules."""
        return self._unconstrained

    @cached_property
    def _unconstrained(self) -> Schema:  # kept: it is slow for thousands of columns, and asked for often
        marks = ("alias", "format", "decimal", "thousands", "zone", "zone_twice", "unit", "order", "settled")
        texts = dict.fromkeys((*marks, "description", "sample"), "")
        none: dict[str, Any] = {"bounds": {}, "examples": (), "parents": (), **texts}
        columns = (replace(c, max_orphans=0.0, **none) for c in self.columns)
        return Schema(self.name, tuple(columns))

    def find_mismatches(self, wanted: Schema) -> list[str]:
        """List the reasons why a table of this schema cannot be used as ``wanted``; empty if it can."""
        problems = []
        for column in wanted.columns:
            have = self.by_name.get(column.name)
            if have is None:
                problems.append(f"{column.name} is missing")
            elif problem := have.find_mismatch(column):
                problems.append(problem)
        return problems

    def is_weaker_than(self, wanted: Schema) -> bool:
        """Return True if ``wanted`` has a rule, bound or choice that this schema does not imply."""
        functions = {r.name: r.function for r in self.rules}
        # Compare the functions: an inherited rule has the same one; one of the same name may differ.
        same_rules = all(functions.get(r.name) is r.function for r in wanted.rules)
        return not same_rules or not all(self.by_name[c.name].is_as_strict_as(c) for c in wanted.columns)

    def to_json(self) -> dict[str, Any]:
        """Convert the schema to JSON for keys: the columns, and the names of the rules."""
        return {
            "contract": self.name,
            "columns": [c.to_json() for c in self.columns],
            "rules": [r.name for r in self.rules],
        }

    def generation_json(self) -> dict[str, Any]:
        """Convert the schema to JSON with all that pretended rows depend on, such as examples and samples."""
        return self.to_json() | {"columns": [c.generation_json() for c in self.columns]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """Read a schema from JSON; rules are not restored, since they are code."""
        columns = tuple(
            Column(
                **{
                    **c,
                    "choices": tuple(c.get("choices", ())),
                    "bounds": {k: _parse_bound(k, v, c["type"]) for k, v in c.get("bounds", {}).items()},
                }
            )
            for c in data["columns"]
        )
        return cls(str(data["contract"]), columns)


def _parse_bound(name: str, text: str, kind: str) -> Any:
    """Restore a bound that ``to_json`` wrote as a string."""
    if name == "pattern":
        return text
    dates: dict[str, Callable[[str], Any]] = {
        "date": dt.date.fromisoformat,
        "datetime": dt.datetime.fromisoformat,
        "time": dt.time.fromisoformat,
    }
    for parse in (dates[kind],) if kind in dates else (int, float):
        try:
            return parse(text)
        except ValueError:
            continue
    return text


def sample_digest(path: str) -> str:
    """Return the SHA-256 of a file's content; an empty string if the file cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def match_keys(keys: Sequence[str], ids: Sequence[str]) -> dict[str, str]:
    """Match the keys of a table to the id columns of their parent: by name, else in order.

    Example:
        >>> match_keys(["visit_day", "visit_shop"], ["shop", "day"]), match_keys(["a", "b"], ["shop", "day"])
        ({'visit_day': 'day', 'visit_shop': 'shop'}, {'a': 'shop', 'b': 'day'})
    """
    named = {k: next((i for i in ids if k == i or k.endswith(f"_{i}")), "") for k in keys}
    if all(named.values()) and len(set(named.values())) == len(keys):
        return named
    return dict(zip(keys, ids, strict=False))


def to_snake_case(name: str) -> str:
    """Convert a name to snake case.

    Example:
        >>> list(map(to_snake_case, ("Dt_Customer", "NumWebVisitsMonth", "ID")))
        ['dt_customer', 'num_web_visits_month', 'id']
    """
    # A boundary: small then capital (aB), or the last capital of a run (HTTPCode is http_code).
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[^0-9a-zA-Z]+", "_", spaced).strip("_").lower()
