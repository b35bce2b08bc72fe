"""Harmonise: one spelling for each value of a text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, Self

import polars as pl
from pydantic import BeforeValidator, Field, model_validator

from magical.contracts.schema import Column, Schema
from magical.contracts.validation import Check
from magical.errors import WiringError, join_names
from magical.features import Columns, to_tuple
from magical.library.cleaning.cleaning_rule import Cleaning
from magical.library.cleaning.spelling_distance import find_nearest

__all__ = ["Harmonise"]

Case = Literal["lower", "upper", "title"]


class Harmonise(Cleaning):
    """One spelling for each value of texts: by blanks, case, accents, given words, or a given set.

    Words are compared without regard to case and to blanks around them, and to accents if they are stripped.
    In this order: a word of ``missing``, and a text of blanks, is no value; a word of ``map`` is replaced;
    another text gets its ``case``. Then, if there is a closed set, the nearest of its members takes the place
    of the text: the only one with the fewest letters added, left out, replaced or swapped, at most
    ``max_distance``, and at most one for each three letters of the member. The set is given, never learned
    from rows.

    Attributes:
        columns: texts; selectors are allowed.
        map: the right spelling of given words.
        missing: words that mean that there is no value, such as ``n/a``. Where the contract allows it, they
            become null; else their rows are rejected.
        case: ``lower``, ``upper`` or ``title`` of the texts that no map and no set replaces.
        strip: remove the blanks around a text, and all but one between its words.
        strip_accents: write ``é`` as ``e``.
        to: the closed set of values; by default that of the contract's ``Literal``, if it has one.
        max_distance: the greatest number of letters that may differ from a member.
        action: what happens to a text that is no member: its row is rejected (``reject``), it becomes null
            (``null``), or it stays (``keep``).

    Example:
        >>> rule = Harmonise("status", map={"alone": "Single"}, to=["Single", "Married"], max_distance=1)
        >>> table = pl.DataFrame({"status": [" single", "ALONE", "Maried", "YOLO"]})
        >>> table.select(rule.changes(Schema("Row", (Column("status", "str"),)))).to_series().to_list()
        ['Single', 'Single', 'Married', 'YOLO']
    """

    columns: Columns
    map: dict[str, str] = Field(default_factory=dict)
    missing: Annotated[tuple[str, ...], BeforeValidator(to_tuple)] = ()
    case: Case | None = None
    strip: bool = True
    strip_accents: bool = False
    to: tuple[str, ...] = ()
    max_distance: int = Field(default=0, ge=0, le=5)
    action: Literal["reject", "null", "keep"] = "reject"

    if TYPE_CHECKING:

        def __init__(
            self,
            columns: Columns | str,
            *,
            map: dict[str, str] = ...,
            missing: Iterable[str] = (),
            case: Case | None = None,
            strip: bool = True,
            strip_accents: bool = False,
            to: Iterable[str] = (),
            max_distance: int = 0,
            action: Literal["reject", "null", "keep"] = "reject",
        ) -> None: ...

    @model_validator(mode="after")
    def _check_words(self) -> Self:
        targets = dict(zip(self._fold(self.map.values()), self.map.values(), strict=True))
        if len({*self._fold(self.map)}) < len(self.map):
            raise ValueError("two words of the map differ only in case or blanks")
        # A table that is cleaned twice must be as one that is cleaned once.
        if chained := [t for t in self.map.values() if self._words[self._fold([t])[0]] != t]:
            raise ValueError(f"the map replaces {join_names(map(repr, chained))}, which it writes itself")
        given = {*targets, *self._fold(self.to)}
        if {"", *self._fold(self.missing)} & given or {*self._fold(self.missing)} & {*self._fold(self.map)}:
            raise ValueError("map or `to` has what is no value; list the words that mean no value in missing")
        if self.to and (outside := [t for t in targets.values() if t not in self.to]):
            raise ValueError(f"the map writes {join_names(map(repr, outside))}, which is not in `to`")
        if len({*self._fold(self.to)}) < len(self.to):
            raise ValueError("two members of `to` differ only in case or blanks")
        return self

    @property
    def _words(self) -> dict[str, str | None]:
        """The spelling of each word of the map, and of what the map writes, by its folded form."""
        words, spellings = [*self.map.values(), *self.map], [*self.map.values(), *self.map.values()]
        return dict(zip(self._fold(words), spellings, strict=True))

    def narrow(self, schema: Schema) -> Schema:
        """Return the schema with the closed set as the choices of the columns."""
        columns = self.read(schema, "str", names=self.columns)
        for column in columns:
            self._check_choices(column, schema)
        if self.action == "null" and any(map(self._find_members, columns)):
            self.require_nullable(columns, schema)
        if self.action == "keep":
            return schema
        return schema.with_columns(replace(c, choices=self._find_members(c)) for c in columns)

    def changes(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the columns with the right spellings."""
        return tuple(
            # By distinct values: a spelling costs more than a look-up, and most texts occur often.
            pl.col(c.name).map_batches(
                partial(self._replace_values, members=self._find_members(c)), pl.String
            )
            for c in self.read(schema, names=self.columns)
        )

    def requirements(self, schema: Schema) -> tuple[Check, ...]:
        """Build the checks that each text is a value, and a member of the closed set."""
        checks = []
        for column in self.read(schema, names=self.columns):
            text = pl.col(column.name)
            if not column.nullable:
                checks.append(Check(column.name, "must have a value", text.is_not_null()))
            if (members := self._find_members(column)) and self.action == "reject":
                listed = join_names(map(repr, members), 6)
                checks.append(
                    Check(column.name, f"must be one of {listed}", text.is_in(members) | text.is_null())
                )
        return tuple(checks)

    def _find_members(self, column: Column) -> tuple[str, ...]:
        return self.to or column.choices

    def _check_choices(self, column: Column, schema: Schema) -> None:
        """Raise a WiringError if the rule could write what the contract's Literal does not list."""
        members = self._find_members(column)
        if (self.max_distance or self.action != "reject") and not members:
            raise WiringError(
                f"{self!r} is about a closed set, and {schema.name} has {column.name}: {column.type_text}.",
                hint="give the closed set: to=[...]",
            )
        written = {*self.to, *self.map.values()}
        if column.choices and (wrong := sorted(written - {*column.choices})):
            raise WiringError(
                f"{self!r} writes {join_names(map(repr, wrong), 4)}, and {schema.name} has {column.name}: "
                f"{column.type_text}.",
                hint=f"write a value of the Literal, or make {column.name} a str in {schema.name}.",
            )
        if column.choices and self.action == "keep":
            raise WiringError(
                f"{self!r} keeps any text, and {schema.name} has {column.name}: {column.type_text}.",
                hint='action="reject" or, where it may be null, "null".',
            )

    def _replace_values(self, values: pl.Series, members: tuple[str, ...]) -> pl.Series:
        texts = values.cast(pl.String)
        distinct = texts.unique()
        if len(distinct) * 2 > len(texts):
            return self._spell(texts, members)
        spelled = self._spell(distinct, members)
        return texts.replace_strict(distinct, spelled, return_dtype=pl.String)

    def _spell(self, texts: pl.Series, members: tuple[str, ...]) -> pl.Series:
        """Return the right spelling of each text; null for a text that is no value."""
        spelled = self._tidy(texts, self.case)
        words = dict.fromkeys(["", *self._fold(self.missing)]) | self._words
        folded = spelled.str.strip_chars() if len(words) == 1 else self._fold_series(texts)
        result = folded.replace_strict(words, default=spelled, return_dtype=pl.String)
        if not members:
            return result
        nearest = find_nearest(self._fold_series(result), self._fold(members), self.max_distance)
        member = pl.Series(members, dtype=pl.String).gather(nearest)
        if self.action == "null":
            return member
        return member.zip_with(member.is_not_null(), result)

    def _tidy(self, texts: pl.Series, case: Case | None) -> pl.Series:
        """Write texts with one form of each letter, and with the blanks, accents and case of the rule."""
        is_ascii = (texts.str.len_bytes() == texts.str.len_chars()).all()
        if self.strip_accents and not is_ascii:
            texts = texts.str.normalize("NFD").str.replace_all(r"\p{Mn}", "")
        match case:
            case "lower":
                texts = texts.str.to_lowercase()
            case "upper":
                texts = texts.str.to_uppercase()
            case "title":
                texts = texts.str.to_titlecase()
        if self.strip:
            texts = texts.str.replace_all(r"\s+", " ").str.strip_chars()
        return texts if is_ascii else texts.str.normalize("NFC")

    def _fold_series(self, texts: pl.Series) -> pl.Series:
        """Return texts without what does not count when words are compared."""
        return self._tidy(texts, "lower").str.strip_chars()

    def _fold(self, words: Iterable[str]) -> list[str]:
        # By polars, as the texts of the table: Python lowers some letters in another way.
        return self._fold_series(pl.Series(list(words), dtype=pl.String)).to_list()
