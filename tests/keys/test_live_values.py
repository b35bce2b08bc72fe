"""The texts of constants: the same in every process, different where the value is."""

import datetime as dt
import enum
import functools
import json
import threading
from typing import Any, NamedTuple

import polars as pl
import pytest

from magical.keys.live_values import inspect_value
from projects import python


class Point:
    def __init__(self, x: Any) -> None:
        self.x = x

    def moved(self) -> int:
        return 1


class Slotted:
    __slots__ = ("x", "y")

    def __init__(self, x: int) -> None:
        self.x = x


class Pair(NamedTuple):
    x: int
    y: Any


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def one() -> int:
    return 1


def two() -> int:
    return 2


VALUES: list[Any] = [
    *[
        None,
        True,
        1,
        1.0,
        1j,
        "1",
        b"1",
        [],
        [1],
        (1,),
        {1},
        frozenset({2}),
        {},
        {1: 2},
        {2: 1},
        {"a": [1, {2}]},
    ],
    *[one, two, [one], {"a": one}, {"a": two}, {"a": (one, 3)}, {"a": (one, 4)}, Point, int, json],
    *[Point(1), Point(2), Point([Point(3)]), Point(one), Slotted(1), Slotted(2), Pair(1, 2), Pair(1, one)],
    *[Colour.RED, Colour.BLUE, functools.partial(one), functools.partial(pow, 2), functools.partial(pow, 3)],
    *[functools.partial(pow, exp=2), Point(1).moved, Point(2).moved],
]


def test_different_values_have_different_texts() -> None:
    texts = [inspect_value(v).text for v in VALUES]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    "value", [*VALUES, threading.Lock(), object(), pl.DataFrame({"x": [1]}), dt.date(2024, 1, 31)], ids=type
)
def test_no_address_shows(value: Any) -> None:
    assert " at 0x" not in inspect_value(value).text


def test_circles_end() -> None:
    circle: list[Any] = [1]
    circle.append(circle)
    point = Point(None)
    point.x = [point, {"me": point}]
    assert inspect_value(circle).text == "list(1, …1)"
    assert inspect_value(point).text.count("…") == 2


def test_a_shared_part_does_not_multiply_the_work() -> None:
    shared: Any = 1
    for _ in range(200):
        shared = [shared, shared]
    assert len(inspect_value(shared).text) < 3_000


@pytest.mark.parametrize("depth", [20, 150])
def test_a_difference_deep_inside_is_seen(depth: int) -> None:
    def nest(inner: int) -> Any:
        value: Any = inner
        for _ in range(depth):
            value = {"in": [value]}
        return value

    assert inspect_value(nest(1)).text == inspect_value(nest(1)).text
    assert inspect_value(nest(1)).text != inspect_value(nest(2)).text


def test_a_value_too_deep_to_read_counts_as_changed_each_time() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert inspect_value(deep).text != inspect_value(deep).text


def test_the_code_in_a_value_is_collected() -> None:
    found = inspect_value(
        {"a": [one, (two, Point(3))], "b": functools.partial(json.dumps, default=str), "c": Colour.RED}
    )
    assert set(found.code) >= {one, two, Point, json.dumps, str, Colour}
    assert inspect_value([1, "a"]).code == ()


def test_sets_are_the_same_in_every_process() -> None:
    script = (
        "from magical.keys.live_values import inspect_value\n"
        "print(inspect_value({'a', 'b', 'c', 'd', ('e', 1), frozenset({'f', 'g'})})).text\n"
        "print(inspect_value({'x': {'p', 'q', 'r'}}).text)"
    )
    texts = {python("-c", script, PYTHONHASHSEED=seed).stdout for seed in "123"}
    assert len(texts) == 1
    assert "frozenset('f', 'g')" in texts.pop()
