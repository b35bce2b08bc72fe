"""The shape of a delimited file: which of its first and last lines are names, rows, or neither."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import NamedTuple

from magical.errors import InputError, join_names, shorten
from magical.reading.missing_texts import MISSING_TEXTS

__all__ = [
    "COMMENT_PREFIXES",
    "FileHead",
    "FileLine",
    "HeaderLine",
    "count_footers",
    "count_unit_lines",
    "describe_head",
    "drop_comments",
    "find_comment",
    "find_header",
    "is_comment",
]

COMMENT_PREFIXES = ("#", "//", "%")
_NUMBER = re.compile(
    r"[-+(]{0,2}\s?(?:[$€£¥₹]|[A-Z]{3}\s)?\s?[-+]?(?:\d[\d.,'’ \u00a0\u202f_]*|[.,]\d+)(?:[eE][-+]?\d+)?"
    r"\s?(?:[%‰$€£¥]|[A-Z]{3})?[)]?-?"
)
_DATE = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([T ].*)?|\d{1,2}:\d{2}(:\d{2})?\D*"
    r"|(?:\w{3},? )?\d{1,2}[- .]+[A-Za-z]{3,9}[- .,]+\d{2,4}.*|[A-Za-z]{3,9} \d{1,2}, \d{4}.*"
)
_NULLS = (*MISSING_TEXTS, "unknown", "missing")
_SI_UNIT = re.compile(
    r"[yzafpnµμumcdhkMGTP]?(m|g|s|A|K|mol|cd|Hz|N|Pa|J|W|Wh|V|VA|var|Ω|F|C|l|bar|B|b|bit|byte|Sv|Bq|lm|lx|T|cal|eq)"
    r"|[kM]?[€$£¥]|[°º][CFKNESW]?",
    re.IGNORECASE,
)
_UNIT_NAMES = """
% ‰ ppm ppb ppt pct percent prozent 1 10 deg degree degrees min mins minute minutes h hr hrs hour hours d
day days week weeks month months yr yrs year years a sec secs second seconds in inch inches ft feet yd
yard yards mi mile miles mph kph kmh kn knot knots lb lbs oz psi gal acre acres ha sq sqm qm cbm t ton
tons tonne tonnes kilo kilos litre litres liter liters meter meters metre metres rpm db dba ph pc pcs
piece pieces unit units no nr count counts each ea stk stück st person persons people # item items dozen
pt pts point points cent cents euro euros dollar dollars eur usd gbp chf jpy cny inr cad aud nzd sek nok
dkk pln czk huf ron try rub brl mxn zar krw mmhg cmh2o iu px dpi mil mio mrd k
"""
_UNIT_WORDS = frozenset(_UNIT_NAMES.split())
_UNIT_PARTS = re.compile(r"[\s/·*.]+")
_EXPONENT = re.compile(r"(\^?[-+]?\d|[²³])$")
_BRACKETS = re.compile(r"\[.*\]|\(.*\)|<.*>|\{.*\}")
_UNIT_FILLERS = {"", "-", "–", "—", "text", "string", "n/a"}
_RULE = re.compile(r"[-=_+*]{2,}")
_FOOTER = re.compile(
    r"\(.*\)$|\[.*\]$|\*+ ?\w|-{2,} ?\w|©|end of |ende d|eof$|elapsed|time: "
    r"|[\d.,]+ (?:rows?|records?|lines?|entries|results?|zeilen|datensätze|lignes|filas)\b"
    r"|(?:rows?|records?|lines?|number of rows|row count|anzahl|zeilen)\s*[:=]"
    r"|(?:sources?|quellen?|fuente|fonte|notes?|nota|hinweis|anmerkung|remarks?|legende?|footnotes?|disclaimer"
    r"|report|stand|as of|date|datum|last updated?|updated|page|seite)\b\s*[:=\d.]"
    r"|(?:generated|created|exported|printed|downloaded|retrieved|copyright|gedruckt|erstellt|exportiert)\b",
    re.IGNORECASE,
)
_MOST = 0.6  # a column is of numbers if so many of its fields are: the head may have units and totals in it
_LOOK = 20  # rows below the header that are looked at one by one


class FileLine(NamedTuple):
    """One record of a file: where it is, and its fields without blanks around them.

    Attributes:
        number: the number of its first line, from 1.
        text: the record as it is written, without the line end.
        fields: its fields; none if the line is blank.
        start: the first byte of the record.
        end: the byte behind it, at its line end.
    """

    number: int
    text: str
    fields: tuple[str, ...]
    start: int = 0
    end: int = 0

    @property
    def filled(self) -> int:
        """Count the fields that are not empty."""
        return sum(map(bool, self.fields))


class HeaderLine(NamedTuple):
    """The place of the header in a list of lines, and a remark if it is unusual."""

    place: int
    remark: str = ""


class FileHead(NamedTuple):
    """The first lines of a file, without blank ones, with what its later lines have in common.

    Attributes:
        name: the name of the file, for messages.
        lines: the lines.
        width: the number of fields of a row.
        rows: the fields of some lines that are rows.
        types: for each column of numbers or dates, which of them.
    """

    name: str
    lines: tuple[FileLine, ...]
    width: int
    rows: tuple[tuple[str, ...], ...]
    types: dict[int, str]


def describe_head(lines: Sequence[FileLine], name: str) -> FileHead:
    """Find the width of the rows and the kinds of their columns, from the later half of the lines.

    Example:
        >>> rows = [("Stock",), ("article", "kg"), ("A1", "5"), ("A2", "7")]
        >>> describe_head([FileLine(i, "", row) for i, row in enumerate(rows)], "a.csv")[2:]
        (2, (('A2', '7'),), {1: 'number'})
    """
    lines = tuple(line for line in lines if line.fields)
    parted = [x for x in lines if len(x.fields) > 1 and not _FOOTER.match(x.text)]
    later = parted[min((len(parted) + 1) // 2, len(parted) - 1) :] if parted else []
    widths = Counter(len(x.fields) for x in later)
    width = max(widths, key=lambda w: (widths[w], w), default=1)
    rows = tuple(x.fields for x in later if len(x.fields) == width)
    return FileHead(name, lines, width, rows, _find_types(rows))


def find_header(head: FileHead) -> HeaderLine:
    """Find the line with the column names.

    The first line is the header unless it has fewer filled fields than a later one that looks more like it:
    texts above numbers or dates, or a full line below a title.

    Raises:
        InputError: the header is missing, or more than one line may be it.

    Example:
        >>> rows = [("Stock",), ("article", "kg"), ("A1", "5"), ("A2", "7")]
        >>> lines = [FileLine(i, "", row) for i, row in enumerate(rows)]
        >>> find_header(describe_head(lines, "a.csv")).place
        1
    """
    if head.width < 2 or len(head.lines) < 2:
        return HeaderLine(0)
    used = [i for i in range(head.width) if any(row[i] for row in head.rows)]
    fits = (
        x.filled >= len(used) and max(used, default=0) < len(x.fields) and not any(x.fields[head.width :])
        for x in head.lines
    )
    full = next((i for i, is_full in enumerate(fits) if is_full), 0)
    index = _choose_header(head, full) if full else 0
    return HeaderLine(index, _check_header(head, index))


def _choose_header(head: FileHead, full: int) -> int:
    """Choose between the first line and the first full line below it."""
    above, candidate = head.lines[:full], head.lines[full]
    same, texts = _compare_with_types(candidate, head.types)
    below = [x.fields for x in head.lines[full + 1 :] if len(x.fields) == head.width]
    if (texts and not same) or (below and _are_number_names(candidate.fields, below, same)):
        named = len(above[-1].fields) == head.width and above[-1].filled > 1
        return full - 1 if named and _is_unit_line(candidate, head.types) else full
    titles = all(len(x.fields) == 1 or (x.filled == 1 and x.fields[0]) for x in above)
    if not titles:
        return 0  # some names are blank, or the parser refuses the line for its number of fields
    short = all(len(x.fields) == 1 for x in above)
    if not head.types and (short or head.width > 2):
        return full
    if head.types and not short and full == 1 and head.width == 2:
        return 0
    raise _reject(head, head.lines[: full + 1], "it is not clear which line has the names of the columns")


def _check_header(head: FileHead, index: int) -> str:
    """Refuse a header that looks like a row; return a remark if its names are numbers."""
    header = head.lines[index]
    if abs(len(header.fields) - head.width) > 1:
        return ""  # the parser refuses it
    body = [x.fields for x in head.lines[index + 1 :] if len(x.fields) == head.width]
    body = [row for row in body if row != header.fields]
    same, texts = _compare_with_types(header, head.types)
    if body and same:
        if len(same) < len(texts) or _are_number_names(header.fields, body, same):
            names = join_names((header.fields[i] for i in same), 4)
            return f"{head.name}: names of columns in line {header.number} are numbers: {names}."
        problem = "may have names or be a row" if texts else "looks like a row, and no line has names"
        raise _reject(head, head.lines[index : index + 2], f"line {header.number} {problem}")
    if not head.types and len(body) > 1:
        again = [c for i, c in enumerate(header.fields[: head.width]) if c and any(r[i] == c for r in body)]
        if len(again) > 1 and 2 * len(again) >= head.width:
            cause = f"line {header.number} looks like a row: {join_names(again, 3)} come again below it"
            raise _reject(head, head.lines[index : index + 2], cause)
    return ""


def count_unit_lines(head: FileHead) -> int:
    """Count the lines of units, or of dashes, between the header, the first line, and the rows.

    Raises:
        InputError: a line below the header is no row, and it is not clear what it is.

    Example:
        >>> rows = [("article", "weight"), ("", "kg"), ("A1", "5"), ("A2", "7")]
        >>> lines = [FileLine(i, "", row) for i, row in enumerate(rows)]
        >>> count_unit_lines(describe_head(lines, "a.csv"))
        1
    """
    if head.width < 2:
        return 0
    below = head.lines[1:-1]  # the last line has no row below it
    count = next((i for i, x in enumerate(below) if not _is_between(x, head.types)), len(below))
    above_rows = takewhile(lambda line: not _fits(line, head), below[count : count + _LOOK])
    second = [x for x in above_rows if _is_second_header(head, head.lines[0], x)]
    if second:
        header, line = head.lines[0], second[-1]
        raise InputError(
            f"{head.name}: line {header.number} has the names, and line {line.number} is no row either.",
            *_show((header, line)),
            hint=f"say Reading(header={header.number}, skip_after_header={line.number - header.number}) or "
            f"Reading(header={line.number}).",
        )
    return count


def _fits(line: FileLine, head: FileHead) -> bool:
    """Return True if a line is a row by its number of fields and their kinds."""
    same, texts = _compare_with_types(line, head.types)
    return len(line.fields) == head.width and bool(same) and not texts


def _is_between(line: FileLine, types: dict[int, str]) -> bool:
    return _is_unit_line(line, types) or all(_RULE.fullmatch(cell) for cell in line.fields)


def _is_unit_line(line: FileLine, types: dict[int, str]) -> bool:
    """Return True if a line has units above numbers, and nothing else."""
    units = [i for i, cell in enumerate(line.fields) if _is_unit(cell)]
    rest = {cell for i, cell in enumerate(line.fields) if i not in units}
    return any(types.get(i) == "number" for i in units) and rest <= _UNIT_FILLERS


def _is_second_header(head: FileHead, header: FileLine, line: FileLine) -> bool:
    """Return True if a line below the header has new texts in all columns of numbers."""
    types = head.types
    if len(line.fields) != head.width or line.fields == header.fields or not types:
        return False
    same, texts = _compare_with_types(line, types)
    numbers = [i for i, kind in types.items() if kind == "number"] or list(types)
    alone = len(types) < head.width and not any(c for i, c in enumerate(line.fields) if i not in types)
    if same or not set(numbers) <= set(texts) or not (alone or len({line.fields[i] for i in texts}) > 1):
        return False
    others = [x.fields for x in head.lines if x is not line and len(x.fields) == head.width]
    return not any(row[i] == line.fields[i] for row in others for i in texts)


def count_footers(lines: Sequence[FileLine], width: int) -> int:
    """Count the lines at the end that are no rows, with the blank ones between them.

    A footer has other fields than a row, and begins like one, or stands below a blank line.

    Args:
        lines: the last lines of a file; blank ones have no fields.
        width: the number of fields of a row.

    Example:
        >>> rows = [("A1", "5"), (), ("(1 rows affected)",)]
        >>> count_footers([FileLine(i, "".join(row), row) for i, row in enumerate(rows)], 2)
        1
    """
    if width < 2:
        return 0
    last_row = next((i for i in reversed(range(len(lines))) if _is_row(lines[i], width)), -1)
    for i in range(max(last_row + 1, 1), len(lines)):
        text, fields = lines[i].text.strip(" \"',;|\t"), lines[i].fields
        apart = not lines[i - 1].fields and 0 < len(fields) < width and re.search(r"[^\W\d]{2}", text)
        if fields and (apart or _FOOTER.match(text)):
            return len(lines) - i
    return 0


def _is_row(line: FileLine, width: int) -> bool:
    title = width > 2 and line.filled == 1 and line.fields[0]
    return len(line.fields) == width and not title


def find_comment(head: FileHead) -> str:
    """Find the text at the start of comment lines: above the header, or on lines that are no rows.

    Raises:
        InputError: a line may be a comment or the header.

    Example:
        >>> rows = [("# made today",), ("a", "b"), ("1", "2"), ("3", "4")]
        >>> find_comment(describe_head([FileLine(i, row[0], row) for i, row in enumerate(rows)], "a.csv"))
        '#'
    """
    return next((p for p in COMMENT_PREFIXES if len(drop_comments(head, p).lines) < len(head.lines)), "")


def drop_comments(head: FileHead, prefix: str) -> FileHead:
    """Drop the comment lines from the head; a header that begins with the prefix stays.

    Raises:
        InputError: a line may be a comment or the header.
    """
    lines = head.lines
    lead = next((i for i, x in enumerate(lines) if not x.text.startswith(prefix)), 0)
    above = lead - _count_hashed(head, lead, prefix)
    kept = lines[above:lead] + tuple(x for x in lines[lead:] if not is_comment(x, prefix, head))
    return head._replace(lines=kept)


def is_comment(line: FileLine, prefix: str, head: FileHead) -> bool:
    """Return True if a line with this prefix is no row: in its number of fields, or in its first field."""
    if not line.text.startswith(prefix):
        return False
    return len(line.fields) != head.width or (0 in head.types and _kind(line.fields[0]) != head.types[0])


def _count_hashed(head: FileHead, lead: int, prefix: str) -> int:
    """Count the lines, the last of the first ones with a prefix, that are a header or rows all the same."""
    first = head.lines[:lead]
    whole = next((i for i, line in enumerate(first) if len(line.fields) == head.width > 1), lead)
    if whole == lead or any(_fits(line, head) for line in first):
        return 0 if whole == lead else lead  # the first fields of rows begin so
    if head.types:
        below = head.lines[lead]
        return int(len(first[-1].fields) == head.width and not _compare_with_types(below, head.types)[1])
    if not first[whole].text[len(prefix) :].startswith(" "):
        return lead - whole
    if lead == 1:
        lines = head.lines[:2]
        raise _reject(head, lines, "the first line may be a comment, or have the names of the columns")
    return 0


def _compare_with_types(line: FileLine, types: dict[int, str]) -> tuple[list[int], list[int]]:
    """Return the columns whose field is of their kind, and those with a text that is no missing value."""
    kinds = {i: _kind(line.fields[i]) for i in types if i < len(line.fields)}
    same = [i for i, kind in kinds.items() if kind == types[i]]
    return same, [i for i, kind in kinds.items() if kind and kind != types[i]]


def _find_types(rows: Sequence[tuple[str, ...]]) -> dict[int, str]:
    types = {}
    for i, column in enumerate(zip(*rows, strict=True)):
        kinds = Counter(filter(None, map(_kind, column)))
        kind = max(kinds, key=lambda k: kinds[k], default="text")
        if kind != "text" and kinds[kind] >= _MOST * kinds.total():
            types[i] = kind
    return types


def _kind(cell: str) -> str:
    if cell.lower() in _NULLS:
        return ""
    if _DATE.fullmatch(cell):
        return "date"
    return "number" if _NUMBER.fullmatch(cell) else "text"


def _is_unit(cell: str) -> bool:
    """Return True for a text such as ``kg``, ``m/s^2``, ``[mm]`` or ``(%)``."""
    if _NUMBER.fullmatch(cell):
        return False
    if _BRACKETS.fullmatch(cell):
        return True
    parts = [part for part in _UNIT_PARTS.split(cell) if part]
    symbols = [part if part.lower() in _UNIT_WORDS else _EXPONENT.sub("", part) for part in parts]
    return 0 < len(symbols) <= 4 and all(s.lower() in _UNIT_WORDS or _SI_UNIT.fullmatch(s) for s in symbols)


def _are_number_names(header: Sequence[str], rows: Sequence[tuple[str, ...]], columns: Sequence[int]) -> bool:
    """Return True if numbers of a header are years, or run in equal steps, as no row below does."""
    columns = sorted({*columns, *(i for i, c in enumerate(header[: len(rows[0])]) if _is_year(c))})
    if len(columns) < 2:
        return False
    names = [header[i] for i in columns]
    cells = [[row[i] for i in columns] for row in rows]
    if all(map(_is_year, names)) and not any(_is_year(c) for row in cells for c in row):
        return len(set(names)) == len(names)
    if all(c.endswith("%") for c in names) and not any(c.endswith("%") for row in cells for c in row):
        return True
    running = len(names) > 2 or header[0] == ""
    return running and _has_equal_steps(names) and not any(_has_equal_steps(row) for row in cells)


def _is_year(cell: str) -> bool:
    return cell.isdecimal() and 1800 <= int(cell) <= 2100


def _has_equal_steps(cells: Sequence[str]) -> bool:
    try:
        numbers = [float(c) for c in cells]
    except ValueError:
        return False
    steps = {round(b - a, 9) for a, b in pairwise(numbers)}
    return len(steps) == 1 and steps != {0.0}


def _reject(head: FileHead, lines: Sequence[FileLine], problem: str) -> InputError:
    candidates = " or ".join(f"Reading(header={x.number})" for x in lines[:3])
    return InputError(
        f"{head.name}: {problem}.",
        *_show(lines[:3]),
        hint=f"if no line has names, say Reading(header=0), else {candidates}.",
    )


def _show(lines: Sequence[FileLine]) -> list[str]:
    return [f"  line {x.number}: {shorten(x.text, 90)}" for x in lines]
