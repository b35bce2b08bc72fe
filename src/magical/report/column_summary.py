"""Summaries of a table's columns: type, nulls, distinct values, quantiles and a small histogram of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Schema
from magical.errors import join_names, shorten
from magical.report.terminal.document_text import small_bars
from magical.views.document import Axis, Bars, Block, Cell, Chart, Details, Paragraph, Table

__all__ = ["ColumnSummary", "column_blocks", "summarize_columns"]

MAX_ROWS, MAX_CELLS = 1_000_000, 20_000_000
"""Of a larger table, nulls, distinct values and both ends are of all rows, and the rest is of a sample."""

MAX_CHARTS = 30
"""The number of columns whose histogram is also drawn large."""

_MIN_SAMPLE = 10_000  # rows, however many columns there are
_BINS, _MIN_BINS, _COMMONEST = 12, 8, 5
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
_MAX_VALUE = 40  # characters of a value from the data

Bins = tuple[tuple[float, float, int], ...]


@dataclass(frozen=True)
class ColumnSummary:
    """One column in numbers; texts from the data are masked and cut.

    Attributes:
        type: its type in words, such as ``datetime, UTC``.
        distinct: the number of different values beside null; None if they cannot be counted.
        is_about: True if ``distinct`` is an estimate.
        quantiles: the smallest value, the three quartiles and the largest one; empty without an order.
        commonest: the most frequent values, each with its rows; empty if each is there once.
        bins: (left, right, rows) of a histogram, or of the commonest values.
        labels: the names of the bins, if they are values or moments.
        remark: what else there is to know, such as infinite values, or why something is missing.
        sampled: the number of rows that quartiles, commonest values and bins are from; 0 for all.
        role: its role in the contract.
        description: its description in the contract.
    """

    name: str
    type: str
    rows: int
    nulls: int
    distinct: int | None = None
    is_about: bool = False
    quantiles: tuple[Cell, ...] = ()
    commonest: tuple[tuple[str, int], ...] = ()
    bins: Bins = ()
    labels: tuple[str, ...] = ()
    remark: str = ""
    sampled: int = 0
    role: str = ""
    description: str = ""

    @property
    def histogram(self) -> str:
        """The histogram with one block character a bin, such as ``▁▃█▂``; a bin without rows is a space."""
        return small_bars([count for *_, count in self.bins])

    @property
    def values_text(self) -> str:
        """The smallest value, quartiles and largest value; the commonest values if there are few or no order.

        Example:
            >>> summarize_columns(pl.DataFrame({"grade": ["b", "a", "b"]}))[0].values_text
            'b (2), a (1)'
        """
        if self.quantiles and (self.distinct or 0) > _COMMONEST:
            return " · ".join(map(_number_text, self.quantiles))
        return ", ".join(f"{value} ({rows:,})" for value, rows in self.commonest)

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON, without empty fields."""
        wanted = ("name", "type", "rows", "nulls", "distinct")
        return {k: v for k, v in asdict(self).items() if k in wanted or v not in ("", (), 0, False)}


def summarize_columns(
    table: pl.DataFrame | pl.LazyFrame, schema: Schema | None = None
) -> list[ColumnSummary]:
    """Summarize each column of a table, whatever its type.

    Args:
        table: the rows; of very many, every n-th is read for quartiles, commonest values and histograms.
        schema: the contract, for roles and descriptions; None without one.

    Example:
        >>> found = summarize_columns(pl.DataFrame({"age": [20, 30, 30, None]}))[0]
        >>> found.nulls, found.distinct, found.quantiles, found.histogram
        (1, 2, (20, 20, 30, 30, 30), '▄█')
    """
    dtypes = table.collect_schema()
    rows = table.height if isinstance(table, pl.DataFrame) else int(table.select(pl.len()).collect().item())
    every = math.ceil(rows / min(MAX_ROWS, max(_MIN_SAMPLE, MAX_CELLS // max(len(dtypes), 1))))
    totals = _count_in_all_rows(table, dtypes) if every > 1 else {}
    sample = table.gather_every(every) if every > 1 else table
    frame = sample if isinstance(sample, pl.DataFrame) else sample.collect(engine="streaming")
    columns = {c.name: c for c in schema.columns} if schema else {}
    found = []
    for values in frame:
        summary = _summarize(values)
        if every > 1:
            summary = _with_totals(summary, rows, totals.get(values.name, {}))
        if column := columns.get(values.name):
            summary = replace(summary, role=column.role, description=shorten(column.description, 200))
        found.append(summary)
    return found


def column_blocks(summaries: Sequence[ColumnSummary]) -> tuple[Block, ...]:
    """Show summaries as a table with a line a column, and larger histograms folded below it.

    Example:
        >>> column_blocks(summarize_columns(pl.DataFrame({"grade": ["b", "a", "b"]})))[0].rows
        (('grade', 'str', '0', '2', '█▄', 'b (2), a (1)'),)
    """
    if not summaries:
        return (Paragraph("no columns"),)
    sampled = max(s.sampled for s in summaries)
    text = f"Quartiles, commonest values and histograms are of {sampled:,} rows"
    blocks: list[Block] = (
        [Paragraph(f"{text} out of {summaries[0].rows:,}, evenly spaced.")] if sampled else []
    )
    blocks.append(_make_table(summaries))
    charts = [_make_chart(s) for s in summaries if s.bins and s.role != "id"]
    if charts:
        rest = len(charts) - MAX_CHARTS
        more = (Paragraph(f"{rest} more columns have a small histogram only."),) if rest > 0 else ()
        blocks.append(Details("Histograms of the columns", (*charts[:MAX_CHARTS], *more)))
    return tuple(blocks)


def _make_table(summaries: Sequence[ColumnSummary]) -> Table:
    head = (
        "column",
        "type",
        ">nulls",
        ">distinct",
        "histogram",
        "range, quartiles or commonest",
        "remark",
    )
    rows = [
        (
            s.name,
            s.type,
            f"{s.nulls:,} ({_percent_text(s.nulls, s.rows)})" if s.nulls else "0",
            "?" if s.distinct is None else f"{'about ' if s.is_about else ''}{s.distinct:,}",
            s.histogram,
            s.values_text,
            "; ".join(filter(None, [s.role, s.remark, s.description])),
        )
        for s in summaries
    ]
    shown = [i for i, title in enumerate(head) if title != "remark" or any(r[i] for r in rows)]
    return Table(tuple(head[i] for i in shown), tuple(tuple(row[i] for i in shown) for row in rows))


def _percent_text(count: int, rows: int) -> str:
    share = count / rows
    return f"{share:.1%}" if 0.001 <= share <= 0.999 or share == 1 else "<0.1%" if share < 0.5 else ">99.9%"


def _make_chart(summary: ColumnSummary) -> Chart:
    axis = Axis(summary.name, summary.labels)
    return Chart(summary.name, _reading(summary), axis, Axis("rows", low=0.0), (Bars(summary.bins),))


def _reading(summary: ColumnSummary) -> str:
    """Say in a sentence what the histogram shows."""
    about = "about " if summary.is_about else ""
    values = "value" if summary.distinct == 1 else "values"
    texts = [f"{about}{summary.distinct:,} distinct {values}"] if summary.distinct is not None else []
    texts.append(f"{summary.nulls:,} of {summary.rows:,} rows are null" if summary.nulls else "no nulls")
    if summary.quantiles and (summary.distinct or 0) > _COMMONEST:
        _, low, middle, high, _ = map(_number_text, summary.quantiles)
        texts.append(f"half of the values lie from {low} to {high}, and the median is {middle}")
    elif summary.commonest:
        texts.append(f"the commonest is {summary.commonest[0][0]}")
    text = "; ".join(texts)
    return f"{text[:1].upper()}{text[1:]}."


def _count_in_all_rows(
    table: pl.DataFrame | pl.LazyFrame, dtypes: Mapping[str, pl.DataType]
) -> dict[str, dict[str, Any]]:
    """Count nulls and, where it can be done in a stream, distinct values, and find both ends."""
    exprs = []
    for i, (name, dtype) in enumerate(dtypes.items()):
        column = pl.col(name)
        exprs.append(column.null_count().alias(f"{i} nulls"))
        if not dtype.is_nested() and dtype != pl.Object:
            exprs.append(column.drop_nulls().approx_n_unique().alias(f"{i} distinct"))
        if _has_order(dtype):
            finite = column.filter(column.is_finite()) if dtype.is_float() else column
            exprs += [finite.min().alias(f"{i} low"), finite.max().alias(f"{i} high")]
    found = (
        table.select(exprs)
        if isinstance(table, pl.DataFrame)
        else table.select(exprs).collect(engine="streaming")
    )
    return {
        name: {
            key: found[f"{i} {key}"] for key in ("nulls", "distinct", "low", "high") if f"{i} {key}" in found
        }
        for i, name in enumerate(dtypes)
    }


def _with_totals(summary: ColumnSummary, rows: int, totals: Mapping[str, pl.Series]) -> ColumnSummary:
    """Replace the figures of a sample with those of all rows, where there are such."""
    distinct, quantiles = None, summary.quantiles
    if "distinct" in totals:
        distinct = max(totals["distinct"].item(), summary.distinct or 0)
    if quantiles and "low" in totals:
        low, high = (_to_cells(totals[end])[0] for end in ("low", "high"))
        quantiles = (low, *quantiles[1:-1], high)
    return replace(
        summary,
        rows=rows,
        nulls=totals["nulls"].item(),
        distinct=distinct,
        is_about=distinct is not None,
        quantiles=quantiles,
        sampled=summary.rows,
        remark=summary.remark if distinct is not None else "too many rows to count distinct lists or structs",
    )


def _summarize(values: pl.Series) -> ColumnSummary:
    summary = ColumnSummary(
        shorten(values.name, 100), _type_text(values.dtype), len(values), values.null_count()
    )
    if summary.nulls == summary.rows:
        return replace(summary, distinct=0, remark="all null" if summary.rows else "no rows")
    try:
        return _summarize_present(summary, values.drop_nulls())
    except pl.exceptions.PolarsError as error:  # of an object, for one, nothing else can be told
        reason = f"{summary.type} cannot be summarized: {shorten(error, 80)}"
        return replace(summary, remark=reason)


def _summarize_present(summary: ColumnSummary, values: pl.Series) -> ColumnSummary:
    """Summarize the values beside null, of which there is at least one."""
    if values.dtype.is_nested() or values.dtype in (pl.Object, pl.Binary):
        distinct = None if values.dtype == pl.Object else values.n_unique()
        remark = "objects cannot be compared" if values.dtype == pl.Object else _size_text(values)
        return replace(summary, distinct=distinct, remark=remark)
    remarks: list[str] = []
    if _has_order(values.dtype):
        values = values.sort()  # once: runs, quantiles and bins are cheap in sorted values
        runs = values.rle().struct.unnest()
        counts = runs.select(value="value", count="len")
        summary = replace(summary, distinct=counts.height)
        if _is_beyond_calendar(values):
            return replace(summary, remark="reaches beyond the years 1 to 9999")
        values, remarks = _split_infinite(values)
        summary = replace(summary, quantiles=_to_cells(_pick_quantiles(values)))
    else:
        summary = replace(summary, distinct=values.n_unique())
        is_free = (summary.distinct or 0) > max(_BINS, len(values) // 2)
        # Counting texts that nearly all differ is dear, and tells nothing.
        counts = values.clear().value_counts() if is_free else values.value_counts()
        counts.columns = ["value", "count"]
        remarks += (
            [_size_text(values)] if (summary.distinct or 0) > _BINS and values.dtype == pl.String else []
        )
    if summary.distinct == 1 and not summary.nulls:
        remarks.append("constant")
    top = _find_commonest(counts, summary.distinct or 0)
    bins, labels = _make_bins(values, summary.distinct or 0, top)
    return replace(summary, commonest=top[:_COMMONEST], bins=bins, labels=labels, remark=", ".join(remarks))


def _has_order(dtype: pl.DataType) -> bool:
    """Return True for numbers and moments."""
    return dtype.is_numeric() or dtype.is_temporal()


def _is_beyond_calendar(ordered: pl.Series) -> bool:
    """Return True if a moment has no text: polars panics at some."""
    day = {"ms": 86_400_000, "us": 86_400_000_000}
    units = day.get(getattr(ordered.dtype, "time_unit", None) or "", 1 if ordered.dtype == pl.Date else 0)
    if not units or ordered.dtype == pl.Duration:
        return False
    ends = ordered.to_physical().gather([0, -1])
    return not ends.is_between(-719_162 * units, 2_932_896 * units).all()


def _split_infinite(values: pl.Series) -> tuple[pl.Series, list[str]]:
    """Drop what is infinite or not a number, and tell how much that was."""
    if not values.dtype.is_float():
        return values, []
    finite = values.filter(values.is_finite())
    if len(finite) == len(values):
        return values, []
    nans = int(values.is_nan().sum())
    counts = {"NaN": nans, "infinite": len(values) - len(finite) - nans}
    return finite, [f"{count:,} {name}" for name, count in counts.items() if count]


def _pick_quantiles(ordered: pl.Series) -> pl.Series:
    last = len(ordered) - 1
    return ordered.gather([round(q * last) for q in _QUANTILES]) if last >= 0 else ordered


def _find_commonest(counts: pl.DataFrame, distinct: int) -> tuple[tuple[str, int], ...]:
    """Find the most frequent values, ties in their own order; those found once only if there are few."""
    number = min(_BINS, counts.height)
    if not number:
        return ()
    least = int(counts["count"].top_k(number).min())  # type: ignore[arg-type]
    least = max(least, 1 if distinct <= _BINS else 2)
    found = counts.filter(pl.col("count") >= least)
    found = found.sort(["count", "value"], descending=[True, False]).head(number)
    return tuple(zip(map(_value_text, _to_cells(found["value"])), found["count"], strict=True))


def _make_bins(
    ordered: pl.Series, distinct: int, top: tuple[tuple[str, int], ...]
) -> tuple[Bins, tuple[str, ...]]:
    """Cut numbers and moments into bins of one width; few values, and texts, have a bin each."""
    dtype = ordered.dtype
    if not _has_order(dtype):
        # Without a bin for all others: it would be the only one to be seen.
        return tuple((float(i), i + 1.0, n) for i, (_, n) in enumerate(top)), tuple(v for v, _ in top)
    if not len(ordered):
        return (), ()
    numbers = (ordered.to_physical() if dtype.is_temporal() else ordered.cast(pl.Float64)).to_numpy()
    low, high = float(numbers[0]), float(numbers[-1])
    if distinct <= _BINS and not dtype.is_float():
        values = ordered.unique(maintain_order=True)
        lefts = np.searchsorted(numbers, np.unique(numbers))
        counts = np.diff([*lefts, len(numbers)])
        labels = tuple(map(_value_text, _to_cells(values)))
        return tuple((float(i), i + 1.0, int(n)) for i, n in enumerate(counts)), labels
    edges = _find_edges(low, high, dtype.is_integer())
    places = np.searchsorted(numbers, edges[1:-1])
    counts = np.diff([0, *places, len(numbers)])
    bins = tuple((float(a), float(b), int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False))
    if not dtype.is_temporal():
        return bins, ()
    starts = pl.Series(edges[:-1]).cast(pl.Int64).cast(ordered.to_physical().dtype).cast(dtype)
    moments = tuple(map(str, _to_cells(starts)))
    return tuple((float(i), i + 1.0, n) for i, (*_, n) in enumerate(bins)), moments


def _find_edges(low: float, high: float, is_whole: bool) -> list[float]:
    if is_whole:  # each bin has the same number of whole numbers, or the picture would have false teeth
        span = int(high - low) + 1
        least = math.ceil(span / _BINS)
        widths = range(least, math.ceil(span / _MIN_BINS) + 1) if span < 1000 else [least]
        width = min(widths, key=lambda w: math.ceil(span / w) * w - span)  # the last bin as full as can be
        return [low + width * i for i in range(math.ceil(span / width) + 1)]
    if low == high:
        return [low, high]
    # Divided before it is subtracted: the range of finite numbers can be infinite.
    part = high / _BINS - low / _BINS
    return [*(low + part * i for i in range(_BINS)), high]


def _size_text(values: pl.Series) -> str:
    dtype = values.dtype
    match dtype:
        case pl.String:
            sizes, unit = values.str.len_chars(), "characters"
        case pl.Binary:
            sizes, unit = values.bin.size(), "bytes"
        case pl.List():
            sizes, unit = values.list.len(), "members"
        case _:
            return ""
    low, high = sizes.min(), sizes.max()
    unit = unit.removesuffix("s") if high == 1 else unit
    return f"{low!s} {unit}" if low == high else f"{low!s} to {high!s} {unit}"


def _to_cells(values: pl.Series) -> tuple[Cell, ...]:
    """Convert values to numbers, or else to texts that polars makes: not all moments exist in Python."""
    dtype = values.dtype
    if dtype.is_integer() or dtype.is_float() or dtype == pl.Boolean:
        return tuple(values)
    if dtype.is_decimal():
        return tuple(values.cast(pl.Float64))
    if dtype == pl.Duration:
        return tuple(values.dt.to_string("polars"))
    texts = values.cast(pl.String)
    if dtype.is_temporal():  # no fraction of a second that is nought, and no midnight
        texts = texts.str.replace(r"\.0+($|[^0-9])", "$1").str.replace(r" 00:00:00$", "")
    return tuple(texts)


def _value_text(value: Cell) -> str:
    return _number_text(value) if isinstance(value, int | float) else shorten(value, _MAX_VALUE)


def _number_text(value: Cell) -> str:
    """Write a number as the data do: a year or an id has no comma."""
    if isinstance(value, float):
        is_long = abs(value) < 1e15 and (value.is_integer() or abs(value) >= 1e4)
        return f"{value:.0f}" if is_long else f"{value:.4g}"
    return str(value)


def _type_text(dtype: pl.DataType) -> str:
    """Name a type in words of contracts, with what a contract does not say."""
    kind, text = dtype_kind(dtype), str(dtype)
    match dtype:
        case pl.Datetime(time_zone=zone) if zone:
            return f"datetime, {zone}"
        case pl.Enum():
            return f"str, one of {len(dtype.categories)}"
        case pl.Categorical():
            return "str, categorical"
        case pl.Decimal():
            return f"decimal, {dtype.scale} places"
        case pl.List() | pl.Array():
            return f"list of {_type_text(dtype.inner)}"  # type: ignore[arg-type]
        case pl.Struct():
            return f"struct of {join_names([shorten(f.name, 20) for f in dtype.fields], 4)}"
        case _ if dtype.is_numeric() and dtype not in (pl.Int64, pl.Float64):
            return f"{kind}, {text.lower()}"
    return kind.lower()
