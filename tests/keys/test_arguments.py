"""Different arguments have different forms in a key, also where JSON alone would confuse them."""

import datetime as dt
import enum
import itertools
import math
import statistics
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import polars as pl
import pytest

from magical.keys.arguments import encode_argument, parse_argument_kind, strip_type_marks
from magical.settings import FunctionReference, InputPath, Secret, Settings
from magical.settings.paths import ReplacementGroup
from projects import one


class Colour(enum.Enum):
    RED = "red"


class Shade(enum.Enum):
    RED = "red"


class Pair(NamedTuple):
    first: int
    second: int


class Stack(list[int]):
    """A list with a class of its own."""


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
    [{"a": 1}, {"a": 1.0}, [["a", 1]], {1: 1}, {"1": 1}, {True: 1}, OrderedDict(a=1), Counter(a=1)],
    [defaultdict(int, a=1), defaultdict(list, a=1), defaultdict(None, a=1), {"a": 1}],
    [Pair(1, 2), (1, 2), [1, 2], Stack([1, 2])],
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


class Options(Settings):
    weights: dict[str, int] = {}  # noqa: RUF012


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: 2, "a": 3}, {"a": 3, 1: 2}),
        ([{"x": {"a": 1, "b": 2}}], [{"x": {"b": 2, "a": 1}}]),
        (Options(weights={"a": 1, "b": 2}), Options(weights={"b": 2, "a": 1})),
    ],
)
def test_the_order_of_a_dictionary_counts(first: Any, second: Any) -> None:
    assert encode_argument(first, [], []) != encode_argument(second, [], [])


def test_the_order_of_a_set_does_not_count() -> None:
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
        (Pair(1, 2), "[1, 2]", "tuple"),
        (OrderedDict(a=1), '{"a": 1}', "dict"),
    ],
)
def test_readers_see_no_marks(value: Any, shown: str, kind: str) -> None:
    text = encode_argument(value, [], [])
    assert (strip_type_marks(text), parse_argument_kind(text)) == (shown, kind)
    assert strip_type_marks(f"{text} abc.csv") == f"{shown} abc.csv"


def test_a_group_of_the_command_line_is_the_same_as_one_of_a_file() -> None:
    assert encode_argument(ReplacementGroup(a=1), [], []) == encode_argument({"a": 1}, [], [])


def test_the_files_of_a_set_are_in_one_order_in_every_process() -> None:
    files = {InputPath(name) for name in "hgfedcba"}
    found = list[str]()
    encode_argument({"x": files}, found, [])
    assert [Path(f).name for f in found] == list("abcdefgh")


def test_a_class_of_the_project_is_code_of_the_argument() -> None:
    roots = list[Any]()
    encode_argument({"a": [Pair(1, 2)]}, [], roots)
    assert roots == [Pair]


ORDER = """
@step
def first(weights: dict[str, int]) -> str:
    return next(iter(weights))

@step
def made(swap: bool) -> dict[str, int]:
    return {"b": 2, "a": 1} if swap else {"a": 1, "b": 2}

class S(Settings):
    weights: dict[str, int] = {"a": 1, "b": 2}
    swap: bool = False

@workflow
def flow(s: S) -> Any:
    return first(s.weights), first(made(s.swap))
"""


def test_a_body_that_sees_the_order_runs_again_when_it_changes(tmp_path: Path) -> None:
    small = one(tmp_path, ORDER)
    assert small.run().result == ["a", "a"]
    small.edit("workflow.py", 'int] = {"a": 1, "b": 2}', 'int] = {"b": 2, "a": 1}')
    assert 'weights went from {"a": 1, "b": 2} to {"b": 2, "a": 1}' in small.why("first[1]")
    assert small.run().result == ["b", "a"]
    assert small.run(swap=True).result == ["b", "b"], "the order of a result is content too"


def test_the_order_of_a_setting_for_one_run_counts(tmp_path: Path) -> None:
    small = one(tmp_path, ORDER)
    small.edit("workflow.py", 'int] = {"a": 1, "b": 2}', "int] = {}")
    for weights, first in (({"c": 1, "d": 2}, "c"), ({"d": 2, "c": 1}, "d"), ({"c": 1, "d": 2}, "c")):
        assert small.run(weights=weights).result == [first, "a"]


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


def test_a_table_in_memory_is_its_content() -> None:
    tables = [
        pl.DataFrame({"a": [1, 2]}),
        pl.DataFrame({"a": [2, 1]}),
        pl.DataFrame({"b": [1, 2]}),
        pl.DataFrame({"a": [1.0, 2.0]}),
        pd.DataFrame({"a": [1, 2]}),
        pd.DataFrame({"a": [1, 2]}, index=[1, 2]),
        pd.DataFrame({"a": [1, 2]}, dtype="int32"),
    ]
    texts = [encode_argument(table, [], []) for table in tables]
    assert len(set(texts)) == len(tables)
    assert [
        encode_argument(table.copy() if i > 3 else table.clone(), [], []) for i, table in enumerate(tables)
    ] == texts


def test_the_function_of_a_reference_is_code_of_the_argument() -> None:
    roots: list[Any] = []
    reference = FunctionReference("statistics:mean")
    assert encode_argument({"function": reference}, [], roots) == '{"function": "statistics:mean"}'
    assert roots == [statistics.mean]
    assert encode_argument(FunctionReference(), [], roots) == '""'
    assert roots == [statistics.mean]
