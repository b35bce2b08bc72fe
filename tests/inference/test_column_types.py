"""Types, choices and bounds of a column, with the reason in words."""

from typing import Any

import polars as pl
import pytest

from magical.inference.column_stats import ColumnStats
from magical.inference.column_types import InferredType, infer_target_type, infer_type, with_text_choices


def column(name: str, values: list[Any], raw: list[str] | None = None) -> ColumnStats:
    return ColumnStats(pl.Series(name, values), raw=None if raw is None else pl.Series(name, raw))


def test_few_texts_that_repeat_are_a_closed_set() -> None:
    assert infer_type(column("size", ["s", "l"] * 5)) == InferredType("str", ("l", "s"))
    many = infer_type(column("size", [f"s{i}" for i in range(21)] * 9))
    assert many == InferredType("str", reason="21 different texts")


def test_a_set_is_open_if_its_values_are_rare_or_long() -> None:
    assert infer_type(column("size", ["s", "l"] * 4)).choices == ()
    assert infer_type(column("job", ["clerk"] * 20 + ["a", "b"])).choices == ()
    assert infer_type(column("note", ["x" * 61, "y"] * 9)).choices == ()
    assert infer_type(column("job", ["clerk", "cook", "maid"] * 9 + ["spy"])).choices == (
        "clerk",
        "cook",
        "maid",
        "spy",
    )


def test_0_and_1_are_a_boolean_but_for_a_count() -> None:
    assert infer_type(column("flag", [0, 1])) == InferredType("bool")
    assert infer_type(column("flag", [0.0, 1.0])) == InferredType("bool", reason="0 or 1")
    assert infer_type(column("num_kids", [0, 1])) == InferredType("int", bounds={"ge": 0})


@pytest.mark.parametrize(
    ("name", "values", "type", "choices"),
    [
        ("month", [1, 7], "int", tuple(range(1, 13))),
        ("weekday", [0, 6], "int", tuple(range(7))),
        ("weekday", [1, 7], "int", tuple(range(1, 8))),
        ("quarter", [1, 4], "int", (1, 2, 3, 4)),
        ("zipcode", [10, 9], "int", (9, 10)),
        ("month", [1, 40], "int", ()),
        ("num_months", [1, 7], "int", ()),
    ],
)
def test_numbers_that_name_something_are_categories(
    name: str, values: list[int], type: str, choices: tuple[Any, ...]
) -> None:
    found = infer_type(column(name, values * 9))
    assert (found.type, found.choices) == (type, choices)
    assert found.reason == ("a number that names something: a category" if choices else "")


def test_an_id_of_many_kinds_is_an_open_text() -> None:
    found = infer_type(column("store_nr", list(range(1000, 2500))))
    assert found == InferredType("str", reason="a number that names something: a category of 1,500 kinds")


def test_whole_floats_with_gaps_are_integers_where_others_are() -> None:
    gaps = column("rooms", [3.0, None, 4.0])
    assert infer_type(gaps).type == "float"
    assert infer_type(gaps, has_ints=True).type == "int"
    assert infer_type(column("rooms", [3.0, 4.0]), has_ints=True).type == "float"
    assert infer_type(column("rooms", [3.5, None]), has_ints=True).type == "float"


@pytest.mark.parametrize(
    ("name", "values", "bounds"),
    [
        ("rooms", [1, 4], {"ge": 0}),
        ("balance", [1, 4], {}),
        ("gap", [-1, 4], {}),
        ("age", [1, 131], {"ge": 0}),
        ("yr_built", [1999, 2021], {"ge": 1950, "le": 2100}),
        ("yr_built", [0, 0], {"ge": 0}),
        ("yr_built", [1999, 2200], {"ge": 0}),
        ("percent", [0.25, 0.75], {"ge": 0}),
        ("percent", [2.5, 75.0], {"ge": 0, "le": 100}),
        ("lat", [48.5, -3.5], {"ge": -90, "le": 90}),
        ("lat", [48, 3], {}),
        ("hours_per_week", [40, 200], {"ge": 0}),
    ],
)
def test_bounds_follow_the_name_if_the_values_keep_them(
    name: str, values: list[Any], bounds: dict[str, int]
) -> None:
    assert infer_type(column(name, values)).bounds == bounds


@pytest.mark.parametrize(
    ("values", "task", "type", "choices"),
    [
        ([0, 1], "", "bool", ()),
        ([0, 1], "classes", "bool", ()),
        ([0, 1], "number", "float", ()),
        ([1, 2], "", "int", ()),
        ([1, 2], "classes", "int", (1, 2)),
        ([1.0, 2.0, 3.0], "classes", "int", (1, 2, 3)),
        ([1.0, 2.0, 3.0], "number", "float", ()),
        (list(range(11)), "classes", "int", tuple(range(11))),
        ([0.5, 1.5], "", "float", ()),
        (["a", "b"], "", "str", ("a", "b")),
        ([True, False], "", "bool", ()),
    ],
)
def test_targets(values: list[Any], task: str, type: str, choices: tuple[Any, ...]) -> None:
    found = infer_target_type(column("y", values * 9), task=task)
    assert (found.type, found.choices) == (type, choices)


def test_the_reason_of_classes_says_how_they_are_read() -> None:
    assert infer_target_type(column("y", [0, 1])).reason == "0 and 1 are read as False and True"
    assert infer_target_type(column("y", ["a", "b", "c"])).reason == "3 classes"


def test_choices_of_numbers_are_the_texts_of_the_source() -> None:
    found = InferredType("str", ("2", "10"), reason="why")
    numbers = column("agent", [10, 2, None] * 9, ["10", "2", "n/a"] * 9)
    assert with_text_choices(numbers, found) == InferredType("str", ("2", "10", "n/a"), reason="why")
    open_set = column("agent", [10, 2], ["10", "2"])
    assert with_text_choices(open_set, found).choices == ()
    assert with_text_choices(column("agent", [10, 2] * 9), found) is found
