"""drop_duplicates, drop_outliers and leave_out: what goes, what is kept of it, and what is found while drawing."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from library.cleaning.trips import SCHEMA, as_trips, trips
from library.conftest import Run
from magical import Contract, Frame, Id, InputPath, Settings, Target, contract_of, step, workflow
from magical.errors import WiringError
from magical.library import (
    SplitSettings,
    drop_duplicates,
    drop_outliers,
    featurize,
    ingest,
    leave_out,
    model_data,
    split,
)
from magical.steps import Step

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("how", "ids", "equals"),
    [
        ({}, [1, 2, 4, 6], [0, 3]),
        ({"keep": "last"}, [2, 3, 5, 6], [2, 4]),
        ({"keep": "none"}, [2, 6], [2, 0, 4, 3]),
        ({"columns": ("fare",)}, [1, 2, 4], [0, 3, 3]),
        ({"columns": ("fare", "paid"), "keep": "none"}, [2, 6], [2, 0, 4, 3]),
        ({"columns": ("type:bool",)}, [1], [0] * 5),
    ],
)
def test_one_of_equal_rows_stays(run: Run, how: dict[str, Any], ids: list[int], equals: list[int]) -> None:
    table = trips(fare=[1.0, 2.0, 1.0, None, None, None], paid=[True] * 5 + [False])
    assert drop_duplicates(table, **how)["id"].to_list() == ids
    dropped = run.kept["dropped"]
    assert dropped.columns == ["row", "id", "equal_to_row"]
    assert dropped["id"].to_list() == [i for i in range(1, 7) if i not in ids]
    assert dropped["equal_to_row"].to_list() == equals


def test_nan_and_columns_that_no_contract_declares_do_not_part_rows(run: Run) -> None:
    table = as_trips(trips(fare=[NAN, NAN]).with_columns(row=pl.Series([1, 2])))
    assert drop_duplicates(table).height == 1
    assert run.lines[0].startswith(
        "1 of 2 rows dropped: equal to another in fare, tip, seats, child and 9 more"
    )


@pytest.mark.parametrize("fares", [[], [1.0], [1.0, 2.0]])
def test_where_no_rows_are_equal_all_stay(run: Run, fares: list[float]) -> None:
    table = trips(fare=fares)
    assert drop_duplicates(table).equals(table)
    assert not run.kept


NUMBERS = [*np.linspace(0, 10, 40).tolist(), 55.0, None, NAN, INF, -INF, -56.0]


@pytest.mark.parametrize(
    ("how", "threshold", "gone"),
    [
        ("iqr", None, [55.0, INF, -INF, -56.0]),
        ("iqr", 1e9, [INF, -INF]),
        ("mad", None, [55.0, INF, -INF, -56.0]),
        ("isolation_forest", 0.1, [55.0, INF, -INF, -56.0]),
    ],
)
def test_rows_far_from_the_others_go(run: Run, how: Any, threshold: float | None, gone: list[float]) -> None:
    table = trips(fare=NUMBERS)
    left = drop_outliers(table, ("fare",), how, threshold)
    assert [n for n in NUMBERS if n not in left["fare"].to_list() and n == n] == gone
    assert left.equals(drop_outliers(table, ("fare",), how, threshold))
    dropped = run.kept["dropped"]
    assert dropped.columns == ["row", "id", "column", "value", "reason"]
    assert dropped["row"].to_list() == [NUMBERS.index(n) for n in gone]
    assert run.lines[0] == f"{len(gone)} of 46 rows dropped as outliers by {how}"
    assert f"{len(gone)} of 46 rows are outliers by {how}, more than 5%" in run.lines[1] or threshold == 1e9


def test_the_ranges_are_kept(run: Run) -> None:
    drop_outliers(trips(fare=NUMBERS), how="mad")
    assert run.kept["ranges"]["column"].to_list() == ["fare"]
    assert run.kept["dropped"]["reason"].unique().to_list() == ["must be within -8.97065 and 18.9707"]


ODD: dict[str, list[Any]] = {
    "no rows": [],
    "one row": [1.0],
    "few rows": [1.0, 2.0, 9e9],
    "constant": [1.0] * 30,
    "mostly equal": [1.0] * 30 + [9e9],
    "all null": [None] * 30,
    "no finite number": [NAN, INF] * 15,
}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("how", ["iqr", "mad"])
def test_where_nothing_is_far_all_rows_stay(case: str, how: Any) -> None:
    table = trips(fare=ODD[case])
    assert drop_outliers(table, ("fare",), how).equals(table)


@pytest.mark.parametrize("case", ODD)
def test_a_forest_drops_no_more_than_its_share(case: str) -> None:
    table = trips(fare=ODD[case])
    assert drop_outliers(table, how="isolation_forest").height == table.height


def test_columns_are_left_out_of_the_table_and_its_contract() -> None:
    table = as_trips(trips(fare=[1.0]).with_columns(note=pl.lit("n")))
    left = leave_out(table, ("type:moment", "fare", "role:id"))
    expected = [n for n in SCHEMA.names if n not in ("id", "fare", "left", "arrived", "booked")]
    assert left.columns == [*expected, "note"]
    assert contract_of(left).names == expected
    assert leave_out(table, ()).equals(table)


class Row(Contract):
    id: Id[int]
    x: float
    note: str
    y: Target[bool]


class FlowSettings(Settings):
    columns: tuple[str, ...] = ("x",)
    how: str = "iqr"
    threshold: float | None = None
    keep: str = "first"
    left_out: tuple[str, ...] = ()
    part: str = "train"


@step
def stacked(one: Frame[Row], two: Frame[Row]) -> Frame[Row]:
    return pl.concat([one, two])


@workflow
def flow(s: FlowSettings) -> Any:
    rows = drop_duplicates(model_data(ingest(InputPath("x.csv")), Row), s.columns, s.keep)  # type: ignore[arg-type]
    rows = leave_out(rows, s.left_out)
    train, validation, test = split(rows, SplitSettings())
    part = {
        "train": train,
        "through a step": featurize(train, ()),
        "rows": rows,
        "validation": validation,
        "test": featurize(test, ()),
        "both": stacked(train, validation),
        "train again": split(train, SplitSettings()).train,
        "train of test": split(test, SplitSettings()).train,
    }[s.part]
    return drop_outliers(part, s.columns, s.how, s.threshold)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", ["train", "through a step", "train again"])
def test_outliers_are_those_of_train(part: str) -> None:
    assert flow.draw(FlowSettings(part=part)).node("drop_outliers").facts["training_only"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "before the split": ({"part": "rows"}, r"takes rows before the split \(leave_out\)"),
    "of validation": ({"part": "validation"}, r"takes rows of validation \(split\[1\].validation\)"),
    "of test": ({"part": "test"}, r"takes rows of test \(featurize"),
    "of a part of test": ({"part": "train of test"}, r"takes rows of test \(split\[3\].train\)"),
    "of two parts": ({"part": "both"}, r"takes rows of validation \(stacked\)"),
    "no such method": ({"how": "zscore"}, "knows no 'zscore'"),
    "no share": ({"how": "isolation_forest", "threshold": 0.7}, "a share of rows below 0.5"),
    "no distance": ({"threshold": -1.0}, "iqr wants a number above 0"),
    "no number": ({"columns": ("note",)}, "note, which must be int or float but is str"),
    "no such column": ({"columns": ("z",)}, "'drop_duplicates' reads z"),
    "keeps nothing known": ({"keep": "any"}, "keeps no 'any'"),
    "leaves out nothing known": ({"left_out": ("z*",)}, "'leave_out' reads z"),
    "leaves out the target": ({"left_out": ("y",)}, "the target of Row"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_right_is_found_while_drawing(case: str) -> None:
    changes, words = WRONG[case]
    with pytest.raises(WiringError, match=words) as caught:
        flow.draw(FlowSettings(**changes))
    assert "Hint: " in str(caught.value)


class Bare(Contract):
    id: Id[int]


@pytest.mark.parametrize("made", [drop_duplicates, drop_outliers, leave_out], ids=lambda s: s.name)
def test_a_table_without_columns_to_look_at_is_refused_while_drawing(made: Step[Any, Any]) -> None:
    @workflow
    def unpromised() -> Any:
        return made(ingest(InputPath("x.csv")), ("x",))

    with pytest.raises(WiringError, match=f"{made.name} wants a table with a contract"):
        unpromised.draw()


def test_rows_of_an_id_alone_are_never_equal() -> None:
    @workflow
    def bare() -> Any:
        return drop_duplicates(model_data(ingest(InputPath("x.csv")), Bare))

    with pytest.raises(WiringError, match="Bare has no column but its id"):
        bare.draw()
