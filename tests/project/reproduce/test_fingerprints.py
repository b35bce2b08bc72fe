"""Fingerprints of results: floats apart from the rest, no secrets, no paths of this machine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor

from magical.contracts.model import Model
from magical.contracts.promises import Parts, Promise, promise_of
from magical.contracts.schema import Column, Schema
from magical.masking import register_secret
from magical.project.reproduce.fingerprints import (
    MAX_PLAIN_JSON,
    Fingerprinter,
    digest_rest,
    extract_floats,
    has_floats,
    split_floats,
)
from magical.stores.local.store import LocalStore

NAN = float("nan")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
FLOAT_LISTS = pl.List(pl.Float64)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def taken(store: LocalStore, value: Any, promise: Promise, **more: Any) -> dict[str, Any]:
    return Fingerprinter(store, **more).fingerprint("n", store.save(value, promise, "k"))


@given(JSON)
def test_floats_are_split_off_in_an_order_that_keys_do_not_change(value: Any) -> None:
    shape, numbers = split_floats(value)
    assert split_floats(shape) == (shape, [])
    if isinstance(value, dict):
        assert split_floats(dict(reversed(value.items()))) == (shape, numbers)
    assert all(isinstance(n, float) for n in numbers)


def test_whole_numbers_and_texts_are_the_shape() -> None:
    assert split_floats([1, True, "1.5", {"a": 1.5}]) == ([1, True, "1.5", {"a": None}], [1.5])
    assert split_floats(2.5) == (None, [2.5])


@pytest.mark.parametrize(
    ("dtype", "found"),
    [
        (pl.Float32(), True),
        (pl.Array(pl.Float64, 2), True),
        (pl.Struct({"n": pl.Int64, "x": FLOAT_LISTS}), True),
        (pl.List(pl.List(pl.Int8)), False),
        (pl.Struct({"n": pl.Int64}), False),
        (pl.Decimal(10, 2), False),
    ],
)
def test_floats_are_found_in_lists_and_structs(dtype: pl.DataType, found: bool) -> None:
    assert has_floats(dtype) is found


@pytest.mark.parametrize(
    ("series", "floats"),
    [
        (pl.Series([1.5, None, NAN]), [1.5, NAN, NAN]),
        (pl.Series([[1.0], None, [], [2.0, None]], dtype=FLOAT_LISTS), [1.0, 2.0, NAN]),
        (pl.Series([[1.0, 2.0]], dtype=pl.Array(pl.Float64, 2)), [1.0, 2.0]),
        (pl.Series([{"a": 1.5, "n": 1, "b": 2.5}, {"a": 3.5, "n": 2, "b": None}]), [1.5, 3.5, 2.5, NAN]),
        (pl.Series([], dtype=pl.Float64), []),
    ],
)
def test_floats_of_a_column(series: pl.Series, floats: list[float]) -> None:
    assert np.array_equal(extract_floats(series), np.array(floats), equal_nan=True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([[1.0], None, []], [[2.0], None, []], True),
        ([[1.0], None, []], [[1.0], [], None], False),
        ([[1.0, 2.0], [3.0]], [[1.0], [2.0, 3.0]], False),
        ([[1.0, None]], [[None, 1.0]], False),
        ([{"a": 1.0, "n": 1}], [{"a": 2.0, "n": 1}], True),
        ([{"a": 1.0, "n": 1}], [{"a": 1.0, "n": 2}], False),
        ([{"a": 1.0}, None], [{"a": 1.0}, {"a": None}], False),
    ],
)
def test_the_rest_is_all_but_the_floats(one: list[Any], other: list[Any], same: bool) -> None:
    assert (digest_rest(pl.Series("x", one)) == digest_rest(pl.Series("y", other))) is same


def test_a_table_has_a_fingerprint_for_each_column(store: LocalStore) -> None:
    made = taken(store, pl.DataFrame({"x": [1.5, None, NAN], "^n.*$": [1, 2, None]}), Promise("table"))
    assert (made["kind"], made["rows"]) == ("table", 3)
    assert list(made["columns"]) == ["x", "^n.*$"]
    x, n = made["columns"].values()
    assert (x["type"], x["nulls"], x["nans"]) == ("Float64", 1, 1)
    assert (n["type"], n["nulls"]) == ("Int64", 1)
    assert not {"floats", "rest", "nans"} & set(n)
    assert json.loads(json.dumps(made)) == made


def test_an_empty_table(store: LocalStore) -> None:
    assert taken(store, pl.DataFrame({"x": [1.5]}).clear(), Promise("table"))["rows"] == 0
    assert taken(store, pl.DataFrame(), Promise("table"))["columns"] == {}


def test_each_part_has_its_own(store: LocalStore) -> None:
    one = pl.DataFrame({"x": [1.0]})
    made = taken(store, Parts(one, one, one, pl.DataFrame({"part": ["train"]})), promise_of(Parts))
    assert {item["kind"] for item in made["items"].values()} == {"table"}
    assert {"train", "validation", "test"} <= set(made["items"])


def test_a_small_value_is_its_own_and_a_large_one_is_a_digest(store: LocalStore) -> None:
    promise = promise_of(dict[str, Any])
    value = {"auc": 0.5, "n": 3}
    small = taken(store, value, promise)
    assert small["json"] == value
    assert "json" not in taken(store, {"s": "x" * MAX_PLAIN_JSON}, promise)
    assert taken(store, {"auc": 0.6, "n": 3}, promise)["shape"] == small["shape"]
    assert taken(store, {"auc": 0.5, "n": 4}, promise)["shape"] != small["shape"]


def test_a_value_that_may_hold_a_secret_is_a_digest(store: LocalStore) -> None:
    promise = promise_of(dict[str, Any])
    assert "json" not in taken(store, {"n": 3}, promise, allows_plain=False)
    register_secret("hunter2-hunter2")
    assert "hunter2" not in json.dumps(taken(store, {"key": "hunter2-hunter2"}, promise))


def test_a_value_that_names_the_projects_folder_is_told_by_its_digest(
    store: LocalStore, tmp_path: Path
) -> None:
    assert "json" not in taken(store, f"{tmp_path}/x", promise_of(str), root=str(tmp_path))
    assert "json" in taken(store, f"{tmp_path}/x", promise_of(str), root="/elsewhere")


class Thing:
    """An object that JSON cannot represent."""

    def __init__(self, value: Any) -> None:
        self.value = value


def test_an_object_is_told_by_its_pickle_and_type(store: LocalStore) -> None:
    promise = Promise("object", Thing)
    one, again, other = (taken(store, Thing(v), promise) for v in (1, 1, 2))
    assert one["type"] == "Thing"
    assert one["bytes"] == again["bytes"] != other["bytes"]
    endless = Thing(None)
    endless.value = endless
    assert taken(store, endless, promise)["bytes"] == ""


def model(feature: str = "rooms") -> Model:
    pipeline = DummyRegressor().fit([[3], [5]], [200.0, 400.0])
    return Model(pipeline, "regression", "price", Schema("House", (Column(feature, "int"),)))


def test_a_model_is_told_by_what_it_predicts(store: LocalStore) -> None:
    sample = store.save(pl.DataFrame({"rooms": [4, 5]}), Promise("table"), "s")
    artifact = store.save(model(), promise_of(Model), "k")
    printer = Fingerprinter(store, {"n": ("test", sample)})
    made = printer.fingerprint("n", artifact)
    assert (made["kind"], made["on"], made["predicts"]["rows"]) == ("model", "test", 2)
    assert printer.predict_sample("n", model())["prediction"].to_list() == [300.0, 300.0]
    assert Fingerprinter(store).fingerprint("n", artifact)["unknown"] == "there is no table to predict"


def test_a_model_that_cannot_predict_says_why_without_paths(store: LocalStore, tmp_path: Path) -> None:
    sample = store.save(pl.DataFrame({"rooms": [4]}), Promise("table"), "s")
    artifact = store.save(model(f"{tmp_path}/x"), promise_of(Model), "k")
    made = Fingerprinter(store, {"n": ("test", sample)}, root=str(tmp_path)).fingerprint("n", artifact)
    assert made["unknown"].startswith("it cannot predict them: BrokenPromise: ")
    assert str(tmp_path) not in made["unknown"]


def test_none_has_no_content(store: LocalStore) -> None:
    assert set(taken(store, None, promise_of(None))) == {"kind", "content"}
