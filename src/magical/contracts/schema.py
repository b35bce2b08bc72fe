"""What a contract says, as data: columns, bounds, roles and rules. The engine reads nothing else of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from magical.errors import ContractError, did_you_mean, join_names

__all__ = ["ROLES", "Column", "Rule", "Schema", "to_snake_case"]

ROLES = ("id", "key", "time", "group", "target")


@dataclass(frozen=True, slots=True)
class Column:
    """One promised column.

    Attributes:
        name: its name in the typed table.
        type: ``int``, ``float``, ``str``, ``bool``, ``date``, ``datetime``, ``time``, ``duration``, ``list``
            or ``any``.
        nullable: whether a value may be missing.
        role: ``id``, ``key``, ``time``, ``group``, ``target``, or empty for a feature.
        parent: for a key, the name of the contract whose id it holds.
        choices: the closed set of values, if there is one.
        bounds: ``ge``, ``gt``, ``le``, ``lt``, ``multiple_of``, ``min_length``, ``max_length``, ``pattern``.
        alias: its name in the source.
        format: how the source writes it, as ``strptime`` codes.
        description: one sentence.
        examples: values of it, which a made-up column is drawn from.
        inner: for a list, the type of its members.
        parents: for a key, the columns of its parent's id, where the parent is known.
        sample: a file with a real sample, which a made-up column learns from.
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
    description: str = ""
    examples: tuple[Any, ...] = ()
    inner: str = ""
    parents: tuple[Column, ...] = field(default=(), compare=False, repr=False)
    sample: str = field(default="", compare=False, repr=False)

    @property
    def is_class(self) -> bool:
        """Whether its values are classes: truths, texts or a closed set; to predict, not to measure."""
        return bool(self.choices) or self.type in ("bool", "str")

    @property
    def type_text(self) -> str:
        """Its type as an author writes it, such as ``float | None``."""
        name = f"Literal[{join_names(map(repr, self.choices), 6)}]" if self.choices else self.type
        return f"{name} | None" if self.nullable else name

    def to_json(self) -> dict[str, Any]:
        """Give what counts of it, without words that only people read; nor examples, which no step sees."""
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
            "inner": self.inner,
        }
        return {k: v for k, v in full.items() if v not in ("", [], {}, False)}

    def generation_json(self) -> dict[str, Any]:
        """Give all that a made-up column depends on."""
        more = {
            "examples": list(map(repr, self.examples)),
            "parents": [p.generation_json() for p in self.parents],
            "sample": sample_digest(self.sample) if self.sample else "",
        }
        return self.to_json() | {k: v for k, v in more.items() if v}

    def find_mismatch(self, wanted: Column) -> str:
        """Say why this column does not serve where ``wanted`` is; empty if it does."""
        if "any" not in (self.type, wanted.type) and self.type != wanted.type:
            return f"{self.name} is {self.type_text}, not {wanted.type_text}"
        if self.nullable and not wanted.nullable:
            return f"{self.name} may be null, but {wanted.type_text} is wanted"
        if wanted.role == "target" and self.role != "target":
            return f"{self.name} is not a target"
        return ""

    def is_as_strict_as(self, wanted: Column) -> bool:
        """Whether everything ``wanted`` asks of its values is promised here already."""
        choices = not wanted.choices or (bool(self.choices) and set(self.choices) <= set(wanted.choices))
        bounds = all(self.bounds.get(k) == v for k, v in wanted.bounds.items())
        return choices and bounds and (wanted.role != "id" or self.role == "id")


@dataclass(frozen=True, slots=True)
class Rule:
    """A promise across columns or rows: a method that returns a polars expression, true where it holds."""

    name: str
    expression: Callable[[], Any]
    function: Callable[..., Any]
    text: str = ""


@dataclass(frozen=True)
class Schema:
    """All that a contract says of a table.

    Attributes:
        name: the contract's name.
        columns: in order.
        rules: across columns or rows.
        source: ``file:line`` where the contract is written, for hints.
    """

    name: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    source: str = ""

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names."""
        return {c.name: c for c in self.columns}

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return [c.name for c in self.columns]

    def names_with_role(self, *roles: str) -> list[str]:
        """Give the names of the columns with one of these roles."""
        return [c.name for c in self.columns if c.role in roles]

    @property
    def ids(self) -> list[str]:
        """The columns that together identify a row."""
        return self.names_with_role("id")

    @property
    def target(self) -> str | None:
        """The column to be predicted, if there is one."""
        return next(iter(self.names_with_role("target")), None)

    @property
    def features(self) -> list[Column]:
        """The columns a model may learn from: those without a role."""
        return [c for c in self.columns if not c.role]

    def column(self, name: str) -> Column:
        """Give one column.

        Raises:
            ContractError: the contract has no such column.
        """
        if name not in self.by_name:
            raise ContractError(f"{self.name} has no column {name!r}.", hint=did_you_mean(name, self.names))
        return self.by_name[name]

    def with_columns(self, columns: Iterable[Column], name: str = "") -> Schema:
        """Give a schema with further columns; one of the same name replaces the old one."""
        merged = {**self.by_name, **{c.name: c for c in columns}}
        return Schema(name or self.name, tuple(merged.values()), self.rules, self.source)

    def without(self, names: Iterable[str], name: str = "") -> Schema:
        """Give a schema without some columns, nor rules, which might speak of them.

        Raises:
            ContractError: the contract has no such column.
        """
        gone = {self.column(n).name for n in names}
        if not gone:
            return replace(self, name=name or self.name)
        kept = tuple(c for c in self.columns if c.name not in gone)
        return Schema(name or self.name, kept, (), self.source)

    def without_constraints(self) -> Schema:
        """Give what the body of a step may know of a table: names, types, roles; no bounds, no rules."""
        none: dict[str, Any] = {"examples": (), "parents": (), "sample": ""}
        bare = (replace(c, bounds={}, alias="", format="", description="", **none) for c in self.columns)
        return Schema(self.name, tuple(bare))

    def find_mismatches(self, wanted: Schema) -> list[str]:
        """Say why a table of this schema does not serve where ``wanted`` is; empty if it does."""
        problems = []
        for column in wanted.columns:
            have = self.by_name.get(column.name)
            if have is None:
                problems.append(f"{column.name} is missing")
            elif problem := have.find_mismatch(column):
                problems.append(problem)
        return problems

    def is_weaker_than(self, wanted: Schema) -> bool:
        """Whether ``wanted`` asks for something that this schema does not promise already."""
        names = {r.name: r.function for r in self.rules}
        same_rules = all(names.get(r.name) is r.function for r in wanted.rules)
        return not same_rules or not all(self.by_name[c.name].is_as_strict_as(c) for c in wanted.columns)

    def to_json(self) -> dict[str, Any]:
        """Give what counts of it: the columns, and the names of the rules."""
        return {
            "contract": self.name,
            "columns": [c.to_json() for c in self.columns],
            "rules": [r.name for r in self.rules],
        }

    def generation_json(self) -> dict[str, Any]:
        """Give all that a made-up table depends on: what counts of it, its examples, its sample's content."""
        return self.to_json() | {"columns": [c.generation_json() for c in self.columns]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """Read a schema back; its rules stay behind, since they are code."""
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
    """Give a bound as it was before it was written as text."""
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
    """Give the digest of a file's content; nothing where there is no such file."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def to_snake_case(name: str) -> str:
    """Give a name in snake case.

    Example:
        >>> (
        ...     to_snake_case("Dt_Customer"),
        ...     to_snake_case("MntWines"),
        ...     to_snake_case("NumWebVisitsMonth"),
        ...     to_snake_case("ID"),
        ... )
        ('dt_customer', 'mnt_wines', 'num_web_visits_month', 'id')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[^0-9a-zA-Z]+", "_", spaced).strip("_").lower()
