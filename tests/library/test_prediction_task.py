"""What is predicted follows from the target's type."""

from typing import Any, Literal

import polars as pl
import pytest

from library.tables import houses, people, pupils
from magical import Contract, Target
from magical.contracts.promises import contract_of
from magical.errors import BrokenPromise, ContractError
from magical.library import model_data
from magical.library.prediction_task import Task, encode_target, infer_task, make_examples


def table_of(hint: Any, values: list[Any]) -> pl.DataFrame:
    row = type("Row", (Contract,), {"__annotations__": {"x": int, "y": Target[hint]}})
    return model_data(pl.DataFrame({"x": list(range(len(values))), "y": values}), row)


@pytest.mark.parametrize(
    ("hint", "values", "kind", "classes"),
    [
        (bool, [True, False], "binary", (False, True)),
        (str, ["b", "a", "b"], "binary", ("a", "b")),
        (str, ["b", "a", "c"], "multiclass", ("a", "b", "c")),
        (Literal["no", "maybe", "yes"], ["yes", "no", "maybe"], "multiclass", ("no", "maybe", "yes")),
        (Literal["no", "maybe", "yes"], ["yes", "no", "no"], "binary", ("no", "yes")),
        (Literal[2, 0, 1], [0, 1, 2], "multiclass", (2, 0, 1)),
        (float, [0.5, 1.0], "regression", ()),
        (int, [1, 2, 3], "regression", ()),
        (bool | None, [True, None, False], "binary", (False, True)),
    ],
)
def test_the_task(hint: Any, values: list[Any], kind: str, classes: tuple[Any, ...]) -> None:
    assert infer_task(table_of(hint, values)) == Task(kind, "y", classes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "classes", "number"),
    [
        ([0, 1, 1], "Target[bool]", "Target[float]"),
        ([1, 2] * 9, "Target[Literal[1, 2]]", "Target[float]"),
        ([2, 0, 1] * 30, "Target[Literal[0, 1, 2]]", "Target[float]"),
        ([5, None, 4, 3] * 30, "Target[Literal[3, 4, 5] | None]", "Target[float | None]"),
    ],
)
def test_whole_numbers_of_few_values_ask_for_a_decision(values: list[Any], classes: str, number: str) -> None:
    table = table_of(int | None if None in values else int, values)
    with pytest.raises(
        BrokenPromise, match=r"y is Target\[int\] with . values in \d+ rows: .*nothing decides"
    ) as caught:
        infer_task(table)
    assert f"y: {classes} for classes, or {number} for a number, in Row" in caught.value.hint


@pytest.mark.parametrize(
    ("hint", "values"),
    [(int, [1, 2, 3]), (int, list(range(21)) * 30), (int, [1, 2, 3] * 20), (float, [0, 1])],
)
def test_amounts_and_floats_need_no_decision(hint: Any, values: list[int]) -> None:
    assert infer_task(table_of(hint, values)).kind == "regression"


def test_one_class_is_refused() -> None:
    with pytest.raises(BrokenPromise, match=r"one class only: y is True in all 2 rows"):
        infer_task(table_of(bool, [True, True]))


def test_no_target_and_no_contract_are_refused() -> None:
    class Row(Contract):
        x: int

    with pytest.raises(BrokenPromise, match="Row has no target"):
        infer_task(model_data(pl.DataFrame({"x": [1]}), Row))
    with pytest.raises(ContractError):
        infer_task(pl.DataFrame({"y": [True, False]}))


def test_a_date_cannot_be_predicted() -> None:
    import datetime as dt

    with pytest.raises(BrokenPromise, match="y is date, which cannot be predicted"):
        infer_task(table_of(dt.date, [dt.date(2020, 1, 1)]))


def test_classes_become_their_numbers() -> None:
    task = Task("multiclass", "y", ("poor", "fair"))
    values = pl.Series(["fair", "poor", "odd"])
    assert (
        encode_target(values, task).tolist()
        == encode_target(values.cast(pl.Categorical), task).tolist()
        == [1, 0, -1]
    )
    assert encode_target(pl.Series([True, False]), Task("binary", "y", (False, True))).tolist() == [1, 0]
    assert encode_target(pl.Series([3, 4]), Task("regression", "y")).tolist() == [3.0, 4.0]


@pytest.mark.parametrize("table", [people, pupils, houses])
def test_examples_are_as_many_as_there_are_targets(table: Any) -> None:
    rows, task = table(50), infer_task(table(50))
    holes = rows.with_columns(pl.when(pl.int_range(50) % 5 > 0).then(task.target).alias(task.target))
    inputs = contract_of(rows).without([task.target])
    assert len(make_examples(rows, task, inputs).y) == 50
    found = make_examples(holes, task, inputs)
    assert len(found.X) == len(found.y) == 40
