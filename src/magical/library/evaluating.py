"""The step ``evaluate``: score predictions, each number with its interval."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import polars as pl

from magical.contracts.contract import Contract
from magical.contracts.model import format_number
from magical.contracts.promises import Frame, contract_of
from magical.contracts.schema import Schema
from magical.engine.protocols import current_part
from magical.errors import BrokenPromise, join_names
from magical.events import current_sink, emit, keep
from magical.library.decision import Decision
from magical.library.judging.baselines import EvaluatedRows, judge_baselines, tabulate_baselines
from magical.library.judging.diagnostics import make_diagnostics
from magical.library.metrics.bootstrap import number_units
from magical.library.metrics.metric_settings import Metric, check_metrics
from magical.library.metrics.scores import Score, Scores
from magical.library.metrics.table_metrics import ResampledMetrics
from magical.library.prediction_task import PROBABILITY_PREFIX
from magical.library.remarks import warn
from magical.settings import Settings
from magical.steps import step

__all__ = ["EvaluateSettings", "evaluate"]

C = TypeVar("C", bound=Contract)


class EvaluateSettings(Settings):
    """Settings of ``evaluate``.

    Attributes:
        part: the name of the part; by default that of the split that the table comes from, else ``test``.
        slices: columns whose every value is judged by itself, beside the weak slices that are found.
        decision: the costs or the metric that ``select`` has chosen the threshold by.

    Example:
        >>> EvaluateSettings(slices=("country",)).slices
        ('country',)
    """

    part: str = ""
    slices: tuple[str, ...] = ()
    decision: Decision = Decision()


def _check_evaluation(
    predictions: object,
    table: Schema | None,
    train: object,
    metrics: Sequence[Metric],
    how: EvaluateSettings,
) -> None:
    """Check metrics and decision while the workflow is drawn."""
    check_metrics(metrics, table)
    how.decision.check(table, metrics)


@step(promises=_check_evaluation)
def evaluate(
    predictions: Frame,
    table: Frame[C],
    train: Frame[C] | None = None,
    metrics: tuple[Metric, ...] = (),
    how: EvaluateSettings = EvaluateSettings(),  # noqa: B008
) -> Scores:
    """Compare predictions with the true target, and with what a constant and a linear model predict.

    Two classes: ``roc_auc``, ``average_precision``, ``log_loss`` (natural logarithm), ``brier``,
    ``accuracy``, ``f1``, ``precision``, ``recall``, of the positive class (the last). More classes:
    ``log_loss``, ``accuracy``, ``f1_macro`` and ``roc_auc_ovr`` (plain means over classes). Numbers: ``rmse``
    and ``mae`` in the target's unit, ``r2``. Classes without probabilities get the metrics that need none.
    Each metric has the 95 % interval of a percentile bootstrap over rows (Efron 1979), 500 resamples, seeded;
    rows of one ``Group`` are drawn together. Without groups ``roc_auc`` has that of DeLong (1988), on the
    logit scale. Rows without a target or a prediction are dropped and counted. If a class has fewer than 30
    rows, its metrics get at least the interval of a share of so many rows (Wilson 1927), and a warning calls
    them wide. The metrics of the settings come first, with intervals from the same resamples, or the first of
    them for many rows, at least 100. One that is undefined on these rows is left out, with a warning.

    Args:
        predictions: the result of ``predict``.
        table: the predicted rows with their target; matched by id, else by position.
        train: the rows that the baselines are fitted on; without them the only baseline is the constant that
            fits the evaluated rows best.
        metrics: the metrics of the settings; the first is shown first.
        how: the name of the part, the columns to slice by, and the decision.

    Returns:
        The scores, also of the baselines. Tables for the report are kept: ``baselines``, ``slices``,
        ``worst``, ``calibration``, and by the kind of the target curves, classes or residuals.

    Raises:
        BrokenPromise: the two tables have different rows, no row is complete, the contract has no target,
            a metric cannot be computed, or a column to slice by is not there.
        StepError: the function of a metric raises, or returns no number.
        WiringError: a metric does not fit the target. Found while drawing, if the contract tells.

    Example:
        >>> from magical import Target
        >>> from magical.library import model_data
        >>> class House(Contract):
        ...     price: Target[float]
        >>> houses = model_data(pl.DataFrame({"price": [1.0, 2.0, 3.0]}), House)
        >>> evaluate(pl.DataFrame({"prediction": [1.0, 2.0, 4.0]}), houses)["mae"]
        0.3333333333333333
    """
    schema = contract_of(table)
    if schema.target is None or schema.target not in table.columns:
        raise BrokenPromise(
            f"evaluate: {schema.name} has no target to compare with.",
            hint="mark one column Target[...] in it.",
        )
    rows = _join_predictions(predictions, table, schema)
    target = schema.column(schema.target)
    names = [c for c in predictions.columns if c.startswith(PROBABILITY_PREFIX)]
    complete = _take_complete(rows, target.name, names)
    check_metrics(metrics, schema)
    evaluated = EvaluatedRows(complete, target, names, metrics, number_units(complete, schema))
    result = evaluated.resample()
    baselines = judge_baselines(evaluated, train)
    scores = Scores(
        task=result.task,
        metrics=result.summarize(),
        project_metrics=metrics,
        positive=result.positive,
        rarest=0 if result.absent else result.rarest,
        absent=result.absent,
        target=target.name,
        part=how.part or current_part("table", "test"),
        rows=complete.height,
        baselines={name: judged.summarize() for name, judged in baselines.items()},
    )
    _warn_doubtful(scores, result)
    if current_sink.get() is not None:
        keep("baselines", tabulate_baselines(result, baselines, metrics))
        _keep_tables(make_diagnostics(evaluated, schema, how.decision, how.slices), how.decision, scores)
    return scores


def _keep_tables(tables: Mapping[str, Any], decision: Decision, scores: Scores) -> None:
    """Keep the tables beside the scores, and tell what the decision is worth."""
    for name, value in tables.items():
        keep(name, value)
    if decision.is_made:
        _tell_decision(tables.get("decision"), decision, scores)


def _tell_decision(table: pl.DataFrame | None, decision: Decision, scores: Scores) -> None:
    """Tell what the chosen threshold is worth on these rows, which it was not chosen on."""
    if table is None:
        warn("the decision is left out: it is about two classes with probabilities.")
        return
    chosen = table.filter(pl.col("chosen"))
    for threshold, value, low, high, _ in chosen.rows():
        text = str(Score(value=value, low=low, high=high)) if low is not None else format_number(value)
        emit(f"{decision.describe(scores.positive, threshold, text)} on {scores.part}")


def _take_complete(rows: pl.DataFrame, target: str, probabilities: Sequence[str]) -> pl.DataFrame:
    """Select the rows with a target and a prediction; warn of the others. NaN and infinity are neither."""
    columns = [target, "prediction", *probabilities]
    finite = [pl.col(c).is_finite() for c in columns if rows.schema[c].is_float()]
    complete = rows.filter(pl.all_horizontal(*(pl.col(c).is_not_null() for c in columns), *finite))
    if complete.height < rows.height:
        warn(f"{rows.height - complete.height:,} rows without a target or a prediction are left out.")
    if complete.is_empty():
        raise BrokenPromise(
            f"evaluate: none of {rows.height:,} rows has a {target} and a prediction.",
            hint="give rows whose outcome is known.",
        )
    return complete


def _warn_doubtful(scores: Scores, result: ResampledMetrics) -> None:
    """Warn of few rows of a class, and of metrics that are undefined on rows or on resamples of them."""
    if undefined := [m.name for m in scores.project_metrics if m.name not in scores.metrics]:
        warn(f"{join_names(undefined)} cannot be computed on these rows, and is left out.")
    for caution in scores.cautions:
        warn(f"{caution}.")
    partial = {name: share for name, share in result.undefined.items() if name in scores.metrics}
    if partial:
        warn(
            f"Undefined on some resamples, so that the interval is of the others: "
            f"{join_names(f'{name} on {share:.0%}' for name, share in partial.items())}."
        )


def _join_predictions(predictions: pl.DataFrame, table: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Join the rows of the table with their predictions; raise a BrokenPromise if they do not match."""
    if "prediction" not in predictions.columns:
        raise BrokenPromise(
            f"evaluate: the predictions lack 'prediction'; they have {join_names(predictions.columns)}.",
            hint="pass the result of predict(model, table).",
        )
    columns = [c for c in predictions.columns if c == "prediction" or c.startswith(PROBABILITY_PREFIX)]
    # A table may carry an earlier model's predictions under the same names.
    rows = table.drop(columns, strict=False)
    ids = [i for i in schema.ids if i in predictions.columns]
    if not ids:
        if predictions.height != table.height:
            raise BrokenPromise(
                f"evaluate: {predictions.height:,} predictions for {table.height:,} rows, and no Id.",
                hint="predict the same table, or mark an Id[...] in its contract.",
            )
        return rows.hstack(predictions.select(columns))
    joined = rows.join(
        predictions.select(*ids, *columns), on=ids, how="left", maintain_order="left", coalesce=True
    )
    missing = rows.join(predictions, on=ids, how="anti")
    # A repeated id multiplies rows in the join, and would count them twice in every metric.
    if joined.height != table.height or missing.height:
        reason = f"{missing.height:,} rows have no prediction" if missing.height else "an id occurs twice"
        example = join_names((repr(i) for i in missing.head(3).select(ids).rows()), 3)
        raise BrokenPromise(
            f"evaluate: {predictions.height:,} predictions do not match {table.height:,} rows: {reason}"
            f"{f', such as {example}' if missing.height else ''}.",
            hint="predict the same table that is evaluated.",
        )
    return joined
