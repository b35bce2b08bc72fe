"""A source in chunks: csv and parquet files in constant memory, other kinds as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from magical.contracts.table_digest import table_digest
from magical.contracts.tables import to_polars
from magical.errors import InputError, shorten
from magical.library.sources.csv_blocks import CsvBlocks
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reader import COMMON_OPTIONS, concatenate, is_csv, list_tables, read_file
from magical.library.sources.reading_settings import Reading
from magical.library.sources.source_file import SourceFile, check_local_file, split_suffix
from magical.reading.number_reading import normalize_marks
from magical.settings import InputPath
from magical.system.file_digests import FileDigests

__all__ = ["ChunkedSource", "cut_chunks", "open_source"]

_NOTHING_SAID = Reading()
_Read = Callable[[Sequence[str], int], Iterable[pl.DataFrame]]


@dataclass(frozen=True)
class _Piece:
    """One file of a source: its columns, and a function from names and a number of rows to its tables."""

    schema: Mapping[str, Any]
    read: _Read
    remarks: Sequence[str] = ()
    rows: int | None = None


@dataclass(frozen=True)
class ChunkedSource:
    """A source whose columns are known, and whose rows are read in chunks.

    Attributes:
        name: the source, for messages.
        schema: the type of each column by its name; those of a csv file are texts.
        pieces: its files.
        paths: the local files, to be compared with an output.
        path: the path, pattern or URL; None for a table in memory.
        remarks: sentences on what another reader could have read in another way.
        rows: the number of rows, if it is known before they are read.
        states: the sizes and times of the files when they were opened.
    """

    name: str
    schema: Mapping[str, Any]
    pieces: Sequence[_Piece]
    paths: Sequence[Path] = ()
    path: InputPath | None = None
    remarks: Sequence[str] = ()
    rows: int | None = None
    states: Sequence[tuple[int, int]] = ()

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        """Read the rows in chunks of so many, the last one with fewer.

        Args:
            columns: the columns to read.
            rows: the number of rows of a chunk.

        Raises:
            InputError: a file is malformed, or was changed since it was opened.
        """
        tables = (table for piece in self.pieces for table in piece.read(columns, rows))
        wanted: dict[Any, Any] = {name: self.schema[name] for name in columns}
        try:
            yield from cut_chunks((table.select(columns).cast(wanted) for table in tables), rows)
        except OSError as error:
            raise InputError(
                f"{self.name} cannot be read: {shorten(error, 120)}", hint="it was there when it was opened."
            ) from error
        if _list_states(self.paths) != self.states:
            raise InputError(
                f"{self.name} was changed while it was read.", hint="read it again once it is complete."
            )

    def transform(self, function: Callable[[pl.DataFrame], pl.DataFrame]) -> ChunkedSource:
        """Replace the rows, read as a whole, by what a function makes of them.

        Raises:
            InputError: a file is malformed.
        """
        whole = pl.concat([pl.DataFrame(schema=self.schema), *self.chunks(list(self.schema), 1 << 20)])
        table = function(whole)
        piece = _Piece(table.schema, lambda columns, rows: [table], rows=table.height)
        changed = f"{self.name}: {table.height:,} rows were made of its {whole.height:,}."
        remarks = [*self.remarks, *([changed] if table.height != whole.height else [])]
        return replace(self, schema=table.schema, pieces=[piece], rows=table.height, remarks=remarks)

    def digest(self, cache: Path) -> str:
        """Compute the digest of the content, in hexadecimal digits.

        Args:
            cache: a file for the digests of large files.

        Raises:
            InputError: a file cannot be read.
        """
        if self.path is None:
            return table_digest(pl.concat(self.chunks(list(self.schema), 1 << 30)))
        return FileDigests(cache).digest(self.path)


def open_source(
    source: Any, reading: Reading = _NOTHING_SAID, stated: Reading = _NOTHING_SAID
) -> ChunkedSource:
    """Open a source, and read as much of it as tells its columns.

    Args:
        source: a file, a folder, a pattern or a URL that ``ingest`` reads; or a table of polars or pandas.
        reading: how sources of this kind are written; options that a kind of file lacks are left out.
        stated: what the caller says of this source; it wins, and an option that its kind lacks is refused.

    Raises:
        InputError: the source is missing, empty, of an unknown kind, or malformed; or its files differ.

    Example:
        >>> source = open_source(pl.DataFrame({"a": [1, 2, 3]}))
        >>> [chunk.height for chunk in source.chunks(["a"], 2)]
        [2, 1]
    """
    if not isinstance(source, (str, Path)):
        table = to_polars(source)
        piece = _Piece(table.schema, lambda columns, rows: [table], rows=table.height)
        return ChunkedSource("The table", table.schema, [piece], rows=table.height)
    path = source if isinstance(source, InputPath) else InputPath(source)
    files, remarks = list_tables(path)
    paths = [file.place for file in files.values() if isinstance(file.place, Path)]
    states = _list_states(paths)
    pieces = {name: _open_file(file, reading, stated) for name, file in files.items()}
    if column := (stated.file_column or reading.file_column):
        pieces = {name: _add_names(piece, name, column) for name, piece in pieces.items()}
    # The tables without rows are compared and put together as those with rows would be.
    heads = {name: RawTable(pl.DataFrame(schema=piece.schema)) for name, piece in pieces.items()}
    counts = [piece.rows for piece in pieces.values()]
    return ChunkedSource(
        path.text,
        concatenate(heads, path.text).schema,
        list(pieces.values()),
        paths,
        path,
        [*dict.fromkeys(remark for piece in pieces.values() for remark in piece.remarks), *remarks],
        None if None in counts else sum(count or 0 for count in counts),
        states,
    )


def cut_chunks(tables: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """Cut tables of any height into chunks of so many rows; the last one may have fewer.

    Example:
        >>> tables = [pl.DataFrame({"a": [1, 2, 3]}), pl.DataFrame({"a": [4, 5]})]
        >>> [chunk["a"].to_list() for chunk in cut_chunks(tables, 2)]
        [[1, 2], [3, 4], [5]]
    """
    rest = None
    for table in tables:
        whole = table if rest is None else pl.concat([rest, table])
        full = whole.height - whole.height % rows
        for start in range(0, full, rows):
            yield whole[start : start + rows]
        rest = whole[full:]
    if rest is not None and rest.height:
        yield rest


def _list_states(paths: Iterable[Path]) -> Sequence[tuple[int, int]]:
    def state(path: Path) -> tuple[int, int]:
        try:
            found = path.stat()
        except OSError:  # deleted, or not there at all, which is refused on opening
            return (-1, -1)
        return found.st_size, found.st_mtime_ns

    return tuple(map(state, paths))


def _open_file(file: SourceFile, reading: Reading, stated: Reading) -> _Piece:
    given = {name: value for name, value in stated if value != getattr(_NOTHING_SAID, name)}
    is_local = isinstance(file.place, Path)
    if is_local:
        check_local_file(Path(str(file.place)), file.name)
    if is_csv(file):
        both = reading.model_copy(update={"sheet": "", **given})
        if is_local and not both.sheet:
            return _open_csv(file, both)
    else:
        update = {name: getattr(reading, name) for name in COMMON_OPTIONS} | given
        both = _NOTHING_SAID.model_copy(update=update)
        if is_local and file.suffix in (".parquet", ".pq") and not split_suffix(file.name)[1]:
            return _open_parquet(file, both)
    raw = read_file(file, both)
    tables = list(_normalize([raw.table], both))
    return _Piece(tables[0].schema, lambda columns, rows: tables, raw.remarks, raw.table.height)


def _open_csv(file: SourceFile, reading: Reading) -> _Piece:
    blocks = CsvBlocks(Path(str(file.place)), file.name, reading)
    schema = dict.fromkeys(blocks.columns, pl.String)
    return _Piece(
        schema, lambda columns, rows: _normalize(blocks.tables(), reading), blocks.remarks, blocks.rows
    )


def _open_parquet(file: SourceFile, reading: Reading) -> _Piece:
    if _NOTHING_SAID.model_copy(update={n: getattr(reading, n) for n in COMMON_OPTIONS}) != reading:
        read_file(file, reading)  # refuses the other options by name
    scan = pl.scan_parquet(Path(str(file.place)), glob=False)  # a file may be called data[1].parquet
    try:
        schema = scan.collect_schema()
        rows = scan.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged_parquet(file.name, error) from error
    return _Piece(schema, partial(_read_parquet, scan, file.name, reading), rows=rows)


def _read_parquet(
    scan: pl.LazyFrame, name: str, reading: Reading, columns: Sequence[str], rows: int
) -> Iterator[pl.DataFrame]:
    there = [c for c in columns if c != reading.file_column]
    try:
        batches = scan.select(there).collect_batches(chunk_size=rows, maintain_order=True, engine="streaming")
        for batch in _normalize(batches, reading):
            if reading.nulls:
                text = pl.col(pl.String)
                yield batch.with_columns(pl.when(~text.is_in(reading.nulls)).then(text).name.keep())
            else:
                yield batch
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged_parquet(name, error) from error


def _damaged_parquet(name: str, error: BaseException) -> InputError:
    return InputError(
        f"{name} cannot be read as parquet: {shorten(error, 120)}",
        hint="write the file again; it may have been cut off.",
    )


def _normalize(tables: Iterable[pl.DataFrame], reading: Reading) -> Iterator[pl.DataFrame]:
    marks = reading.decimal or "", reading.thousands or ""
    for table in tables:
        yield table.with_columns(normalize_marks(c, *marks) for c in table) if any(marks) else table


def _add_names(piece: _Piece, name: str, column: str) -> _Piece:
    if column in piece.schema:
        raise InputError(
            f"{name} has a column {column!r}, and Reading wants the names of the files in it.",
            hint="set file_column to a name that no column has.",
        )

    def read(columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        for table in piece.read(columns, rows):
            yield table.with_columns(pl.lit(name).alias(column))

    return _Piece({**piece.schema, column: pl.String}, read, piece.remarks, piece.rows)
