"""Every kind of value comes back from the store as it was: its type, its content, and what is in it."""

import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator

from magical import Contract, Frame, Model, Parts, Receipt, Settings
from magical.contracts.promises import promise_of
from magical.contracts.schema import Schema
from magical.engine.artifacts import Artifact, Record
from magical.engine.execution.executor import validate_output
from magical.errors import StoreError
from magical.figure_files import FigureFile
from magical.graph import Node
from magical.settings import TaggedSettings
from magical.stores.local.signature import may_run_code
from magical.stores.local.store import LocalStore

NODE = Node("made", "workflow:made", "", "workflow.py:1", {}, {})
TABLE = pl.DataFrame({"a": [1, None]})


class Point(Contract):
    x: float
    y: float | None = None


class Shape(Contract):
    points: list[Point]
    named: dict[str, Point]
    free: Any = None


class Kind(TaggedSettings): ...


class Circle(Kind):
    radius: float = 1.0


class Way(Settings):
    kinds: tuple[Kind, ...] = (Circle(radius=2.0),)


@dataclasses.dataclass
class Inner:
    x: int
    t: tuple[int, ...] = ()


@dataclasses.dataclass
class Outer:
    inner: Inner
    s: set[int]


class Colour(enum.Enum):
    RED = "red"


class Pair(NamedTuple):
    x: int
    y: str


class Keyed(TypedDict):
    x: int


class Plain:
    def __init__(self, x: int) -> None:
        self.x = x


class Unequal(Plain):
    __eq__ = None  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


MODEL = Model(None, "binary", "y", Schema("S", ()), (False, True))

VALUES: list[tuple[Any, Any]] = [
    *((int, n) for n in (0, -1, 2**70)),
    *((float, x) for x in (0.1, -0.0, 1e300, float("nan"), float("inf"), float("-inf"))),
    *((bool, b) for b in (True, False)),
    *((str, s) for s in ("", "ü\n\0", "\ud800", "null")),
    (bytes, b"\xff\0"),
    (complex, 1 + 2j),
    *((int | None, n) for n in (None, 3)),
    *((float | str, x) for x in ("3", 0.5)),
    *((dict, d) for d in ({}, {"a": 1}, {1: "a"}, {"a": (1, 2)}, {"a": {"b": [None]}})),
    (dict[int, str], {1: "a"}),
    (dict[str, Any], {"a": (1, 2)}),
    (Mapping[str, float], {"a": float("nan")}),
    *((list, items) for items in ([], [1, (2, 3)], [[1], {"a": 2}])),
    (list[int], [1, 2]),
    (Sequence[int], (1, 2)),
    (tuple, (1, "a")),
    (tuple[int, ...], (1, 2)),
    (tuple[int, str], (1, "a")),
    (set[int], {1, 2}),
    (frozenset, frozenset({1})),
    (dt.date, dt.date(2024, 1, 31)),
    (dt.datetime, dt.datetime(2024, 1, 31, 10, 15, tzinfo=dt.UTC)),
    (dt.timedelta, dt.timedelta(days=1.5)),
    (decimal.Decimal, decimal.Decimal("1.10")),
    (uuid.UUID, uuid.UUID(int=3)),
    (pathlib.Path, pathlib.Path("a/b")),
    (Colour, Colour.RED),
    (Literal["a", "b"], "a"),
    (Annotated[int, "words"], 3),
    (Pair, Pair(1, "a")),
    (Keyed, {"x": 1}),
    (Inner, Inner(1, (2, 3))),
    (Outer, Outer(Inner(1), {3})),
    (Point, Point(x=1.5)),
    (Point, Point(x=float("nan"), y=float("inf"))),
    (Shape, Shape(points=[Point(x=1)], named={"a": Point(x=2)})),
    (Shape, Shape(points=[], named={}, free=(1, Colour.RED))),
    (Way, Way()),
    (list[Point], [Point(x=1), Point(x=2)]),
    (Point | Inner, Inner(1)),
    (Plain, Plain(3)),
    (Unequal, Unequal(3)),
    (type, Point),
    (np.ndarray, np.arange(3)),
    (pl.DataFrame, TABLE),
    (pl.Series, pl.Series("a", [1, None])),
    (pd.DataFrame, pd.DataFrame({"a": [1, 2]}, index=[5, 6])),
    (Receipt, Receipt(True, "done", {"version": "1"})),
    (Receipt, Receipt(True, "done", {"loss": float("nan"), "rows": (1, 2)})),  # its repr shows no details
    (None, None),
    (Frame, TABLE),
    (Frame[Point], pl.DataFrame({"x": [1.0], "y": [None]}, schema={"x": pl.Float64, "y": pl.Float64})),
    (tuple[Frame, int], (TABLE, 2)),
    (tuple[tuple[int, Frame], str], ((1, TABLE), "x")),
    (list[Frame], [TABLE, TABLE]),
    (list[Frame], []),
    (dict[str, Frame], {"a": TABLE}),
    (Parts, Parts(TABLE[:1], TABLE[:1], TABLE[1:], TABLE)),
    (Model, MODEL),
    (list[Model], [MODEL, MODEL]),
    (tuple[Model, Frame], (MODEL, TABLE)),
    *(
        (Any, v)
        for v in (None, 3, "a", float("nan"), [1], {"a": [1]}, {1: 2}, (1, 2), TABLE, Point(x=1), Inner(1))
    ),
    (Any, dt.date(2024, 1, 31)),
    (Any, [(1, 2), {"a": {3: 4}}]),
]


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same to a step's body."""
    if type(one) is not type(other):
        return False
    match one:
        case pl.DataFrame() | pl.Series() | pd.DataFrame():
            return bool(one.equals(other))
        case np.ndarray():
            return bool((one == other).all())
        case list() | tuple():
            return len(one) == len(other) and all(map(alike, one, other))
        case dict():
            return alike(list(one.items()), list(other.items()))
        case Plain() | Parts() | Receipt():
            return alike(vars(one), vars(other))
    return one == other or repr(one) == repr(other)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("codecs"))


@pytest.mark.parametrize("hint_value", VALUES, ids=lambda pair: f"{pair[0]} {type(pair[1]).__name__}")
def test_what_a_step_gave_comes_back_as_it_was(store: LocalStore, hint_value: tuple[Any, Any]) -> None:
    hint, value = hint_value
    promise = promise_of(hint)
    given = validate_output(value, promise, NODE)
    assert alike(given, value)
    artifact = store.save(given, promise, "key")
    assert alike(store.load(artifact, promise), value)
    assert type(artifact).from_json(artifact.to_json()) == artifact


@pytest.mark.parametrize(
    "value", [np.arange(3), Plain(3), len, [TABLE], pl.Series([1])], ids=lambda v: type(v).__name__
)
def test_what_nothing_was_said_of_must_have_a_form_in_json(store: LocalStore, value: Any) -> None:
    with pytest.raises(StoreError, match="cannot be written as JSON"):
        store.save(value, promise_of(Any), "key")


def test_objects_are_named_by_the_key_that_made_them(store: LocalStore) -> None:
    """Their bytes are not stable, so their content is not looked at."""
    one = store.save(Plain(3), promise_of(Plain), "k1")
    other = store.save(Plain(3), promise_of(Plain), "k2")
    assert one.content != other.content
    assert store.save([Plain(1), Plain(2)], promise_of(list[Model]), "k").items["0"].content != one.content


class Fitted(BaseEstimator):  # type: ignore[misc]
    """An estimator without parameters."""


def test_an_attribute_that_was_unpickled_is_written_like_any_other(tmp_path: Path) -> None:
    outer, inner = Fitted(), Fitted()
    outer.level_ = inner
    inner.__dict__ = {"".join(["level", "_"]): 1}  # as scikit-learn restores it: not interned
    LocalStore(tmp_path).save(outer, promise_of(Fitted), "k1")
    (file,) = (tmp_path / "objects").rglob("*.pkl")
    assert file.read_bytes().count(b"level_") == 1


def test_values_are_named_by_what_is_in_them(store: LocalStore) -> None:
    one = store.save(Point(x=1), promise_of(Point), "k1")
    assert store.save(Point(x=1), promise_of(Point), "k2") == one
    assert store.save(Point(x=2), promise_of(Point), "k1").content != one.content


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda s: st.lists(s) | st.tuples(s, s) | st.dictionaries(st.text() | st.integers(), s),
        max_leaves=8,
    )
)
def test_any_plain_value_comes_back_as_it_was(store: LocalStore, value: Any) -> None:
    artifact = store.save(value, promise_of(object), "key")
    assert alike(store.load(artifact, promise_of(object)), value)


def test_two_values_that_differ_are_named_differently(store: LocalStore) -> None:
    values = [None, 0, 0.0, False, "", "0", [], {}, [0], ["0"], [[]], {"a": 0}, {"a": 0.0}]
    assert len({store.save(v, promise_of(object), "key").content for v in values}) == len(values)


def test_a_folder_keeps_equal_objects_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.save((TABLE, TABLE, TABLE.clone()), promise_of(tuple[Frame, Frame, Frame]), "key")
    assert len([p for p in (tmp_path / "objects").rglob("*") if p.is_file()]) == 1


@pytest.mark.parametrize("kind", ["value", "pretended", "table", "object"])
@pytest.mark.parametrize("data", [b"[" * 100_000 + b"]" * 100_000, b"", b"\0\xff", b'{"a": 1}'])
def test_an_object_that_somebody_else_wrote_is_said_in_short(tmp_path: Path, kind: str, data: bytes) -> None:
    store = LocalStore(tmp_path / "store")
    artifact = Artifact(kind, "c", store.objects.put(data, ".json"), "3 rows")
    with pytest.raises(StoreError, match="What is stored as 3 rows cannot be read back: "):
        store.load(artifact, promise_of(int))


def test_a_figure_is_a_file_that_opens_by_itself(store: LocalStore) -> None:
    figure = FigureFile(b"<html>drawn</html>", ".html")
    artifact = store.save(figure, promise_of(Any), "key")
    assert (artifact.kind, artifact.summary) == ("figure", "figure (html, 18 bytes)")
    assert store.load(artifact, promise_of(Any)) == figure
    assert (store.file(artifact).suffix, store.file(artifact).read_bytes()) == (".html", figure.data)
    assert not may_run_code(Record("key", "n", "m:n", {}, Artifact("none", "none"), {"plot": artifact}))
