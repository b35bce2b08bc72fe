"""Comparison of fingerprints: results that agree to the last bit, to 1e-9, or differ."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from magical.contracts.promises import Parts, Promise, promise_of
from magical.project.reproduce.fingerprint_diff import (
    DIFFERS,
    NEARLY,
    SAME,
    UNKNOWN,
    Agreement,
    compare_fingerprints,
)
from magical.project.reproduce.fingerprints import MAX_PLAIN_JSON, Fingerprinter
from magical.stores.local.store import LocalStore


class Bench:
    """Two stores, by which two values are saved and compared."""

    def __init__(self, folder: Path) -> None:
        self.stores = LocalStore(folder / "a"), LocalStore(folder / "b")

    def compare(self, old: Any, new: Any, promise: Promise, *, both: bool = False) -> Agreement:
        """Compare two values, by their fingerprints alone or with both at hand."""
        artifacts = [s.save(v, promise, "k") for s, v in zip(self.stores, (old, new), strict=True)]
        made = [Fingerprinter(s).fingerprint("n", a) for s, a in zip(self.stores, artifacts, strict=True)]
        return compare_fingerprints(*made, lambda item: (old, new) if both and not item else None)

    def tables(self, old: Any, new: Any, *, both: bool = False) -> Agreement:
        """Compare two tables."""
        return self.compare(pl.DataFrame(old), pl.DataFrame(new), Promise("table"), both=both)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


NAN = float("nan")
RANGE = np.arange(1.0, 101.0)
ARRAY = np.arange(1.0, 7.0).reshape(3, 2)
X = np.random.default_rng(0).normal(size=1000)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(
    ("old", "new", "level", "said"),
    [
        ({"x": X}, {"x": X.copy()}, SAME, None),
        ({"x": X}, {"x": X * (1 + 1e-12)}, NEARLY, "1e-12 relative"),
        ({"x": X}, {"x": X * (1 + 1e-6)}, DIFFERS, "1e-06 relative"),
        ({"x": X}, {"x": np.where(np.arange(1000) == 500, X + 1e-3, X)}, DIFFERS, "x differs"),
        ({"x": X}, {"x": np.concatenate([X[1::-1], X[2:]])}, DIFFERS, "x differs"),
        ({"x": X}, {"x": -X}, DIFFERS, "x differs"),
        ({"x": X}, {"x": np.where(X > 3, np.nan, X)}, DIFFERS, "x missed 0 values, and misses"),
        ({"x": [1.0, None]}, {"x": [None, 1.0]}, DIFFERS, "x is missing or infinite in other rows"),
        ({"x": [1.0, None]}, {"x": [1.0, float("nan")]}, DIFFERS, None),
        ({"x": [1.0, float("inf")]}, {"x": [1.0, float("-inf")]}, DIFFERS, "missing or infinite"),
        ({"x": [1.0, None, NAN]}, {"x": [1.0, NAN, None]}, DIFFERS, "x is missing or infinite in other rows"),
        ({"x": [1e20, 1.0]}, {"x": [1e20, 2.0]}, DIFFERS, "x differs"),
        ({"x": [-1e20, *RANGE]}, {"x": [-1e20, *RANGE[::-1]]}, DIFFERS, "x differs"),
        ({"x": [3.4e38, *RANGE]}, {"x": [3.4e38, 7.0, *RANGE[1:]]}, DIFFERS, "x differs"),
        ({"x": [3.4e38, *RANGE]}, {"x": [3.4e38, *(RANGE * (1 + 1e-6))]}, DIFFERS, "x differs"),
        ({"x": [3.4e38, *RANGE]}, {"x": [3.4e38, *(RANGE * (1 + 1e-12))]}, NEARLY, "x differs"),
        ({"x": [1e308, 1e308, 1.0]}, {"x": [1e308, 1e308 * (1 + 1e-13), 1.0]}, NEARLY, "x differs"),
        ({"x": [0.0, 1.0]}, {"x": [-0.0, 1.0]}, NEARLY, "x differs in signs of zeros or in rounding"),
        ({"x": [1]}, {"x": [2]}, DIFFERS, "x has other values"),
        ({"x": [1]}, {"x": [1.0]}, DIFFERS, "x was Int64, and is Float64 now"),
        ({"x": [1], "y": [1]}, {"x": [1]}, DIFFERS, "y is gone"),
        ({"x": [1]}, {"x": [1], "y": [1]}, DIFFERS, "y is new"),
        ({"x": [1], "y": [1]}, {"y": [1], "x": [1]}, DIFFERS, "another order"),
        ({"x": [1]}, {"x": [1, 2]}, DIFFERS, "1 rows then, 2 now"),
        ({"x": ["a", None]}, {"x": ["a", "b"]}, DIFFERS, "x has other values"),
        ({"x": [[1.0]]}, {"x": [[1.5]]}, DIFFERS, "0.3 relative"),
        ({"x": [[1.0, None], None, []]}, {"x": [[1.0 + 1e-15, None], None, []]}, NEARLY, "1e-15 relative"),
        ({"x": [[1.0], None, []]}, {"x": [[1.0], [], None]}, DIFFERS, "x has other values"),
        ({"x": [[1.0, 2.0], [3.0]]}, {"x": [[1.0], [2.0, 3.0]]}, DIFFERS, "x has other values"),
        ({"x": [{"a": 1.0, "b": 1}]}, {"x": [{"a": 1.0 + 1e-15, "b": 1}]}, NEARLY, "1e-15 relative"),
        ({"x": [{"a": 1.0, "b": 1}]}, {"x": [{"a": 1.0, "b": 2}]}, DIFFERS, "x has other values"),
        ({"x": [[{"a": 1.0}]]}, {"x": [[{"a": 1.0 + 1e-15}]]}, NEARLY, "1e-15 relative"),
        ({"x": ARRAY}, {"x": ARRAY * (1 + 1e-12)}, NEARLY, "1e-12 relative"),
        ({"x": ARRAY}, {"x": ARRAY * 2}, DIFFERS, "0.5 relative"),
    ],
)
def test_tables(bench: Bench, old: Any, new: Any, level: str, said: str | None, both: bool) -> None:
    found = bench.tables(old, new, both=both)
    assert found.level == level
    assert said is None or said in " ".join(found.details)


def test_a_column_whose_name_is_a_pattern_is_a_column(bench: Bench) -> None:
    names = ["*", "abc"]
    old: dict[str, list[int]] = {name: [1] for name in names}
    assert bench.tables(old, old).level == SAME
    found = bench.tables(old, {"*": [2], "abc": [1]})
    assert found.details == ("* has other values",)
    one, other = ({"^a.*$": [{"^b.*$": x}, None], "abc": [1.0, 2.0]} for x in (1.5, 1.5 * (1 + 1e-12)))
    found = bench.tables(one, other)
    assert found.level == NEARLY
    assert found.details[0].startswith("^a.*$ differs")


def test_empty_tables(bench: Bench) -> None:
    empty = pl.DataFrame({"x": [1.0], "n": [1]}).clear()
    assert bench.tables(empty, empty).level == SAME
    assert bench.tables(empty, empty.select("x")).details == ("n is gone",)


def test_rounding_of_what_cancels_to_nothing_is_no_difference(bench: Bench) -> None:
    old, new = {"x": [1.0, 0.1 + 0.2 - 0.3]}, {"x": [1.0, 0.0]}
    assert bench.tables(old, new, both=True).level == NEARLY
    assert bench.tables(old, new).level == NEARLY


SCORES = {"auc": 0.9, "rows": 410, "low": [0.1, 0.2], "name": "x"}


@pytest.mark.parametrize(
    ("change", "level", "said"),
    [
        ({}, SAME, ""),
        ({"auc": 0.9 * (1 + 1e-12)}, NEARLY, "auc was 0.9, and is 0.90000"),
        ({"auc": 0.8}, DIFFERS, "auc was 0.9, and is 0.8 now"),
        ({"low": [0.1, 0.3]}, DIFFERS, "low.1 was 0.2, and is 0.3 now"),
        ({"rows": 411}, DIFFERS, "rows was 410, and is 411 now"),
        ({"name": "y"}, DIFFERS, "name was x, and is y now"),
        ({"more": 1}, DIFFERS, "was {"),
    ],
)
def test_values(bench: Bench, change: dict[str, Any], level: str, said: str) -> None:
    found = bench.compare(SCORES, {**SCORES, **change}, promise_of(dict[str, Any]))
    assert found.level == level
    assert said in " ".join(found.details)


@pytest.mark.parametrize(
    ("factor", "level"), [(1.0, SAME), (1 + 1e-12, NEARLY), (1 + 1e-6, DIFFERS), (float("nan"), DIFFERS)]
)
def test_a_large_value_is_compared_by_its_shape_and_sums(bench: Bench, factor: float, level: str) -> None:
    old = {"many": [float(i) for i in range(5000)], "n": 3}
    new = {**old, "many": [float(i) * factor for i in range(5000)]}
    assert bench.compare(old, new, promise_of(dict[str, Any])).level == level
    other = {**old, "n": 4}
    assert bench.compare(old, other, promise_of(dict[str, Any])).details == ("other content",)


def test_parts_and_tuples_name_the_member(bench: Bench) -> None:
    def parts(x: float) -> Parts[Any]:
        one = pl.DataFrame({"x": [1.0]})
        return Parts(one, pl.DataFrame({"x": [x]}), one, pl.DataFrame({"part": ["train"]}))

    found = bench.compare(parts(1.0), parts(2.0), promise_of(Parts))
    assert found == Agreement(
        DIFFERS, ("validation: x differs by its sums, about 0.5 relative",), pytest.approx(0.5)
    )
    assert bench.compare(parts(1.0), parts(1.0 + 1e-13), promise_of(Parts)).level == NEARLY
    pair = promise_of(tuple[int, float])
    assert bench.compare((1, 2.0), (1, 3.0), pair).level == DIFFERS
    assert bench.compare((1, 2.0), (1, 2.0), pair).level == SAME
    listed = promise_of(list[bytes])
    assert bench.compare([b"a"], [b"a", b"b"], listed).level == DIFFERS


class Thing:
    """An object that JSON cannot represent."""

    def __init__(self, *values: Any) -> None:
        self.values = values


def test_an_object_agrees_if_its_pickle_does_and_is_else_not_compared(bench: Bench) -> None:
    promise = Promise("object", Thing)
    text = "".join(["a", "b"])
    assert bench.compare(Thing("ab", "ab"), Thing(text, "ab"), promise).level == SAME
    found = bench.compare(Thing(1), Thing(2), promise)
    assert found == Agreement(UNKNOWN, ("a Thing has no content that could be compared",))
    endless = Thing(1)
    endless.values = (endless,)
    assert bench.compare(endless, endless, promise).level == UNKNOWN


def test_models_are_compared_on_the_same_rows_only() -> None:
    old = {"kind": "model", "content": "key:a", "on": "what a gave", "predicts": {"rows": 0, "columns": {}}}
    found = compare_fingerprints(old, {**old, "on": "what b gave", "predicts": {"rows": 1, "columns": {}}})
    assert found == Agreement(UNKNOWN, ("it predicted what a gave then, and what b gave now",))
    assert compare_fingerprints(old, old).level == SAME


def test_what_could_not_be_read_is_not_compared_whatever_it_is() -> None:
    old = {"kind": "object", "content": "key:a", "unknown": "it cannot be read back"}
    new = {"kind": "model", "content": "key:b", "on": "v", "predicts": {"rows": 1, "columns": {}}}
    assert compare_fingerprints(old, new) == Agreement(UNKNOWN, ("it cannot be read back",))
    assert compare_fingerprints(new, old).level == UNKNOWN
    assert compare_fingerprints(old, {"kind": "table", "content": "t"}).level == DIFFERS
    assert (
        compare_fingerprints({"kind": "object", "content": "key:a", "bytes": "b", "type": "T"}, new).level
        == DIFFERS
    )


def test_a_value_that_is_just_small_is_compared_with_one_that_is_not(bench: Bench) -> None:
    for long in range(MAX_PLAIN_JSON - 45, MAX_PLAIN_JSON):
        old, new = ({"s": "x" * long, "f": f} for f in (0.3, 0.1 + 0.2))
        assert bench.compare(old, new, promise_of(dict[str, Any])).level == NEARLY


def test_another_kind_differs(bench: Bench) -> None:
    found = compare_fingerprints({"kind": "none", "content": "none"}, {"kind": "table", "content": "x"})
    assert found == Agreement(DIFFERS, ("it was a none, and is a table now",))
