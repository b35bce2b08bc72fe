"""The step ``ingest``: read a file as a raw table."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from magical.contracts.promises import Frame
from magical.errors import InputError, did_you_mean, join_names
from magical.library.remarks import warn
from magical.library.sources.csv_file import read_csv
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reading_settings import Reading
from magical.reading.encodings import reject_binary
from magical.reading.number_reading import normalize_marks
from magical.settings import InputPath
from magical.steps import step

__all__ = ["ingest"]

_TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
_PARQUET_SUFFIXES = (".parquet", ".pq")
_NOTHING_SAID = Reading()


@step
def ingest(source: InputPath, reading: Reading = _NOTHING_SAID) -> Frame:
    r"""Read a file as a raw table that promises no columns yet.

    A csv file (.csv, .tsv, .txt) may be delimited by comma, semicolon, tab or pipe, with or without quotes
    and byte order mark, in UTF-8, UTF-16 or Latin-1. All its columns are **text**, exactly as written, so
    leading zeros, long ids and unusual dates survive; ``model_data`` converts them. An empty field is null.
    Rows without any value are dropped and counted. A parquet file is read as it is.

    Args:
        source: the file; this step runs again when its content changes.
        reading: what the author says of the source; the rest is found out.

    Raises:
        InputError: the file is missing, empty, of an unknown kind, or malformed; the message says where.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "customers.csv")
        >>> _ = path.write_text("ID;Income\n007;1,5\n")
        >>> ingest(InputPath(path)).rows()
        [('007', '1,5')]
    """
    path, name = Path(source), str(source)
    _check_file(path, name)
    raw = _read_source(path, name, reading)
    for remark in raw.remarks:
        warn(remark)
    table = raw.table.with_columns(normalize_marks(c, reading.decimal, reading.thousands) for c in raw.table)
    if table.is_empty():
        raise InputError(
            f"{name} has {table.width} column names and no rows.", hint="give a file with at least one row."
        )
    return table


def _check_file(path: Path, name: str) -> None:
    """Raise an InputError unless the path is a file of a known kind with content."""
    if not path.exists():
        folder = path.parent
        files = sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
        hint = did_you_mean(path.name, files) if files else "set source= to a file that exists."
        place = f" ({path})" if str(path) != name else ""
        raise InputError(f"There is no file {name}{place}.", hint=hint)
    if path.is_dir():
        raise InputError(f"{name} is a folder, not a file.", hint="name one file in it.")
    # A pipe would block the read for ever, and a device may never end: refuse both before opening.
    if not path.is_file():
        raise InputError(
            f"{name} is a pipe or a device, not a file.", hint="write its content to a file first."
        )
    suffixes = (*_TEXT_SUFFIXES, *_PARQUET_SUFFIXES)
    if path.suffix.lower() not in suffixes:
        raise InputError(
            f"{name} is of an unknown kind: {path.suffix or 'it has no suffix'}.",
            hint=f"give a file that ends in {join_names(suffixes)}.",
        )
    if path.stat().st_size == 0:
        raise InputError(f"{name} is empty.", hint="give a file with a header and at least one row.")


def _read_parquet(path: Path, name: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, glob=False)  # a file may be called data[1].parquet
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{name} cannot be read as parquet: {error}",
            hint="write the file again; it may have been cut off.",
        ) from error


def _read_source(path: Path, name: str, reading: Reading) -> RawTable:
    if path.suffix.lower() in _PARQUET_SUFFIXES:
        return RawTable(_read_parquet(path, name))
    try:
        reject_binary(path, name)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}.", hint="check its permissions.") from None
    return read_csv(data, name, reading)
