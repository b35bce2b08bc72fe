"""Ids of predictions are stable: they name a model, a row and its content."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from magical.library.part_assignment import hash_rows
from magical.library.scoring.prediction_ids import make_prediction_ids

ROWS = pl.DataFrame({"id": [1, 2, 1], "town": ["Bonn", None, "Bonn"], "x": [0.5, -0.0, 0.5]})


def test_they_stay_the_same_on_any_machine_and_day() -> None:
    ids = make_prediction_ids(ROWS, "00ff" * 10)
    assert ids.to_list() == ["bdd2f027be0bbf0f", "c22f0c3000207904", "bdd2f027be0bbf0f"]


def test_another_model_id_or_value_gives_another() -> None:
    first = make_prediction_ids(ROWS, "00ff" * 10)
    assert set(first).isdisjoint(make_prediction_ids(ROWS, "00fe" * 10))
    other = ROWS.with_columns(pl.col("x") + 1e-9)
    assert set(first).isdisjoint(make_prediction_ids(other, "00ff" * 10))


def test_neither_the_order_of_columns_nor_the_other_rows_count() -> None:
    ids = make_prediction_ids(ROWS, "00ff" * 10)
    assert make_prediction_ids(ROWS.select("x", "id", "town"), "00ff" * 10).equals(ids)
    assert make_prediction_ids(ROWS[1:2], "00ff" * 10).equals(ids[1:2])


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50))
def test_they_are_the_hashes_in_hexadecimal_digits(numbers: list[int]) -> None:
    rows = pl.DataFrame({"id": numbers}, schema={"id": pl.Int64})
    right = [f"{number:016x}" for number in hash_rows(rows, ["id"], int("ab" * 8, 16)).tolist()]
    assert make_prediction_ids(rows, "ab" * 20).to_list() == right
