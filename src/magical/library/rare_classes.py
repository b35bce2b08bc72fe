"""Classes of few rows: when scores are called wide, and what is said of them before any work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magical.errors import join_names

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "FEW_ROWS",
    "RARE_SHARE",
    "count_rarest",
    "describe_missing_classes",
    "describe_rare_class",
    "describe_thin_test",
]

FEW_ROWS = 30
"""With fewer rows of a class, intervals of scores hold less often than they promise, and are called wide.

In a simulation the 95 % interval of an area under the ROC curve held in 84 % of tables with 10 positives,
and in 94.5 % of tables with 200."""


RARE_SHARE = 0.01
"""With a smaller share of the rows in a class, accuracy says nothing of it: without it, 99 % are right."""


_WITHOUT_ROWS = {"train": ", so no model can predict it", "test": ", so nothing judges it"}


def count_rarest(values: pl.Series) -> int:
    """Count the rows of the rarest class; 0 without values.

    Example:
        >>> import polars as pl
        >>> count_rarest(pl.Series([True, False, False, None]))
        1
    """
    return _find_rarest(values)[1]


def describe_rare_class(values: pl.Series) -> str:
    """Describe the rarest class of a target if it has fewer than 30 rows or 1 % of them; else empty.

    Example:
        >>> import polars as pl
        >>> describe_rare_class(pl.Series("fraud", [1] * 3 + [0] * 297))
        'fraud is 1 in 3 of 300 rows: too few to learn from, and any score will have a wide interval.'
    """
    (value, rows), known = _find_rarest(values), len(values) - values.null_count()
    if not rows:
        return ""
    text, share = f"{values.name} is {value} in {rows:,} of {known:,} rows", rows / known
    if rows < FEW_ROWS:
        return f"{text}: too few to learn from, and any score will have a wide interval."
    if share < RARE_SHARE:
        return (
            f"{text} ({share:.2%}): a model that never predicts it is right in {1 - share:.2%}, so judge by "
            "average_precision or log_loss, not by accuracy."
        )
    return ""


def describe_missing_classes(values: pl.Series, labels: pl.Series) -> list[str]:
    """Describe which parts, or folds, have no row of a class that others have.

    Example:
        >>> import polars as pl
        >>> describe_missing_classes(
        ...     pl.Series("grade", ["a", "b", "a"]), pl.Series(["train", "train", "test"])
        ... )
        ['test has no row of grade b, so nothing judges it.']
    """
    everything, found = set(values.drop_nulls().unique()), []
    for label in labels.drop_nulls().unique().sort():
        if missing := sorted(everything - set(values.filter(labels == label).unique()), key=str):
            found.append(
                f"{label} has no row of {values.name} {join_names(missing, 6)}{_WITHOUT_ROWS.get(label, '')}."
            )
    return found


def describe_thin_test(values: pl.Series, test: pl.Series) -> str:
    """Describe the rarest class of the test part if its scores will be wide, though there are rows enough.

    Example:
        >>> import polars as pl
        >>> fraud = pl.Series("fraud", [True] * 40 + [False] * 60)
        >>> describe_thin_test(fraud, fraud.gather_every(10))
        'test has 4 rows of fraud True: any score will have a wide interval.'
    """
    value, rows = _find_rarest(test)
    if count_rarest(values) < FEW_ROWS or not 0 < rows < FEW_ROWS:
        return ""
    plural = "row" if rows == 1 else "rows"
    return f"test has {rows} {plural} of {values.name} {value}: any score will have a wide interval."


def _find_rarest(values: pl.Series) -> tuple[Any, int]:
    """Find the rarest class and the number of its rows; 0 without values."""
    counts = values.drop_nulls().rename("value").value_counts(name="rows").sort("rows", "value")
    return (None, 0) if counts.is_empty() else (counts["value"][0], counts["rows"][0])
