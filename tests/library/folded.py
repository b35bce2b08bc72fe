"""Tables in folds, and an estimator that knows which rows it has seen, for the tests of fits."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.compose import ColumnTransformer

from library.test_splitting import like
from magical import Contract, Id, Model, Target
from magical.library import Experiment, Metric, model_data
from magical.library.column_plan import build_pipeline
from magical.library.fitting import fit_rows
from magical.library.metrics.metric_values import compute_metric
from magical.library.metrics.predicted_rows import PredictedRows


class Marked(Contract):
    """A number that names each row, and a number to predict."""

    id: Id[int]
    mark: float
    price: Target[float]


class MarkedClass(Contract):
    """The same with two classes."""

    id: Id[int]
    mark: float
    bought: Target[bool]


def marked(rows: int = 60, *, classes: bool = False) -> pl.DataFrame:
    """A table whose column ``mark`` is the number of the row."""
    marks = np.arange(rows, dtype=float)
    target = {"bought": marks % 3 == 0} if classes else {"price": marks}
    return model_data(
        pl.DataFrame({"id": marks.astype(int), "mark": marks, **target}), MarkedClass if classes else Marked
    )


def cut(table: pl.DataFrame, name: str = "", folds: int = 3) -> list[pl.DataFrame]:
    """Cut a table into train, validation and test; with a name, the first two are in folds of that column."""
    a, b = table.height * 6 // 10, table.height * 8 // 10
    test, rows = table[b:], table[:b]
    if name == "_time_fold":
        rows = rows.with_columns(pl.Series(name, np.arange(b) * folds // b))
    elif name:
        rows = rows.with_columns(pl.Series(name, np.random.default_rng(0).permutation(b) % folds))
    return [like(part, table) for part in (rows[:a], rows[a:], test)]


class Remembers(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Adds a column: 1 for a row that it was fitted on."""

    def fit(self, X: Any, y: Any = None) -> Self:
        self.seen_ = set(np.asarray(X)[:, 0])
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        X = np.asarray(X, dtype=float)
        return np.column_stack([X, [x in self.seen_ for x in X[:, 0]]])


class SpyRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts 1 for a row that it, or what transformed it, was fitted on; else a number from 0 to below 1."""

    def __init__(self, level: float = 0.0, seed: int = 0) -> None:
        self.level = level
        self.seed = seed

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        self.seen_, self.weight_, self.y_ = set(X[:, 0]), sample_weight, y
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        return np.maximum(X[:, 1], [1.0 if x in self.seen_ else self.level for x in X[:, 0]])


class SpyClassifier(ClassifierMixin, SpyRegressor):
    """The same as a probability."""

    def predict_proba(self, X: Any) -> NDArray[Any]:
        chance = super().predict(X)
        return np.column_stack([1 - chance, chance])


class Spy(Experiment):
    """An experiment of the estimators that know what they have seen."""

    trials: int = 3

    def estimator(self, task: Any, params: Mapping[str, Any]) -> Any:
        kind = SpyRegressor if task == "regression" else SpyClassifier
        return kind(**params, seed=self.seed)

    def defaults(self, task: Any) -> dict[str, Any]:
        return {"level": 0.5}

    def space(self, trial: Any, task: Any) -> dict[str, Any]:
        return {"level": trial.suggest_float("level", 0.1, 0.9)}

    def count_rounds(self, fitted: Any) -> int:
        return len(fitted.seen_)

    def refit(self, estimator: Any, rows: Any, rounds: float | None) -> Any:
        estimator.rounds_ = rounds
        return fit_rows(estimator, rows)


def compute_model_score(model: Model, table: pl.DataFrame, metric: Metric | None = None) -> float:
    """Score a model on rows by what it predicts there: log loss, RMSE, or a metric of the settings."""
    predicted, truth = model.predict(table), table[model.target]
    if not model.classes:
        guess = predicted["prediction"].to_numpy()
        rows = PredictedRows("regression", truth.to_numpy(), guess)
        return compute_metric(metric or Metric("rmse"), rows)
    chances = predicted.select(cs.starts_with("probability_")).to_numpy()
    places = truth.replace_strict(list(model.classes), range(len(model.classes)), return_dtype=pl.Int64)
    rows = PredictedRows(model.task, places.to_numpy(), chances.argmax(axis=1), chances)
    return compute_metric(metric or Metric("log_loss"), rows)


def remember() -> Any:
    """A preprocessing that tells of each row if it was fitted on it."""
    columns = ColumnTransformer([("marks", Remembers(), ["mark"])])
    return build_pipeline(("columns", columns))
