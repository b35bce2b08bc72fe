"""Different arguments have different forms in a key, also where JSON alone would confuse them."""

import datetime as dt
import enum
import itertools
import math
from pathlib import Path
from typing import Any

import pytest

from magical.keys.arguments import encode_argument, parse_argument_kind, strip_type_marks
from magical.settings import InputPath, Secret
from projects import one


class Colour(enum.Enum):
    RED = "red"


class Shade(enum.Enum):
    RED = "red"


DAY = dt.date(2024, 1, 31)
APART: list[list[Any]] = [
    [[1, 2], (1, 2), {1, 2}, frozenset({1, 2}), "[1, 2]"],
    [DAY, "2024-01-31", dt.datetime(2024, 1, 31), "2024-01-31T00:00:00"],
    [dt.time(10), "10:00:00"],
    [dt.timedelta(seconds=5), 5.0, 5, "5.0", True],
    [1, 1.0, True, "1"],
    [Colour.RED, Shade.RED, "red", "Colour.RED"],
    [math.inf, "inf", -math.inf, math.nan],
    [Path("x"), "x", InputPath("x")],
    [Secret("env:X"), "env:X"],
    [{"a": 1}, {"a": 1.0}, [["a", 1]], {1: 1}, {"1": 1}, {True: 1}],
    [{"!tuple": [1]}, (1,), [1], {"!tuple": (1,)}],
    [[(1,)], [[1]], ([1],), ((1,),)],
    [None, "null", "None", "", [], (), {}, 0],
]


@pytest.mark.parametrize("group", APART)
def test_what_differs_has_another_form(group: list[Any]) -> None:
    texts = [encode_argument(value, [], []) for value in group]
    for (one_value, first), (other, second) in itertools.combinations(zip(group, texts, strict=True), 2):
        assert first != second, (one_value, other)


@pytest.mark.parametrize("group", APART)
def test_what_is_equal_has_the_same_form(group: list[Any]) -> None:
    for value in group:
        assert encode_argument(value, [], []) == encode_argument(value, [], [])


def test_the_order_of_a_dictionary_and_of_a_set_does_not_count() -> None:
    assert encode_argument({1: 2, "a": 3}, [], []) == encode_argument({"a": 3, 1: 2}, [], [])
    assert encode_argument({"b", "a", "c"}, [], []) == encode_argument({"c", "a", "b"}, [], [])


@pytest.mark.parametrize(
    ("value", "shown", "kind"),
    [
        ((1, "a"), '[1, "a"]', "tuple"),
        ({"a": (DAY,)}, '{"a": ["2024-01-31"]}', "dict"),
        (Colour.RED, '"red"', "enum"),
        ({1: (2,)}, '{"1": [2]}', "dict"),
        (Secret("env:X"), '"env:X"', "secret"),
        ("plain", '"plain"', "str"),
    ],
)
def test_readers_see_no_marks(value: Any, shown: str, kind: str) -> None:
    text = encode_argument(value, [], [])
    assert (strip_type_marks(text), parse_argument_kind(text)) == (shown, kind)
    assert strip_type_marks(f"{text} abc.csv") == f"{shown} abc.csv"


def test_a_step_runs_again_when_only_the_kind_of_an_argument_changes(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def kind(value: Any) -> str:
            return type(value).__name__

        @workflow
        def flow() -> str:
            return kind([1, 2])
    """,
    )
    assert small.run().result == "list"
    small.edit("workflow.py", "[1, 2]", "(1, 2)")
    assert "value went from [1, 2] (list) to [1, 2] (tuple)" in small.why("kind")
    assert small.run().result == "tuple"
