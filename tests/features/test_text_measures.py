"""Text: measures of texts, and their words in hash buckets that are the same everywhere."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.features import Text
from magical.features.text_measures import TextPart

SCHEMA = Schema(
    "Review", (Column("comment", "str", nullable=True), Column("title", "str"), Column("n", "int"))
)


def measure(feature: Text, *texts: str | None) -> list[tuple[int | None, ...]]:
    table = pl.DataFrame({"comment": texts}, schema={"comment": pl.String})
    return table.select(feature.expressions(SCHEMA)).rows()


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("length", (30, 0, 3)),
        ("words", (7, 0, 1)),
        ("unique_words", (6, 0, 1)),
        ("lines", (2, 0, 1)),
        ("digits", (2, 0, 1)),
        ("capitals", (4, 0, 1)),
        ("punctuation", (5, 0, 0)),
    ],
)
def test_each_part(part: TextPart, expected: tuple[int, ...]) -> None:
    values = measure(Text("comment", part), "Don't buy: $42 is\nway to BUY?!!"[:30], "", "Éa٣", None)
    assert values == [*((e,) for e in expected), (None,)]


def test_the_bucket_of_a_word_is_the_same_everywhere() -> None:
    # CRC-32 of cat is 2656977832, that of dog 1812594589
    counts = measure(Text("comment", (), buckets=8), "Cat dog CAT", "", None)
    assert counts == [(2, 0, 0, 0, 0, 1, 0, 0), (0,) * 8, (None,) * 8]


@given(st.lists(st.text() | st.none(), max_size=4), st.integers(2, 9))
def test_every_word_is_in_one_bucket(texts: list[str | None], buckets: int) -> None:
    for words, *counts in measure(Text("comment", "words", buckets=buckets), *texts):
        assert words == (None if counts[0] is None else sum(filter(None, counts)))


def test_it_promises_whole_numbers_that_are_missing_where_the_text_is() -> None:
    columns = Text(["comment", "title"], "words", buckets=2).adds(SCHEMA)
    assert [(c.name, c.type_text) for c in columns] == [
        ("comment_words", "int | None"),
        ("comment_hash_0", "int | None"),
        ("comment_hash_1", "int | None"),
        ("title_words", "int"),
        ("title_hash_0", "int"),
        ("title_hash_1", "int"),
    ]
    assert [c.name for c in Text("title").adds(SCHEMA)] == ["title_length", "title_words"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"parts": []}, "a Text has parts or buckets"),
        ({"parts": ["lenght"]}, "'length'"),
        ({"buckets": 1}, "buckets are at least 2"),
        ({"buckets": -1}, "greater than or equal"),
        ({"buckets": 1_000_000}, "less than or equal"),
    ],
)
def test_what_is_impossible_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Text.model_validate({"columns": "comment", **fields})


def test_a_number_is_no_text() -> None:
    with pytest.raises(WiringError, match="n, which must be str but is int"):
        Text("n").adds(SCHEMA)


def test_too_many_columns_are_refused_before_they_are_made() -> None:
    wide = Schema("Wide", tuple(Column(f"t{i}", "str") for i in range(1000)))
    with pytest.raises(WiringError, match="would add 1,026,000 columns") as error:
        Text("*", buckets=1024).adds(wide)
    assert "fewer buckets" in error.value.hint
