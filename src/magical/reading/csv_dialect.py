"""The dialect of a csv file, detected from its text: delimiter, quote and line ends."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from magical.errors import InputError, shorten
from magical.reading.date_commas import quote_comma_dates

__all__ = [
    "DELIMITERS",
    "Dialect",
    "LineEnds",
    "count_delimiters",
    "detect_dialect",
    "has_clean_quotes",
    "has_lone_returns",
    "is_regular",
    "open_reader",
    "read_records",
    "unify_line_ends",
]

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_RARE_DELIMITERS = (":", "^", "~", "\x01", "\u00a7", " ")
_HEAD_BYTES = 1 << 16
_SAMPLE_LINES = 200
_PIECE_BYTES = 1 << 17
_LONE_RETURN = re.compile(rb"\r(?!\n)")
csv.field_size_limit(2**31 - 1)  # a long text is no fault, and an open quote is to be named as such
_COLUMN_NAME = re.compile(r"(?=.*[^\W\d_])[\w#%$€(][\w .()/%#$€-]{0,63}")


class Dialect(NamedTuple):
    """The text of a csv file, as UTF-8 without a byte order mark, and how its fields are parted.

    Attributes:
        text: the text.
        delimiter: one character.
        quote: one character; empty if the file has no quotes.
        is_padded: there are blanks between delimiters and quotes.
        first_line: the number of the line of the file where the text begins.
        remark: a sentence if another reader could part the fields in another way.
    """

    text: bytes
    delimiter: str
    quote: str = '"'
    is_padded: bool = False
    first_line: int = 1
    remark: str = ""


class LineEnds(NamedTuple):
    """A text, and the name of its line ends: LF, CRLF, CR or mixed."""

    text: bytes
    name: str


def unify_line_ends(text: bytes) -> LineEnds:
    r"""Write the line ends of old Macs as line feeds; others stay as they are.

    A text with quotes may have carriage returns inside of its fields: then they end lines only if nothing
    else does.

    Example:
        >>> unify_line_ends(b"a\r1\r2\n"), unify_line_ends(b"a\r\n1\r\n").name
        (LineEnds(text=b'a\n1\n2\n', name='mixed'), 'CRLF')
    """
    if b"\r" not in text:  # much faster than to count
        return LineEnds(text, "LF")
    feeds, returns = _count_byte(text, "\n"), _count_byte(text, "\r")
    if not feeds:
        return LineEnds(text.replace(b"\r", b"\n"), "CR")
    if not has_lone_returns(text):
        return LineEnds(text, "CRLF" if returns == feeds else "mixed")
    if b'"' not in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return LineEnds(text, "mixed")


def has_lone_returns(text: bytes) -> bool:
    r"""Return True if a carriage return stands without a line feed behind it.

    Example:
        >>> has_lone_returns(b"a\r\nb\r"), has_lone_returns(b"a\r\n")
        (True, False)
    """
    return b"\r" in text and _LONE_RETURN.search(text) is not None


def detect_dialect(text: bytes, name: str, delimiter: str | None = None, quote: str | None = None) -> Dialect:
    r"""Detect the delimiter and the quote: with them, most of the first lines have as many fields.

    If a comma fits as well as another delimiter, it is part of names and numbers, unless it stands more often
    than once in each field of the other.

    Args:
        text: the text in UTF-8.
        name: the name of the file, for messages.
        delimiter: the delimiter, if the author names it.
        quote: the quote, if the author names it; empty for none.

    Raises:
        InputError: every usual delimiter gives only one column, and the first line is no name of one.

    Example:
        >>> detect_dialect(b"a;b\n1,5;2\n", "a.csv").delimiter
        ';'
    """
    blank = len(text) - len(text.lstrip(b"\r\n"))
    first_line = text.count(b"\n", 0, blank) + 1
    text = text[blank:]
    declared = re.match(rb"sep=([^\r\n]+)\r?\n", text)  # Excel may declare the delimiter in the first line
    if declared and len(declared[1].decode()) == 1:
        text, first_line = text[declared.end() :], first_line + 1
        delimiter = delimiter or declared[1].decode()
    head = text[:_HEAD_BYTES]
    if len(text) > _HEAD_BYTES:
        head = head[: head.rfind(b"\n") + 1] or head
    sample = head.decode(errors="ignore")
    scores = {d: _score(sample, d) for d in _list_dialects(sample, delimiter, quote)}
    most = max(share for share, _ in scores.values())
    widths = {d: width for d, (share, width) in scores.items() if share == most}
    best = max(widths, key=lambda d: widths[d] - 1.5 * (d.delimiter == ","))
    if scores[best] == (0, 0):
        remark = _accept_one_column(sample, name, delimiter)
    else:
        remark = _describe_quotes(best, name) if quote is None else ""
        remark = " ".join(filter(None, (remark, _describe_rivals(best, widths, name))))
    if best.delimiter == "," and best.quote in ("", '"') and quote is None:
        text, dates = quote_comma_dates(text, name)
        best = best._replace(quote='"' if dates else best.quote)
        remark = " ".join(filter(None, (remark, dates)))
    return best._replace(text=text, first_line=first_line, remark=remark)


def count_delimiters(dialect: Dialect) -> int:
    r"""Count the delimiters in the text, those in quotes included.

    Example:
        >>> count_delimiters(Dialect(b"a,b\n1,2\n", ","))
        2
    """
    return _count_byte(dialect.text, dialect.delimiter)


def has_clean_quotes(dialect: Dialect) -> bool:
    r"""Return True if quotes are only at the edges of fields, or doubled in them, and each is closed.

    Example:
        >>> (
        ...     has_clean_quotes(Dialect(b'a,b\n1,"x,y"\n', ",")),
        ...     has_clean_quotes(Dialect(b'a,b\n1,5" x\n', ",")),
        ... )
        (True, False)
    """
    quotes = _find_quotes(dialect)
    if len(quotes) % 2:
        return False
    data = np.frombuffer(dialect.text, dtype=np.uint8)
    is_edge = np.zeros(256, dtype=bool)
    is_edge[[ord(dialect.delimiter), *dialect.quote.encode(), *b"\r\n"]] = True
    opening, closing = quotes[::2], quotes[1::2]
    begins = is_edge[data[np.maximum(opening - 1, 0)]] | (opening == 0)
    ends = is_edge[data[np.minimum(closing + 1, len(data) - 1)]] | (closing == len(data) - 1)
    return bool(begins.all() and ends.all())


def is_regular(dialect: Dialect) -> bool:
    r"""Return True if all lines have as many fields as the first, and the quotes are clean.

    Blank lines are skipped. Vectorised: about 0.1 s for 10 MB.

    Example:
        >>> is_regular(Dialect(b'a,b\n1,"x,y"\n', ",")), is_regular(Dialect(b"a,b\n1\n", ","))
        (True, False)
    """
    if not has_clean_quotes(dialect):
        return False
    text = dialect.text if dialect.text.endswith(b"\n") else dialect.text + b"\n"
    data = np.frombuffer(text, dtype=np.uint8)
    quotes = _find_quotes(dialect)
    ends, cuts = (np.flatnonzero(data == c) for c in (ord("\n"), ord(dialect.delimiter)))
    if len(quotes):
        # Keep line ends and delimiters outside of quotes: an even number of quotes comes before them.
        ends, cuts = (p[np.searchsorted(quotes, p) % 2 == 0] for p in (ends, cuts))
    starts = np.concatenate([[0], ends[:-1] + 1])
    fields = np.diff(np.searchsorted(cuts, ends), prepend=0)
    blank = (ends == starts) | ((ends == starts + 1) & (data[starts] == ord("\r")))
    return bool((blank | (fields == fields[0])).all())


def read_records(dialect: Dialect, name: str) -> list[list[str]]:
    r"""Read all records one by one, the header first: slow, for files that ``is_regular`` rejects.

    Raises:
        InputError: a line is not valid csv, or has more or fewer fields than the header.

    Example:
        >>> read_records(Dialect(b'a,b\n1,"x, y"\n', ","), "a.csv")
        [['a', 'b'], ['1', 'x, y']]
    """
    reader = open_reader(io.StringIO(dialect.text.decode(), newline=""), dialect, strict=True)
    rows: list[list[str]] = []
    skipped = dialect.first_line - 1
    first_line = 1
    try:
        for row in reader:
            first_line = reader.line_num + 1  # of the next record, where an open quote begins
            if row and rows and len(row) != len(rows[0]):
                mark = DELIMITERS.get(dialect.delimiter, dialect.delimiter)
                raise InputError(
                    f"{name}: line {reader.line_num + skipped:,} has {len(row)} fields, the header has "
                    f"{len(rows[0])}.",
                    hint=f"correct the line; a text that contains a {mark} needs double quotes."
                    if len(row) > len(rows[0])
                    else f"give the line a {mark} for each field, even an empty one; if it and what follows "
                    "are no rows, Reading(skip_footer=1) leaves the last one out.",
                )
            if row:
                rows.append(row)
    except csv.Error as error:
        unclosed = "end of data" in str(error)
        problem = "has a double quote that is never closed" if unclosed else f"is not valid csv: {error}"
        raise InputError(
            f"{name}: line {first_line + skipped:,} {problem}.",
            hint='write a quote inside quotes as ""; if quotes are letters here: Reading(quote="").',
        ) from None
    return rows


def open_reader(lines: Iterable[str], dialect: Dialect, *, strict: bool = False) -> Any:
    """Return a reader of Python's csv module for this dialect.

    Example:
        >>> list(open_reader(["a;b"], Dialect(b"", ";")))
        [['a', 'b']]
    """
    quoting: dict[str, Any] = {"quotechar": dialect.quote} if dialect.quote else {"quoting": csv.QUOTE_NONE}
    padded = dialect.is_padded
    return csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=padded, strict=strict, **quoting)


def _find_quotes(dialect: Dialect) -> Any:
    quote = dialect.quote.encode()
    if not quote or quote not in dialect.text:
        return np.empty(0, dtype=np.int64)
    return np.concatenate([np.flatnonzero(p == quote[0]) + start for start, p in _iter_pieces(dialect.text)])


def _count_byte(text: bytes, char: str) -> int:
    return sum(int(np.count_nonzero(piece == ord(char))) for _, piece in _iter_pieces(text))


def _iter_pieces(text: bytes) -> Iterator[tuple[int, Any]]:
    """Yield pieces that fit into the processor's cache, with the place where each begins."""
    for start in range(0, len(text), _PIECE_BYTES):
        yield start, np.frombuffer(text, np.uint8, min(_PIECE_BYTES, len(text) - start), start)


def _list_dialects(sample: str, delimiter: str | None, quote: str | None) -> Iterator[Dialect]:
    """Yield the dialects that are possible; of those that fit equally well, the first is meant."""
    for mark in [delimiter] if delimiter else DELIMITERS:
        if quote is None and _has_single_quotes(sample, mark):
            yield Dialect(b"", mark, "'")
        usual = Dialect(b"", mark, '"' if quote is None else quote)
        yield usual._replace(is_padded=_has_padded_quotes(sample, usual))


def _has_single_quotes(sample: str, delimiter: str) -> bool:
    """Return True if fields begin and end with single quotes, and none with others."""
    mark = re.escape(delimiter)
    begin, end = f"(?:(?m:^)|{mark})", f"(?= *(?m:{mark}|\r?$))"
    begun = len(re.findall(f"{begin}'", sample))
    closed = len(re.findall(f"{begin}'(?:[^'\n]|'')*'{end}", sample)) if begun > 1 else 0
    return closed > max(1, 0.9 * begun) and not re.search(f'{begin}"', sample)


def _has_padded_quotes(sample: str, dialect: Dialect) -> bool:
    """Return True if fields begin with a quote behind blanks, and as many end with a quote."""
    written = (
        len(re.findall(f"{re.escape(dialect.delimiter)} +{dialect.quote}", sample)) if dialect.quote else 0
    )
    if not written:
        return False
    # Quotes that the reader understands are no longer in its fields, and those in texts were doubled.
    fields = [field for row in _sample_rows(sample, dialect) for field in row if dialect.quote in field]
    begun = sum(re.match(f" +{dialect.quote}", field) is not None for field in fields)
    return written == begun == sum(field.rstrip(" ").endswith(dialect.quote) for field in fields)


def _describe_quotes(dialect: Dialect, name: str) -> str:
    """Say what is unusual about the quotes, unless the author named them."""
    if dialect.is_padded:
        return f"{name}: blanks between a delimiter and a text in quotes are left out."
    if dialect.quote == "'":
        return f"{name}: single quotes are read as quotes around texts; they are no part of the texts."
    return ""


def _describe_rivals(best: Dialect, rivals: Iterable[Dialect], name: str) -> str:
    """Say which other delimiter stands as often in each line."""
    others = [DELIMITERS[d.delimiter] for d in rivals if d.delimiter != best.delimiter]
    if not others:
        return ""
    return (
        f"{name}: fields are parted by a {DELIMITERS[best.delimiter]}; a {others[0]}, which each line has "
        "as often as the others, is part of the texts."
    )


def _accept_one_column(sample: str, name: str, delimiter: str | None) -> str:
    """Return a remark on a file of one column; refuse it if it may have more."""
    header = sample.split("\n", 1)[0].strip()
    if delimiter:
        mark = DELIMITERS.get(delimiter, repr(delimiter))
        return f"{name} is read as one column, {shorten(header, 40)!r}: no line has a {mark} in it."
    rare = max(_RARE_DELIMITERS, key=lambda mark: _score_first_line(sample, mark))
    is_parted = _score_first_line(sample, rare) > 0.9
    if not is_parted and not set(sample) & set(DELIMITERS) and _COLUMN_NAME.fullmatch(header.strip('"')):
        return f"{name} is read as one column, {header!r}: no line has a comma, semicolon, tab or pipe."
    guess = f"its columns seem parted by {rare!r}; " if is_parted else ""
    raise InputError(
        f"{name} has one column only: {shorten(header, 80)!r}.",
        hint=f"{guess}part the columns by comma, semicolon, tab or pipe, or name what parts them: "
        f"Reading(delimiter={(rare if is_parted else ',')!r}).",
    )


def _score_first_line(sample: str, delimiter: str) -> float:
    """Return the share of lines with as many fields as the first one; 0 if that is one field."""
    widths = [len(row) for row in _sample_rows(sample, Dialect(b"", delimiter))]
    return widths.count(widths[0]) / len(widths) if widths and widths[0] > 1 else 0.0


def _score(sample: str, dialect: Dialect) -> tuple[float, int]:
    """Score a dialect by the share of lines with the most frequent number of fields, then by that number."""
    widths = Counter(len(row) for row in _sample_rows(sample, dialect))
    width = max(widths, key=lambda w: (widths[w], w), default=0)
    return (widths[width] / widths.total(), width) if width > 1 else (0, 0)


def _sample_rows(sample: str, dialect: Dialect) -> Iterator[list[str]]:
    """Yield the first records of a text without the blank ones; stop at one that is not valid csv."""
    reader = open_reader(io.StringIO(sample, newline=""), dialect)
    try:
        for number, row in enumerate(reader):
            if row:
                yield row
            if number > _SAMPLE_LINES:
                return
    except csv.Error:
        return
