"""Columns of new rows are matched with those of the model, and what is missing is told with a next move."""

import polars as pl
import pytest

from magical.contracts.schema import Column, Schema
from magical.errors import BrokenPromise
from magical.library.scoring.input_columns import match_input_columns

ROW = Schema("Row", (Column("income", "float"), Column("kids", "int")))


@pytest.mark.parametrize(
    ("names", "hint"),
    [(["kids"], "write the file with these columns, too."), (["kids", "incom"], "did you mean 'incom'?")],
)
def test_missing_columns_are_named_with_a_next_move(names: list[str], hint: str) -> None:
    with pytest.raises(BrokenPromise, match="lacks a column that the model needs: income") as caught:
        match_input_columns("a.csv", dict.fromkeys(names, pl.String()), ROW)
    assert caught.value.hint.startswith(hint)
