"""Workbooks of Excel: one sheet as a table, with the types that its cells have."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from magical.errors import InputError, did_you_mean, join_names, shorten
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reading_settings import Reading

__all__ = ["read_workbook"]

_HEAD_ROWS = 50
_FEW = 0.2


def read_workbook(source: Path | bytes, name: str, reading: Reading) -> RawTable:
    """Read one sheet of a workbook; dates, numbers and texts stay what their cells are.

    A column of numbers with a few texts is text, and a remark says so. Cells with an error are null.

    Args:
        source: the path of the file, or all its bytes.
        name: the name of the file, for messages.
        reading: the sheet, the row of the header, and the rows that are none.

    Raises:
        InputError: the file is no workbook, has no such sheet, or the row of its header is in doubt.
    """
    import fastexcel

    # It logs each column without a value, on which nobody waits.
    logging.getLogger("fastexcel").setLevel(logging.ERROR)
    content = source if isinstance(source, bytes) else str(source)
    try:
        book = fastexcel.read_excel(content)
        sheet, remarks = _choose_sheet(book.sheet_names, name, reading)
        cells = _load_texts(
            book, sheet, None if reading.skip_footer else max(_HEAD_ROWS, reading.header or 0)
        )
        header = _find_header(cells, f"the sheet {sheet!r} of {name}", book.sheet_names, reading)
        options: dict[str, Any] = {"header_row": header, "skip_rows": reading.skip_after_header or 0}
        if reading.skip_footer:
            first = (0 if header is None else header + 1) + (reading.skip_after_header or 0)
            options["n_rows"] = max(_find_height(cells) - first - reading.skip_footer, 0)
        table = pl.read_excel(
            content,
            sheet_name=sheet,
            has_header=header is not None,
            read_options=options,
            infer_schema_length=None,
            drop_empty_rows=False,
            drop_empty_cols=False,
            raise_if_empty=False,
        )
    except InputError:
        raise
    except BaseException as error:  # a damaged file may make the reader panic, which is no Exception
        _refuse_damaged(error, name)
    table = _name_columns(table, cells, header, name)
    return RawTable(*_drop_empty_rows(table, name, remarks), {"sheet": sheet})


def _choose_sheet(sheets: list[str], name: str, reading: Reading) -> tuple[str, list[str]]:
    if reading.sheet:
        if reading.sheet not in sheets:
            raise InputError(
                f"{name} has no sheet {reading.sheet!r}.", hint=did_you_mean(reading.sheet, sheets)
            )
        return reading.sheet, []
    if not sheets:
        raise InputError(f"{name} has no sheets.", hint="write it again.")
    others = [f"{name}: the first sheet, {sheets[0]!r}, is read, not {join_names(sheets[1:], 4)}."]
    return sheets[0], others if len(sheets) > 1 else []


def _load_texts(book: Any, sheet: str, rows: int | None) -> pl.DataFrame:
    loaded = book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string", n_rows=rows)
    found: pl.DataFrame = loaded.to_polars()
    return found


def _find_header(cells: pl.DataFrame, place: str, sheets: list[str], reading: Reading) -> int | None:
    """Find the row with the names of the columns; None for a sheet without names."""
    counts = [sum(cell is not None for cell in row) for row in cells.rows()]
    if not any(counts):
        others = [s for s in sheets if repr(s) not in place]
        hint = f"give a sheet with rows: Reading(sheet={others[0]!r})." if others else "give one with rows."
        raise InputError(f"{place[0].upper()}{place[1:]} is empty.", hint=hint)
    if reading.header is not None:
        if reading.header > len(counts) or (reading.header and not counts[reading.header - 1]):
            raise InputError(
                f"Row {reading.header} of {place} is empty, and Reading says that the names are there.",
                hint=f"the first row with values is Reading(header={_first_row(counts) + 1}).",
            )
        return reading.header - 1 if reading.header else None
    first = _first_row(counts)
    widest = max(range(first, len(counts)), key=lambda i: counts[i])
    if 2 * counts[first] <= counts[widest]:
        shown = [join_names((repr(c) for c in cells.row(i) if c is not None), 3) for i in (first, widest)]
        raise InputError(
            f"The first row of {place} with values has {shown[0]}; row {widest + 1} has {shown[1]}:",
            "  which of the two has the names of the columns?",
            hint=f"say it: Reading(header={widest + 1}), or Reading(header={first + 1}).",
        )
    return first


def _first_row(counts: list[int]) -> int:
    return next(i for i, count in enumerate(counts) if count)


def _find_height(cells: pl.DataFrame) -> int:
    """Return the number of rows up to the last with a value."""
    filled = cells.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
    last = filled.max()
    return 0 if last is None else int(str(last)) + 1


def _name_columns(table: pl.DataFrame, cells: pl.DataFrame, header: int | None, name: str) -> pl.DataFrame:
    """Name the columns as their header does, and drop those without a name and values."""
    given = [None] * table.width if header is None else list(cells.row(header))
    given += [None] * (table.width - len(given))
    names = [(text or "").strip() or f"unnamed_{i + 1}" for i, text in enumerate(given)]
    if header is None:
        names = [f"column_{i + 1}" for i in range(table.width)]
    empty = [
        not text and series.null_count() == table.height for text, series in zip(given, table, strict=True)
    ]
    kept = [text for text, is_empty in zip(names, empty, strict=True) if not is_empty]
    if repeated := sorted({n for n in kept if kept.count(n) > 1}, key=kept.index):
        raise InputError(
            f"{name} has two columns of one name: {join_names(repeated, 4)}.",
            hint="rename one of them in the header.",
        )
    series = [s.alias(n) for s, n, is_empty in zip(table, names, empty, strict=True) if not is_empty]
    return pl.DataFrame(series)


def _drop_empty_rows(
    table: pl.DataFrame, name: str, remarks: list[str]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Drop rows without any value, and remark on them and on texts among numbers."""
    table = table[: _find_height(table)]
    filled = table.filter(pl.any_horizontal(pl.all().is_not_null()))
    if filled.height < table.height:
        count = table.height - filled.height
        remarks.append(f"{name}: {count:,} rows without any value are left out.")
    for series in filled:
        if series.dtype == pl.String and (there := series.drop_nulls()).len():
            texts = there.filter(there.cast(pl.Float64, strict=False).is_null())
            if 0 < texts.len() <= _FEW * there.len() or (texts.len() == 1 < there.len()):
                found = f"{texts.len():,} text{'s' * (texts.len() > 1)}"
                remarks.append(
                    f"{name}: {series.name} has {found} among numbers, such as {texts[0]!r}; "
                    "it is read as text."
                )
    return filled, tuple(remarks)


def _refuse_damaged(error: BaseException, name: str) -> NoReturn:
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
    text = str(error)
    if "password" in text.lower():
        raise InputError(f"{name} is locked with a password.", hint="save a copy without one.") from None
    first = text.removeprefix("calamine error: ").splitlines()[0] if text else type(error).__name__
    raise InputError(
        f"{name} cannot be read as a workbook: {shorten(first, 100)}.",
        hint="save it again; it may have been cut off.",
    ) from None
