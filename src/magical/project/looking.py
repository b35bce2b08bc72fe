"""A look at a source before any project exists: what would be read, column by column."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from magical.contracts.schema import Column
from magical.errors import InputError, join_names, shorten
from magical.inference.codegen import quote_arguments
from magical.inference.column_stats import ColumnStats, TypedTable
from magical.inference.infer import InferredSchema, infer_contract
from magical.inference.name_vocabulary import class_name, field_names
from magical.inference.role_inference import rank_targets
from magical.inference.text_types import infer_text_types
from magical.library import Reading
from magical.library.rare_classes import describe_rare_class
from magical.library.sources.reader import read_source
from magical.library.sources.settled_reading import settle_reading
from magical.report.terminal.fitted_table import DEFAULT_WIDTH, fit_table, wrap_note
from magical.settings.layers import COMMAND_LINE, Layer, load_settings

__all__ = ["ColumnView", "Look", "format_reading", "look", "parse_reading"]

MAX_ROWS = 200_000
"""The most rows whose values are looked at, unless all are asked for."""

_EXAMPLES = 3
_MAX_CHOICES = 6
_MAX_TEXT = 60
_HEAD = ("column", "in the source", "type", ">nulls", ">distinct", "values", "examples")
_IN_MEMORY = "The table"
_NOTHING_SAID = Reading()


@dataclass(frozen=True)
class ColumnView:
    """One column of a source, as it would be read.

    Attributes:
        name: its field in a contract.
        raw: its name in the source.
        type: its type, with its role; empty if it cannot be typed.
        left_out: the reason why a contract would leave it out; empty if it would not.
        evidence: the reason for its type and role; empty where they need none.
        nulls: the number of missing values.
        distinct: the number of different values.
        low: the smallest value, as text; empty if it has an order that says nothing.
        high: the largest value.
        choices: the closed set of values; empty for an open one.
        examples: the first different values, as they are written in the source.
        doubts: what another reader could read in another way.
    """

    name: str
    raw: str
    type: str
    role: str = ""
    left_out: str = ""
    evidence: str = ""
    nulls: int = 0
    distinct: int = 0
    low: str = ""
    high: str = ""
    choices: tuple[Any, ...] = ()
    examples: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def values_text(self) -> str:
        """The range or the choices in one line."""
        if self.choices:
            more = f" and {len(self.choices) - _MAX_CHOICES} more" if len(self.choices) > _MAX_CHOICES else ""
            return " | ".join(map(str, self.choices[:_MAX_CHOICES])) + more
        return f"{self.low} … {self.high}" if self.low != self.high else self.low

    @property
    def notes(self) -> list[str]:
        """The lines below the column: the reason for its type, or why it is left out, and doubts."""
        left_out = [f"left out: {self.left_out}"] if self.left_out else []
        return [*left_out, *([self.evidence] if self.evidence else []), *(f"! {d}" for d in self.doubts)]


@dataclass(frozen=True)
class Look:
    """What a source has, as ``ingest`` and ``magical new`` would read it.

    Attributes:
        source: the source, as it was given.
        rows: the number of its rows.
        seen_rows: the number of rows whose values were looked at.
        columns: its columns in order.
        facts: how it is written, such as its encoding.
        remarks: what another reader could read in another way.
        reading: what the author said of it.
        targets: the columns that could be predicted, the likeliest first.
        settled: what the author could say so that the same rows are read, and no remark is left.
    """

    source: str
    rows: int
    seen_rows: int
    columns: tuple[ColumnView, ...]
    facts: Mapping[str, str]
    remarks: tuple[str, ...]
    reading: Reading
    targets: tuple[str, ...] = ()
    settled: Reading | None = None

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        columns = [asdict(c) for c in self.columns]
        for column in columns:
            column["choices"] = [
                c if isinstance(c, (bool, int, float)) else str(c) for c in column["choices"]
            ]
        return {
            "source": self.source,
            "rows": self.rows,
            "seen_rows": self.seen_rows,
            "facts": dict(self.facts),
            "remarks": list(self.remarks),
            "reading": self.reading.model_dump(exclude_defaults=True),
            "line": self.line,
            "columns": columns,
        }

    @property
    def line(self) -> str:
        """The line that reads the source in a project, with all that the author said of it, or could say."""
        given = (self.settled or self.reading).model_dump(exclude_defaults=True)
        words = ", ".join(quote_arguments(given))
        return f"ingest(s.source, Reading({words}))" if words else "ingest(s.source)"

    def to_text(self, width: int = DEFAULT_WIDTH) -> str:
        """Format as a table whose lines have at most ``width`` characters."""
        lines = [*wrap_note(self._title, width, ""), *self._remark_lines(width), ""]
        rows = [_table_row(c) for c in self.columns]
        lines += [fit_table(_HEAD, rows, [c.notes for c in self.columns], width), ""]
        return "\n".join([*lines, *self._next_lines(width)])

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(title.removeprefix('>'))}</th>" for title in (*_HEAD, "notes"))
        rows = []
        for column in self.columns:
            cells = [*_table_row(column), "; ".join(column.notes)]
            rows.append("".join(f"<td>{escape(shorten(cell, 400))}</td>" for cell in cells))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        above = "".join(f"<p>{escape(shorten(text, 400))}</p>" for text in (self._title, *self.remarks))
        return f"{above}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    @property
    def _title(self) -> str:
        # The other facts are in the remarks, with their lines.
        shown = [n for n in ("encoding", "delimiter", "quote", "header_line") if n in self.facts]
        facts = "".join(f"; {name.replace('_', ' ')} {self.facts[name] or 'none'}" for name in shown)
        seen = f", {self.seen_rows:,} of them looked at" if self.seen_rows < self.rows else ""
        rows, columns = (
            f"{count:,} {word}{'' if count == 1 else 's'}"
            for count, word in ((self.rows, "row"), (len(self.columns), "column"))
        )
        return f"{self.source}: {rows}{seen}, {columns}{facts}"

    def _remark_lines(self, width: int) -> Iterator[str]:
        for remark in self.remarks:
            yield from wrap_note(f"! {remark.removeprefix(f'{self.source}: ')}", width, "  ")

    def _next_lines(self, width: int) -> Iterator[str]:
        name = shlex.quote(self.source)
        if self.settled:
            yield f"To say so in the project: {self.line}"
        elif self.reading != _NOTHING_SAID:
            yield f"In the project: {self.line}"
        elif self.remarks:
            options = ", ".join(Reading.model_fields)
            text = f"To read it in another way: magical look {name} KEY=VALUE, with {options}."
            yield from wrap_note(text, width, "")
        if self.source != _IN_MEMORY and Path(self.source).exists():  # `new` copies files: no pattern, no URL
            target = f" --target {shlex.quote(self.targets[0])}" if self.targets else ""
            yield " ".join([f"Next: magical new NAME --data {name}{target}", *format_reading(self.reading)])


def look(source: Any, reading: Reading = _NOTHING_SAID, *, max_rows: int | None = MAX_ROWS) -> Look:
    r"""Look at a source: what would be read, column by column, and why.

    Args:
        source: a file, a folder, a pattern or a URL that ``ingest`` can read; or a table in memory.
        reading: what the author says of the source; the rest is found out.
        max_rows: the most rows whose values are looked at, spread over the source; None for all.

    Raises:
        InputError: the source cannot be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "customers.csv")
        >>> _ = path.write_text("ID;Income\n1;10,5\n2;\n3;20,5\n")
        >>> [(c.name, c.type, c.nulls) for c in look(path).columns]
        [('id', 'Id[int]', 0), ('income', 'float | None', 1)]
    """
    raw, name = read_source(source, reading), str(source) if isinstance(source, (str, Path)) else _IN_MEMORY
    if raw.table.is_empty():
        names = join_names(raw.table.columns, 6)
        raise InputError(
            f"{name} has {raw.table.width} column names and no rows: {names}.",
            hint="give a source with at least one row.",
        )
    seen = _take_rows(raw.table, max_rows)
    typed = infer_text_types(seen, raw.facts.get("delimiter", ""))
    schema = infer_contract(typed, class_name(Path(name).stem))
    columns = tuple(_view_columns(typed, schema))
    targets = rank_targets([ColumnStats(c) for c in typed.table.get_columns()])
    roles = {c.raw for c in columns if c.role or c.left_out}
    kept = [t for t in targets if t not in roles]
    columns = tuple(_doubt_rare_class(c, typed.table[c.raw]) if c.raw in kept[:1] else c for c in columns)
    return Look(
        name,
        raw.table.height,
        seen.height,
        columns,
        raw.facts,
        raw.remarks,
        reading,
        tuple(kept),
        settle_reading(source, raw) if reading == _NOTHING_SAID else None,
    )


def parse_reading(words: Iterable[str]) -> Reading:
    r"""Parse ``key=value`` words as what an author says of a source.

    Texts need no quotes, ``tab`` or ``\\t`` is a tab, and several ``nulls`` are given as ``nulls=-,n/a``.

    Raises:
        SettingsError: a key is unknown, or has an impossible value.

    Example:
        >>> parse_reading(["header=3", "decimal=,", "nulls=-,n/a"]).model_dump(exclude_defaults=True)
        {'header': 3, 'decimal': ',', 'nulls': ('-', 'n/a')}
    """
    options = [word.partition("=") for word in words]
    values = {key: _parse_option(key, text) for key, _, text in options}
    reading = load_settings(Reading, [Layer(COMMAND_LINE, values)]).settings
    assert isinstance(reading, Reading)
    return reading


def format_reading(reading: Reading) -> list[str]:
    """Write a reading as the ``key=value`` words of a command line, quoted for a shell.

    Example:
        >>> format_reading(Reading(header=3, delimiter=";", nulls=("-", "n/a")))
        ['header=3', "'delimiter=;'", 'nulls=-,n/a']
    """
    given = reading.model_dump(exclude_defaults=True)
    texts = {k: ",".join(v) if isinstance(v, tuple) else str(v) for k, v in given.items()}
    return [shlex.quote(f"{k}={text}".replace("\t", "tab")) for k, text in texts.items()]


def _parse_option(key: str, text: str) -> Any:
    hint = str(Reading.model_fields[key].annotation) if key in Reading.model_fields else ""
    if "int" in hint:
        return int(text) if text.isdecimal() else text
    if "tuple" in hint:
        return tuple(text.split(","))
    return {"tab": "\t", "\\t": "\t"}.get(text, text) if key == "delimiter" else text


def _doubt_rare_class(target: ColumnView, values: pl.Series) -> ColumnView:
    """Add a doubt to the likeliest target if it has a class of hardly any rows."""
    has_classes = bool(target.choices) or target.type.startswith("bool")
    rare = describe_rare_class(values) if has_classes else ""
    return replace(target, doubts=(*target.doubts, rare)) if rare else target


def _take_rows(table: pl.DataFrame, max_rows: int | None) -> pl.DataFrame:
    """Take half of the rows that may be looked at from the head, the others evenly from the rest."""
    if max_rows is None or table.height <= max_rows:
        return table
    head = max_rows // 2
    others, rest = max_rows - head, table.height - head
    return pl.concat([table.head(head), table[pl.int_range(others, eager=True) * rest // others + head]])


def _view_columns(typed: TypedTable, schema: InferredSchema) -> Iterator[ColumnView]:
    names = field_names(typed.table.columns)
    for values in typed.table.get_columns():
        raw, name = values.name, names[values.name]
        column, doubt = schema.by_name.get(name), typed.remarks.get(values.name, "")
        stats = ColumnStats(values, typed.formats.get(raw, ""), typed.raw[raw])
        low, high = _find_range(stats, column)
        reasons = schema.reasons.get(name, "").replace(doubt, "").split("; ")
        yield ColumnView(
            name=name,
            raw=raw,
            type=_type_text(column) if column else stats.kind,
            role=column.role if column else "",
            left_out="" if column else schema.left_out.get(raw, "").replace(f"; {doubt}", ""),
            evidence="; ".join(r for r in reasons if r and not r.startswith("missing in ")),
            nulls=stats.missing_count,
            distinct=stats.unique_count,
            low=low,
            high=high,
            choices=column.choices if column else (),
            examples=_find_examples(typed.raw[raw]),
            doubts=(doubt.removeprefix(f"{raw}: "),) if doubt else (),
        )


def _type_text(column: Column) -> str:
    """Return the type of a column with its role, without the choices."""
    plain = "Literal" if column.choices else column.type
    plain += " | None" if column.nullable else ""
    return f"{column.role.capitalize()}[{plain}]" if column.role else plain


def _find_range(stats: ColumnStats, column: Column | None) -> tuple[str, str]:
    """Return the smallest and the largest value as texts; empty for texts, whose order says nothing."""
    if stats.kind in ("", "str", "bool") or not len(stats.present) or (column and column.choices):
        return "", ""
    return _format_value(stats.low), _format_value(stats.high)


def _format_value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else shorten(value, _MAX_TEXT)


def _find_examples(raw: pl.Series) -> tuple[str, ...]:
    """Return the first different values that are there, shortened."""
    texts = (shorten(value, _MAX_TEXT) for value in raw.drop_nulls().head(1000).to_list())
    return tuple(
        text for text, _ in zip(dict.fromkeys(t for t in texts if t), range(_EXAMPLES), strict=False)
    )


def _table_row(column: ColumnView) -> list[str]:
    nulls = f"{column.nulls:,}" if column.nulls else ""
    kind = column.type or "?"
    kind = f"({kind})" if column.left_out else kind
    raw = column.raw if column.raw != column.name else ""
    examples = " | ".join(column.examples)
    return [column.name, raw, kind, nulls, f"{column.distinct:,}", column.values_text, examples]
