"""The gate before an alias: criteria, each with what it asked for, what came, and whether it held."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from magical.errors import Finding, shorten
from magical.library.metrics.metrics import LOWER_IS_BETTER

__all__ = [
    "METRICS",
    "Criterion",
    "check_findings",
    "check_thresholds",
    "find_blockers",
    "format_distinct",
    "summarize_gate",
    "tabulate_criteria",
]

METRICS = (
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "accuracy",
    "f1",
    "precision",
    "recall",
    "f1_macro",
    "roc_auc_ovr",
    "rmse",
    "mae",
    "r2",
)
"""All that ``evaluate`` may give."""

_AUDIT_RULES = {
    "LEAK002": "overlap",
    "LEAK003": "locality",
    "LEAK004": "blindness",
    "LEAK005": "causality",
    "LEAK006": "isolation",
    "LEAK007": "end to end",
    "LEAK008": "batch",
    "LEAK009": "proxies",
    "STAB001": "stability",
}


@dataclass(frozen=True)
class Criterion:
    """One condition of the gate.

    Attributes:
        criterion: what must hold.
        threshold: what was asked for.
        value: what came.
        held: whether it held; none if it was not assessed, which does not block.
        reason: why it did not hold, in a few words.
    """

    criterion: str
    threshold: str
    value: str
    held: bool | None
    reason: str = ""


def check_thresholds(require: Mapping[str, float], scores: Any) -> list[Criterion]:
    """Hold the scores to their bounds: at least, or at most where less is better.

    Args:
        require: bounds by metric.
        scores: with ``metrics``, values by metric.

    Example:
        >>> from magical.library.metrics.scores import Score, Scores
        >>> auc = Score(value=0.68, low=0.6, high=0.8)
        >>> found = Scores(task="binary", target="y", part="test", rows=9, metrics={"roc_auc": auc})
        >>> check_thresholds({"roc_auc": 0.7}, found)[0].reason
        'roc_auc 0.68 < 0.7 required'
    """
    out = []
    if require and scores.part in ("train", "validation"):
        reason = f"the scores are of the {scores.part} part, not of test"
        out.append(Criterion("scores of the test part", "test", scores.part, False, reason))
    for metric, bound in require.items():
        sign, broken = ("<=", ">") if metric in LOWER_IS_BETTER else (">=", "<")
        score = scores.metrics.get(metric)
        if score is None:
            known = ", ".join(scores.metrics) or "none"
            reason = f"{metric} is required and was not computed; there are: {known}"
            out.append(Criterion(metric, f"{sign} {bound:g}", "", False, reason))
            continue
        value = float(score.value)
        held = value <= bound if sign == "<=" else value >= bound
        text = format_distinct(value, bound)
        reason = "" if held else f"{metric} {text} {broken} {bound:g} required"
        out.append(Criterion(metric, f"{sign} {bound:g}", text, held and not math.isnan(value), reason))
    return out


def check_findings(findings: Iterable[Finding]) -> list[Criterion]:
    """LEAK001 blocks; the audit's other rules are listed as not assessed."""
    leaks = [f for f in findings if f.code == "LEAK001"]
    value = "; ".join(f"{f.step} {f.what}" for f in leaks) or "passed"
    first = Criterion("LEAK001 dataflow", "passed", value, not leaks, f"LEAK001: {value}" if leaks else "")
    rest = [
        Criterion(f"{code} {name}", "passed", "not assessed", None) for code, name in _AUDIT_RULES.items()
    ]
    return [first, *rest]


def find_blockers(criteria: Iterable[Criterion]) -> list[str]:
    """Give the reasons of those that did not hold."""
    return [c.reason or f"{c.criterion}: {c.value}" for c in criteria if c.held is False]


def summarize_gate(criteria: Iterable[Criterion]) -> str:
    """Give the gate in one line."""
    reasons = find_blockers(criteria)
    return f"not held: {shorten('; '.join(reasons), 400)}" if reasons else "held"


def tabulate_criteria(criteria: Iterable[Criterion]) -> pl.DataFrame:
    """Give the gate as a table: ``criterion``, ``threshold``, ``value``, ``held``.

    Example:
        >>> tabulate_criteria([Criterion("roc_auc", ">= 0.7", "0.72", True)]).row(0)
        ('roc_auc', '>= 0.7', '0.72', True)
    """
    schema = {"criterion": pl.String, "threshold": pl.String, "value": pl.String, "held": pl.Boolean}
    rows = [(c.criterion, c.threshold, c.value, c.held) for c in criteria]
    return pl.DataFrame(rows, schema=schema, orient="row")


def format_distinct(value: float, other: float) -> str:
    """Write a number so that it does not look like another that it is not.

    Example:
        >>> format_distinct(0.68123, 0.7), format_distinct(0.699999, 0.7)
        ('0.6812', '0.699999')
    """
    digits = 4
    while digits < 15 and value != other and f"{value:.{digits}g}" == f"{other:.{digits}g}":
        digits += 1
    return f"{value:.{digits}g}"
