"""The lines of a csv file that are no rows: found, or named by the author, and left out of its text."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from magical.errors import InputError, join_names, shorten
from magical.library.sources.reading_settings import Reading
from magical.reading.csv_dialect import Dialect, open_reader
from magical.reading.file_shape import (
    COMMENT_PREFIXES,
    FileHead,
    FileLine,
    count_footers,
    count_unit_lines,
    describe_head,
    drop_comments,
    find_comment,
    find_header,
    is_comment,
)

__all__ = ["CsvLines", "cut_lines", "cut_stray_comments"]

_HEAD_LINES, _HEAD_BYTES = 50, 1 << 18
_TAIL_LINES, _TAIL_BYTES = 20, 1 << 16


@dataclass
class CsvLines:
    """The text of a csv file, and which of its lines are no rows.

    Attributes:
        source: the whole text and its delimiter.
        head: the first lines, from the header on, or from the first row if there is no header.
        has_header: false if the author says that no line has names.
        pieces: the pieces of the text to replace: start, end and the new piece; None for lines to leave out.
        remarks: what was found and left out.
        facts: the same, for programs.
    """

    source: Dialect
    head: FileHead
    has_header: bool = True
    pieces: list[tuple[int, int, bytes | None]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    def rows(self) -> Dialect:
        """Return the text of the header and the rows alone."""
        return self._replace_pieces(numbered=False)

    def numbered_rows(self) -> Dialect:
        """Return the same with a blank line for each line that is left out, so that numbers of lines fit."""
        return self._replace_pieces(numbered=True)

    def _replace_pieces(self, *, numbered: bool) -> Dialect:
        if not self.head.lines:
            return self.source
        text, parts, at = self.source.text, [], self.head.lines[0].start
        for begin, end, by in sorted(self.pieces, key=lambda piece: piece[:2]):
            if end < at or begin < end <= at:
                continue  # above the header, or part of a piece that is left out already
            start = max(begin, at)
            lines = b"\n" * text.count(b"\n", start, end) if numbered else b""
            parts += [text[at:start], lines if by is None else by]
            at = end
        if parts:
            text = b"".join([*parts, text[at:]])
        elif at:
            text = text[at:]
        return self.source._replace(text=text, first_line=self.head.lines[0].number)

    def _remark(self, fact: str, value: str, text: str) -> None:
        self.facts[fact] = value
        self.remarks.append(f"{self.head.name}: {text}")


def cut_lines(dialect: Dialect, name: str, reading: Reading) -> CsvLines:
    r"""Find the header, and leave out what is no row: lines above it, units, comments and footers.

    Args:
        dialect: the text and its delimiter.
        name: the name of the file, for messages.
        reading: what the author says of the lines; the rest is found out.

    Raises:
        InputError: it is not clear which lines are rows, or the file has not the lines that are named.

    Example:
        >>> text = b"Stock\narticle,weight\n,kg\nA1,5\nA2,7\n(2 rows)\n"
        >>> cut_lines(Dialect(text, ","), "a.csv", Reading()).rows().text
        b'article,weight\nA1,5\nA2,7\n'
    """
    _check_line_numbers(dialect, name, reading)
    first = dialect.first_line
    below = reading.skip_after_header or 0
    number = reading.header or (first if reading.header is None else max(first, below + 1))
    found = _read_head(dialect, _skip_lines(dialect.text, 0, number - first), number)
    head = describe_head([_blank_nulls(line, reading.nulls) for line in found], name)
    lines = CsvLines(dialect, head, has_header=reading.header != 0)
    comments = _drop_comments(lines, reading)
    if reading.header is None:
        _cut_above(lines)
    if not lines.head.lines:
        return lines
    _cut_comments(lines, comments, reading)
    if lines.has_header:
        lines.facts["header_line"] = str(lines.head.lines[0].number)
        _cut_below_header(lines, reading)
        _match_trailing_delimiter(lines)
    _cut_footers(lines, reading)
    return lines


def cut_stray_comments(lines: CsvLines) -> bool:
    """Leave out comments that begin between the rows, far below the head; return False if there are none."""
    if "comment" in lines.facts or not lines.head.lines:
        return False
    for prefix in COMMENT_PREFIXES:
        found = list(_find_comments(lines, prefix, lines.head))
        if found:
            lines.facts["comment"] = prefix
            _leave_out_comments(lines, found)
            return True
    return False


def _drop_comments(lines: CsvLines, reading: Reading) -> list[FileLine]:
    """Drop the comments from the head; return them."""
    before = lines.head
    comment = reading.comment or find_comment(before)
    if not comment:
        return []
    lines.facts["comment"] = comment
    if reading.comment:
        lines.head = describe_head([x for x in before.lines if not x.text.startswith(comment)], before.name)
    else:
        lines.head = drop_comments(before, comment)
    return [line for line in before.lines if line not in lines.head.lines]


def _cut_above(lines: CsvLines) -> None:
    """Leave out the lines above the header."""
    head = lines.head
    found = find_header(head)
    above, lines.head = head.lines[: found.place], head._replace(lines=head.lines[found.place :])
    if found.remark:
        lines.remarks.append(found.remark)
    if above:
        number = lines.head.lines[0].number
        texts = _join_texts(above)
        what = f"{_count(above)} above it {'is' if len(above) == 1 else 'are'} left out"
        lines._remark("lines_above", texts, f"line {number} has the names of the columns; {what}: {texts}.")


def _cut_comments(lines: CsvLines, in_head: Sequence[FileLine], reading: Reading) -> None:
    """Leave out the comments of the whole text, if there are any in the head."""
    if "comment" not in lines.facts:
        return
    begin = lines.head.lines[0].start
    above = [line for line in in_head if line.start < begin]
    below = list(_find_comments(lines, lines.facts["comment"], None if reading.comment else lines.head))
    _leave_out_comments(lines, above + below, said=not reading.comment)


def _leave_out_comments(lines: CsvLines, comments: Sequence[FileLine], *, said: bool = True) -> None:
    lines.pieces += [(line.start, line.end + 1, None) for line in comments]
    if said and comments:
        prefix = lines.facts["comment"]
        what = f"{_count(comments)} beginning with {prefix!r} left out as comments"
        lines._remark("comment", prefix, f"{what}: {_join_texts(comments)}.")


def _find_comments(lines: CsvLines, prefix: str, head: FileHead | None) -> Iterator[FileLine]:
    """Yield the comment lines below the first line; with a head, only those that are no rows."""
    dialect, mark = lines.source, b"\n" + prefix.encode()
    text, quote = dialect.text, dialect.quote.encode()
    counted, quotes = lines.head.lines[0].start, 0
    at = text.find(mark, counted)
    while at >= 0:
        quotes += text.count(quote, counted, at) if quote else 0
        counted, end = at, text.find(b"\n", at + 1)
        end = len(text) if end < 0 else end
        if quotes % 2 == 0:  # else the line is part of a field
            line = next(_read_records(text[at + 1 : end], dialect, at + 1, 0, whole=True), None)
            if line and (head is None or is_comment(line, prefix, head)):
                yield line._replace(start=at + 1, end=end)
                counted = end  # the quotes of a comment part no fields
        at = text.find(mark, end)


def _cut_below_header(lines: CsvLines, reading: Reading) -> None:
    """Leave out the lines of units below the header."""
    head, header, text = lines.head, lines.head.lines[0], lines.source.text
    if reading.skip_after_header is not None:
        end = _skip_lines(text, header.end, reading.skip_after_header + 1)
        lines.pieces.append((min(header.end + 1, end), end, None))
        lines.head = head._replace(lines=(header, *(x for x in head.lines[1:] if x.start >= end)))
        return
    units = head.lines[1 : 1 + count_unit_lines(head)]
    for line in units:
        lines.pieces.append((line.start, line.end + 1, None))
        pairs = zip(header.fields, line.fields, strict=False)
        named = ", ".join(f"{a}: {b}" for a, b in pairs if b.strip("-=_+*"))
        if named:
            lines._remark(
                "units", named, f"line {line.number} has units and is no row: {shorten(named, 120)}."
            )
        else:
            lines.remarks.append(f"{head.name}: line {line.number} has dashes only and is no row.")
    lines.head = head._replace(lines=(header, *head.lines[1 + len(units) :]))


def _match_trailing_delimiter(lines: CsvLines) -> None:
    """Add a delimiter to the end of the header, or remove one, if the rows differ from it by that alone."""
    head, text, mark = lines.head, lines.source.text, lines.source.delimiter.encode()
    header, rows = head.lines[0], head.lines[1:]
    end = header.end - text.endswith(b"\r", header.start, header.end)
    more = head.width - len(header.fields)
    if not rows or any(len(x.fields) != head.width for x in rows):
        return
    if more == 1 and not any(x.fields[-1] for x in rows):
        lines.pieces.append((end, end, mark))
    elif more == -1 and not header.fields[-1] and text.endswith(mark, header.start, end):
        lines.pieces.append((end - len(mark), end, b""))
        lines.remarks.append(f"{head.name}: the header ends with a delimiter, and the rows do not.")


def _cut_footers(lines: CsvLines, reading: Reading) -> None:
    """Leave out the lines at the end that are no rows."""
    text = lines.source.text
    end = _trim_end(text)
    if reading.skip_footer is not None:
        for _ in range(reading.skip_footer):
            end = max(text.rfind(b"\n", 0, end), 0)
    else:
        last = list(_read_tail(lines.source, lines.head.lines[0].start, end))
        footers = [line for line in last[len(last) - count_footers(last, lines.head.width) :] if line.fields]
        if footers:
            end = _trim_end(text, footers[0].start)
            texts = _join_texts(footers)
            are = "is no row" if len(footers) == 1 else "are no rows"
            lines._remark("footer", texts, f"{_count(footers)} at the end {are}: {texts}.")
    if text[end:].strip(b"\r\n"):
        lines.pieces.append((end + 1, len(text), None))


def _check_line_numbers(dialect: Dialect, name: str, reading: Reading) -> None:
    """Refuse a line number or a count of lines that the file does not have."""
    counts = {k: getattr(reading, k) or 0 for k in ("header", "skip_after_header", "skip_footer")}
    if not any(counts.values()):
        return
    text, first, header = dialect.text, dialect.first_line, counts["header"]
    total = first + text.count(b"\n", 0, _trim_end(text))
    if header > total:
        raise InputError(
            f"{name} has {total:,} lines, so header={header} names none of them.",
            hint="set header to the number of the line with the names of the columns; the first is 1.",
        )
    start = _skip_lines(text, 0, header - first)
    if header and (header < first or not text[start : _skip_lines(text, start, 1)].strip()):
        raise InputError(
            f"{name}: line {header}, which header={header} names, is blank.",
            hint="count the lines from 1, blank ones too.",
        )
    if sum(counts.values()) >= total:
        said = join_names(f"{k}={v}" for k, v in counts.items() if v)
        raise InputError(
            f"{name} has {total:,} lines, and with {said} no row is left.",
            hint="set smaller numbers; each line of the file counts, blank ones too.",
        )


def _skip_lines(text: bytes, start: int, count: int) -> int:
    """Return the place where the line begins that stands so many lines below; the end if there is none."""
    for _ in range(count):
        end = text.find(b"\n", start)
        if end < 0:
            return len(text)
        start = end + 1
    return start


def _trim_end(text: bytes, end: int | None = None) -> int:
    """Return the end of the text, or of its part before a place, without the blank lines there."""
    end = len(text) if end is None else end
    while end and not text[(begin := text.rfind(b"\n", 0, end) + 1) : end].strip():
        end = max(begin - 1, 0)
    return end


def _blank_nulls(line: FileLine, nulls: Sequence[str]) -> FileLine:
    """Empty the fields that the author calls missing."""
    return line._replace(fields=tuple("" if c in nulls else c for c in line.fields)) if nulls else line


def _read_head(dialect: Dialect, start: int, number: int) -> Iterator[FileLine]:
    """Yield the first records from a place on."""
    piece = dialect.text[start : start + _HEAD_BYTES]
    end = _skip_lines(piece, 0, _HEAD_LINES)
    whole = start + end >= len(dialect.text)
    if end == len(piece) and not whole:  # the last line of the piece may be cut off
        end = piece.rfind(b"\n") + 1
    return _read_records(piece[:end], dialect, start, number, whole=whole)


def _read_tail(dialect: Dialect, start: int, end: int) -> Iterator[FileLine]:
    """Yield the last records before a place."""
    base = max(start, end - _TAIL_BYTES)
    piece = dialect.text[base:end]
    begin = len(piece)
    for _ in range(_TAIL_LINES):
        begin = piece.rfind(b"\n", 0, max(begin - 1, 0)) + 1
    # A field in quotes may hold line ends: a record begins where an even number of quotes follows.
    while dialect.quote and begin < len(piece) and piece.count(dialect.quote.encode(), begin) % 2:
        begin = _skip_lines(piece, begin, 1)
    return _read_records(piece[begin:], dialect, base + begin, 0, whole=True)


def _read_records(
    piece: bytes, dialect: Dialect, base: int, number: int, *, whole: bool
) -> Iterator[FileLine]:
    """Yield the records of a piece of a text, blank ones too; stop at one that is not whole."""
    parts = re.findall(rb"[^\n]*\n|[^\n]+", piece)  # splitlines parts at a carriage return, too
    reader = open_reader((part.decode(errors="replace") for part in parts), dialect)
    first = 0
    try:
        for record in reader:
            last = reader.line_num
            if last == len(parts) > first + 1 and not whole:
                return
            written = b"".join(parts[first:last])
            text = written.decode(errors="replace").rstrip("\r\n")
            fields = tuple(cell.strip() for cell in record) if text.strip() else ()
            end = base + len(written) - written.endswith(b"\n")
            yield FileLine(number + first, text, fields, base, end)
            base, first = base + len(written), last
    except csv.Error:
        return


def _count(lines: Sequence[FileLine]) -> str:
    return f"{len(lines):,} line{'s' * (len(lines) > 1)}"


def _join_texts(lines: Sequence[FileLine]) -> str:
    return join_names((repr(shorten(line.text.strip(), 50)) for line in lines), 3)
