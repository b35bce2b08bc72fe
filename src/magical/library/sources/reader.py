"""Any source as a raw table: the kind of each file, and the files of a folder put together."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec  # `importlib` itself would tie the key of the step to all modules
from pathlib import Path
from typing import Any

import polars as pl

from magical.contracts.tables import to_polars
from magical.errors import InputError, did_you_mean, join_names, shorten
from magical.input_files.remote_files import RemoteFile, find_missing_package
from magical.library.sources.csv_file import read_csv
from magical.library.sources.json_records import read_json
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reading_settings import Reading
from magical.library.sources.source_file import SourceFile, check_local_file, find_source_files, split_suffix
from magical.library.sources.workbook import read_workbook
from magical.reading.encodings import reject_binary
from magical.reading.number_reading import normalize_marks
from magical.settings import InputPath

__all__ = [
    "COMMON_OPTIONS",
    "concatenate",
    "find_missing_extra",
    "is_csv",
    "list_tables",
    "read_file",
    "read_source",
]

_NOTHING_SAID = Reading()
# What the reading of all kinds knows; the other options are those of texts with lines.
COMMON_OPTIONS = frozenset(("decimal", "thousands", "nulls", "file_column"))
"""The options of ``Reading`` that every kind of file has."""

_WORKBOOK = {"header", "skip_after_header", "skip_footer", "sheet"}


def read_source(source: Any, reading: Reading = _NOTHING_SAID) -> RawTable:
    """Read a source as a raw table, outside of any step.

    Args:
        source: a file, a folder, a pattern or a URL; or a table of polars or pandas, which stays as it is.
        reading: what the author says of the source.

    Raises:
        InputError: the source is missing, empty, of an unknown kind, or malformed; the message says where.

    Example:
        >>> read_source(pl.DataFrame({"a": [1]})).table.height
        1
    """
    raw = _read_files(source, reading) if isinstance(source, (str, Path)) else RawTable(to_polars(source))
    marks = reading.decimal or "", reading.thousands or ""
    return replace(raw, table=raw.table.with_columns(normalize_marks(c, *marks) for c in raw.table))


def _read_files(source: str | Path, reading: Reading) -> RawTable:
    path = source if isinstance(source, InputPath) else InputPath(source)
    known, remarks = list_tables(path)
    raws = {name: read_file(file, reading) for name, file in known.items()}
    if reading.file_column:
        raws = {name: _add_name(raw, name, reading.file_column) for name, raw in raws.items()}
    if len(raws) == 1:
        raw = next(iter(raws.values()))
        return RawTable(raw.table, (*raw.remarks, *remarks), raw.facts)
    return RawTable(concatenate(raws, path.text), (*_summarise_remarks(raws), *remarks), _join_facts(raws))


def list_tables(source: InputPath) -> tuple[dict[str, SourceFile], list[str]]:
    """Find the files of a source that can be read, by their names in it, and remark on others.

    Raises:
        InputError: there is none.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("a.csv", "a.txt.bak"):
        ...     (folder / name).touch()
        >>> known, remarks = list_tables(InputPath(folder))
        >>> list(known), len(remarks)
        (['a.csv'], 1)
    """
    files = find_source_files(source)
    known = {name: file for name, file in files.items() if file.suffix in _READERS}
    if not known:
        raise _unknown_kind(source.text, list(files.values()))
    left_out = [name for name in files if name not in known]
    remarks = [f"{source.text}: {join_names(left_out, 4)} is no table and is left out."] if left_out else []
    return known, remarks


def is_csv(file: SourceFile) -> bool:
    """Return True if a file is read as csv."""
    return _READERS.get(file.suffix) is _read_csv


def find_missing_extra(source: Any) -> str:
    """Return the command that installs what a source needs and this machine lacks; empty if nothing.

    Example:
        >>> find_missing_extra(InputPath("x.csv"))
        ''
    """
    if not isinstance(source, InputPath):
        return ""
    if source.is_url and (missing := find_missing_package(str(source))):
        return missing
    is_workbook = _READERS.get(split_suffix(str(source))[0]) is _read_workbook
    return "pip install 'magical-thinking[excel]'" if is_workbook and find_spec("fastexcel") is None else ""


def read_file(file: SourceFile, reading: Reading) -> RawTable:
    """Read one file, and make the texts that mean a missing value null.

    Raises:
        InputError: it is missing, empty or malformed, or ``reading`` sets what its kind does not have.
    """
    reader = _READERS[file.suffix]
    if reader is not _read_csv:
        allowed = COMMON_OPTIONS | _WORKBOOK if reader is _read_workbook else COMMON_OPTIONS
        said = {n for n, value in reading if value != getattr(_NOTHING_SAID, n)}
        if unused := sorted(said - allowed):
            raise InputError(
                f"{file.name}: Reading sets {join_names(unused)}, which a {file.suffix} file does not have.",
                hint=f"of {file.suffix} files it sets: {join_names(sorted(allowed))}.",
            )
    elif reading.sheet:
        raise InputError(f"{file.name}: Reading sets sheet, but this is no workbook.", hint="leave it out.")
    raw = reader(file, reading)
    if reader is _read_csv or not reading.nulls:
        return raw
    table = raw.table.with_columns(
        pl.when(pl.col(pl.String).is_in(reading.nulls)).then(None).otherwise(pl.col(pl.String)).name.keep()
    )
    return RawTable(table, raw.remarks, raw.facts)


def _read_csv(file: SourceFile, reading: Reading) -> RawTable:
    # Before a file of 10 GB of nothing is read.
    if isinstance(file.place, Path) and split_suffix(file.name)[1] == "":
        check_local_file(file.place, file.name)
        try:
            reject_binary(file.place, file.name)
        except OSError as error:
            raise InputError(
                f"{file.name} cannot be read: {error.strerror}.", hint="check its permissions."
            ) from None
    return read_csv(file.read(), file.name, reading)


def _read_json(file: SourceFile, _: Reading) -> RawTable:
    return read_json(file.read(), file.name)


def _read_parquet(file: SourceFile, _: Reading) -> RawTable:
    try:
        if isinstance(file.place, RemoteFile) or split_suffix(file.name)[1]:
            return RawTable(pl.read_parquet(io.BytesIO(file.read())))
        check_local_file(file.place, file.name)
        return RawTable(pl.read_parquet(file.place, glob=False))  # a file may be called data[1].parquet
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{file.name} cannot be read as parquet: {shorten(error, 120)}",
            hint="write the file again; it may have been cut off.",
        ) from error


def _read_workbook(file: SourceFile, reading: Reading) -> RawTable:
    if isinstance(file.place, Path):
        check_local_file(file.place, file.name)
    if find_spec("fastexcel") is None:
        raise InputError(
            f"{file.name} is a workbook, for which a package is missing.",
            hint="pip install 'magical-thinking[excel]'",
        )
    if isinstance(file.place, Path) and not split_suffix(file.name)[1]:
        return read_workbook(file.place, file.name, reading)
    return read_workbook(file.read(), file.name, reading)


_READERS: dict[str, Callable[[SourceFile, Reading], RawTable]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), _read_csv),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), _read_json),
    **dict.fromkeys((".parquet", ".pq"), _read_parquet),
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".xlsb"), _read_workbook),
}


def _unknown_kind(source: str, files: list[SourceFile]) -> InputError:
    suffix = files[0].suffix or "it has no suffix"
    is_database = suffix in (".db", ".sqlite", ".sqlite3")
    what = f"is of an unknown kind: {suffix}" if len(files) == 1 else f"has {len(files)} files, and no table"
    return InputError(
        f"{source} {what}.",
        hint='a database is asked by ingest_sql(Database(uri="sqlite:///…"), "SELECT …").'
        if is_database
        else f"give a file that ends in {join_names(_READERS, 20)}; also compressed: .gz, .bz2, .xz.",
    )


def _add_name(raw: RawTable, name: str, column: str) -> RawTable:
    if column in raw.table.columns:
        raise InputError(
            f"{name} has a column {column!r}, and Reading wants the names of the files in it.",
            hint="set file_column to a name that no column has.",
        )
    return RawTable(raw.table.with_columns(pl.lit(name).alias(column)), raw.remarks, raw.facts)


def concatenate(raws: Mapping[str, RawTable], source: str) -> pl.DataFrame:
    """Put the rows of all files together; the columns may be in any order.

    Raises:
        InputError: the files differ in their columns or types.
    """
    names = list(raws)
    first = raws[names[0]].table
    for name in names[1:]:
        table = raws[name].table
        lacking = [c for c in first.columns if c not in table.columns]
        more = [c for c in table.columns if c not in first.columns]
        if lacking or more:
            said = [f"lacks {join_names(lacking, 4)}"] if lacking else []
            said += [f"has also {join_names(more, 4)}"] if more else []
            near = did_you_mean(more[0], lacking) if more and lacking else ""
            raise InputError(
                f"The files of {source} differ: beside {names[0]}, {name} {' and '.join(said)}.",
                hint=f"{near.partition('?')[0]}?" if "?" in near else "give files with the same columns.",
            )
    tables = [raws[name].table.select(first.columns) for name in names]
    for column in first.columns:
        kinds: dict[str, str] = {}
        for name, table in zip(names, tables, strict=True):
            kinds.setdefault(_group_dtype(table[column].dtype), name)
        if len(kinds) > 1:
            (one, one_file), (other, other_file) = list(kinds.items())[:2]
            raise InputError(
                f"The files of {source} differ in the type of {column}: {one} in {one_file}, "
                f"{other} in {other_file}.",
                hint="write them with one type.",
            )
    return pl.concat(tables, how="vertical_relaxed")


def _group_dtype(dtype: pl.DataType) -> str:
    """Name a type such that types of one name become one without loss."""
    return "a number" if dtype.is_numeric() and not dtype.is_decimal() else str(dtype)


def _summarise_remarks(raws: Mapping[str, RawTable]) -> tuple[str, ...]:
    """Say once what holds for several files."""
    found: dict[str, list[str]] = {}
    for raw in raws.values():
        for remark in raw.remarks:
            found.setdefault(remark.partition(": ")[2] or remark, []).append(remark)
    return tuple(
        remarks[0]
        if len(remarks) == 1
        else f"{remarks[0]} (So in {len(remarks) - 1} other file{'s' * (len(remarks) > 2)}.)"
        for remarks in found.values()
    )


def _join_facts(raws: Mapping[str, RawTable]) -> dict[str, str]:
    """Return the facts in which all files agree."""
    first, *others = [raw.facts for raw in raws.values()]
    return {k: v for k, v in first.items() if all(o.get(k) == v for o in others)} | {"files": str(len(raws))}
