"""The comparison of a model with the present champion, paired, on test units that neither has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from magical.contracts.model import Model, format_number
from magical.contracts.promises import attached_promise
from magical.contracts.schema import Column
from magical.engine.protocols import Registry, Version
from magical.errors import MagicalError, RegistryDown, join_names, shorten
from magical.library.metrics.metric_settings import Metric
from magical.library.metrics.table_metrics import resample_metrics
from magical.library.prediction_task import PROBABILITY_PREFIX
from magical.library.rare_classes import count_rarest
from magical.library.remarks import mute_events
from magical.library.scorer.fitted_units import FittedUnits, RunUnits, mark_known
from magical.library.scorer.held_out_rows import HeldOutRows
from magical.library.scorer.promotion_gate import Criterion, format_distinct
from magical.library.scorer.scorer import Scorer

__all__ = [
    "CHAMPION_CRITERION",
    "ChampionComparison",
    "ComparisonRules",
    "NotComparable",
    "compare_with_champion",
    "judge_predictions",
]

CHAMPION_CRITERION = "better than the champion"

_ROUNDING = 1e-9  # sums in another order differ by as much, which makes no model better

Verdict = Literal["better", "equal", "worse", "not comparable"]

_WORDS = {"better": "better than", "equal": "equal to", "worse": "worse than"}


@dataclass(frozen=True)
class ComparisonRules:
    """The rules of a comparison.

    Attributes:
        metric: the metric that decides.
        margin: the difference that a model must exceed to be better, in the unit of the metric.
        replace_equal: True if an equal model becomes the champion.
        min_rows: the least number of units to compare on.
        min_class_rows: the least number of compared rows of the rarest class.
    """

    metric: Metric
    margin: float = 0.0
    replace_equal: bool = False
    min_rows: int = 0
    min_class_rows: int = 0


@dataclass(frozen=True)
class ChampionComparison:
    """A model compared with one version.

    Attributes:
        version: the number of the version that it was compared with.
        value: the metric of the model on the shared units.
        other: that of the version, on the same.
        gain: their difference, positive where the model is better.
        low: the lower end of the gain's 95 % interval.
        high: the upper end.
        units: the number of units that neither has seen, and both predict.
        reason: why the two are not comparable.

    Example:
        >>> print(ChampionComparison("2", "rmse", "better", 2.0, 2.5, 0.5, 0.2, 0.8, units=412))
        better than version 2: rmse 2 against 2.5 on 412 units that neither has seen, gain 0.5 (0.2 to 0.8)
    """

    version: str
    metric: str
    verdict: Verdict
    value: float | None = None
    other: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    units: int = 0
    reason: str = ""

    def __str__(self) -> str:
        if self.value is None or self.other is None:
            return f"not comparable with version {self.version}: {self.reason}"
        value, other = format_distinct(self.value, self.other), format_distinct(self.other, self.value)
        gain, low, high = (format_number(x, 3) for x in (self.gain, self.low, self.high) if x is not None)
        return (
            f"{_WORDS[self.verdict]} version {self.version}: {self.metric} {value} against {other} "
            f"on {self.units:,} units that neither has seen, gain {gain} ({low} to {high})"
        )

    def to_criterion(self, rules: ComparisonRules) -> Criterion:
        """Convert the comparison to a criterion of the gate."""
        held = self.verdict == "better" or (self.verdict == "equal" and rules.replace_equal)
        wanted = "at least equal to" if rules.replace_equal else "better than"
        threshold = f"{self.metric} {wanted} version {self.version}"
        threshold += f" by more than {rules.margin:g}" if rules.margin and not rules.replace_equal else ""
        reason = str(self)
        if self.verdict == "not comparable":
            reason += "; magical models --promote moves the alias by hand"
        return Criterion(CHAMPION_CRITERION, threshold, str(self), held, "" if held else reason)

    def to_json(self) -> dict[str, Any]:
        """Convert the comparison to JSON; what was not measured is left out."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


def compare_with_champion(
    registry: Registry, champion: Version, model: Model, rows: HeldOutRows | None, rules: ComparisonRules
) -> ChampionComparison:
    """Compare a model with the champion on the rows of its test part whose units neither has seen.

    Raises:
        RegistryDown: the champion's files cannot be fetched now, so there is no verdict.
    """
    try:
        folder = registry.folder(champion)
        tables, units = _predict_both(Scorer.load(folder), FittedUnits.load(folder), model, rows)
        _check_rows(tables[0].get_column(model.target), units, model, rules)
        return judge_predictions(tables, _target_column(rows, model), rules, champion.number, units)
    except RegistryDown:
        raise
    except Exception as error:  # an old model may fail in any way; that must not stop the registration
        raised = f"comparing raised {type(error).__name__}: {shorten(error, 120)}"
        reason = (error.lines[0] if isinstance(error, MagicalError) else raised).removesuffix(".")
        return ChampionComparison(champion.number, rules.metric.name, "not comparable", reason=reason)


def judge_predictions(
    tables: tuple[pl.DataFrame, pl.DataFrame],
    target: Column,
    rules: ComparisonRules,
    version: str = "",
    units: NDArray[Any] | None = None,
) -> ChampionComparison:
    """Judge a model against another from their predictions for the same rows.

    Both metrics are computed on the same resamples of units, so what makes a row hard for both cancels out.
    The model is better if the whole 95 % interval of the gain is above the margin, worse if it is below
    minus the margin, and equal otherwise.

    Args:
        tables: the predictions of the model and of the other, each beside the target.
        target: the column of the true values.
        rules: the metric and the margin.
        version: the number of the version that made the second table.
        units: the number of each row's unit, from 0; by default each row is one.

    Raises:
        BrokenPromise: a predicted class has no probability, or the metric cannot be computed.
        NotComparable: the metric is undefined on these rows.
        StepError: the function of a metric of the project fails.
    """
    names = [c for c in tables[0].columns if c.startswith(PROBABILITY_PREFIX)]
    with mute_events():
        value, other = (
            resample_metrics(t, target, names, (rules.metric,), units).values[rules.metric.name]
            for t in tables
        )
    gains = value - other if rules.metric.direction == "maximize" else other - value
    drawn = gains[1:][np.isfinite(gains[1:])]  # a resample without a class has no such metric
    if not np.isfinite(gains[0]) or not len(drawn):
        raise NotComparable(f"{rules.metric.name} cannot be computed on these rows")
    low, high = (float(bound) for bound in np.percentile(drawn, [2.5, 97.5]))
    margin = rules.margin + _ROUNDING * max(abs(value[0]), abs(other[0]))
    verdict: Verdict = "better" if low > margin else "worse" if high < -margin else "equal"
    numbers = float(value[0]), float(other[0]), float(gains[0]), low, high
    count = tables[0].height if units is None else len(np.unique(units))
    return ChampionComparison(version, rules.metric.name, verdict, *numbers, units=count)


class NotComparable(MagicalError):
    """Raised if a model and the champion cannot be compared."""


def _predict_both(
    champion: Scorer, seen: FittedUnits | None, model: Model, rows: HeldOutRows | None
) -> tuple[tuple[pl.DataFrame, pl.DataFrame], NDArray[Any]]:
    """Return what both predict for the rows that neither has seen, with the target, and their units."""
    if rows is None:
        raise NotComparable("the run has no split, and so no test rows")
    if rows.typed_rows is None or rows.units is None:
        raise NotComparable(
            "the test rows cannot be found among the typed rows; an Id column would tell them"
        )
    _check_task(champion.model, model)
    unseen, hashes = _find_unseen_rows(seen, rows.units)
    table, typed = rows.table.filter(unseen), rows.typed_rows.filter(unseen)
    # The champion gets typed rows: its own steps may compute other features than those of the test part.
    pair = (model.predict(table), champion.predict(typed))
    # A row that one of the two rejects would compare them on different rows.
    common = table[model.target].is_not_null()
    for predictions in pair:
        common &= predictions["prediction"].is_not_null()
    new, old = (table.drop(p.columns, strict=False).hstack(p).filter(common) for p in pair)
    return (new, old), np.unique(hashes.filter(common).to_numpy(), return_inverse=True)[1]


def _find_unseen_rows(seen: FittedUnits | None, units: RunUnits) -> tuple[pl.Series, pl.Series]:
    """Mark the test rows whose unit neither model was fitted or selected on; also return these units."""
    if seen is None:
        raise NotComparable("it was registered without a note of the rows that it was fitted on")
    if (seen.kind, seen.columns) != (units.kind, units.columns):
        ours, theirs = (_describe_units(u.kind, u.columns) for u in (units, seen))
        raise NotComparable(f"its rows are told apart by {theirs}, and those of this model by {ours}")
    hashes = seen.hash(units.test)
    known = mark_known(units.test) & ~np.isin(hashes, seen.hash(units.fitted)) & ~seen.contains(units.test)
    return pl.Series(known), pl.Series(hashes[known])


def _describe_units(kind: str, columns: Mapping[str, str]) -> str:
    return f"{kind} ({join_names([f'{name}: {of_type}' for name, of_type in columns.items()], 3)})"


def _check_task(old: Model, new: Model) -> None:
    if (old.target, old.task) != (new.target, new.task):
        raise NotComparable(f"it predicts {old.target} ({old.task})")
    theirs, ours = ([str(c) for c in model.classes] for model in (old, new))  # True == 1, but not as a class
    if sorted(theirs) != sorted(ours) or theirs[-1:] != ours[-1:]:
        raise NotComparable("it predicts other classes")


def _check_rows(truth: pl.Series, units: NDArray[Any], model: Model, rules: ComparisonRules) -> None:
    """Raise NotComparable if too few rows are left to tell two models apart."""
    count = len(np.unique(units))
    if count < rules.min_rows:
        verb = "is" if count == 1 else "are"
        raise NotComparable(
            f"{count:,} of the test units {verb} new to both models and predicted by both, "
            f"{rules.min_rows:,} are wanted"
        )
    rarest = count_rarest(truth) if truth.n_unique() > 1 else 0
    if model.task != "regression" and rarest < rules.min_class_rows:
        raise NotComparable(
            f"{rarest} of {len(truth):,} rows that are new to both models are of {model.target}'s rarest "
            f"class, {rules.min_class_rows} are wanted"
        )


def _target_column(rows: HeldOutRows | None, model: Model) -> Column:
    promise = attached_promise(rows.table) if rows else None
    assert promise is not None, "a test part has a contract"
    assert promise.schema is not None
    return promise.schema.column(model.target)
