"""PredictedRows: the truth and the predictions of some rows, from which every metric is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from magical.library.metrics.metrics import Array

__all__ = ["PredictedRows"]


@dataclass(frozen=True)
class PredictedRows:
    """The truth and the predictions of some rows, as arrays.

    Attributes:
        task: ``binary``, ``multiclass`` or ``regression``.
        truth: class numbers (-1 for a class without a column), or numbers.
        prediction: the same of the predictions.
        probability: of shape (rows, classes); None for numbers, or where there are none.
        weights: the weights of the rows, by column.
    """

    task: str
    truth: Array
    prediction: Array
    probability: Array | None = None
    weights: Mapping[str, Array] = field(default_factory=dict)

    def take(self, rows: Array) -> PredictedRows:
        """Return some of the rows, by their positions."""
        return PredictedRows(
            self.task,
            self.truth[rows],
            self.prediction[rows],
            None if self.probability is None else self.probability[rows],
            {name: values[rows] for name, values in self.weights.items()},
        )

    def with_known_classes(self) -> PredictedRows:
        """Return the same without a -1: an unknown class is one more class, or the negative one of two."""
        if self.task == "regression" or not (unknown := self.truth < 0).any():
            return self
        if self.task == "binary" or self.probability is None:
            return replace(self, truth=np.where(unknown, 0, self.truth))
        size = self.probability.shape[1]
        probability = np.hstack([self.probability, np.zeros((len(self.truth), 1))])
        return replace(self, truth=np.where(unknown, size, self.truth), probability=probability)
