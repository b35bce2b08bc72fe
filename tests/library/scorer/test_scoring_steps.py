"""A scoring path gives each step the kind of table it annotates, as the training run did."""

from typing import Any

import pandas as pd
import polars as pl
import pytest

from magical import Contract, Frame, Id, Lazy, step
from magical.contracts.contract import schema_of
from magical.contracts.tables import format_kinds
from magical.errors import BrokenPromise
from magical.library.scorer.scoring_steps import ROW_COLUMN, ScoringChain, ScoringStep, add_row_numbers
from magical.pandas import Frame as PandasFrame
from magical.refs import Link
from magical.steps import Step


class Row(Contract):
    id: Id[int]
    x: float | None


@step
def in_pandas(rows: PandasFrame[Row]) -> PandasFrame[Row]:
    assert isinstance(rows, pd.DataFrame)
    return rows[rows["x"].notna()].assign(x=rows["x"] * 2).sort_values("id", ascending=False)


@step
def without_rows(rows: PandasFrame[Row]) -> PandasFrame[Row]:
    return rows[["id", "x"]].set_index("id").reset_index()


@step
def lazily(rows: Lazy[Row]) -> Lazy[Row]:
    assert isinstance(rows, pl.LazyFrame)
    return rows.with_columns(pl.col("x") * 2).filter(pl.col("x").is_not_null())


@step
def several(rows: list[PandasFrame[Row]]) -> Frame[Row]:
    assert isinstance(rows[0], pd.DataFrame)
    return pl.DataFrame({"id": rows[0]["id"].to_numpy(), "x": (rows[0]["x"] * 2).to_numpy()}).drop_nans()


@step
def indexed(rows: PandasFrame[Row]) -> PandasFrame[Row]:
    return rows.set_index("id")


def chain_of(step: Step[Any, Any]) -> ScoringChain:
    schema, source = schema_of(Row), Link("typed")
    wire = [source] if step is several else source
    arguments = {"rows": [None]} if step is several else {}
    forms = {"rows": format_kinds(step.parameter_promises["rows"])}
    given = step.result_promise
    scoring_step = ScoringStep(step.name, step.name, step.function, arguments, {"rows": wire}, given, forms)
    return ScoringChain(schema, source, (scoring_step,), Link(step.name))


ROWS = add_row_numbers(pl.DataFrame({"id": [3, 4, 5], "x": [1.0, None, 2.0]}))


@pytest.mark.parametrize("made", [in_pandas, lazily, several], ids=lambda s: s.name)
def test_rows_go_through_steps_of_every_kind(made: Step[Any, Any]) -> None:
    given, lost = chain_of(made).transform_rows(ROWS)
    assert sorted(given.select("id", "x").rows()) == [(3, 2.0), (5, 4.0)]
    assert lost["reason"].to_list() == [f"{made.name} left it out"]


def test_rows_that_lost_their_numbers_in_pandas_are_found_by_their_ids() -> None:
    given, lost = chain_of(without_rows).transform_rows(ROWS)
    assert given[ROW_COLUMN].to_list() == ROWS[ROW_COLUMN].to_list()
    assert lost.is_empty()


def test_an_id_in_the_index_is_said() -> None:
    with pytest.raises(BrokenPromise, match="indexed: id is in the index"):
        chain_of(indexed).transform_rows(ROWS)


@step
def spoils(
    rows: Frame[Row], limits: list[int], taken: dict[str, int], table: Frame, tables: list[Frame]
) -> Frame[Row]:
    shift = len(limits) + len(taken) + table.width + tables[0].width
    limits.append(1)
    taken["more"] = 1
    for one in (table, *tables):
        one.insert_column(0, pl.Series("z", [1]))
    return rows.with_columns(x=pl.lit(float(shift)))


def test_a_step_that_changes_what_it_gets_scores_the_next_rows_alike() -> None:
    given = {"limits": [1], "taken": None, "table": None, "tables": None}
    wires = {"rows": Link("typed"), **{name: Link(name) for name in ("taken", "table", "tables")}}
    frozen = {
        Link("taken"): {"a": 1},
        Link("table"): pl.DataFrame({"a": [1]}),
        Link("tables"): [pl.DataFrame({"a": [1]})],
    }
    scoring = ScoringStep("spoils", "m:spoils", spoils.function, given, wires, spoils.result_promise)
    chain = ScoringChain(schema_of(Row), Link("typed"), (scoring,), Link("spoils"), frozen)
    for _ in range(2):
        assert chain.transform_rows(ROWS)[0]["x"].to_list() == [4.0, 4.0, 4.0]
