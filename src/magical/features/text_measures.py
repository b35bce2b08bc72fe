"""Text: lengths and counts of texts, and their words hashed into a fixed number of columns."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
import polars as pl
from pydantic import BeforeValidator, Field, model_validator

from magical.contracts.schema import Column, Schema
from magical.features.column_selectors import Columns, to_tuple
from magical.features.feature import Feature

__all__ = ["Text", "TextPart"]

TextPart = Literal["length", "words", "unique_words", "lines", "digits", "capitals", "punctuation"]

_WORD = r"\w+(?:['’]\w+)*"  # with apostrophes inside: "don't" is one word
_MEASURES: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "length": lambda text: text.str.len_chars(),
    "words": lambda text: text.str.count_matches(_WORD),
    "unique_words": lambda text: _extract_words(text).list.n_unique(),
    "lines": lambda text: text.str.count_matches("\n") + (text != ""),
    "digits": lambda text: text.str.count_matches(r"\p{Nd}"),
    "capitals": lambda text: text.str.count_matches(r"\p{Lu}"),
    "punctuation": lambda text: text.str.count_matches(r"[\p{P}\p{S}]"),
}


class Text(Feature):
    """Measures of each text in columns named ``NAME_PART``, and counts of its words in hash buckets.

    Words are runs of letters, digits and underscores; punctuation is every sign and symbol. All are whole
    numbers, null where the text is null. With ``buckets`` each word, in small letters, belongs to the bucket
    ``crc32(word) % buckets``, the same on every machine, and ``NAME_hash_3`` counts the words of bucket 3:
    words that were never seen have a bucket too, and nothing is learned.

    Attributes:
        columns: the texts, as in `Columns`.
        parts: the measures; none with ``()``, if there are buckets.
        buckets: the number of buckets, 2 to 1,024; 0 for none.

    Example:
        >>> schema = Schema("Review", (Column("comment", "str"),))
        >>> table = pl.DataFrame({"comment": ["Don't buy 2!", ""]})
        >>> feature = Text("comment", ["length", "words", "capitals"], buckets=2)
        >>> table.select(feature.expressions(schema)).rows()
        [(12, 3, 1, 0, 3), (0, 0, 0, 0, 0)]
        >>> [c.name for c in feature.adds(schema)][2:]
        ['comment_capitals', 'comment_hash_0', 'comment_hash_1']
    """

    columns: Columns
    parts: Annotated[
        tuple[TextPart, ...],
        BeforeValidator(to_tuple, json_schema_input_type=TextPart | tuple[TextPart, ...]),
    ] = ("length", "words")
    buckets: int = Field(default=0, ge=0, le=1024)

    if TYPE_CHECKING:

        def __init__(
            self,
            columns: Columns | Sequence[str] | str,
            parts: Sequence[TextPart] | TextPart = ("length", "words"),
            buckets: int = 0,
        ) -> None: ...

    @model_validator(mode="after")
    def _validate_choice(self) -> Self:
        if not self.parts and not self.buckets:
            raise ValueError("a Text has parts or buckets")
        if self.buckets == 1:
            raise ValueError('buckets are at least 2; the number of words is parts = ["words"]')
        return self

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare a whole number for each part and bucket of each text, nullable if the text is."""
        columns = self._read(schema)
        width = len(columns) * (len(self.parts) + self.buckets)
        self.check_width(width, "name fewer columns, or ask for fewer buckets.")
        return tuple(Column(name, "int", c.nullable) for c in columns for name in self._names(c.name))

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build one expression for each part, and one that makes the columns of all buckets of a text."""
        return tuple(e for c in self._read(schema) for e in self._iter_expressions(c.name))

    def _read(self, schema: Schema) -> list[Column]:
        return self.read(schema, "str", names=self.columns)

    def _names(self, name: str) -> list[str]:
        buckets = (f"{name}_hash_{i}" for i in range(self.buckets))
        return [*(f"{name}_{part}" for part in self.parts), *buckets]

    def _iter_expressions(self, name: str) -> Iterator[pl.Expr]:
        text = pl.col(name).cast(pl.String)
        for part in self.parts:
            yield _MEASURES[part](text).cast(pl.Int64).alias(f"{name}_{part}")
        if self.buckets:
            names = self._names(name)[len(self.parts) :]
            yield _count_in_buckets(_extract_words(text), names)


def _extract_words(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().str.extract_all(_WORD)


def _count_in_buckets(words: pl.Expr, names: Sequence[str]) -> pl.Expr:
    """Build the expression that makes one column for each bucket, hashing each word once."""
    dtype = pl.Struct(dict.fromkeys(names, pl.Int64))
    return words.map_batches(
        lambda lists: _count_words(lists, names), return_dtype=dtype, is_elementwise=True
    ).struct.field("*")


def _count_words(lists: pl.Series, names: Sequence[str]) -> pl.Series:
    """Count the words of each list by their bucket, as a struct of one field for each name."""
    width = len(names)
    # Neither `hash` of Python nor that of polars is the same in every process and version: CRC-32 is.
    words = lists.explode().drop_nulls()
    distinct = words.unique()  # in texts of people, far fewer than words
    codes = pl.Series([zlib.crc32(word.encode()) for word in distinct], dtype=pl.Int64)
    hashes = words.replace_strict(distinct, codes).cast(pl.Int64).to_numpy()
    rows = np.repeat(np.arange(len(lists)), lists.list.len().fill_null(0).to_numpy())
    cells = rows * width + hashes % width
    counts = np.bincount(cells, minlength=len(lists) * width).reshape(-1, width)
    table = pl.DataFrame(counts, schema=dict.fromkeys(names, pl.Int64))
    return table.select(pl.when(lists.is_not_null()).then(pl.all())).to_struct(lists.name)
