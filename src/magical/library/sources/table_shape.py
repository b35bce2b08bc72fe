"""Rows and columns of a table of texts that hold no data: totals, repeated headers, columns without names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from magical.errors import join_names, shorten

__all__ = ["drop_repeated_headers", "drop_totals", "name_columns", "settle_columns"]

_TOTAL = re.compile(
    r"(grand |sub|sub-|over ?all |column |general )?(totals?|sums?|averages?|avg|means?)"
    r"|(gesamt|zwischen|end)?summen?|gesamt|insgesamt|mittelwert|durchschnitt|ø|∑"
    r"|total(es|en|i|e)? ?(général|general|geral|generale)?"
    r"|somme|suma|soma|somma|summa|totaal|gemiddelde|moyenne|promedio|media|média|razem|celkem|итого|всего",
    re.IGNORECASE,
)
_MEAN = re.compile(
    r"(grand |over ?all |column |general )?"
    r"(average|avg|mean|mittel|durchschnitt|ø|moyenne|promedio|m[eé]dia|gemiddelde)",
    re.IGNORECASE,
)
_MOST_TOTALS = 4
_FEW_ROWS = 20
_BESIDE_DIGITS = re.compile(r"[\s\u00a0\u202f'’_$€£¥%]")
_NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*")
_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)")
_THOUSANDS = {".": ",", ",": "."}


def name_columns(
    table: pl.DataFrame, header: Sequence[str | None], name: str
) -> tuple[pl.DataFrame, list[str]]:
    """Rename the columns as the header says, each in its own way; return the table and remarks.

    Empty columns without a name at the end are left out: their lines end with a delimiter. Of columns with
    one name and equal values one stays; other columns of one name get a number, as those without a name do.

    Args:
        table: the rows.
        header: the names as they are written.
        name: the name of the file, for the remarks.

    Example:
        >>> table = pl.DataFrame({"x": ["1", "3"], "y": ["2", "4"]})
        >>> name_columns(table, ["a", "a"], "a.csv")[0].columns
        ['a', 'a_2']
    """
    positions, remarks = settle_columns(table, header, name)
    return pl.DataFrame([table.to_series(i).alias(text) for text, i in positions.items()]), remarks


def settle_columns(
    table: pl.DataFrame, header: Sequence[str | None], name: str
) -> tuple[dict[str, int], list[str]]:
    """Return the position of each column that ``name_columns`` keeps, by its new name, and remarks.

    Example:
        >>> settle_columns(pl.DataFrame({"x": ["1"], "y": ["2"]}), ["a", "a"], "a.csv")[0]
        {'a': 0, 'a_2': 1}
    """
    names = [(text or "").strip() for text in header]
    remarks = []
    width = len(names)
    while width > 1 and not names[width - 1] and table.to_series(width - 1).is_null().all():
        width -= 1
    if width < len(names):
        count = "column is" if len(names) - width == 1 else f"{len(names) - width} columns are"
        remarks.append(f"{name}: the lines end with a delimiter; the last {count} empty and left out.")
    taken, kept, same, unnamed = set(names), dict[str, int](), [], []
    for i, text in enumerate(names[:width]):
        series = table.to_series(i)
        if not text:
            unnamed.append(i + 1)
            kept[_free_name("unnamed", i + 1, taken)] = i
        elif text not in kept:
            kept[text] = i
        elif series.equals(table.to_series(kept[text]), null_equal=True):
            same.append(text)
        else:
            new = _free_name(text, 2, taken)
            kept[new] = i
            remarks.append(f"{name}: two columns are called {text}; column {i + 1} is called {new}.")
    if same:
        remarks.append(
            f"{name}: of columns with one name and the same values one is read: {join_names(same, 4)}."
        )
    if unnamed:
        counts = " and counts the rows" if unnamed == [1] and _counts_rows(table.to_series(0)) else ""
        plural = f"column {unnamed[0]} has" if len(unnamed) == 1 else f"columns {join_names(unnamed, 4)} have"
        called = "it is called" if len(unnamed) == 1 else "they are called"
        new_names = join_names([n for n in kept if n not in names], 4) if not same else ""
        remarks.append(f"{name}: {plural} no name{counts}; {called} {new_names}.")
    return kept, remarks


def _free_name(base: str, number: int, taken: set[str]) -> str:
    """Return the base with the first number from this one on that gives a new name, which is taken then."""
    new = f"{base}_{number}"
    while new in taken:
        number += 1
        new = f"{base}_{number}"
    taken.add(new)
    return new


def _counts_rows(series: pl.Series) -> bool:
    """Return True if the values are 0, 1, 2, … or 1, 2, 3, …."""
    numbers = series.cast(pl.Int64, strict=False)
    first = numbers[0] if len(numbers) else None
    return first in (0, 1) and numbers.equals(pl.Series(range(first, first + len(numbers)), dtype=pl.Int64))


def drop_repeated_headers(
    table: pl.DataFrame, header: Sequence[str | None], name: str
) -> tuple[pl.DataFrame, list[str]]:
    """Drop the rows that repeat the header, as joined files have them; return the table and remarks.

    Args:
        table: the rows.
        header: the names as they are written.
        name: the name of the file, for the remarks.

    Example:
        >>> table = pl.DataFrame({"x": ["1", "a", "2"], "y": ["3", "b", "4"]})
        >>> drop_repeated_headers(table, ["a", "b"], "a.csv")[0].rows()
        [('1', '3'), ('2', '4')]
    """
    named = [i for i, text in enumerate(header) if text]
    # One column first: hardly any file repeats its header, and then one comparison is all it costs.
    if not named or not (table.to_series(named[0]) == header[named[0]]).any():
        return table, []
    repeated = pl.all_horizontal(
        pl.col(column).eq_missing(pl.lit(text, pl.String))
        for column, text in zip(table.columns, header, strict=True)
    )
    rows = table.filter(~repeated)
    count = table.height - rows.height
    return rows, [f"{name}: lines that repeat the header are left out: {count:,}."] if count else []


def drop_totals(table: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[str]]:
    """Drop the last rows that hold the sums or means of the rows above; return the table and remarks.

    A row that is only called a total stays, with a remark.

    Args:
        table: the rows.
        name: the name of the file, for the remarks.

    Example:
        >>> table = pl.DataFrame({"a": ["x", "y", "Total"], "n": ["2", "3", "5"]})
        >>> drop_totals(table, "a.csv")[0].rows()
        [('x', '2'), ('y', '3')]
    """
    count = 0
    while count < min(_MOST_TOTALS, table.height - 1) and _find_label(table.row(-1 - count)):
        count += 1
    if not count and table.height > 2 and _could_be_sums(table):
        count = 1
    remarks = []
    for rest in range(count, 0, -1):  # the rows from here on are totals, or the first of them is a row
        above = table[: table.height - rest]
        last = [table.row(i) for i in range(above.height, table.height)]
        labels = [_find_label(row) for row in last]
        if all(_is_total(above, row) for row in last):
            are = "row is a total" if rest == 1 else f"{rest} rows are totals"
            shown = join_names((", ".join(filter(None, row)) for row in last), 2)
            remarks.append(f"{name}: the last {are} of those above, and left out: {shorten(shown, 80)}.")
            return above, remarks
        if labels[0]:
            remarks.append(
                f"{name}: a row at the end is called {labels[0]!r} and kept: its numbers are no sums or "
                "means of those above. If it is no row, say Reading(skip_footer=1)."
            )
        elif above.height > 2 and any(
            _is_sum(above.to_series(i), c) for i, c in enumerate(map(_tidy, last[0]))
        ):
            remarks.append(
                f"{name}: the last row is kept, though it lacks a text that all others have, and has a sum "
                "of those above. If it is no row, say Reading(skip_footer=1)."
            )
    return table, remarks


def _find_label(row: Sequence[str | None]) -> str:
    """Return the first text of a row if it is a word for a total, else an empty text."""
    first = next((cell for cell in map(_tidy, row) if cell and not _NUMBER.fullmatch(cell)), "")
    return first if _TOTAL.fullmatch(first.split(":")[0].rstrip(" .")) else ""


def _could_be_sums(table: pl.DataFrame) -> bool:
    """Return True if a last row lacks a text, and has a number as large as those right above it together.

    A quick look: the columns as a whole are summed only then.
    """
    row, above = table.row(-1), table[:-1].tail(_FEW_ROWS).rows()
    filled = [i for i, cell in enumerate(row) if cell]
    blank_texts = [i for i, cell in enumerate(row) if not cell and all(r[i] for r in above)]
    if len(filled) < 2 or not blank_texts:
        return False
    for i in filled:
        column = (
            [_to_number(r[i], ".") for r in above if r[i]],
            [_to_number(r[i], ",") for r in above if r[i]],
        )
        total = _to_number(row[i], "."), _to_number(row[i], ",")
        if any(_is_sum_of(v, t) for v, t in zip(column, total, strict=True)):
            return True
    return False


def _is_sum_of(values: Sequence[float | None], total: float | None) -> bool:
    numbers = [v for v in values if v is not None]
    return (
        total is not None
        and len(numbers) == len(values) > 0
        and min(numbers) >= 0 < total >= 0.99 * sum(numbers)
    )


def _is_total(above: pl.DataFrame, row: Sequence[str | None]) -> bool:
    """Return True if a row has only numbers beside its word, at least half of them sums or means of a column.

    The numbers stand behind the word; before it there may be an index.
    """
    cells, label = list(map(_tidy, row)), _find_label(row)
    numbers = [i for i, cell in enumerate(cells) if _NUMBER.fullmatch(cell)]
    others = [cell for i, cell in enumerate(cells) if i not in numbers and cell.strip("-–—")]
    if others != [label] * bool(label):
        return False
    if label:
        place = cells.index(label)
        numbers = [i for i in numbers if i > place]
        if (above.to_series(place) == label).any():  # a word of the column
            return False
    is_mean = bool(_MEAN.match(label))
    equal = [i for i in numbers if _is_sum(above.to_series(i), cells[i], is_mean=is_mean)]
    return len(equal) > 0 and len(numbers) <= (2 * len(equal) if label else len(equal))


def _tidy(cell: str | None) -> str:
    return _BESIDE_DIGITS.sub("", cell or "") if any(map(str.isdigit, cell or "")) else (cell or "").strip()


def _to_number(cell: str | None, decimal: str) -> float | None:
    cell = _tidy(cell).replace(_THOUSANDS[decimal], "").replace(decimal, ".")
    return float(cell) if _PLAIN.fullmatch(cell) else None


def _is_sum(column: pl.Series, cell: str, *, is_mean: bool = False) -> bool:
    """Return True if a text is the sum, or the mean, of the numbers of a column, but for rounding."""
    column = column.str.replace_all(_BESIDE_DIGITS.pattern, "").drop_nulls()
    for decimal, thousands in _THOUSANDS.items():
        total = _to_number(cell, decimal)
        texts = column.str.replace_all(thousands, "", literal=True).str.replace(decimal, ".", literal=True)
        values = texts.cast(pl.Float64, strict=False).drop_nulls()
        if total is None or values.is_empty():
            continue
        digits = len(cell.partition(decimal)[2])
        half = 0.5001 * 10.0**-digits
        # Decimals may be rounded above, too, so the error of a sum grows with their number.
        slack = half * (1 + len(values) ** 0.5) if digits and not is_mean else half
        right = float(values.sum()) / (len(values) if is_mean else 1)
        if abs(right - total) <= slack + 1e-9 * abs(total):
            return True
    return False
