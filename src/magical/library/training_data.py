"""The rows that experiments are fitted on and judged by, prepared once for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl

from magical.contracts.model import to_canonical_frame
from magical.contracts.promises import Pipeline, contract_of
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise
from magical.library.folds import Fold, find_folds
from magical.library.metrics.metric_settings import (
    Metric,
    build_misfit_error,
    check_metrics,
    find_deciding,
)
from magical.library.metrics.metric_values import compute_deciding, read_weights
from magical.library.metrics.metrics import Array
from magical.library.metrics.predicted_rows import PredictedRows
from magical.library.part_transformer import MAX_REMEMBERED_BYTES, PartTransformer
from magical.library.pipeline_inputs import find_pipeline_inputs
from magical.library.prediction_task import (
    Examples,
    Task,
    encode_target,
    infer_task,
)

__all__ = ["TrainingData", "predict_examples"]


@dataclass(frozen=True)
class TrainingData:
    """The rows of train and validation, prepared once for all experiments that are fitted on them.

    A row is an example if it has a target. Examples are numbered from 0: those of train, then those of
    validation.

    Attributes:
        train: rows to fit on.
        validation: rows to stop early by, and to predict.
        preprocessing: the unfitted Pipeline of the workflow.
        metrics: those of the settings; the first decides.
        task: inferred from train.
        folds: the fits that give held-out predictions, by the numbers of examples.
        train_fold: the fit on train, which validation stops early; the only one of ``folds`` if
            ``split`` made none.
        rows: the number of each example's row in train followed by validation.
        y: the targets of the examples, as numbers.
        weight: their weights by the role ``weight`` of the contract; None without one.
        metric_weights: their weights by the columns that the metrics name.
        transformer: transforms and remembers the rows of folds.
        frames: the features that were read last, by the names of their columns.
    """

    train: pl.DataFrame
    validation: pl.DataFrame
    preprocessing: Pipeline
    metrics: tuple[Metric, ...]
    task: Task
    folds: tuple[Fold, ...]
    train_fold: Fold
    rows: Array
    y: Array
    weight: Array | None = None
    metric_weights: Mapping[str, Array] = field(default_factory=dict)
    transformer: PartTransformer = field(default_factory=PartTransformer, repr=False)
    frames: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    @classmethod
    def prepare(
        cls,
        train: pl.DataFrame,
        validation: pl.DataFrame,
        preprocessing: Pipeline,
        metrics: Sequence[Metric] = (),
    ) -> Self:
        """Prepare the examples of both parts.

        Raises:
            BrokenPromise: the contract has no target, no row of validation has one, or a weight is no number
                of at least 0.
            WiringError: a metric does not fit the target.
        """
        schema, task = contract_of(train), infer_task(train)
        check_metrics(metrics, schema)
        for metric in metrics:
            if not metric.fits([task.kind]):  # the number of classes may be known only now
                what = f"one of {len(task.classes)} classes"
                raise build_misfit_error(metric, task.target, what, [task.kind])
        has_target = [part.get_column(task.target).is_not_null().to_numpy() for part in (train, validation)]
        rows = np.flatnonzero(np.concatenate(has_target))
        if not (rows >= train.height).any():
            raise BrokenPromise(
                f"validation has no row with a {task.target}, so nothing can be scored.",
                hint="give split a larger validation share.",
            )
        known = [_select_examples(part, task) for part in (train, validation)]
        y = np.concatenate([encode_target(part.get_column(task.target), task) for part in known])
        height = train.height + validation.height
        train_fold = Fold(np.arange(train.height), np.arange(train.height, height))
        found = (train_fold, *find_folds(train, validation))
        folds = [_number_examples(fold, rows, y, task) for fold in found]
        weights = [_join(known, [name]) for name in schema.names_with_role("weight")]
        return cls(
            train=train,
            validation=validation,
            preprocessing=preprocessing,
            metrics=tuple(metrics),
            task=task,
            folds=tuple(folds[1:]),
            train_fold=folds[0],
            rows=rows,
            y=y,
            weight=weights[0].to_series().cast(pl.Float64).to_numpy() if weights else None,
            metric_weights=_read_metric_weights(known, metrics),
        )

    @property
    def metric(self) -> Metric | None:
        """The metric that decides; None for ours."""
        return find_deciding(self.metrics)

    @property
    def metric_name(self) -> str:
        """The name of the metric that decides."""
        return self.metric.name if self.metric else self.task.metric

    @property
    def inputs(self) -> list[str]:
        """The names of the columns that the preprocessing reads."""
        return find_pipeline_inputs(self.preprocessing, contract_of(self.train)).names

    @property
    def is_folded(self) -> bool:
        """True if ``split`` made folds; else validation is held out."""
        return len(self.folds) > 1 or not np.array_equal(self.folds[0].fit, self.train_fold.fit)

    def read_examples(self, inputs: Schema) -> Examples:
        """Read these columns of all examples."""
        key = tuple(inputs.names)
        if key not in self.frames:
            import pandas as pd

            parts = [_select_examples(part, self.task) for part in (self.train, self.validation)]
            frame = pd.concat([to_canonical_frame(part, inputs) for part in parts], ignore_index=True)
            self.frames.clear()
            if frame.memory_usage(index=False).sum() > MAX_REMEMBERED_BYTES:
                return Examples(frame, self.y, self.weight)
            self.frames[key] = frame
        return Examples(self.frames[key], self.y, self.weight)

    def score(self, predicted: Array, examples: Array) -> float:
        """Compute the deciding metric of predictions of examples, by their numbers."""
        weights = {name: values[examples] for name, values in self.metric_weights.items()}
        task, probability = self.task, predicted if self.task.classes else None
        rows = PredictedRows(task.kind, self.y[examples], task.decide(predicted), probability, weights)
        return compute_deciding(self.metric, rows)

    def to_loss(self, score: float) -> float:
        """Turn a value of the deciding metric into a number that is better when it is lower."""
        return self.metric.to_loss(score) if self.metric else score

    def tabulate_held_out(self, predicted: Array, examples: Array) -> pl.DataFrame:
        """Tabulate the predictions of examples in the order of their rows: see ``Model.held_out``."""
        order = np.argsort(examples)
        examples, predicted = examples[order], predicted[order]
        ids = contract_of(self.train).ids
        table = _join((self.train, self.validation), [*ids, self.task.target])[self.rows[examples]]
        if not ids:
            table = table.insert_column(0, pl.Series("row", self.rows[examples]))
        weights = {name: values[examples] for name, values in self.metric_weights.items()}
        return table.hstack(self.task.tabulate(predicted)).with_columns(**weights)


def _select_examples(part: pl.DataFrame, task: Task) -> pl.DataFrame:
    return part.filter(pl.col(task.target).is_not_null())


def _number_examples(fold: Fold, rows: Array, y: Array, task: Task) -> Fold:
    """Turn the numbers of rows into those of examples; a row of a class that train lacks is not fitted."""
    fit, held_out = (np.flatnonzero(np.isin(rows, part)) for part in fold)
    return Fold(fit[y[fit] >= 0] if task.classes else fit, held_out)


def _join(parts: Sequence[pl.DataFrame], names: Sequence[str]) -> pl.DataFrame:
    return pl.concat([part.select(names) for part in parts], how="vertical_relaxed")


def _read_metric_weights(parts: Sequence[pl.DataFrame], metrics: Sequence[Metric]) -> dict[str, Array]:
    names = {m.weights for m in metrics if m.weights and all(m.weights in part.columns for part in parts)}
    return read_weights(_join(parts, sorted(names)), metrics)


def predict_examples(estimator: Any, rows: Examples, task: Task) -> Array:
    """Predict numbers, or the probabilities of all classes of the task."""
    if task.kind == "regression":
        return np.asarray(estimator.predict(rows.X), dtype=np.float64)
    predicted = np.asarray(estimator.predict_proba(rows.X), dtype=np.float64)
    if predicted.shape[1] == len(task.classes):
        return predicted
    # A fold may lack a rare class: a fit that never saw it gives it no chance.
    whole = np.zeros((len(predicted), len(task.classes)))
    whole[:, np.asarray(estimator.classes_, dtype=int)] = predicted
    return whole
