"""The paired comparison of two sets of predictions for the same rows, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import polars as pl

from magical.contracts.schema import Schema
from magical.errors import MagicalError, join_names
from magical.library.metrics.bootstrap import number_units
from magical.library.metrics.metric_settings import Metric
from magical.library.metrics.metrics import METRICS_BY_TASK, Array
from magical.library.prediction_task import PROBABILITY_PREFIX
from magical.library.scorer.champion_comparison import ComparisonRules, NotComparable, judge_predictions

__all__ = ["Flip", "PairedGain", "PairedRuns", "RunVerdict", "compare_judged", "list_paired_metrics"]

RunVerdict = Literal["better", "worse", "cannot tell", "equal"]

_POWER = 1.96 + 0.8416  # of a two-sided test at 5 % with power .8, in standard errors (normal)
_INTERVAL = 2 * 1.96
_SHOWN = 5


class _Counts(TypedDict):
    only_old: int
    only_new: int
    other_target: int


@dataclass(frozen=True)
class PairedGain:
    """The difference of one metric on the same rows, positive where the second run is better.

    Attributes:
        old: the metric of the first run.
        new: that of the second.
        low: the lower end of the gain's 95 % interval, by a bootstrap of both on the same resamples.
        high: the upper end.
        smallest: the least true difference that as many such rows show with probability .8.
    """

    metric: str
    old: float
    new: float
    gain: float
    low: float
    high: float
    smallest: float
    verdict: RunVerdict


@dataclass(frozen=True)
class Flip:
    """Rows that the first run decided one way and the second another.

    Attributes:
        right: those of them that the second run decided as it came true.
        wrong: those that the first run had right.
        ids: the first few of them.
    """

    old: str
    new: str
    rows: int
    right: int
    wrong: int
    ids: tuple[str, ...]


@dataclass(frozen=True)
class PairedRuns:
    """Two sets of predictions compared on the same rows.

    Attributes:
        gains: the deciding metric first.
        rows: the compared rows.
        units: the groups that they are of, which are drawn together; None if each row is by itself.
        only_old: the rows that only the first run judged.
        only_new: those that only the second judged.
        other_target: the rows in both with another target.
        flips: the rows with another decision; empty for numbers.
        p: of the exact test of McNemar, that both decide equally many rows right; None for numbers or groups.
    """

    gains: tuple[PairedGain, ...]
    rows: int
    units: int | None = None
    only_old: int = 0
    only_new: int = 0
    other_target: int = 0
    flips: tuple[Flip, ...] = ()
    p: float | None = None


def compare_judged(
    tables: tuple[pl.DataFrame, pl.DataFrame], schema: Schema, metrics: Sequence[Metric], common: bool = False
) -> PairedRuns:
    """Compare the predictions of two runs for the same rows.

    Args:
        tables: the tables ``_judged`` that ``evaluate`` kept in the first run and in the second.
        schema: the contract of the judged rows; it has the ids, the group and the target.
        metrics: the deciding one first; one that cannot be computed on these rows is left out.
        common: True to compare the rows that both judged where the rows differ.

    Raises:
        NotComparable: the rows differ, the classes differ, or no metric can be computed.

    Example:
        >>> from magical.contracts.schema import Column
        >>> schema = Schema(
        ...     "House", (Column("id", "int", role="id"), Column("price", "float", role="target"))
        ... )
        >>> old = pl.DataFrame({"id": [1, 2, 3], "price": [1.0, 2.0, 3.0], "prediction": [2.0, 3.0, 4.0]})
        >>> new = old.with_columns(prediction=pl.col("price"))
        >>> compare_judged((old, new), schema, [Metric("rmse")]).gains[0].verdict
        'better'
    """
    assert schema.target is not None, "evaluate judges rows with a target"
    target = schema.column(schema.target)
    old, new, counts = _match_rows(tables, schema, common)
    names = [[c for c in t.columns if c.startswith(PROBABILITY_PREFIX)] for t in (old, new)]
    if sorted(names[0]) != sorted(names[1]) or names[0][-1:] != names[1][-1:]:
        raise NotComparable("the two runs predict other classes")
    old, units = old.select(new.columns), number_units(new, schema)
    gains = tuple(_measure_gains(old, new, schema, metrics, units))
    many = None if units is None else int(units.max()) + 1
    paired = PairedRuns(gains, new.height, many, **counts)
    if not target.is_class and not names[0]:
        return paired
    flips, p = _find_flips(old, new, target.name, schema.ids or ["row"])
    return replace(paired, flips=flips, p=p if units is None else None)


def list_paired_metrics(deciding: Metric | None, task: str) -> list[Metric]:
    """List the metrics of a comparison: the deciding one, and the loss of the task.

    Example:
        >>> [m.name for m in list_paired_metrics(Metric("roc_auc"), "binary")]
        ['roc_auc', 'log_loss', 'accuracy']
    """
    losses = ["rmse"] if task == "regression" else ["log_loss", "accuracy"]
    usual = [Metric(n) for n in losses if n in METRICS_BY_TASK[task]]
    return [deciding, *(m for m in usual if m.name != deciding.name)] if deciding else usual


def _measure_gains(
    old: pl.DataFrame, new: pl.DataFrame, schema: Schema, metrics: Sequence[Metric], units: Array | None
) -> Iterator[PairedGain]:
    """Yield the gain of each metric that can be computed; raise a NotComparable if none can."""
    target = schema.column(str(schema.target))
    guesses = [c for c in new.columns if c == "prediction" or c.startswith(PROBABILITY_PREFIX)]
    is_same, failure = old.select(guesses).equals(new.select(guesses)), ""
    is_measured = False
    for metric in metrics:
        try:
            judged = judge_predictions((new, old), target, ComparisonRules(metric), units=units)
        except MagicalError as error:
            failure = failure or error.lines[0].removesuffix(".")
            continue
        numbers = (judged.other, judged.value, judged.gain, judged.low, judged.high)
        one, other, gain, low, high = (float(x) for x in numbers if x is not None)
        smallest = _POWER * (high - low) / _INTERVAL
        undecided: RunVerdict = "equal" if is_same else "cannot tell"
        verdict = judged.verdict if judged.verdict in ("better", "worse") else undecided
        yield PairedGain(metric.name, one, other, gain, low, high, smallest, verdict)
        is_measured = True
    if not is_measured:
        raise NotComparable(failure)


def _match_rows(
    tables: tuple[pl.DataFrame, pl.DataFrame], schema: Schema, common: bool
) -> tuple[pl.DataFrame, pl.DataFrame, _Counts]:
    """Return the rows that both have, in the same order, and the numbers of the others."""
    old, new = tables
    target, keys = str(schema.target), schema.ids or ["row"]
    if missing := [n for n in (*keys, target) if n not in old.columns or n not in new.columns]:
        raise NotComparable(f"the judged rows of one run have no {join_names(missing, 3)}")
    if any(old.schema[k] != new.schema[k] for k in keys):
        raise NotComparable(f"the ids of the test rows ({join_names(keys, 3)}) have other types")
    place, truth = "_place", "_truth"
    kept = new.select(*keys, pl.col(target).cast(pl.String).alias(truth)).with_row_index(place)
    both = old.with_row_index("_old_place").join(kept, on=keys, how="inner", nulls_equal=True)
    agrees = both.filter(pl.col(target).cast(pl.String).eq_missing(pl.col(truth))).sort(place)
    counts: _Counts = {
        "only_old": old.height - both.height,
        "only_new": new.height - both.height,
        "other_target": both.height - agrees.height,
    }
    if any(counts.values()):
        _refuse_difference(counts, agrees.height, bool(schema.ids), common)
    return old[agrees["_old_place"].to_list()], new[agrees[place].to_list()], counts


def _refuse_difference(counts: _Counts, shared: int, has_ids: bool, common: bool) -> None:
    """Raise a NotComparable if the rows that differ forbid the comparison."""
    words = {
        "only_old": "only the first run judged",
        "only_new": "only the second judged",
        "other_target": "have another target",
    }
    texts = [f"{count:,} {words[kind]}" for kind, count in counts.items() if count]
    text = f"the test rows differ: {', '.join(texts)}, and {shared:,} are the same"
    if not has_ids:
        raise NotComparable(f"{text} by their places; without an Id the common rows cannot be told")
    if not common:
        raise NotComparable(text, hint="--common compares the rows that are the same.")
    if not shared:
        raise NotComparable(text)


def _find_flips(
    old: pl.DataFrame, new: pl.DataFrame, target: str, keys: Sequence[str]
) -> tuple[tuple[Flip, ...], float | None]:
    """Count the rows whose decision differs, by the two decisions, and test which run has more right."""
    from scipy.stats import binomtest

    texts = new.select(pl.col(target, "prediction").cast(pl.String)).rename({"prediction": "new"})
    rows = texts.with_columns(old=old["prediction"].cast(pl.String)).hstack(new.select(keys))
    rows = rows.filter(pl.col("old") != pl.col("new"))
    right, wrong = rows[target] == rows["new"], rows[target] == rows["old"]
    won, lost = int(right.sum()), int(wrong.sum())
    flips = []
    for (one, other), group in rows.group_by("old", "new", maintain_order=True):
        hits = int((group[target] == group["new"]).sum()), int((group[target] == group["old"]).sum())
        ids = tuple(" ".join(map(str, row)) for row in group.head(_SHOWN).select(keys).rows())
        flips.append(Flip(str(one), str(other), group.height, *hits, ids))
    p = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    return tuple(sorted(flips, key=lambda f: (-f.rows, f.old, f.new))), p
