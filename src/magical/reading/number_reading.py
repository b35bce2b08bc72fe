"""Numbers in texts: which marks are decimal and which stand between thousands, from all the evidence.

A point or a comma between digits is the decimal mark or stands between thousands. Most texts leave one
reading: ``1.234,5``, ``1,5``, ``1,234,567``. A text such as ``1.498`` leaves two. Then the contract decides,
or the other texts of the column, or its type and the other columns of the table, or nothing does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from magical.contracts.schema import Column
from magical.reading.missing_texts import is_missing_text
from magical.reading.number_affixes import (
    KNOWN_UNITS,
    find_common_affix,
    find_other_unit,
    find_unsettled_unit,
    note_affixes,
    split_affixes,
)
from magical.reading.reading_note import ReadingNote

__all__ = [
    "NumberReading",
    "TableEvidence",
    "could_be_codes",
    "has_open_point",
    "has_point",
    "normalize_marks",
    "read_numbers",
]

_HEAD_ROWS = 1000
_MAX_UNITS = 3  # more different units in a column belong to other texts than numbers
_NUMBER_SHARE = 0.9  # a column of numbers may have a few other texts
_MAJORITY = 10  # so many times more texts have one decimal mark than the other, if the other is a fault
_OTHER = {".": ",", ",": "."}
_NAMES = {".": "point", ",": "comma", "'": "apostrophe", " ": "blank", "_": "underscore"}
_DECIMAL, _THOUSANDS, _NEITHER = "decimal", "thousands", ""
_LEADING_ZERO = r"^[^0-9]*0[0-9]"
_TOO_LONG = r"^[+-]?[0-9]{16,}$"  # more digits than a float has
_GROUPS_OF_THREE = r"^[0-9]{3}(?:(?:\s[0-9]{3})+|(?:[.,][0-9]{3}){2,})$"
_MONTH_OF_YEAR = r"^(?:[1-9]|1[0-2])\.(?:19|20)[0-9]{2}$"
_DIGITS_AND_E, _WITH_E = r"^[0-9]+(?:[eE][0-9]+)?$", r"^[0-9]+[eE]"
_CODE = r"^[+-]?0[0-9]"
_ONE_READING = r"^[^.]*$|^[+-]?(?:0|[0-9]{4}|[0-9]*\.[0-9]{0,2}(?:[^0-9]|$)|[0-9]*\.[0-9]{4}|[0-9.]*[eE]|\.)"
_ANY_MARK = r"[0-9][.,'\u2019\u02bc\u00b4_\s][0-9]|[.,][0-9]"


def _number_pattern(decimal: str) -> str:
    """Return the pattern of numbers with a decimal mark; the other marks stand between thousands."""
    groups = [rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+" for mark in (rf"[{_OTHER[decimal]}]", "'", " ", "_")]
    if decimal == ".":  # in India the groups beyond the first have two digits
        groups.append("[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}")
    whole, exponent, mark = "|".join(["[0-9]+", *groups]), "[eE][+-]?[0-9]+", f"[{decimal}]"
    # "5." is a number in many sources; "5," is none.
    fraction = f"(?:{mark}[0-9]*)?" if decimal == "." else f"(?:{mark}[0-9]+)?"
    return f"^[+-]?(?:(?:{whole}){fraction}|{mark}[0-9]+|(?:[0-9]+{mark}?[0-9]*|{mark}[0-9]+){exponent})$"


_POINT_NUMBER, _COMMA_NUMBER = _number_pattern("."), _number_pattern(",")


@dataclass(frozen=True)
class NumberReading:
    """A column of texts as plain numbers.

    Attributes:
        plain: each number with a decimal point and no other mark, as text; null for any other text.
        decimal: the decimal mark, if the column is not written in the plain way; else empty.
        thousands: the mark between thousands; empty if there is none.
        unit: the unit that follows each number.
        notes: examples of what was read in a way that is not plain.
        conflict: two readings between which nothing decides; then ``plain`` lacks these texts.
        fixes: the marks of a contract, each of which decides.
        shown: the decimal mark, the mark between thousands, and the unit or currency that the texts show.
        reason: why texts are not read by settled marks, with an example.
    """

    plain: pl.Series
    decimal: str = ""
    thousands: str = ""
    unit: str = ""
    notes: tuple[ReadingNote, ...] = ()
    conflict: str = ""
    fixes: tuple[str, ...] = ()
    shown: tuple[str, str, str] = ("", "", "")
    reason: str = ""


class TableEvidence:
    """The decimal marks of the columns of a raw table, found when they are first asked for.

    Attributes:
        assumed: the decimal mark to assume if no column shows one; empty for none.

    Example:
        >>> TableEvidence(pl.DataFrame({"a": ["1.498"], "b": ["3,73"]})).decimal_mark(besides="a")
        ','
    """

    def __init__(self, table: pl.DataFrame, assumed: str = "") -> None:
        self.assumed, self._table, self._found = assumed, table, dict[str, str]()

    def decimal_mark(self, besides: str) -> str:
        """Return the decimal mark of all other columns that show one; empty if none does or they differ."""
        marks = set[str]()
        for column in self._table.get_columns():
            if column.name != besides and column.dtype == pl.String:
                if column.name not in self._found:
                    self._found[column.name] = _find_decimal_mark(column)
                marks.add(self._found[column.name])
        marks.discard("")
        return marks.pop() if len(marks) == 1 else ""


def _find_decimal_mark(column: pl.Series) -> str:
    """Return the decimal mark that a column of numbers shows by itself; empty if it shows none."""
    for part in (column.head(_HEAD_ROWS), column):
        texts = part.str.strip_chars().drop_nulls()
        texts = texts.filter(~is_missing_text(texts))
        cores = _Cores(split_affixes(texts)["core"])
        numbers = cores.core.filter(cores.point | cores.comma)
        is_column_of_numbers = len(numbers) >= max(1, _NUMBER_SHARE * len(texts))
        if not is_column_of_numbers or numbers.str.contains(_CODE).any():
            return ""
        if (cores.point_count > 0) != (cores.comma_count > 0):
            return "." if cores.point_count else ","
    return ""


class _Cores:
    """The digits and marks of a column, and the readings that each of them allows.

    Attributes:
        point: true where a text is a number with a decimal point, or without a decimal mark.
        comma: true where a text is a number with a decimal comma, or without a decimal mark.
        open: true where these two are different numbers.
        point_count: the number of texts that leave the reading with a decimal point only.
        comma_count: the number of texts that leave the reading with a decimal comma only.
    """

    def __init__(self, core: pl.Series) -> None:
        self.core = core
        self.point, self.comma = (
            core.str.contains(p).fill_null(False) for p in (_POINT_NUMBER, _COMMA_NUMBER)
        )
        self.open = self.point & self.comma & core.str.contains("[.,]").fill_null(False)
        self.point_count = int((self.point & ~self.comma).sum())
        self.comma_count = int((self.comma & ~self.point).sum())

    def open_marks(self) -> list[str]:
        """List the marks that are in texts with two readings."""
        texts = self.core.filter(self.open)
        return [mark for mark in ".," if _has_mark(texts, mark)]

    def open_example(self, texts: pl.Series) -> tuple[str, str, dict[str, str]]:
        """Return a text with two readings, its mark, and the number by the role of the mark."""
        rows = self.open.arg_true()
        telling = (~self.core.gather(rows).str.ends_with("000")).arg_true()
        row = int(rows[int(telling[0]) if len(telling) else 0])
        core = str(self.core[row]).lstrip("+")
        mark = "." if "." in core else ","
        return str(texts[row]), mark, {_DECIMAL: core.replace(mark, "."), _THOUSANDS: core.replace(mark, "")}


@dataclass(frozen=True)
class _Decision:
    """The roles of point and comma in texts that leave two readings.

    Attributes:
        roles: by mark; texts with a mark that is missing or has no role are not read.
        refused: the decimal marks of the texts that contradict the others: they are not read.
        disputed: True if another reader could decide otherwise.
        conflict: True if nothing decides.
        why: the evidence in words.
    """

    roles: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    disputed: bool = False
    conflict: bool = False
    why: str = ""


def has_open_point(texts: pl.Series) -> bool:
    """Return True if all texts with a point leave two readings; the head is looked at first.

    Args:
        texts: numbers that have no other mark than a point.

    Example:
        >>> has_open_point(pl.Series(["1.498", "7"])), has_open_point(pl.Series(["1.498", "7.5"]))
        (True, False)
    """
    for part in (texts.head(_HEAD_ROWS), texts):
        marked = part.filter(part.str.contains(".", literal=True))
        if len(marked) and marked.str.contains(_ONE_READING).any():
            return False
    return len(marked) > 0


def has_point(texts: pl.Series) -> bool:
    """Return True if a text has a point; the head is looked at first.

    Example:
        >>> has_point(pl.Series(["7", "1.5"])), has_point(pl.Series(["7"]))
        (True, False)
    """
    return any(part.str.contains(".", literal=True).any() for part in (texts.head(_HEAD_ROWS), texts))


def read_numbers(texts: pl.Series, column: Column, evidence: TableEvidence | None = None) -> NumberReading:
    """Read a column of texts as numbers.

    Args:
        texts: without blanks at their ends, null where a value is missing.
        column: the promised column; the marks that it states win.
        evidence: the other columns of the table.

    Example:
        >>> reading = read_numbers(pl.Series("x", ["3,663", "249"]), Column("x", "float"))
        >>> reading.plain.to_list(), reading.thousands
        (['3663', '249'], ',')
        >>> print(reading.notes[0])
        '3,663' is read as 3663 (comma between thousands); as a decimal mark it would be 3.663
        >>> read_numbers(pl.Series("x", ["1.498"]), Column("x", "float")).conflict
        "'1.498' is 1.498 if the point is the decimal mark, and 1498 if it stands between thousands"
    """
    parts = split_affixes(texts)
    other_unit: pl.Series | None
    if column.settled:
        other_unit, unit, conflict = find_unsettled_unit(parts, column.unit), column.unit, ""
    else:
        other_unit, unit, conflict = find_other_unit(texts, parts)
    reason = _explain_unit(texts, other_unit, unit) if column.settled else ""
    if other_unit is not None:
        parts = parts.with_columns(core=pl.when(~other_unit).then("core"))
    cores = _Cores(parts["core"].alias(texts.name))
    decision = _decide(cores, column, evidence)
    plain, by_comma = _write_plain(cores, decision)
    fixes: tuple[str, ...] = ()
    if decision.conflict and not conflict:
        cores.open &= plain.is_null()  # by settled marks, some of them are read
        conflict, fixes = _describe_conflict(texts, cores)
    decimal, thousands = _find_marks(cores.core, plain.is_not_null(), by_comma)
    shown = (decimal, thousands, find_common_affix(parts))
    if column.settled == "source" and not reason:
        reason = _explain_marks(texts, cores, plain, decision)
    if decimal == "." and not thousands and not decision.disputed:
        decimal = ""
    notes = (*_note_marks(texts, cores, decision, plain), *note_affixes(texts, parts, plain))
    return NumberReading(plain, decimal, thousands, unit, notes, conflict, fixes, shown, reason)


def could_be_codes(texts: pl.Series) -> bool:
    """Return True if texts are no numbers, or numbers that could be codes, such as 0042, 12A or 560 001.

    Args:
        texts: without blanks at their ends, and without those that mean a missing value.

    Example:
        >>> could_be_codes(pl.Series(["12A", "14A"])), could_be_codes(pl.Series(["12 kg", "14 kg"]))
        (True, False)
    """
    parts = split_affixes(texts)
    if parts["core"].has_nulls() or parts["unit"].n_unique() > _MAX_UNITS:
        return True
    if texts.str.contains(_LEADING_ZERO).any():
        return True
    if texts.str.contains(_TOO_LONG).any():  # a column of integers may have so many digits
        return texts.cast(pl.Int64, strict=False).has_nulls()
    if len(texts) > 1 and texts.str.contains(_GROUPS_OF_THREE).all():  # telephones, addresses, lists
        return texts.str.len_chars().n_unique() == 1
    if len(texts) > 1 and texts.str.contains(_MONTH_OF_YEAR).all():
        return True
    if texts.str.contains(_WITH_E).any() and texts.str.contains(_DIGITS_AND_E).all():
        return True
    return bool((parts["minus"] == "()").all()) or _could_be_letter(texts, parts["unit"])


def _could_be_letter(texts: pl.Series, units: pl.Series) -> bool:
    """Return True if the unit behind numbers could be a letter of a code."""
    has_unit = units != ""
    if not has_unit.any():
        return False
    text, unit = str(texts.filter(has_unit)[0]), units.filter(has_unit).head(1)
    if unit.str.contains(KNOWN_UNITS).item():
        return False
    return len(unit.item()) == 1 or not text.removesuffix(unit.item())[-1:].isspace()


def normalize_marks(texts: pl.Series, decimal: str | None, thousands: str | None = None) -> pl.Series:
    """Rewrite numbers with marks, by marks that an author states, to a form that leaves one reading.

    A number with exactly three digits behind the decimal point gets a zero more. Other texts are returned as
    they are.

    Args:
        texts: the cells of a column.
        decimal: the decimal mark; None for the one that ``thousands`` leaves.
        thousands: the mark between thousands; None for any other than the decimal mark.

    Example:
        >>> normalize_marks(pl.Series(["1.498,5", "1,498", "1.498", "Bonn, 3", "5,5 kg"]), ",").to_list()
        ['1498.5', '1.4980', '1498', 'Bonn, 3', '5.5 kg']
    """
    if not (decimal or thousands) or texts.dtype != pl.String:
        return texts
    rows = texts.str.contains(_ANY_MARK).fill_null(False).arg_true()
    parts = split_affixes(texts.gather(rows).str.strip_chars())
    cores = _Cores(parts["core"])
    column = Column("", "float", decimal=decimal or "", thousands=thousands or "")
    plain, _ = _write_plain(cores, _Decision(_stated_roles(column)))
    number = pl.col("plain").str.replace(r"(\.[0-9]{3})$", "${1}0")
    unit = pl.when(pl.col("unit") != "").then(" " + pl.col("unit")).otherwise(pl.lit(""))
    written = parts.with_columns(plain=plain, row=rows).filter(pl.col("plain").is_not_null())
    written = written.select("row", text=pl.concat_str("currency", number, unit))
    return texts.clone().scatter(written["row"], written["text"]) if len(written) else texts


def _decide(cores: _Cores, column: Column, evidence: TableEvidence | None) -> _Decision:
    """Decide between the two readings of texts such as 1.498."""
    if column.settled == "source":
        return _decide_by_settled_marks(cores, column)
    if column.decimal or column.thousands:
        roles = _stated_roles(column)
        # A stated comma does not refuse 1.5: so `ingest` writes numbers by the marks of a Reading.
        return _Decision(roles, refused="," if "." in (column.decimal, _OTHER.get(column.thousands)) else "")
    if cores.point_count and cores.comma_count:
        return _decide_by_majority(cores)
    if cores.point_count or cores.comma_count:
        return _Decision(_assign_roles("." if cores.point_count else ","))
    if not cores.open.any():
        return _Decision()
    votes = _collect_votes(cores, column, evidence)
    ballots = Counter(decimal for decimal, _ in votes).most_common()
    if not ballots or (len(ballots) > 1 and ballots[0][1] == ballots[1][1]):
        return _Decision(conflict=True)
    decimal = ballots[0][0]
    why = "; ".join(reason for vote, reason in votes if vote == decimal)
    return _Decision(_assign_roles(decimal), disputed=True, why=why)


def _decide_by_settled_marks(cores: _Cores, column: Column) -> _Decision:
    """Decide by the marks that a source showed before; a mark that it did not show is not read.

    The other decimal mark is refused although it leaves one reading: beside ``1.5`` stands ``1.498``, which
    would be 1498 by a settled comma.
    """
    decimal = column.decimal or _OTHER.get(column.thousands, "")
    roles = {decimal: _DECIMAL} if decimal else {}
    if column.thousands in _OTHER:
        roles[column.thousands] = _THOUSANDS
    unread = cores.core.filter(cores.open)
    conflict = any(mark not in roles for mark in ".," if _has_mark(unread, mark))
    return _Decision(roles, refused=_OTHER.get(decimal, ""), conflict=conflict)


def _decide_by_majority(cores: _Cores) -> _Decision:
    """Refuse the texts of the minority where some have a decimal point and others a decimal comma."""
    few, many = sorted((cores.point_count, cores.comma_count))
    if few == many:
        return _Decision(refused=".,")
    decimal = "." if cores.point_count == many else ","
    # With a rare fault, its mark is known to be wrong; otherwise nothing is known of texts with two readings.
    return _Decision({decimal: _DECIMAL} if many >= _MAJORITY * few else {}, refused=_OTHER[decimal])


def _assign_roles(decimal: str) -> dict[str, str]:
    return {decimal: _DECIMAL, _OTHER[decimal]: _THOUSANDS}


def _stated_roles(column: Column) -> dict[str, str]:
    """Return the roles of point and comma by the marks that a contract states."""
    decimal = column.decimal or _OTHER.get(column.thousands, "")
    unstated = _NEITHER if column.decimal and column.thousands else _THOUSANDS if decimal else _DECIMAL
    return {m: _DECIMAL if m == decimal else _THOUSANDS if m == column.thousands else unstated for m in ".,"}


def _collect_votes(cores: _Cores, column: Column, evidence: TableEvidence | None) -> list[tuple[str, str]]:
    """Collect decimal marks and what speaks for them, for a column whose marked texts leave two readings."""
    votes, marks = [], cores.open_marks()
    if len(marks) == 1:
        mark, name = marks[0], _NAMES[marks[0]]
        unmarked = cores.core.filter(cores.point & ~cores.open).str.replace_all("[^0-9]", "")
        if (unmarked.str.len_chars() > 3).any():
            votes.append((mark, f"numbers from 1000 on are written without a {name}"))
        elif len(unmarked):
            votes.append((_OTHER[mark], f"all numbers without a {name} are below 1000"))
        if column.type == "int" and not cores.core.filter(cores.open).str.ends_with("000").all():
            votes.append((_OTHER[mark], "the numbers are promised to be whole"))
    if evidence and (decimal := evidence.decimal_mark(besides=cores.core.name)):
        votes.append((decimal, f"other columns have a decimal {_NAMES[decimal]}"))
    elif evidence and marks == [evidence.assumed]:
        votes.append((evidence.assumed, "a comma parts the fields of the file"))
    return votes


def _write_plain(cores: _Cores, decision: _Decision) -> tuple[pl.Series, pl.Series]:
    """Write each number with a decimal point and no other mark; return also where a comma was decimal."""
    no, core, is_open = pl.repeat(False, len(cores.core), eager=True), cores.core, cores.open
    open_point, open_comma = no, no
    for mark, role in decision.roles.items():
        if role and is_open.any():
            marked = is_open & core.str.contains(mark, literal=True)
            if (role == _DECIMAL) == (mark == "."):
                open_point = open_point | marked
            else:
                open_comma = open_comma | marked
    unmarked = cores.point & cores.comma & ~is_open
    only_point = no if "." in decision.refused else cores.point & ~cores.comma
    only_comma = no if "," in decision.refused else cores.comma & ~cores.point
    by_point, by_comma = unmarked | only_point | open_point, only_comma | open_comma
    point_text = core.str.replace_all("[,'_ ]", "")
    comma_text = core.str.replace_all("[.'_ ]", "").str.replace(",", ".", literal=True)
    plain = pl.select(pl.when(by_point).then(point_text).when(by_comma).then(comma_text)).to_series()
    return plain.alias(core.name), by_comma


def _find_marks(core: pl.Series, is_read: pl.Series, by_comma: pl.Series) -> tuple[str, str]:
    """Return the decimal mark and the mark between thousands of the numbers that were read."""
    point, comma = core.filter(is_read & ~by_comma), core.filter(is_read & by_comma)
    decimals = [mark for mark, texts in ((".", point), (",", comma)) if _has_mark(texts, mark)]
    thousands = [mark for mark, texts in ((",", point), (".", comma)) if _has_mark(texts, mark)]
    thousands += [mark for mark in "' _" if _has_mark(core.filter(is_read), mark)]
    return _only(decimals), _only(thousands)


def _only(marks: list[str]) -> str:
    return marks[0] if len(marks) == 1 else ""


def _has_mark(texts: pl.Series, mark: str) -> bool:
    return bool(texts.str.contains(mark, literal=True).any())


def _describe_conflict(texts: pl.Series, cores: _Cores) -> tuple[str, tuple[str, ...]]:
    """Describe the two readings of a text that nothing decides between, and the marks that would decide."""
    text, mark, numbers = cores.open_example(texts)
    return (
        f"{text!r} is {numbers[_DECIMAL]} if the {_NAMES[mark]} is the decimal mark, and "
        f"{numbers[_THOUSANDS]} if it stands between thousands",
        (f'Decimal("{mark}")', f'Thousands("{mark}")'),
    )


def _explain_unit(texts: pl.Series, other_unit: pl.Series | None, unit: str) -> str:
    """Return why texts are not read that have another unit than the settled one; empty if there are none."""
    if other_unit is None or not other_unit.any():
        return ""
    example = repr(texts.filter(other_unit)[0])
    if not unit:
        return f"{example} has a unit, and the numbers of the run had none"
    return f"{example} is not in {unit}, as the numbers of the run were"


def _explain_marks(texts: pl.Series, cores: _Cores, plain: pl.Series, decision: _Decision) -> str:
    """Return why numbers are not read by settled marks; empty if all are read."""
    unread = (cores.point | cores.comma) & plain.is_null()
    if not unread.any() or decision.conflict or not decision.refused:
        return ""
    decimal = _NAMES[_OTHER[decision.refused]]
    return f"{texts.filter(unread)[0]!r} is written otherwise: the numbers of the run had a decimal {decimal}"


def _note_marks(texts: pl.Series, cores: _Cores, decision: _Decision, plain: pl.Series) -> list[ReadingNote]:
    if not decision.disputed:
        marked = cores.core.str.contains("[' _]").fill_null(False) & plain.is_not_null()
        for row in marked.arg_true().head(1):
            name = next(name for mark, name in _NAMES.items() if mark in "' _" and mark in cores.core[row])
            return [ReadingNote(str(texts[row]), str(plain[row]), f"{name} between thousands")]
        return []
    text, mark, numbers = cores.open_example(texts)
    role, name = decision.roles[mark], _NAMES[mark]
    if role == _DECIMAL:
        how, otherwise, other = f"{name} as decimal mark", "between thousands", numbers[_THOUSANDS]
    else:
        how, otherwise, other = f"{name} between thousands", "as a decimal mark", numbers[_DECIMAL]
    return [ReadingNote(text, numbers[role], how, otherwise, other, decision.why)]
