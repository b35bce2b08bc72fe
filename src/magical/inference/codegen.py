"""Source code of contracts: schemas written as classes, formatted as ruff formats them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from magical.contracts.schema import Column, Schema
from magical.inference.name_vocabulary import class_name, first_free_name

__all__ = ["WIDTH", "contract_source", "module_source", "order_parents_first", "quote_value"]

WIDTH = 110
_ROLES = {"id": "Id", "time": "Time", "group": "Group", "target": "Target", "weight": "Weight"}
_DATE_TYPES = ("date", "datetime", "time", "timedelta")
_DATE_CLASSES = (dt.date, dt.time, dt.timedelta)  # a datetime is a date
# Names that a module of contracts may import, which its own names must not hide.
_IMPORTED = (
    "Contract",
    "Field",
    "Decimal",
    "Format",
    "Group",
    "Id",
    "Key",
    "Literal",
    "Orphans",
    "Annotated",
    "Target",
    "Thousands",
    "Time",
    "Weight",
    "Zone",
)


def contract_source(schema: Schema, docstring: str = "", taken: Iterable[str] = ()) -> str:
    """Write a schema as the source of a class; long choices become type aliases above the class.

    Args:
        schema: the schema; the reasons of an ``InferredSchema`` are written as comments.
        docstring: the docstring of the class; empty for a default.
        taken: names that the aliases must not have.

    Example:
        >>> columns = (
        ...     Column("id", "int", role="id"),
        ...     Column("spent", "float", True, bounds={"ge": 0}, alias="Total €"),
        ...     Column("answer", "str", role="target", choices=("no", "yes")),
        ... )
        >>> for line in contract_source(Schema("Customer", columns)).splitlines()[3:]:
        ...     print(line)
            id: Id[int]
            spent: float | None = Field(ge=0, alias="Total €")
            answer: Target[Literal["no", "yes"]]
    """
    writer = _ContractWriter(schema, (*taken, *_IMPORTED, schema.name), _datetime_prefix(schema.columns))
    return writer.source(docstring)


def module_source(schemas: Sequence[Schema], docstring: str, docstrings: Mapping[str, str]) -> str:
    """Write a module of contracts with its imports; parents come before the contracts that refer to them.

    Args:
        schemas: the contracts to write.
        docstring: the docstring of the module.
        docstrings: the docstrings of the classes, by class name.

    Example:
        >>> shop = Schema("Shop", (Column("id", "str", role="id"),))
        >>> module_source([shop], "What is promised.", {}).splitlines()[2]
        'from magical import Contract, Id'
    """
    ordered = order_parents_first(schemas)
    columns = [c for s in schemas for c in s.columns]
    dates = _datetime_prefix(columns)
    taken = {s.name for s in schemas} | {*_IMPORTED}
    bodies = []
    for schema in ordered:
        writer = _ContractWriter(schema, taken, dates)
        bodies.append(writer.source(docstrings.get(schema.name, "")))
        taken |= writer.taken
    text = "\n\n".join(bodies)
    gap = "\n\n" if text.startswith("class ") else "\n"
    return f'"""{docstring}"""\n\n{_imports_source(columns, text)}{gap}{text}'


def quote_arguments(values: Mapping[str, Any]) -> list[str]:
    """Write values as the keyword arguments of a call.

    Example:
        >>> quote_arguments({"header": 3, "nulls": ("-",)})
        ['header=3', 'nulls=("-",)']
    """

    def quote(value: Any) -> str:
        if isinstance(value, tuple):
            return f"({', '.join(map(quote, value))}{',' if len(value) == 1 else ''})"
        return quote_value(value)

    return [f"{name}={quote(value)}" for name, value in values.items()]


def quote_value(value: Any) -> str:
    r"""Write a value as Python source, texts in the quotes that ruff prefers; dates need ``datetime as dt``.

    Example:
        >>> print(quote_value("it's"), quote_value('5" pipe'), quote_value(dt.date(2024, 1, 31)))
        "it's" '5" pipe' dt.date(2024, 1, 31)
    """
    if isinstance(value, _DATE_CLASSES):
        if isinstance(value, dt.datetime) and value.tzinfo:
            value = value.astimezone(dt.UTC)  # the same moment, and no zone to import
        return repr(value).replace("datetime.", "dt.")
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if not isinstance(value, str):
        return repr(value)
    quote = "'" if value.count('"') > value.count("'") else '"'
    inner = "".join(_escape(c, quote) for c in value)
    return f"{quote}{inner}{quote}"


class _ContractWriter:
    """Writes the class of one schema, and collects the aliases of its long choices."""

    def __init__(self, schema: Schema, taken: Iterable[str], datetime_prefix: str) -> None:
        self.schema, self.taken, self.datetime_prefix = schema, set(taken), datetime_prefix
        # Only an InferredSchema has reasons and left-out columns.
        self.reasons: Mapping[str, str] = getattr(schema, "reasons", {})
        self.left_out: Mapping[str, str] = getattr(schema, "left_out", {})
        self.aliases: dict[tuple[Any, ...], str] = {}

    def source(self, docstring: str) -> str:
        """Write the class, below the aliases of its long choices."""
        fields = [line for c in self.schema.columns for line in self._field_lines(c)]
        if not fields and not self.left_out:
            fields = ["    pass"]
        remarks = [f"{quote_value(raw)} is left out: {reason}." for raw, reason in self.left_out.items()]
        left_out = [line for remark in remarks for line in _comment_lines(remark)]
        # _field_lines has filled self.aliases by now.
        aliases = "".join(f"{_alias_source(name, choices)}\n" for choices, name in self.aliases.items())
        head = f'class {self.schema.name}(Contract):\n    """{docstring or "One row."}"""\n'
        body = "\n".join([*fields, *(["", *left_out] if left_out and fields else left_out)])
        return aliases + ("\n\n" if aliases else "") + f"{head}\n{body}\n"

    def _field_lines(self, column: Column) -> list[str]:
        """Write the lines of a field, with its reason as a comment."""
        hint = self._hint_source(column)
        options = [f"{k}={quote_value(v)}" for k, v in column.bounds.items()]
        options += [f"alias={quote_value(column.alias)}"] if column.alias else []
        options += [f"description={quote_value(column.description)}"] if column.description else []
        start = f"    {column.name}: {hint}"
        line = f"{start} = Field({', '.join(options)})" if options else start
        reason = self.reasons.get(column.name, "")
        comment = _comment_lines(reason)
        if len(line) <= WIDTH:
            if reason and len(line) + len(reason) + 4 <= WIDTH:
                return [f"{line}  # {reason}"]
            return [*comment, line]
        inner = [f"        {', '.join(options)}"]
        if len(inner[0]) > WIDTH:
            inner = [f"        {option}," for option in options]
        return [*comment, f"{start} = Field(", *inner, "    )"]

    def _hint_source(self, column: Column) -> str:
        if column.role == "key":
            key = f"Key[{column.parent}] | None" if column.nullable else f"Key[{column.parent}]"
            return f"Annotated[{key}, Orphans({column.max_orphans:g})]" if column.max_orphans else key
        plain = self._literal_source(column) if column.choices else self._type_source(column.type)
        marks = [f"Format({quote_value(column.format)})"] if column.format else []
        if column.zone:
            twice = f", twice={quote_value(column.zone_twice)}" if column.zone_twice else ""
            marks.append(f"Zone({quote_value(column.zone)}{twice})")
        marks += [f"Decimal({quote_value(column.decimal)})"] if column.decimal else []
        marks += [f"Thousands({quote_value(column.thousands)})"] if column.thousands else []
        if marks:
            plain = f"Annotated[{', '.join((plain, *marks))}]"
        if column.nullable:
            plain = f"{plain} | None"
        return f"{_ROLES[column.role]}[{plain}]" if column.role else plain

    def _type_source(self, kind: str) -> str:
        kind = {"duration": "timedelta", "any": "Any"}.get(kind, kind)
        return f"{self.datetime_prefix}{kind}" if kind in _DATE_TYPES else kind

    def _literal_source(self, column: Column) -> str:
        inline = f"Literal[{', '.join(map(quote_value, column.choices))}]"
        if len(inline) <= 60:
            return inline
        if column.choices not in self.aliases:
            name = first_free_name(class_name(column.name), self.taken, separator="")
            self.taken.add(name)
            self.aliases[column.choices] = name
        return self.aliases[column.choices]


def _alias_source(name: str, choices: tuple[Any, ...]) -> str:
    line = f"{name} = Literal[{', '.join(map(quote_value, choices))}]"
    if len(line) <= WIDTH:
        return line
    inner = f"    {', '.join(map(quote_value, choices))}"
    if len(inner) <= WIDTH:
        return f"{name} = Literal[\n{inner}\n]"
    return f"{name} = Literal[\n" + "".join(f"    {quote_value(c)},\n" for c in choices) + "]"


def _comment_lines(text: str) -> list[str]:
    """Wrap a text in comment lines of at most ``WIDTH`` characters; no line for an empty text."""
    lines, line = [], "    #"
    # Names of columns are data: a line break in one must not end the comment.
    for word in "".join(c if c.isprintable() else " " for c in text).split():
        if len(line) + len(word) + 1 > WIDTH and line != "    #":
            lines.append(line)
            line = "    #"
        line = f"{line} {word}"[:WIDTH]
    return [*lines, line] if text else []


def _escape(character: str, quote: str) -> str:
    if character in (quote, "\\"):
        return f"\\{character}"
    return character if character.isprintable() else repr(character)[1:-1]


def _datetime_prefix(columns: Sequence[Column]) -> str:
    # A field called date would hide the type for the fields below it, so then all are written dt.date.
    is_hidden = bool({c.name for c in columns} & set(_DATE_TYPES))
    return "dt." if is_hidden or any(map(_has_date_values, columns)) else ""


def _has_date_values(column: Column) -> bool:
    return any(isinstance(v, _DATE_CLASSES) for v in (*column.bounds.values(), *column.choices))


def _imports_source(columns: Sequence[Column], text: str) -> str:
    """Write the imports that the source of the classes, ``text``, needs."""
    kinds = sorted({"timedelta" if c.type == "duration" else c.type for c in columns if not c.parent})
    dates = [k for k in kinds if k in _DATE_TYPES]
    lines = [f"from datetime import {', '.join(dates)}"] if dates else []
    needs_module = (dates and _datetime_prefix(columns)) or any(map(_has_date_values, columns))
    lines = ["import datetime as dt"] if needs_module else lines
    typing = [n for n in ("Annotated", "Any", "Literal") if f"{n}[" in text or f": {n}" in text]
    lines += [f"from typing import {', '.join(typing)}"] if typing else []
    names = [n for n in sorted(_IMPORTED) if n not in ("Annotated", "Literal") and _is_used(text, n)]
    return "\n".join([*lines, *([""] if lines else []), f"from magical import {', '.join(names)}", ""])


def _is_used(text: str, name: str) -> bool:
    return any(f"{before}{name}{after}" in text for before in " [(" for after in "[()")


def order_parents_first(schemas: Sequence[Schema]) -> list[Schema]:
    """Order contracts so that parents come before those that refer to them.

    Example:
        >>> sale = Schema("Sale", (Column("shop", "str", role="key", parent="Shop"),))
        >>> [s.name for s in order_parents_first([sale, Schema("Shop", ())])]
        ['Shop', 'Sale']
    """
    waiting, ordered = list(schemas), list[Schema]()
    while waiting:
        names = {s.name for s in waiting}
        ready = [s for s in waiting if not ({c.parent for c in s.columns} & (names - {s.name}))]
        ordered += ready or waiting[:1]  # a cycle of references: any of them first
        waiting = [s for s in waiting if s not in ordered]
    return ordered
