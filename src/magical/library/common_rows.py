"""The held-out rows that several models have predicted, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from magical.contracts.model import Model
from magical.errors import BrokenPromise, join_names
from magical.library.metrics.metric_settings import Metric
from magical.library.metrics.metric_values import compute_deciding, read_weights
from magical.library.metrics.metrics import Array, compute_log_losses
from magical.library.metrics.predicted_rows import PredictedRows
from magical.library.prediction_task import PROBABILITY_PREFIX, Task, encode_target

__all__ = ["CommonRows", "find_common_rows", "name_model"]


@dataclass(frozen=True)
class CommonRows:
    """The rows that all of several models have predicted without having seen them.

    Attributes:
        table: the ids, the target and the columns that metrics weigh by.
        truth: class numbers, or numbers.
        predicted: of each model, probabilities of shape (rows, classes), or numbers.
        weights: the weights of the deciding metric, by column.
    """

    task: Task
    table: pl.DataFrame
    truth: Array
    predicted: tuple[Array, ...]
    metric: Metric | None = None
    weights: Mapping[str, Array] = field(default_factory=dict)

    @property
    def metric_name(self) -> str:
        """The name of the metric that decides."""
        return self.metric.name if self.metric else self.task.metric

    @property
    def row_weights(self) -> Array:
        """The weight of each row, with a mean of 1."""
        if not self.weights:
            return np.ones(len(self.truth))
        weights = next(iter(self.weights.values()))
        shares: Array = weights / (weights.mean() or 1.0)  # a few rows may all weigh nothing
        return shares

    def score(self, guess: Array, threshold: float = 0.5) -> float:
        """Compute the deciding metric of predictions of these rows: one of ours if none was given."""
        task, probability = self.task, guess if self.task.classes else None
        classes = task.decide(guess, threshold)
        return compute_deciding(
            self.metric, PredictedRows(task.kind, self.truth, classes, probability, self.weights)
        )

    def mean_loss(self, guess: Array) -> float:
        """Compute what weights of members minimise: the log loss, or the root mean squared error."""
        if self.task.kind == "regression":
            return float(np.sqrt(np.mean(self.row_weights * (guess - self.truth) ** 2)))
        return float(np.mean(self.row_weights * compute_log_losses(guess, self.truth)))

    def fill(self, guess: Array, threshold: float = 0.5) -> pl.DataFrame:
        """Return the held-out table of a model that predicts these rows so."""
        place = self.table.columns.index(self.task.target) + 1
        before, after = self.table.columns[:place], self.table.columns[place:]
        predicted = self.task.tabulate(guess, threshold)
        return self.table.select(before).hstack(predicted).hstack(self.table.select(after))

    def take(self, rows: Array) -> CommonRows:
        """Return some of the rows, by their positions."""
        return replace(
            self,
            table=self.table[rows],
            truth=self.truth[rows],
            predicted=tuple(p[rows] for p in self.predicted),
            weights={name: values[rows] for name, values in self.weights.items()},
        )


def name_model(model: Model) -> str:
    """Return the name of the experiment that a model came from; ``model`` for one of a project's own step."""
    return model.chosen.name if model.chosen else "model"


def find_common_rows(models: Sequence[Model], metric: Metric | None = None) -> CommonRows:
    """Align the held-out rows that all models have, by id or by row.

    Raises:
        BrokenPromise: a model has no held-out rows, no row is in all of them, an id occurs twice, or two
            models have different truths for one row.

    Example:
        >>> from magical.contracts.schema import Schema
        >>> rows = pl.DataFrame({"row": [3, 4], "price": [1.0, 2.0], "prediction": [1.0, 4.0]})
        >>> model = Model(None, "regression", "price", Schema("House", ()), held_out=rows)
        >>> other = replace(model, held_out=rows[1:])
        >>> [p.tolist() for p in find_common_rows([model, other]).predicted]
        [[4.0], [4.0]]
    """
    # A class that a model does not know has probability 0.
    classes = {str(c): c for m in reversed(models) for c in m.classes}
    order = dict.fromkeys(str(c) for m in models for c in m.classes)
    task = Task(models[0].task, models[0].target, tuple(classes[name] for name in order))  # type: ignore[arg-type]
    tables = [_read_held_out(model) for model in models]
    keys = _list_keys(models)
    common = tables[0].select(keys)
    for table in tables[1:]:
        if not common.equals(table.select(keys)):
            common = common.join(table.select(keys), on=keys, how="semi", maintain_order="left")
    if common.is_empty():
        raise BrokenPromise(
            f"{join_names(map(name_model, models))} have no held-out row in common.",
            hint="tune all of them on the same train and validation.",
        )
    aligned = [_align(table, common, keys, model) for table, model in zip(tables, models, strict=True)]
    first = aligned[0]
    for table, model in zip(aligned[1:], models[1:], strict=True):
        _check_truth(first, table, keys, task.target, (name_model(models[0]), name_model(model)))
    names = [c for c in first.columns if c != "prediction" and not c.startswith(PROBABILITY_PREFIX)]
    return CommonRows(
        task,
        first.select(names),
        encode_target(first[task.target], task),
        tuple(_read_predictions(table, task) for table in aligned),
        metric,
        read_weights(first, [metric] if metric else []),
    )


def _read_held_out(model: Model) -> pl.DataFrame:
    if model.held_out is None:
        raise BrokenPromise(
            f"{name_model(model)} has no held-out predictions.",
            hint="make it by tune or train; a model of a step of your own is scored on validation, "
            "by select(models, validation).",
        )
    return model.held_out


def _list_keys(models: Sequence[Model]) -> list[str]:
    """List the columns that name a row: the ids, or its number; they stand before the target."""
    first, *others = [t.columns[: t.columns.index(m.target)] for m in models for t in [_read_held_out(m)]]
    for keys, model in zip(others, models[1:], strict=True):
        if keys != first:
            raise BrokenPromise(
                f"The held-out rows of {name_model(models[0])} are named by {join_names(first)}, those of "
                f"{name_model(model)} by {join_names(keys)}.",
                hint="tune all of them on the same train and validation.",
            )
    return first


def _align(table: pl.DataFrame, common: pl.DataFrame, keys: list[str], model: Model) -> pl.DataFrame:
    """Return the common rows of a table, in their order."""
    if table.select(keys).equals(common):
        return table
    if (repeated := table.select(keys).is_duplicated()).any():
        raise BrokenPromise(
            f"{name_model(model)} has predicted a held-out row twice: {_show(table.filter(repeated), keys)}.",
            hint="an Id names one row; drop duplicates in clean, or add a column that tells them apart.",
        )
    return common.join(table, on=keys, how="left", maintain_order="left")


def _check_truth(
    first: pl.DataFrame, other: pl.DataFrame, keys: list[str], target: str, names: tuple[str, str]
) -> None:
    # As texts: a table may come back with its classes as bools, Categorical or Enum.
    truths = [
        t[target] if t[target].dtype.is_numeric() else t[target].cast(pl.String) for t in (first, other)
    ]
    if (differs := truths[0].ne_missing(truths[1])).any():
        row = first.filter(differs)
        raise BrokenPromise(
            f"{names[0]} and {names[1]} have different truths for {differs.sum():,} held-out rows: "
            f"{target} of {_show(row, keys)} is {row[target][0]} and {other.filter(differs)[target][0]}.",
            hint="tune all of them on the same train and validation.",
        )


def _show(rows: pl.DataFrame, keys: list[str]) -> str:
    return join_names(f"{name} {rows[name][0]}" for name in keys)


def _read_predictions(table: pl.DataFrame, task: Task) -> Array:
    if task.kind == "regression":
        return table["prediction"].cast(pl.Float64).to_numpy()
    names = [f"{PROBABILITY_PREFIX}{c}" for c in task.classes]
    columns = [table[n] if n in table.columns else pl.zeros(table.height, eager=True).alias(n) for n in names]
    return pl.DataFrame(columns).cast(pl.Float64).to_numpy()
