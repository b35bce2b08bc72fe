"""The promotion gate: criteria that a model must meet before it gets the alias ``champion``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from magical.contracts.model import format_number
from magical.errors import Finding, shorten

__all__ = [
    "CLASS_CRITERION",
    "TARGET_CRITERION",
    "Criterion",
    "check_class_rows",
    "check_findings",
    "check_thresholds",
    "find_blockers",
    "format_distinct",
    "summarize_gate",
    "tabulate_criteria",
]

CLASS_CRITERION = "rows of the rarest class"
TARGET_CRITERION = "blind to the target"

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
        criterion: the name of the condition.
        threshold: the required value.
        value: the measured value.
        held: True if the condition is met; None if it was not assessed, which does not block promotion.
        reason: why the condition is not met, in a few words.

    Example:
        >>> find_blockers([Criterion("roc_auc", ">= 0.7", "0.68", False)])
        ['roc_auc: 0.68']
    """

    criterion: str
    threshold: str
    value: str
    held: bool | None
    reason: str = ""


def check_thresholds(require: Mapping[str, float], scores: Any) -> list[Criterion]:
    """Check that each required score reaches its bound, or does not exceed it if a lower score is better.

    Example:
        >>> from magical.library.metrics.scores import Score, Scores
        >>> auc = Score(value=0.68, low=0.6, high=0.8)
        >>> scores = Scores(task="binary", target="y", part="test", rows=9, metrics={"roc_auc": auc})
        >>> check_thresholds({"roc_auc": 0.7}, scores)[0].reason
        'roc_auc 0.68 < 0.7 required'
    """
    criteria = []
    if require and scores.part in ("train", "validation"):
        reason = f"the scores are of the {scores.part} part, not of test"
        criteria.append(Criterion("scores of the test part", "test", scores.part, False, reason))
    for metric, bound in require.items():
        sign, broken = ("<=", ">") if scores.is_lower_better(metric) else (">=", "<")
        score = scores.metrics.get(metric)
        if score is None:
            computed = ", ".join(scores.metrics) or "none"
            reason = f"{metric} is required and was not computed; there are: {computed}"
            criteria.append(Criterion(metric, f"{sign} {bound:g}", "", False, reason))
            continue
        value = float(score.value)
        held = value <= bound if sign == "<=" else value >= bound
        text = format_distinct(value, bound)
        reason = "" if held else f"{metric} {text} {broken} {bound:g} required"
        criteria.append(Criterion(metric, f"{sign} {bound:g}", text, held and not math.isnan(value), reason))
    return criteria


def check_class_rows(least: int, scores: Any) -> list[Criterion]:
    """Check that each class has some of the evaluated rows; there is no such criterion for numbers.

    Example:
        >>> from magical.library.metrics.scores import Scores
        >>> scores = Scores(task="binary", target="fraud", part="test", rows=60, rarest=1, metrics={})
        >>> check_class_rows(5, scores)[0].reason
        "1 of 60 test rows is of fraud's rarest class, 5 are wanted: no score can be trusted"
    """
    if scores.rarest is None:
        return []
    held, verb = scores.rarest >= least, "is" if scores.rarest == 1 else "are"
    reason = (
        f"{scores.rarest} of {scores.rows:,} {scores.part} rows {verb} of {scores.target}'s rarest class, "
        f"{least} are wanted: no score can be trusted"
    )
    return [Criterion(CLASS_CRITERION, f">= {least}", str(scores.rarest), held, "" if held else reason)]


def check_findings(findings: Iterable[Finding]) -> list[Criterion]:
    """Build the criteria of the audit: LEAK001 blocks if it was found; other rules are not assessed."""
    leaks = [f for f in findings if f.code == "LEAK001"]
    value = "; ".join(f"{f.step} {f.what}" for f in leaks) or "passed"
    first = Criterion("LEAK001 dataflow", "passed", value, not leaks, f"LEAK001: {value}" if leaks else "")
    rest = [
        Criterion(f"{code} {name}", "passed", "not assessed", None) for code, name in _AUDIT_RULES.items()
    ]
    return [first, *rest]


def find_blockers(criteria: Iterable[Criterion]) -> list[str]:
    """List the reasons of the criteria that are not met."""
    # Not assessed is no blocker: `held` is then None, which is not False.
    return [c.reason or f"{c.criterion}: {c.value}" for c in criteria if c.held is False]


def summarize_gate(criteria: Iterable[Criterion]) -> str:
    """Summarise in one line if the gate is passed, or the reasons against it."""
    reasons = find_blockers(criteria)
    return f"not held: {shorten('; '.join(reasons), 400)}" if reasons else "held"


def tabulate_criteria(criteria: Iterable[Criterion]) -> pl.DataFrame:
    """Return the criteria as a table: ``criterion``, ``threshold``, ``value``, ``held``.

    Example:
        >>> tabulate_criteria([Criterion("roc_auc", ">= 0.7", "0.72", True)]).row(0)
        ('roc_auc', '>= 0.7', '0.72', True)
    """
    schema = {"criterion": pl.String, "threshold": pl.String, "value": pl.String, "held": pl.Boolean}
    rows = [(c.criterion, c.threshold, c.value, c.held) for c in criteria]
    return pl.DataFrame(rows, schema=schema, orient="row")


def format_distinct(value: float, other: float) -> str:
    """Format a number with enough digits to differ from another in print.

    Example:
        >>> format_distinct(0.68123, 0.7), format_distinct(0.699999, 0.7)
        ('0.6812', '0.699999')
    """
    digits = 4
    while digits < 15 and value != other and format_number(value, digits) == format_number(other, digits):
        digits += 1
    return format_number(value, digits)
