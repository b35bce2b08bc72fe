"""Importance and dependence are right where the truth is planted, and nothing is found where there is none."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from magical import Group, Target, Weight
from magical.contracts.contract import Contract, schema_of
from magical.contracts.model import Model
from magical.library import model_data
from magical.library.explaining import ExplainSettings, Explanation, explain
from magical.library.judging.column_groups import group_columns

ROWS = 400
Truth = Callable[[pd.DataFrame], Any]


class Known:
    """An estimator that is told what it should have learned."""

    def __init__(self, function: Truth) -> None:
        self.function = function

    def predict(self, frame: pd.DataFrame) -> Any:
        return np.asarray(self.function(frame), dtype=float)

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        found = np.asarray(self.function(frame), dtype=float)
        return np.column_stack([1 - found, found]) if found.ndim == 1 else found


class Row(Contract):
    """What the cases below depend on, or do not."""

    x: float
    z: float
    twin: float | None
    age: int
    city: str
    country: str
    note: str
    day: date
    member: bool
    y: Target[float]


def make_rows(truth: Truth, contract: type[Contract] = Row, noise: float = 0.1, **more: Any) -> pl.DataFrame:
    """Rows whose target is the truth and some noise, in the types of the contract."""
    random = np.random.default_rng(5)
    city = random.choice(["Bonn", "Köln", "Lyon", "Nice", "Pisa", "Rome"], ROWS)
    x = random.normal(size=ROWS)
    nations = dict(zip(["Bonn", "Köln", "Lyon", "Nice", "Pisa", "Rome"], "DDFFII", strict=True))
    rows = pl.DataFrame(
        {
            "x": x,
            "z": random.normal(size=ROWS),
            "twin": pl.Series(2 * x + 1).set(pl.Series(random.uniform(size=ROWS) < 0.05), None),
            "age": random.integers(18, 80, ROWS),
            "city": city,
            "country": [nations[c] for c in city],
            "note": ["n" * int(n) + str(i) for i, n in enumerate(random.integers(1, 40, ROWS))],
            "day": [date(2020, 1, 1) + timedelta(days=int(d)) for d in random.integers(0, 900, ROWS)],
            "member": random.choice([True, False], ROWS),
            "y": np.zeros(ROWS),
            **more,
        }
    )
    typed = model_data(rows, contract)
    features = [c.name for c in schema_of(contract).features]
    y = truth(typed.select(features).to_pandas()) + random.normal(0, noise, ROWS)
    return model_data(rows.with_columns(y=pl.Series(np.asarray(y, dtype=float))), contract)


def explain_known(truth: Truth, table: pl.DataFrame | None = None, **how: Any) -> Explanation:
    rows = make_rows(truth) if table is None else table
    schema = schema_of(Row)
    model = Model(Known(truth), "regression", "y", type(schema)("Row", tuple(schema.features)))
    return explain(model, rows, ExplainSettings(**how))


def to_days(frame: pd.DataFrame) -> Any:
    return (pd.to_datetime(frame["day"]) - pd.Timestamp("2020-01-01")).dt.days


TRUTHS: dict[str, tuple[Truth, list[str]]] = {
    "a line": (lambda f: 2 * f["z"], ["z"]),
    "a ratio": (lambda f: f["z"] / f["age"] * 100, ["z", "age"]),
    "an interaction alone": (lambda f: np.where(f["member"] == 1, 1, -1) * f["z"], ["member", "z"]),
    "a duplicate, of which the model uses one": (lambda f: f["x"], ["x + twin"]),
    "a category": (lambda f: f["city"].isin(["Bonn", "Rome"]) * 3, ["city + country"]),
    "a shape that is not monotone": (lambda f: np.abs(f["z"]), ["z"]),
    "what is missing": (lambda f: f["twin"].isna() * 9, ["x + twin"]),
    "a time": (lambda f: to_days(f) / 100, ["day"]),
    "the length of a text": (lambda f: f["note"].str.len() / 10, ["note"]),
    "two columns, the second one less": (lambda f: 3 * f["z"] + f["age"] / 40, ["z", "age"]),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_columns_that_the_truth_depends_on_are_used_and_no_others(name: str) -> None:
    truth, used = TRUTHS[name]
    found = explain_known(truth)
    assert sorted(found.used) == sorted(used)
    if "less" in name or "ratio" in name:
        assert found.used == used
    idle = [score for columns, score in found.importance.items() if columns not in used]
    assert all(score.value == score.low == score.high == 0 for score in idle)
    assert (found.level, found.loss, found.rows) == ("feature", "squared_error", ROWS)
    assert "outside a run" in found.reason


def test_the_gain_of_a_shuffled_column_is_twice_its_variance() -> None:
    """The squared error of z against a z of another row (Fisher et al. 2019)."""
    score = explain_known(lambda f: f["z"]).importance["z"]
    variance = float(make_rows(lambda f: f["z"])["z"].var())  # type: ignore[arg-type]
    assert score.low < 2 * variance < score.high


class Weighed(Row):
    """Rows of which some count more, and some hang together."""

    weight: Weight[float]
    household: Group[int]


def test_weights_weigh_and_the_rows_of_a_group_are_one() -> None:
    counts = np.arange(ROWS) < ROWS // 2
    truth: Truth = lambda f: f["z"]  # noqa: E731
    rows = make_rows(truth, Weighed, weight=counts.astype(float), household=np.arange(ROWS) // 2)
    halved = explain_known(truth, rows).importance["z"]
    apart = make_rows(truth, Weighed, weight=np.ones(ROWS), household=np.arange(ROWS))
    whole = explain_known(truth, apart).importance["z"]
    assert halved.value != whole.value
    assert halved.high - halved.low > 1.2 * (whole.high - whole.low)  # of half of the rows


CLASSES: dict[str, tuple[Truth, Any, list[Any]]] = {
    "two classes": (lambda f: 1 / (1 + np.exp(-3 * f["z"])), [False, True], [False, True]),
    "three classes": (
        lambda f: np.eye(3)[np.digitize(f["z"], [-0.5, 0.5])] * 0.9 + 0.1 / 3,
        ["low", "middle", "high"],
        ["low", "middle", "high"],
    ),
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_judged_by_their_log_loss(name: str, run: Any) -> None:
    truth, classes, values = CLASSES[name]
    rows = make_rows(lambda f: 0 * f["z"])
    schema = schema_of(Row)
    features = type(schema)("Row", tuple(schema.features))
    kind = "binary" if len(classes) == 2 else "multiclass"
    model = Model(Known(truth), kind, "y", features, classes=tuple(classes))
    shares = model.probabilities(rows)
    chosen = [values[i] for i in shares.argmax(axis=1)]

    class Classes(Row):
        y: Target[type(values[0])]  # type: ignore[assignment, valid-type]

    found = explain(model, model_data(rows.with_columns(y=pl.Series(chosen)), Classes))
    assert (found.used, found.loss) == (["z"], "log_loss")
    dependence = run.kept["dependence"]
    assert dependence["column"].unique().to_list() == ["z"]
    assert dependence["prediction"].is_between(0, 1).all()
    if kind == "binary":
        assert found.outcome == "probability of True"
        assert dependence["prediction"].is_sorted()
        assert dependence["position"].is_sorted()


def test_dependence_has_the_shape_of_the_truth(run: Any) -> None:
    explain_known(lambda f: 3 * np.abs(f["z"]) + 2 * f["city"].eq("Rome") + to_days(f) / 500)
    table = run.kept["dependence"]
    assert table.columns == ["column", "place", "position", "prediction", "low", "high", "rows"]
    assert (table["low"] <= table["prediction"]).all()
    assert (table["prediction"] <= table["high"]).all()
    parts = {name[0]: part for name, part in table.group_by("column", maintain_order=True)}
    z = parts["z"]
    assert z.height == 12
    assert z["position"].abs().arg_min() == z["prediction"].arg_min()
    assert z["prediction"][0] > 3 < z["prediction"][-1]
    assert z["rows"].sum() == 250
    city = parts["city"]
    assert city.sort("prediction")["place"][-1] == "Rome"
    assert city["position"].null_count() == city.height == 6
    day = parts["day"]
    assert day["prediction"].is_sorted()
    assert day["place"][0].startswith("2020-01")
    assert "country" not in parts  # it is in the group of city, and changes no prediction


SHAPES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "a line": ("z", lambda z: 2 * z),
    "a falling line": ("z", lambda z: -z),
    "a valley": ("z", np.abs),
    "a step": ("z", lambda z: 3.0 * (z > 0)),
    "a wave": ("z", lambda z: np.sin(3 * z)),
    "a square": ("z", np.square),
    "whole numbers": ("age", np.log),
    "a floor": ("age", lambda age: np.maximum(age, 40) / 9),
    "categories": ("city", lambda city: city.isin(["Bonn", "Rome"]) * 3.0),
    "yes and no": ("member", lambda member: member.astype(float)),
}
"""How the truth depends on one column."""


@pytest.mark.parametrize("name", SHAPES)
def test_dependence_differs_from_the_planted_shape_by_a_constant(name: str, run: Any) -> None:
    """The truth is a sum, so the mean over the other columns moves the curve and does not bend it."""
    column, shape = SHAPES[name]
    explain_known(lambda f: shape(f[column]) + 0.5 * f["x"])
    table = run.kept["dependence"].filter(column=column)
    assert table.height > 1
    places = table["position"].to_pandas()
    if column in ("city", "member"):
        places = table["place"].to_pandas().replace({"True": True, "False": False})
    rest = table["prediction"].to_numpy() - np.asarray(shape(places), dtype=float)
    assert rest == pytest.approx(np.full(len(rest), rest.mean()), abs=1e-9)
    assert set(run.kept["dependence"]["column"]) <= {column, "x", "twin"}, "of no other column"


@pytest.mark.slow
def test_a_model_that_has_learned_the_truth_uses_what_is_planted_first() -> None:
    """A fitted model, on rows of their own: an interaction, a line, and columns that mean nothing."""
    from magical.library import boosting, train, transform

    random = np.random.default_rng(11)
    raw = pl.DataFrame(
        {
            **{name: random.normal(size=3_000) for name in "pqrst"},
            "kind": random.choice(["u", "v"], 3_000),
        }
    )
    truth = pl.when(pl.col("kind") == "u").then("p").otherwise(-pl.col("p")) + pl.col("q")
    rows = raw.with_columns(y=truth + pl.Series(random.normal(0, 0.3, 3_000)))

    class Learned(Contract):
        p: float
        q: float
        r: float
        s: float
        t: float
        kind: str
        y: Target[float]

    fitted, others = model_data(rows.head(2_000), Learned), model_data(rows.tail(1_000), Learned)
    found = explain(train(fitted, others, transform(fitted), boosting()), others).importance
    assert set(list(found)[:3]) == {"p", "q", "kind"}
    noise = max(found[name].value for name in "rst")
    assert noise < 0.02 * min(found[name].value for name in ("p", "q", "kind"))


def test_what_cannot_be_measured_is_told_and_the_rest_is_measured(run: Any) -> None:
    def fussy(frame: pd.DataFrame) -> Any:
        if len(frame) >= ROWS and not frame["x"].iloc[:5].round(3).isin(known).all():
            raise ValueError("<b>not my rows</b>")
        return frame["z"]

    known = make_rows(lambda f: f["z"])["x"].head(5).round(3).to_list()
    found = explain_known(fussy, make_rows(lambda f: f["z"]))
    assert found.used == ["z"]
    assert found.failed == {"x + twin": "ValueError: <b>not my rows</b>"}
    assert run.warnings == ["the importance of x + twin cannot be measured: ValueError: <b>not my rows</b>"]


def test_of_many_rows_some_are_drawn() -> None:
    assert explain_known(lambda f: f["z"], rows=50).rows == 50


class Noise(Contract):
    """Columns and a target that hang on nothing."""

    a: float
    b: int
    c: str
    y: Target[bool]


def nothing_there(seed: int) -> Explanation:
    """Explain a linear model that was fitted on a target that hangs on nothing."""
    from magical.library import linear, train, transform

    random = np.random.default_rng(seed)

    def draw() -> pl.DataFrame:
        raw = {
            "a": random.normal(size=200),
            "b": random.integers(0, 5, 200),
            "c": random.choice(["u", "v", "w"], 200),
            "y": random.choice([True, False], 200),
        }
        return model_data(pl.DataFrame(raw), Noise)

    fitted, others = draw(), draw()
    return explain(train(fitted, others, transform(fitted), linear()), others)


def test_nothing_is_found_where_there_is_nothing() -> None:
    """Of thirty columns without meaning, one in forty is called used by chance."""
    assert sum(len(nothing_there(seed).used) for seed in range(10)) <= 1


def test_a_constant_model_uses_nothing() -> None:
    found = explain_known(lambda f: 0 * f["z"])
    assert found.used == []
    assert found.summary() == "rmse 0.109, and no column matters; 400 validation rows, by features"


GROUPS: dict[str, tuple[Any, Any, bool]] = {
    "correlated": (lambda r: r.normal(size=ROWS), lambda r, a: a + r.normal(0, 0.2, ROWS), True),
    "weakly correlated": (lambda r: r.normal(size=ROWS), lambda r, a: a + r.normal(0, 1, ROWS), False),
    "a square": (lambda r: r.normal(size=ROWS), lambda r, a: a**2, True),
    "independent": (lambda r: r.normal(size=ROWS), lambda r, a: r.normal(size=ROWS), False),
    "a city and its country": (lambda r: r.choice(list("abcdef"), ROWS), lambda r, a: a < "c", True),
    "other words": (lambda r: r.choice(list("abcdef"), ROWS), lambda r, a: r.choice(["p", "q"], ROWS), False),
    "a rare case": (lambda r: r.choice(list("abcdef"), ROWS), lambda r, a: np.arange(ROWS) == 7, False),
    "ids": (lambda r: np.arange(ROWS), lambda r, a: [f"c{i}" for i in a], False),
    "constant": (lambda r: np.zeros(ROWS), lambda r, a: np.ones(ROWS), False),
}


@pytest.mark.parametrize("name", GROUPS)
def test_columns_that_explain_one_another_are_a_group(name: str) -> None:
    first, second, together = GROUPS[name]
    random = np.random.default_rng(8)
    a = first(random)
    table = pl.DataFrame({"a": a, "idle": random.permutation(ROWS), "b": second(random, a)})
    assert group_columns(table) == ([("a", "b"), ("idle",)] if together else [("a",), ("idle",), ("b",)])
