"""Csv files: the bytes of one, as a table of texts."""

from __future__ import annotations

import io

import polars as pl

from magical.errors import InputError, join_names
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reading_settings import Reading
from magical.reading.csv_dialect import Dialect, decode_csv, detect_dialect, is_regular, read_records

__all__ = ["read_csv"]


def read_csv(data: bytes, name: str, reading: Reading) -> RawTable:
    r"""Read the bytes of a csv file as a table of texts, exactly as written.

    Args:
        data: all bytes of the file.
        name: the name of the file, for messages.
        reading: what the author says of the file.

    Raises:
        InputError: the data is no text, or malformed; the message says where.

    Example:
        >>> read_csv(b"id;x\n007;1,5\n", "a.csv", Reading()).table.rows()
        [('007', '1,5')]
    """
    text, remark = decode_csv(data, name)
    remarks = [remark] if remark else []
    if not text.strip():
        raise InputError(f"{name} is empty.", hint="give a file with a header and at least one row.")
    dialect = detect_dialect(text.lstrip(b"\r\n"), name)
    raw = _read_regular_csv(dialect)
    if raw is None:
        # Slower, but it names the line of a fault, where polars drops or pads fields.
        rows = read_records(dialect, name)
        raw = pl.DataFrame(rows, orient="row", schema=[f"column_{i}" for i in range(len(rows[0]))])
        raw = raw.with_columns(pl.all().replace("", None))
    table = raw[1:].rename(dict(zip(raw.columns, _parse_header(raw.row(0), name), strict=True)))
    empty = pl.all_horizontal(pl.all().is_null())
    count = table.select(empty.sum()).item()
    if count:
        remarks.append(f"{name}: {count:,} rows without any value are left out.")
        table = table.filter(~empty)
    return RawTable(table, tuple(remarks))


def _read_regular_csv(dialect: Dialect) -> pl.DataFrame | None:
    """Read a CSV file with polars; None if polars might read it wrongly."""
    if not is_regular(dialect):
        return None
    try:
        # The header is read as a row: polars would rename columns with the same name, which must be refused.
        return pl.read_csv(
            io.BytesIO(dialect.text), has_header=False, separator=dialect.delimiter, infer_schema=False
        )
    except pl.exceptions.PolarsError:
        return None


def _parse_header(header: tuple[str | None, ...], name: str) -> list[str]:
    """Return the names of the columns; name unnamed ones, and refuse repeated names."""
    names = [(text or "").strip() or f"unnamed_{i + 1}" for i, text in enumerate(header)]
    repeated = sorted({n for n in names if names.count(n) > 1}, key=names.index)
    if repeated:
        places = join_names((str(i + 1) for i, n in enumerate(names) if n == repeated[0]), 4)
        raise InputError(
            f"{name} has two columns of one name: {join_names(repeated, 4)} ({repeated[0]} is in columns "
            f"{places}).",
            hint="rename one of them in the header.",
        )
    return names
