"""The step ``evaluate_repeatedly``: judge a recipe by fits on repeated random splits."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import polars as pl

from magical.contracts.contract import Contract
from magical.contracts.model import Model
from magical.contracts.promises import Frame, contract_of
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, WiringError
from magical.events import keep
from magical.library.metrics.bootstrap import number_units
from magical.library.metrics.metric_settings import Metric, check_metrics
from magical.library.metrics.metrics import Array
from magical.library.metrics.scores import Score, Scores
from magical.library.metrics.table_metrics import ResampledMetrics, resample_metrics
from magical.library.part_transformer import take_rows
from magical.library.prediction_task import PROBABILITY_PREFIX
from magical.library.rare_classes import count_rarest
from magical.library.refitting import fit_recipe, read_recipe
from magical.library.remarks import log_warnings, mute_events, progress
from magical.library.thread_limits import limit_threads
from magical.library.training_data import TrainingData, predict_examples
from magical.steps import step
from magical.synthesis.stub_models import is_stub

__all__ = ["corrected_interval", "evaluate_repeatedly"]

C = TypeVar("C", bound=Contract)

TEST_SHARE = 0.2


def _check_repeats(
    model: object, train: Schema | None, validation: Schema | None, metrics: Sequence[Metric], repeats: int
) -> None:
    """Check the metrics and the number of repeats while the workflow is drawn."""
    check_metrics(metrics, train)
    if repeats < 2:
        raise WiringError(
            f"evaluate_repeatedly needs at least 2 repeats, not {repeats}.", hint="10 are usual."
        )


@step(promises=_check_repeats)
def evaluate_repeatedly(
    model: Model,
    train: Frame[C],
    validation: Frame[C],
    metrics: tuple[Metric, ...] = (),
    repeats: int = 10,
) -> Scores:
    """Judge the recipe of a model: fit it again on random four fifths of the rows, and score it on the rest.

    For few rows, whose one test part tells little. Rows of one ``Group`` stay together, and each split has
    the shares of the classes. The interval is that of Nadeau & Bengio (2003): the splits share rows, so their
    variance is multiplied by 1/repeats + test rows/fitted rows, and a t distribution has repeats - 1 degrees
    of freedom. The parameters and the threshold stay those that were chosen on the same rows, so the scores
    lean towards the good side; a test part that nothing has seen does not.

    Args:
        model: of ``tune``, ``train`` or ``select``.
        train: the rows that it was tuned on.
        validation: those that judged it.
        metrics: the metrics of the settings; the first is shown first.
        repeats: the number of splits.

    Returns:
        The means of the scores over the splits. The table ``repeats`` is kept: repeat, metric, value.

    Raises:
        BrokenPromise: the rows were split by time, a step of the project fitted the model, or the fit fails.
        WiringError: there are fewer than 2 repeats, or a metric does not fit the target.

    Example:
        >>> from magical import Target
        >>> from magical.library import linear, model_data, transform, tune
        >>> class House(Contract):
        ...     size: float
        ...     price: Target[float]
        >>> houses = pl.DataFrame({"size": [float(i) for i in range(20)]}).with_columns(
        ...     price=pl.col("size") * 2
        ... )
        >>> rows = model_data(houses, House)
        >>> model = tune(rows, rows, transform(rows), linear(trials=1))
        >>> evaluate_repeatedly(model, rows, rows, repeats=2).part
        '2 repeated splits'
    """
    schema, part = contract_of(train), f"{repeats} repeated splits"
    _check_repeats(model, schema, None, metrics, repeats)
    target = schema.column(str(schema.target))
    if is_stub(model):
        values = pl.concat([train, validation], how="diagonal_relaxed").get_column(target.name)
        return Scores.__pretend__(target, values).model_copy(update={"part": part})
    _refuse_time(schema, train, validation)
    recipe, data = read_recipe(model, train, validation, "evaluate_repeatedly")
    table = pl.concat([train, validation], how="diagonal_relaxed")[data.rows]
    examples, found, ratios = data.read_examples(model.schema), [], []
    for number, (fitted, held_out) in enumerate(_split(table, schema, data, repeats)):
        progress(number, repeats, "repeated splits")
        with log_warnings(), limit_threads():
            pipeline = fit_recipe(recipe, take_rows(examples, fitted), data.task)
            guess = predict_examples(pipeline, take_rows(examples, held_out), data.task)
        names = [f"{PROBABILITY_PREFIX}{c}" for c in data.task.classes]
        rows = table.drop("prediction", *names, strict=False)[held_out]
        predicted = rows.hstack(data.task.tabulate(guess, model.threshold))
        with mute_events():
            found.append(resample_metrics(predicted, target, names, metrics))
        ratios.append(len(held_out) / len(fitted))
    keep("repeats", _tabulate(found))
    return Scores(
        task=data.task.kind,
        metrics=dict(_summarize(found, float(np.mean(ratios)))),
        project_metrics=metrics,
        positive=found[0].positive,
        rarest=count_rarest(table.get_column(target.name)) if data.task.classes else None,
        target=target.name,
        part=part,
        rows=table.height,
    )


def corrected_interval(values: Array, ratio: float) -> tuple[float, float]:
    """Compute the 95 % interval of the mean of a score over repeated splits (Nadeau & Bengio 2003).

    Args:
        values: the score of each split.
        ratio: the scored rows by the fitted rows; 0 for values of independent rows.

    Example:
        >>> [round(bound, 2) for bound in corrected_interval(np.array([0.7, 0.8, 0.9]), 0.25)]
        [0.47, 1.13]
    """
    from scipy.stats import t

    count = len(values)
    spread = np.sqrt(np.var(values, ddof=1) * (1 / count + ratio))
    half = float(t.ppf(0.975, count - 1) * spread)
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def _refuse_time(schema: Schema, train: pl.DataFrame, validation: pl.DataFrame) -> None:
    """Raise a BrokenPromise if train ends before validation begins: a random split would tell the future."""
    for name in schema.names_with_role("time"):
        end, start = train.get_column(name).max(), validation.get_column(name).min()
        if end is not None and start is not None and end <= start:  # type: ignore[operator]
            raise BrokenPromise(
                f"evaluate_repeatedly: the rows are split by time: train ends at {end!s}, validation "
                f"begins at {start!s}. Random splits would fit on rows after those that they score.",
                hint="judge it on one later part: evaluate(predict(model, test), test).",
            )


def _split(
    table: pl.DataFrame, schema: Schema, data: TrainingData, repeats: int
) -> Iterator[tuple[Array, Array]]:
    """Yield the examples to fit on and those to score, for each repeat, both in ascending order."""
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

    given: dict[str, Any] = {"n_splits": repeats, "test_size": TEST_SHARE, "random_state": 0}
    units, y = number_units(table, schema), data.y
    is_stratified = bool(data.task.classes) and count_rarest(pl.Series(y)) >= 2
    splitter: Any = StratifiedShuffleSplit(**given) if is_stratified else ShuffleSplit(**given)
    splitter = splitter if units is None else GroupShuffleSplit(**given)
    try:
        parts = list(splitter.split(np.zeros((len(y), 0)), y, units))
    except ValueError as error:  # too few rows or groups
        raise BrokenPromise(
            f"evaluate_repeatedly cannot split {len(y):,} rows: {error}", hint="give it more rows."
        ) from None
    for fitted, held_out in parts:
        known = fitted[y[fitted] >= 0] if data.task.classes else fitted
        yield np.sort(known), np.sort(held_out)


def _tabulate(found: Sequence[ResampledMetrics]) -> pl.DataFrame:
    rows = [(i, name, float(v[0])) for i, made in enumerate(found) for name, v in made.values.items()]
    return pl.DataFrame(
        rows, schema={"repeat": pl.Int64, "metric": pl.String, "value": pl.Float64}, orient="row"
    )


def _summarize(found: Sequence[ResampledMetrics], ratio: float) -> Iterator[tuple[str, Score]]:
    """Yield the mean of each metric with its interval; one that fewer than two splits have is left out."""
    for name in dict.fromkeys(n for made in found for n in made.values):
        values = np.array([made.values[name][0] for made in found if name in made.values])
        values = values[np.isfinite(values)]
        if len(values) >= 2:
            low, high = corrected_interval(values, ratio)
            yield name, Score(value=float(values.mean()), low=low, high=high)
