"""The table ``candidate_scores``: every candidate of a selection on the same held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from magical.contracts.model import Model
from magical.errors import MagicalError
from magical.library.metrics.bootstrap import Resamples, percentile_interval
from magical.library.metrics.metric_settings import Metric
from magical.library.metrics.metric_values import compute_metric, read_weights
from magical.library.metrics.metrics import LOWER_IS_BETTER, Array
from magical.library.metrics.predicted_rows import PredictedRows
from magical.library.metrics.table_metrics import BOOTSTRAP_SEED, compute_intervals, resample_predicted
from magical.library.model_ranking import Ranking
from magical.library.prediction_task import PROBABILITY_PREFIX
from magical.library.remarks import mute_events, warn

__all__ = ["score_candidates"]

_SCHEMA = {
    "candidate": pl.String,
    "metric": pl.String,
    **dict.fromkeys(("value", "low", "high", "loss_to_best", "loss_low", "loss_high"), pl.Float64),
    "within_noise": pl.Boolean,
}


def score_candidates(ranking: Ranking, best: Model, listed: Sequence[Metric] = ()) -> pl.DataFrame:
    """Score the candidates of a ranking, and the chosen model if it is a combination of them.

    All are judged on the same rows and on the same resamples of them, so their differences are paired.
    ``loss_to_best`` is the deciding metric's difference to the chosen model, positive where a candidate is
    worse; ``within_noise`` says that its 95 % interval reaches 0. Other metrics have no difference. A metric
    by weights that a model of the project's own does not keep is left out, with a warning.
    """
    rows, deciding = ranking.rows, ranking.rows.metric_name
    resamples = Resamples(len(rows.truth), BOOTSTRAP_SEED)
    deciding_first = (rows.metric,) if rows.metric else ()
    metrics = (*deciding_first, *(m for m in listed if m != rows.metric))
    weights = {**rows.weights, **_read_weights(rows.table, metrics)}

    def read(guess: Array, threshold: float) -> PredictedRows:
        probability, chosen = guess if rows.task.classes else None, rows.task.decide(guess, threshold)
        found = PredictedRows(rows.task.kind, rows.truth, chosen, probability, weights)
        return found.with_known_classes()

    first = read(rows.predicted[0], ranking.models[0].threshold)
    metrics = tuple(m for m in metrics if m == rows.metric or _can_compute(m, first))
    # One of ours by weights that is left out would pass as the plain one of its name.
    left_out = {m.name for m in listed} - {m.name for m in metrics}

    def judge(guess: Array, threshold: float) -> Mapping[str, Array]:
        with mute_events():  # each was judged before, and warned of then
            found = resample_predicted(read(guess, threshold), resamples, metrics)
        return {name: values for name, values in found.items() if name not in left_out}

    judged = {
        candidate.name: judge(guess, model.threshold)
        for candidate, guess, model in zip(ranking.candidates, rows.predicted, ranking.models, strict=True)
    }
    if best.chosen is not None and best.chosen.name not in judged and best.held_out is not None:
        judged = {best.chosen.name: judge(_read(best), best.threshold)} | judged
    reference = judged[best.chosen.name if best.chosen else next(iter(judged))]
    falls = deciding in LOWER_IS_BETTER if rows.metric is None else rows.metric.direction == "minimize"
    lines: list[tuple[Any, ...]] = []
    for name, values in judged.items():
        for metric, score in compute_intervals(values).items():
            difference: tuple[Any, ...] = (None, None, None, None)
            if metric == deciding:
                loss = values[metric] - reference[metric] if falls else reference[metric] - values[metric]
                low, high = percentile_interval(loss)
                difference = float(loss[0]), float(low), float(high), bool(low <= 0)
            lines.append((name, metric, score.value, score.low, score.high, *difference))
    return pl.DataFrame(lines, schema=_SCHEMA, orient="row").fill_nan(None)


def _read_weights(table: pl.DataFrame, metrics: Sequence[Metric]) -> dict[str, Array]:
    """Read the weights of metrics; warn of those that are not among the held-out rows."""
    weights: dict[str, Array] = {}
    for metric in metrics:
        if metric.weights and metric.weights not in table.columns:
            warn(f"the candidates are not judged by {metric.name}: held-out rows lack {metric.weights}.")
        else:
            weights |= read_weights(table, [metric])
    return weights


def _can_compute(metric: Metric, rows: PredictedRows) -> bool:
    """Return True if a metric can be computed; warn of one that cannot: it decides nothing here."""
    if metric.weights and metric.weights not in rows.weights:
        return False
    try:
        with mute_events():
            compute_metric(metric, rows)
    except MagicalError as error:
        warn(f"the candidates are not judged by {metric.name}: {error.lines[0]}")
        return False
    return True


def _read(model: Model) -> Array:
    """Read the held-out predictions of a combination, whose rows are those of the ranking."""
    assert model.held_out is not None
    if model.task == "regression":
        return model.held_out["prediction"].cast(pl.Float64).to_numpy()
    return model.held_out.select(f"{PROBABILITY_PREFIX}{c}" for c in model.classes).to_numpy()
