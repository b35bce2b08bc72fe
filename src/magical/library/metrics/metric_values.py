"""The values of the metrics of the settings: on a table, and on resamples of its rows."""

from __future__ import annotations

import math
import numbers
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from magical.errors import BrokenPromise, StepError, is_foreign, join_names, safe_text, shorten
from magical.library.metrics.bootstrap import Resamples
from magical.library.metrics.fast_metrics import resample_fast
from magical.library.metrics.metric_settings import Metric, build_misfit_error
from magical.library.metrics.metrics import METRICS_BY_TASK, Array, loss
from magical.library.metrics.predicted_rows import PredictedRows
from magical.library.remarks import log_warnings, mute_events

__all__ = ["choose_resamples", "compute_deciding", "compute_metric", "read_weights", "resample_metric"]

# Ours under scikit-learn's names; the others have the same, and all of these fall.
_SCORERS = {
    "log_loss": "neg_log_loss",
    "brier": "neg_brier_score",
    "rmse": "neg_root_mean_squared_error",
    "mae": "neg_mean_absolute_error",
}
# A call takes a scorer about 2 ms, and 10 to 30 ms more for 100,000 rows: together some 5 s at most, until
# the least number of resamples takes longer.
_RESAMPLED_ROWS, _CALL_ROWS, _LEAST_RESAMPLES = 20_000_000, 10_000, 100


def read_weights(table: pl.DataFrame, metrics: Sequence[Metric]) -> dict[str, Array]:
    """Read the columns of weights that metrics name.

    Raises:
        BrokenPromise: the table lacks one, or it has a weight that is null, negative, or no number.

    Example:
        >>> read_weights(pl.DataFrame({"w": [1, 2]}), [Metric("rmse", weights="w")])["w"].tolist()
        [1.0, 2.0]
    """
    weights = {}
    for metric in metrics:
        if not metric.weights:
            continue
        what = f"The weights of the metric {metric.name} are {metric.weights}"
        if metric.weights not in table.columns:
            raise BrokenPromise(
                f"{what}, which is no column of these rows; they have {join_names(table.columns)}.",
                hint="name a column of the table, or one that passes through from the source.",
            )
        values = table.get_column(metric.weights)
        # A column that no contract declares is as the source has it: in a csv all are texts.
        if not (values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.String)):
            raise BrokenPromise(f"{what}, a column of {values.dtype}.", hint="weights are numbers.")
        numbers = values.cast(pl.Float64, strict=False)
        # Null, NaN and infinite are no weights either.
        wrong = values.filter(~(numbers.is_finite() & (numbers >= 0)).fill_null(False))
        if len(wrong) or not float(numbers.sum()):
            found = f"{len(wrong):,} of {len(values):,} are {wrong[0]}" if len(wrong) else "all are 0"
            raise BrokenPromise(f"{what}, and {found}.", hint="a weight is a number of at least 0.")
        weights[metric.weights] = numbers.to_numpy()
    return weights


def compute_metric(metric: Metric, predicted: PredictedRows) -> float:
    """Compute a metric on all rows; NaN where it is undefined.

    Raises:
        WiringError: the metric does not fit the task.
        BrokenPromise: it needs probabilities and there are none, or scikit-learn refuses the rows.
        StepError: its function raises, or returns no number.

    Example:
        >>> compute_metric(
        ...     Metric("mae"), PredictedRows("regression", np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        ... )
        1.0
    """
    if not metric.fits([predicted.task]):
        target = {"binary": "two classes", "multiclass": "more than two classes"}.get(
            predicted.task, "a number"
        )
        raise build_misfit_error(metric, "the target", target, [predicted.task])
    predicted = predicted.with_known_classes()
    if metric.function:
        return _call_function(metric, predicted)
    if metric.is_fast:
        ours = resample_fast(predicted, Resamples(len(predicted.truth), seed=0, number=0))
        if metric.name in ours:
            return float(ours[metric.name][0])
    try:
        return _call_scorer(metric, predicted)
    except AttributeError:
        raise _probabilities_error(metric) from None
    except (ValueError, TypeError) as error:
        raise BrokenPromise(
            f"The metric {metric.name} cannot be computed: {shorten(safe_text(error), 200)}",
            hint="choose a metric that fits these rows, or a function of your own.",
        ) from error


def compute_deciding(metric: Metric | None, predicted: PredictedRows) -> float:
    """Compute the metric that decides; without one the loss that tuning and selection minimise.

    Raises:
        As ``compute_metric``.
    """
    if metric is not None:
        return compute_metric(metric, predicted)
    return loss(
        predicted.prediction if predicted.probability is None else predicted.probability, predicted.truth
    )


def choose_resamples(rows: int, metrics: int, most: int) -> int:
    """Choose the number of resamples of each of some metrics that are computed by one call for each resample.

    It follows from the numbers of rows and metrics. It is not measured in seconds, since an interval must not
    depend on the machine, and two models must have the same resamples to be compared.

    Example:
        >>> [choose_resamples(rows, 1, 500) for rows in (1_000, 100_000, 1_000_000)]
        [500, 181, 100]
    """
    return max(_LEAST_RESAMPLES, min(most, _RESAMPLED_ROWS // ((rows + _CALL_ROWS) * max(metrics, 1))))


def resample_metric(metric: Metric, predicted: PredictedRows, resamples: Resamples, number: int) -> Array:
    """Compute a metric on all rows (entry 0) and on the first resamples of them; NaN where it is undefined.

    Raises:
        As ``compute_metric``, for all rows.
    """
    with log_warnings():
        value = compute_metric(metric, predicted)
    # A resample may miss a class, so what is told of it is no news.
    with mute_events(), log_warnings():
        drawn = [_compute_drawn(metric, predicted.take(resamples.draw_rows(i + 1))) for i in range(number)]
    return np.array([value, *drawn])


def _compute_drawn(metric: Metric, predicted: PredictedRows) -> float:
    try:
        return compute_metric(metric, predicted)
    except Exception:  # it did not raise for all rows: here a class is missing, and the metric undefined
        return math.nan


def _call_scorer(metric: Metric, predicted: PredictedRows) -> float:
    from magical.library.metrics.stored_predictions import score_stored

    is_ours = metric.name in _SCORERS
    more = {"sample_weight": predicted.weights[metric.weights]} if metric.weights else {}
    if metric.quantile is not None:
        from sklearn.metrics import mean_pinball_loss

        loss = mean_pinball_loss(predicted.truth, predicted.prediction, alpha=metric.quantile, **more)
        return float(loss)
    name = _SCORERS.get(metric.name, metric.name)
    value = score_stored(name, predicted.truth, predicted.prediction, predicted.probability, **more)
    return -value if is_ours else value


def _call_function(metric: Metric, predicted: PredictedRows) -> float:
    """Call the function of a metric with what it needs."""
    truth, guess = predicted.truth, predicted.prediction
    if predicted.task == "binary":
        truth, guess = truth == 1, guess == 1
    if predicted.task != "regression" and metric.needs != "prediction":
        if predicted.probability is None:
            raise _probabilities_error(metric)
        guess = predicted.probability[:, 1] if predicted.task == "binary" else predicted.probability
    more = {"sample_weight": predicted.weights[metric.weights]} if metric.weights else {}
    function = metric.function.load()
    try:
        # Copies: a function that changes its arrays must not change those of the next metric.
        value = function(truth.copy(), guess.copy(), **more)
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if not is_foreign(f.filename)]
        place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
        raise StepError(
            f"The metric {metric.name} ({metric.function}) raised {type(error).__name__}{place}:",
            f"  {shorten(safe_text(error) or 'no message', 160)}",
            hint="it gets the truth and the predictions as numpy arrays, and returns a number.",
        ) from error
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, (numbers.Real, np.bool_)):
        raise StepError(
            f"The metric {metric.name} ({metric.function}) returned {_describe(value)}, not a number.",
            hint="return one number for all rows, such as a sum or a mean.",
        )
    return float(value)


def _describe(value: Any) -> str:
    shape = f" of shape {value.shape}" if isinstance(value, np.ndarray) else ""
    return f"{value!r}" if value is None else f"a value of type {type(value).__name__}{shape}"


def _probabilities_error(metric: Metric) -> BrokenPromise:
    labels = [n for n in METRICS_BY_TASK["binary"] if n in ("accuracy", "f1", "precision", "recall")]
    return BrokenPromise(
        f"The metric {metric.name} needs probabilities, and the predictions have none.",
        hint=f"choose one that needs none, such as {join_names(labels)}, "
        "or give the predictions columns probability_CLASS.",
    )
