"""Marks that a run settled are part of the columns of a row; what the contract states stays."""

import polars as pl

from magical.contracts.schema import Column, Schema
from magical.library.settled_marks import settle_row
from magical.reading.casting import cast


def test_what_the_contract_states_stays_and_a_unit_that_the_run_had_not_is_refused() -> None:
    stated = Schema("Sale", (Column("x", "float", decimal=","), Column("day", "date", format="%d.%m.%y")))
    settled = settle_row(stated, {"day": {"order": "day"}})
    assert [(c.decimal, c.thousands, c.order, c.settled) for c in settled.columns] == [
        (",", "", "", "contract"),
        ("", "", "", ""),
    ]
    read = cast(pl.Series(["1,5", "1.498", "1.5", "5 %"]), settled.columns[0])
    assert read.values.to_list() == [1.5, 1498, 1.5, None]


def test_numbers_that_came_as_numbers_settle_nothing() -> None:
    row = Schema("Sale", (Column("x", "float"), Column("n", "int"), Column("day", "date")))
    assert settle_row(row, {}) == row
