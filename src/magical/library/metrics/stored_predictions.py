"""An estimator that repeats stored predictions, so that scikit-learn's scorers can score them."""

from __future__ import annotations

from typing import Any

import numpy as np

from magical.library.metrics.metrics import Array

__all__ = ["score_stored"]


class _StoredNumbers:
    # No base class of scikit-learn: the keys of steps read this module, and must not import that.
    kind = "regressor"

    def __init__(self, prediction: Array) -> None:
        self.prediction = prediction

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import Tags, TargetTags

        return Tags(self.kind, TargetTags(required=True))

    def predict(self, rows: Array) -> Array:
        return self.prediction[rows]


class _StoredClasses(_StoredNumbers):
    kind = "classifier"

    def __init__(self, prediction: Array, classes: int) -> None:
        super().__init__(prediction)
        self.classes_ = np.arange(classes)


class _StoredProbabilities(_StoredClasses):
    def __init__(self, prediction: Array, probability: Array) -> None:
        super().__init__(prediction, probability.shape[1])
        self.probability = probability

    def predict_proba(self, rows: Array) -> Array:
        return self.probability[rows]


def score_stored(
    scorer: str, truth: Array, prediction: Array, probability: Array | None, **more: Array
) -> float:
    """Score predictions by a scorer of scikit-learn.

    Args:
        scorer: one of ``sklearn.metrics.get_scorer_names()``.
        truth: numbers, or class numbers from 0.
        prediction: the same of the predictions.
        probability: a column for each class; None for numbers, or where there are none.
        more: ``sample_weight``, if the rows have weights.

    Raises:
        ValueError: the scorer refuses the predictions.
        AttributeError: it needs probabilities, and there are none.

    Example:
        >>> truth = np.array([0.0, 1.0])
        >>> score_stored("neg_mean_absolute_error", truth, np.array([0.0, 2.0]), None)
        -0.5
    """
    import sklearn.metrics

    stored: Any
    if probability is not None:
        stored = _StoredProbabilities(prediction, probability)
    elif prediction.dtype.kind == "i":
        stored = _StoredClasses(prediction, 1 + int(max(truth.max(), prediction.max())))
    else:
        stored = _StoredNumbers(prediction)
    return float(sklearn.metrics.get_scorer(scorer)(stored, np.arange(len(truth)), truth, **more))
