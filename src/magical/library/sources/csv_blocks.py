"""Csv files block by block, in constant memory: the first block settles the dialect and the columns."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import polars as pl

from magical.errors import InputError, join_names
from magical.input_files.compression import decompress, detect_compression
from magical.library.sources.csv_file import blank_nulls, drop_empty_rows, parse_lines, read_csv
from magical.library.sources.csv_lines import CsvLines, cut_lines
from magical.library.sources.reading_settings import Reading
from magical.library.sources.table_shape import drop_repeated_headers, drop_totals, settle_columns
from magical.reading.csv_dialect import Dialect, detect_dialect, has_lone_returns, unify_line_ends
from magical.reading.encodings import decode_text

__all__ = ["CsvBlocks"]

BLOCK_BYTES = 1 << 24
"""Bytes that are read at a time; a file of fewer is read whole, exactly as ``ingest`` reads it."""

_OPENERS: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}


@dataclass(frozen=True)
class _Settled:
    """What the first block decided for all blocks of a file.

    Attributes:
        encoding: the codec of the text.
        dialect: the delimiter and the quotes.
        header: the line of the header as it is written, or empty if the file has none.
        fields: the number of fields of a row.
        positions: the position of each column, by its name.
        comment: the text with which comments begin; empty if there are none.
    """

    encoding: str
    dialect: Dialect
    header: bytes
    fields: tuple[str | None, ...]
    positions: dict[str, int]
    comment: str


@dataclass
class CsvBlocks:
    r"""The rows of a csv file in tables of texts, a block of bytes at a time.

    The first block settles the encoding, the dialect, the header and the columns. Later blocks are read by
    that, and refused where they contradict it. The last block settles which lines at the end are no rows.
    UTF-16 and UTF-32, lines that end with a carriage return, and dates with commas are read whole.

    Attributes:
        path: the file, compressed or not.
        name: its name for messages.
        reading: what the author says of the file.
        block_bytes: the bytes of a block.
        columns: the names of the columns.
        rows: the number of rows, if the file was read whole.
        remarks: sentences on what another reader could have read in another way.

    Raises:
        InputError: the file is empty or malformed; the message says where.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "a.csv")
        >>> _ = path.write_text("id;x\n007;1,5\n")
        >>> [table.rows() for table in CsvBlocks(path, "a.csv", Reading()).tables()]
        [[('007', '1,5')]]
    """

    path: Path
    name: str
    reading: Reading
    block_bytes: int = BLOCK_BYTES
    columns: tuple[str, ...] = ()
    rows: int | None = None
    remarks: list[str] = field(default_factory=list)
    _settled: _Settled | None = None

    def __post_init__(self) -> None:
        """Read the first block, and settle the columns."""
        with self._open() as file:
            first = self._read_full(file)
            is_whole = not file.read(1)
        self._settled = None if is_whole else self._settle(_cut_lines_end(first))
        if self._settled is not None:
            self.columns = tuple(self._settled.positions)
            return
        raw = read_csv(first if is_whole else self._read_all(), self.name, self.reading)
        self.columns, self.rows, self.remarks = tuple(raw.table.columns), raw.table.height, list(raw.remarks)

    def tables(self) -> Iterator[pl.DataFrame]:
        """Read the rows; each block gives one table.

        Raises:
            InputError: a block is malformed, or contradicts the first one.
        """
        if self._settled is None:
            yield read_csv(self._read_all(), self.name, self.reading).table
            return
        line = 1
        for block, is_first, is_last in self._iter_blocks(self._settled):
            name = self.name if is_first else f"{self.name} (line 1 here is its line {line:,})"
            yield self._parse_block(self._settled, block, name, is_first=is_first, is_last=is_last)
            line += block.count(b"\n")

    def _parse_block(
        self, settled: _Settled, block: bytes, name: str, *, is_first: bool, is_last: bool
    ) -> pl.DataFrame:
        decoded = decode_text(block, name, settled.encoding)
        text = unify_line_ends(decoded.text).text
        footer = self.reading.skip_footer if is_last else 0
        if is_first:
            lines = self._cut_first(text, footer)
        else:
            # The header is put above each block, so that its lines are read as those below a header.
            known = {"header": 1 if settled.header else 0, "skip_after_header": 0, "skip_footer": footer}
            reading = self.reading.model_copy(update={**known, "comment": settled.comment or None})
            lines = cut_lines(settled.dialect._replace(text=settled.header + text), name, reading)
        raw = parse_lines(lines, name)
        rows = raw[1:] if settled.header else raw
        if rows.width != len(settled.fields):
            raise InputError(
                f"{name}: its lines have {rows.width} fields, those above {len(settled.fields)}.",
                hint="correct them; a text that contains the delimiter needs quotes.",
            )
        if settled.header:
            rows, _ = drop_repeated_headers(rows, settled.fields, name)
        rows = drop_empty_rows(blank_nulls(rows, self.reading.nulls))
        _check_left_out(rows, settled, name)
        table = rows.select(pl.nth(at).alias(text) for text, at in settled.positions.items())
        return drop_totals(table, name)[0] if is_last and self.reading.skip_footer is None else table

    def _settle(self, first: bytes) -> _Settled | None:
        """Settle the reading of all blocks by the first one; None if the file must be read whole."""
        try:
            decoded = decode_text(first, self.name, self.reading.encoding)
        except InputError:  # a letter of UTF-16 may be cut; the whole file tells the fault, if there is one
            return None
        if decoded.encoding[:6] in ("utf-16", "utf-32") or has_lone_returns(decoded.text):
            return None
        dialect = detect_dialect(decoded.text, self.name, self.reading.delimiter, self.reading.quote)
        if not decoded.text.endswith(dialect.text):  # dates with commas got quotes
            return None
        end = _find_record_end(decoded.text, dialect.quote.encode())
        if not end:
            return None
        lines = self._cut_first(decoded.text[:end], 0)
        raw = parse_lines(lines, self.name)
        self.remarks = [text for text in (decoded.remark, dialect.remark, *lines.remarks) if text]
        header, comment = b"", lines.facts.get("comment", "")
        fields: tuple[str | None, ...] = tuple(f"column_{i + 1}" for i in range(raw.width))
        positions = {str(text): i for i, text in enumerate(fields)}
        if lines.has_header:
            fields = raw.row(0)
            line = lines.head.lines[0]
            header = lines.rows().text[: line.end + 1 - line.start].rstrip(b"\r\n") + b"\n"
            rows = blank_nulls(drop_repeated_headers(raw[1:], fields, self.name)[0], self.reading.nulls)
            positions, named = settle_columns(rows, fields, self.name)
            self.remarks += named
        kept = dialect._replace(text=b"", remark="")
        return _Settled(decoded.encoding, kept, header, fields, positions, comment)

    def _cut_first(self, text: bytes, footer: int | None) -> CsvLines:
        dialect = detect_dialect(text, self.name, self.reading.delimiter, self.reading.quote)
        return cut_lines(dialect, self.name, self.reading.model_copy(update={"skip_footer": footer}))

    def _iter_blocks(self, settled: _Settled) -> Iterator[tuple[bytes, bool, bool]]:
        """Yield blocks of whole records, each with whether it is the first and the last one."""
        quote, is_first = settled.dialect.quote.encode(), True
        with self._open() as file:
            block = self._read_full(file)
            while True:
                following = self._read_full(file)
                if len(following) < self.block_bytes:  # a last block of its own might hold footers only
                    yield block + following, is_first, True
                    return
                end = _find_record_end(block, quote)
                if end:
                    yield block[:end], is_first, False
                    is_first = False
                elif len(block) > 8 * self.block_bytes:
                    raise InputError(
                        f"{self.name}: a double quote is never closed, or a line is longer than "
                        f"{len(block):,} bytes.",
                        hint='if quotes are letters here: Reading(quote="").',
                    )
                block = block[end:] + following

    def _open(self) -> IO[bytes]:
        try:
            with self.path.open("rb") as file:
                kind = detect_compression(file.read(8))
            return cast("IO[bytes]", _OPENERS.get(kind, open)(self.path, "rb"))
        except OSError as error:
            raise InputError(
                f"{self.name} cannot be read: {error.strerror}.", hint="check its permissions."
            ) from None

    def _read_full(self, file: IO[bytes]) -> bytes:
        """Read a block, of full length unless the file ends."""
        try:
            return file.read(self.block_bytes)
        except (OSError, EOFError, lzma.LZMAError) as error:
            raise InputError(
                f"{self.name} is damaged or cut off: {error}.", hint="copy it again from where it came."
            ) from None

    def _read_all(self) -> bytes:
        return decompress(self.path.read_bytes(), self.name)


def _cut_lines_end(block: bytes) -> bytes:
    return block[: block.rfind(b"\n") + 1] or block


def _find_record_end(block: bytes, quote: bytes) -> int:
    """Return the place behind the last line end that is in no quotes; 0 if there is none."""
    end = block.rfind(b"\n") + 1
    if not quote:
        return end
    is_open = block.count(quote, 0, end) % 2
    while end and is_open:
        before = block.rfind(b"\n", 0, end - 1) + 1
        is_open ^= block.count(quote, before, end) % 2
        end = before
    return end


def _check_left_out(rows: pl.DataFrame, settled: _Settled, name: str) -> None:
    """Refuse a block in which a column has values that the first block gave no reason to read."""
    kept = settled.positions
    for at in set(range(rows.width)) - set(kept.values()):
        text = (settled.fields[at] or "").strip()
        same = pl.nth(kept[text]) if text else pl.lit(None, pl.String)
        if not rows.select(pl.nth(at).eq_missing(same).all()).item():
            raise InputError(
                f"{name}: column {at + 1} has values, and above it was empty or equal to another one.",
                hint=f"give it a name of its own; there are: {join_names(kept, 6)}.",
            )
