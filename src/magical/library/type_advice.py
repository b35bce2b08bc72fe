"""Advice on columns whose values cannot be cast: the narrowest type that reads all of them exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from magical.contracts.dtypes import MAX_EXACT_FLOAT, dtype_kind
from magical.contracts.schema import Column
from magical.errors import join_names, shorten
from magical.reading.casting import cast
from magical.reading.date_parsing import infer_date_format
from magical.reading.number_reading import TableEvidence

__all__ = ["find_type", "suggest_type", "write_hint"]

_TYPES = ("bool", "int", "float", "date", "datetime", "time")  # from narrow to wide
_SHORT_FORMATS = ("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%y-%m-%d")
_TIME_SUFFIXES = ("", " %H:%M", " %H:%M:%S")
_MAX_CHOICES = 6
_MAX_NULL_WORDS = 3
_HEAD_ROWS = 100
_FEW_ROWS = 2


def suggest_type(source: pl.Series, column: Column, place: str, evidence: TableEvidence | None = None) -> str:
    """Write a hint for a column with values that cannot be cast; it never advises what loses a value.

    Args:
        source: the raw column.
        column: the promised column.
        place: names the contract and its line.
        evidence: the other columns of the raw table, as for ``cast``.

    Example:
        >>> suggest_type(pl.Series(["7", "7.25"]), Column("fare", "int"), "Trip")
        'write fare: float in Trip, which reads all values.'
    """
    if column.zone:  # its local times that do not exist, or exist twice, are the likely cause
        twice = replace(column, zone_twice="earliest")
        if column.zone_twice or not _reads_exactly(source.drop_nulls(), twice, evidence):
            return f"mend the times of {column.name} in the source."
        return f'take the first of the two: {column.name}: {write_hint(twice)} in {place}, or "latest".'
    found = find_type(source, column, evidence)
    if found is None:
        if column.role == "time":
            return f"mend the source, or say how it writes {column.name}: Format(...) in {place}."
        lossy = write_hint(replace(column, nullable=True))
        return f"mend the source: no type reads all of it; {column.name}: {lossy} loses what is shown."
    if found.type == "str" and _fails_in_last_row_only(source, column, evidence):
        return (
            "if the last row is a total or a note, ingest(..., Reading(skip_footer=1)); "
            f"else {column.name}: {write_hint(found)} in {place} reads all values."
        )
    words = _find_null_words(source, column) if found.type == "str" else ()
    if words:
        mean = "means" if len(words) == 1 else "mean"
        nullable = replace(column, nullable=True)
        and_null = "" if column.nullable else f" and {column.name}: {write_hint(nullable)}"
        return (
            f"if {join_names(map(repr, words), 3)} {mean} missing, ingest(..., Reading(nulls={words!r}))"
            f"{and_null}; else {column.name}: {write_hint(found)} in {place} reads all values."
        )
    if column.role == "key":
        wider = f"give the id of {column.parent} the type {found.type}"
        return f"mend the source, or {wider}, which reads all values."
    return f"write {column.name}: {write_hint(found)} in {place}, which reads all values."


def find_type(source: pl.Series, column: Column, evidence: TableEvidence | None = None) -> Column | None:
    """Find the narrowest type that reads all values of a raw column exactly; None if there is none.

    Example:
        >>> find_type(pl.Series(["29.06.14", "30.06.14"]), Column("day", "date")).format
        '%d.%m.%y'
        >>> find_type(pl.Series(["1", "99999999999999999999"]), Column("n", "int")).type
        'str'
    """
    present = source.drop_nulls()
    failed = cast(present, column, evidence).failed
    hard = present.filter(failed).head(_HEAD_ROWS)
    for candidate in _list_candidates(present, hard, column):
        # First what the promised type could not read, since most candidates fail there already.
        if all(_reads_exactly(values, candidate, evidence) for values in (hard, present)):
            return candidate
    return None


def write_hint(column: Column) -> str:
    """Write the type hint of a column, as an author does.

    Example:
        >>> write_hint(Column("day", "date", nullable=True, role="time", format="%d.%m.%Y"))
        'Time[Annotated[date, Format("%d.%m.%Y")] | None]'
    """
    plain = f"Literal[{', '.join(map(repr, column.choices))}]" if column.choices else column.type
    plain = {"duration": "timedelta", "any": "Any"}.get(plain, plain)
    if column.role == "key":
        plain = f"Key[{column.parent}]"
    marks = [f'Format("{column.format}")'] if column.format else []
    if column.zone:
        names = [f'"{text}"' for text in (column.zone, column.zone_twice) if text]
        marks.append(f"Zone({', '.join(names)})")
    if marks:
        plain = f"Annotated[{plain}, {', '.join(marks)}]"
    if column.nullable:
        plain += " | None"
    return f"{column.role.capitalize()}[{plain}]" if column.role and column.role != "key" else plain


def _list_candidates(present: pl.Series, hard: pl.Series, column: Column) -> Iterator[Column]:
    """Iterate over the columns to try, from narrow to wide."""
    bare = replace(column, choices=(), bounds={}, format="", decimal="", thousands="")
    # Without the marks that it states, the promised type may read all.
    tried = "" if bare != replace(column, choices=(), bounds={}) else column.type
    if column.type in ("date", "datetime"):
        yield from (replace(bare, type=kind) for kind in ("date", "datetime") if kind != tried)
        if hard.dtype == pl.String:
            yield from (replace(bare, type=kind, format=f) for kind, f in _find_formats(hard, column))
    wanted = ("date", "datetime", "time") if column.role == "time" else _TYPES
    yield from (replace(bare, type=kind) for kind in wanted if kind != tried)
    if dtype_kind(present.dtype) == "duration":
        yield replace(bare, type="duration")
    elif column.role != "time" and column.type != "str":
        yield from _list_texts(present, column, bare)


def _find_formats(hard: pl.Series, column: Column) -> Iterator[tuple[str, str]]:
    """Find the types and formats of dates, unless two formats fit: then nothing decides."""
    texts = hard.str.strip_chars()
    for suffix in _TIME_SUFFIXES:
        kind = "datetime" if suffix else column.type
        if format := infer_date_format(texts, suffix):
            yield kind, format
        short = [
            f + suffix for f in _SHORT_FORMATS if _reads_exactly(texts, Column("x", kind, format=f + suffix))
        ]
        if len(short) == 1:
            yield kind, short[0]


def _list_texts(present: pl.Series, column: Column, bare: Column) -> Iterator[Column]:
    """Iterate over the kinds of text to try: a closed set in the place of a boolean, else any text."""
    if column.type == "bool" and present.dtype == pl.String:
        words = present.str.strip_chars().unique(maintain_order=True)
        words = words.filter(words != "")
        if len(words) <= min(_MAX_CHOICES, len(present) - 1):
            yield replace(bare, type="str", choices=tuple(words))
    yield replace(bare, type="str")


def _reads_exactly(values: pl.Series, column: Column, evidence: TableEvidence | None = None) -> bool:
    """Return True if a type reads all values in one way, and no digit is lost in a float."""
    result = cast(values, column, evidence)
    typed = result.values
    if result.failed.any() or result.conflict:
        return False
    if column.type != "float" or values.dtype.is_float():
        return True
    has_exponent = values.cast(pl.String).str.contains("[eE]")
    return not ((typed.abs() > MAX_EXACT_FLOAT) & ~has_exponent).any()


def _fails_in_last_row_only(source: pl.Series, column: Column, evidence: TableEvidence | None) -> bool:
    if column.role == "key" or len(source) <= _FEW_ROWS:
        return False
    return cast(source, column, evidence).failed.arg_true().to_list() == [len(source) - 1]


def _find_null_words(source: pl.Series, column: Column) -> tuple[str, ...]:
    """Find the few words, in a column of other values, that may mean a missing value."""
    if column.type in ("bool", "str") or column.role == "id" or source.dtype != pl.String:
        return ()  # an id is never missing
    failed = cast(source, column).failed
    words = source.filter(failed).str.strip_chars().unique(maintain_order=True)
    if len(words) > _MAX_NULL_WORDS or words.str.contains(r"\d").any():
        return ()
    return tuple(shorten(w, 24) for w in words) if failed.sum() * 2 < source.drop_nulls().len() else ()
