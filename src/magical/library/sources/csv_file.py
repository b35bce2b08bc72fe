"""Csv files: the bytes of one, as a table of texts."""

from __future__ import annotations

import polars as pl

from magical.errors import InputError
from magical.input_files.compression import decompress, detect_compression
from magical.library.sources.csv_lines import CsvLines, cut_lines, cut_stray_comments
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reading_settings import Reading
from magical.library.sources.table_shape import drop_repeated_headers, drop_totals, name_columns
from magical.reading.csv_dialect import (
    DELIMITERS,
    Dialect,
    count_delimiters,
    detect_dialect,
    has_clean_quotes,
    has_lone_returns,
    is_regular,
    read_records,
    unify_line_ends,
)
from magical.reading.encodings import decode_text

__all__ = ["blank_nulls", "drop_empty_rows", "parse_lines", "read_csv"]


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
    kind = detect_compression(data)  # a name that tells of it was heeded before
    packed = f"{name} is unpacked: it is a {kind} file, which its name does not say." if kind else ""
    data = decompress(data, name)
    if data.endswith(b"\r\n\x1a"):  # the mark of DOS at the end of a file
        data = data[:-1]
    decoded = decode_text(data, name, reading.encoding)
    if not decoded.text or decoded.text.isspace():
        raise InputError(f"{name} is empty.", hint="give a file with a header and at least one row.")
    ends = unify_line_ends(decoded.text)
    dialect = detect_dialect(ends.text, name, reading.delimiter, reading.quote)
    facts = _describe_source(decoded.encoding, dialect, ends.name) | ({"compression": kind} if kind else {})
    remarks = [remark for remark in (packed, decoded.remark, dialect.remark) if remark]
    lines = cut_lines(dialect, name, reading)
    raw = parse_lines(lines, name)
    table, named = _name_columns(raw, lines.has_header, name, reading.nulls)
    remarks += [*lines.remarks, *named]
    filled = drop_empty_rows(table)
    if filled.height < table.height:
        remarks.append(f"{name}: {table.height - filled.height:,} rows without any value are left out.")
        table = filled
    if reading.skip_footer is None:
        table, totals = drop_totals(table, name)
        remarks += totals
    return RawTable(table, tuple(remarks), facts | lines.facts)


def drop_empty_rows(table: pl.DataFrame) -> pl.DataFrame:
    """Drop the rows without any value.

    Example:
        >>> drop_empty_rows(pl.DataFrame({"a": ["1", None], "b": [None, None]})).height
        1
    """
    if not table.width or not table.to_series(-1).null_count():  # then no row can be empty
        return table
    return table.filter(~pl.all_horizontal(pl.all().is_null()))


def _describe_source(encoding: str, dialect: Dialect, line_ends: str) -> dict[str, str]:
    return {
        "encoding": encoding,
        "delimiter": DELIMITERS.get(dialect.delimiter, dialect.delimiter),
        "quote": dialect.quote,
        "line_ends": line_ends,
    }


def parse_lines(lines: CsvLines, name: str) -> pl.DataFrame:
    """Read the records as rows of texts, the header first; an empty field is null.

    Raises:
        InputError: there are no rows, or a line is malformed.
    """
    dialect = lines.rows()
    if not dialect.text or dialect.text.isspace():
        raise InputError(
            f"{name} has no rows: each of its lines is a comment, a footer or one to skip.",
            hint="compare the Reading of the file with its lines.",
        )
    raw = _parse_regular(dialect)
    if raw is None and cut_stray_comments(lines):
        dialect = lines.rows()
        raw = _parse_regular(dialect)
    quote, text = dialect.quote.encode(), dialect.text
    has_empty_texts = bool(quote) and quote in text and quote * 2 in text
    if raw is None:
        # Slower, but it names the line of a fault, where polars drops or pads fields.
        rows = read_records(lines.numbered_rows(), name)
        raw = pl.DataFrame(rows, orient="row", schema=[f"column_{i + 1}" for i in range(len(rows[0]))])
        has_empty_texts = True
    return raw.with_columns(pl.all().replace("", None)) if has_empty_texts else raw


def _name_columns(
    raw: pl.DataFrame, has_header: bool, name: str, nulls: tuple[str, ...]
) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows below the header with its names, and remarks; without a header, columns are counted."""
    if not has_header:
        numbered = dict(zip(raw.columns, (f"column_{i}" for i in range(1, raw.width + 1)), strict=True))
        return blank_nulls(raw.rename(numbered), nulls), []
    header = raw.row(0)
    rows, repeated = drop_repeated_headers(raw[1:], header, name)
    table, named = name_columns(blank_nulls(rows, nulls), header, name)
    return table, named + repeated


def blank_nulls(table: pl.DataFrame, nulls: tuple[str, ...]) -> pl.DataFrame:
    """Make fields null that the author calls missing, with or without blanks around them.

    Example:
        >>> blank_nulls(pl.DataFrame({"a": ["-", "1"]}), ("-",))["a"].to_list()
        [None, '1']
    """
    if not nulls:
        return table
    return table.with_columns(pl.when(~pl.all().str.strip_chars().is_in(nulls)).then(pl.all()))


def _parse_regular(dialect: Dialect) -> pl.DataFrame | None:
    """Read the records with polars; None if polars might read them wrongly."""
    text, quote = dialect.text, dialect.quote.encode()
    has_quotes = bool(quote) and quote in text
    is_unusual = dialect.is_padded or len(dialect.delimiter.encode()) > 1
    if is_unusual or (has_quotes and (has_lone_returns(text) or not has_clean_quotes(dialect))):
        return None
    try:
        # The header is read as a row: polars would rename columns with the same name, which must be refused.
        raw = pl.read_csv(
            text,
            has_header=False,
            separator=dialect.delimiter,
            quote_char=dialect.quote or None,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        return None  # polars refuses lines that are too long
    # It fills up lines that are too short: then the last field is null, and there are too few delimiters.
    if raw.width == 1 or not raw.to_series(-1).null_count():
        return raw
    inside = (
        raw.select(pl.all().str.count_matches(dialect.delimiter, literal=True).sum()) if has_quotes else None
    )
    count = count_delimiters(dialect) - (sum(n or 0 for n in inside.row(0)) if inside is not None else 0)
    return raw if count == raw.height * (raw.width - 1) or is_regular(dialect) else None
