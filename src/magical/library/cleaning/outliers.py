"""The step ``drop_outliers``: rows of train that are far from the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import polars as pl

from magical.contracts.contract import Contract
from magical.contracts.promises import Frame, contract_of, require_schema
from magical.contracts.schema import Schema
from magical.errors import WiringError, did_you_mean, shorten
from magical.events import emit, keep
from magical.features import Columns
from magical.graph import Graph, Node
from magical.library.cleaning.cleaned_rows import keep_rows
from magical.library.cleaning.duplicates import select_with_target
from magical.library.remarks import warn
from magical.refs import Link, find_links
from magical.steps import step

__all__ = ["drop_outliers"]

C = TypeVar("C", bound=Contract)

_THRESHOLDS = {"iqr": 3.0, "mad": 3.5, "isolation_forest": 0.01}
_NORMAL = 1.4826  # the standard deviation of a normal distribution, in median absolute deviations
_FEWEST = 10  # rows; the quartiles of fewer say nothing
_LARGEST = 1e38  # an isolation forest computes with 32 bits
_MOST = 0.05  # a larger share of rows is remarked

_DROPPED = {"row": pl.Int64, "column": pl.String, "value": pl.String, "reason": pl.String}


def _find_numbers(train: Schema | None, columns: Columns, how: str, threshold: float | None) -> list[str]:
    """Check the arguments, and return the names of the columns."""
    schema = require_schema(train, "drop_outliers")
    if how not in _THRESHOLDS:
        raise WiringError(f"drop_outliers knows no {how!r}.", hint=did_you_mean(how, list(_THRESHOLDS)))
    most = 0.5 if how == "isolation_forest" else math.inf
    if threshold is not None and not 0 < threshold < most:
        raise WiringError(
            f"drop_outliers: threshold is {threshold:g}, and {how} wants "
            + ("a share of rows below 0.5." if most < 1 else "a number above 0."),
            hint=f"leave it out for {_THRESHOLDS[how]:g}.",
        )
    found = select_with_target(columns, schema, "drop_outliers")
    for column in found:
        if column.type not in ("int", "float"):
            raise WiringError(
                f"drop_outliers reads {column.name}, which must be int or float but is {column.type_text}.",
                hint="choose numbers, or type:number for all of them.",
            )
    return [c.name for c in found]


def _check_outliers(train: Schema | None, columns: Columns, how: str, threshold: float | None) -> None:
    _find_numbers(train, columns, how, threshold)


@step(training_only=True, promises=_check_outliers)
def drop_outliers(
    train: Frame[C],
    columns: Columns = ("type:number",),
    how: Literal["iqr", "mad", "isolation_forest"] = "iqr",
    threshold: float | None = None,
) -> Frame[C]:
    """Drop rows of train that are far from the others; a row without a value is not far.

    | how | a row is dropped if | threshold |
    |---|---|---|
    | ``iqr`` | a value is this many interquartile ranges beyond the quartiles | 3.0 |
    | ``mad`` | a value is this many median absolute deviations × 1.4826 off the median | 3.5 |
    | ``isolation_forest`` | it is in this share of rows, which scikit-learn's forest isolates first | 0.01 |

    A column of which more than half of the values are equal has no such range; it drops no row by ``iqr`` or
    ``mad``, nor does a table of fewer than ten rows. Dropped rows are kept as ``dropped``, a thousand of them
    at most, and the ranges as ``ranges``. Scoring leaves the step out.

    Args:
        train: the train part of a split. Statistics of all rows would tell train of test.
        columns: numbers; the target may be one of them.
        how: the method.
        threshold: the distance or share; by default that of the table.

    Raises:
        WiringError: the rows are not those of train alone, or a column is missing or no number. Found while
            drawing.

    Example:
        >>> from magical.library import model_data
        >>> class Customer(Contract):
        ...     income: float
        >>> raw = pl.DataFrame({"income": [*map(float, range(20)), 1e6]})
        >>> drop_outliers(model_data(raw, Customer), ("income",)).height
        20
    """
    schema = contract_of(train)
    names = _find_numbers(schema, columns, how, threshold)
    threshold = threshold or _THRESHOLDS[how]
    if train.height < _FEWEST:
        emit(f"no row dropped: {train.height} rows are too few to find outliers")
        return train
    if how == "isolation_forest":
        dropped = _find_isolated(train.select(names), threshold)
    else:
        dropped = _find_beyond(train, _compute_ranges(train, names, how, threshold))
    share = f"{dropped.height:,} of {train.height:,} rows"
    emit(f"{share} dropped as outliers by {how}")
    if dropped.height > _MOST * train.height:
        warn(f"{share} are outliers by {how}, more than {_MOST:.0%}; a larger threshold drops fewer.")
    if dropped.is_empty():
        return train
    keep_rows("dropped", dropped.sort("row"), train, schema)
    return train.filter(pl.repeat(True, train.height, eager=True).scatter(dropped["row"], False))


def _compute_ranges(
    train: pl.DataFrame, names: Sequence[str], how: str, threshold: float
) -> dict[str, tuple[float, float]]:
    """Return the lowest and the highest value of each column that is no outlier, and keep them."""
    ranges = {}
    for name in names:
        values = train[name].cast(pl.Float64).fill_nan(None).drop_nulls()
        values = values.filter(values.is_finite())
        if values.is_empty():
            continue
        if how == "iqr":
            low, high = (float(values.quantile(q, "linear")) for q in (0.25, 0.75))  # type: ignore[arg-type]
            width = high - low
        else:
            low = high = float(values.median())  # type: ignore[arg-type]
            width = _NORMAL * float((values - low).abs().median())  # type: ignore[arg-type]
        if width > 0:
            ranges[name] = low - threshold * width, high + threshold * width
    lines = [(name, *limits) for name, limits in ranges.items()]
    keep(
        "ranges",
        pl.DataFrame(
            lines, schema={"column": pl.String, "low": pl.Float64, "high": pl.Float64}, orient="row"
        ),
    )
    return ranges


def _find_beyond(train: pl.DataFrame, ranges: dict[str, tuple[float, float]]) -> pl.DataFrame:
    """Describe the rows with a value beyond its range, each by the first such column."""
    found = [pl.DataFrame(schema=_DROPPED)]
    seen = pl.repeat(False, train.height, eager=True)
    for name, (low, high) in ranges.items():
        values = train[name].cast(pl.Float64)
        is_beyond = ((values < low) | ((values > high) & values.is_not_nan())).fill_null(False)
        rows = (is_beyond & ~seen).arg_true()
        seen |= is_beyond
        texts = [shorten(value) for value in train[name].gather(rows)]
        reason = f"must be within {low:.6g} and {high:.6g}"
        found.append(
            pl.DataFrame(
                {"row": rows, "column": name, "value": texts, "reason": reason}, schema=_DROPPED, strict=False
            )
        )
    return pl.concat(found)


def _find_isolated(numbers: pl.DataFrame, share: float) -> pl.DataFrame:
    """Describe the share of rows that an isolation forest isolates first; of equal ones, the first."""
    from sklearn.ensemble import IsolationForest  # late: drawing must stay light

    values: Any = numbers.select(_fill_gaps(column) for column in numbers).to_numpy()
    scores = IsolationForest(random_state=0, n_jobs=1).fit(values).score_samples(values)
    count = int(share * len(scores))
    rows = scores.argsort(kind="stable")[:count]
    return pl.DataFrame(
        {
            "row": rows,
            "column": shorten(", ".join(numbers.columns)),
            "value": None,
            "reason": [f"isolated early: score {-score:.3f}" for score in scores[rows]],
        },
        schema=_DROPPED,
        strict=False,
    )


def _fill_gaps(column: pl.Series) -> pl.Series:
    """Return numbers with the median where there is none, and infinity beyond the others by their range."""
    values = column.cast(pl.Float64).fill_nan(None).clip(-_LARGEST, _LARGEST)
    finite = values.filter(values.abs() < _LARGEST)
    if finite.drop_nulls().is_empty():
        return pl.repeat(0.0, len(column), eager=True).alias(column.name)
    low, high = float(finite.min()), float(finite.max())  # type: ignore[arg-type]
    return values.clip(2 * low - high, 2 * high - low).fill_null(finite.median())


def _require_train(graph: Graph, node: Node) -> None:
    """Raise a WiringError unless the step's table stands on train, and on no other part."""
    for link in find_links(node.inputs.get("train")):
        parts = _find_parts(graph, link)
        if parts == {"train"}:
            continue
        others = ", ".join(sorted(parts - {"train"}))
        what = f"rows of {others}" if others else "rows before the split"
        raise WiringError(
            f"{node.name} ({node.where}) takes {what} ({link}): what is far from the others is to be learned "
            "from train alone.",
            hint="call it on train, after the split.",
        )


def _find_parts(graph: Graph, link: Link) -> set[str]:
    """Return the parts of splits that a value stands on; ``all`` for a split as a whole."""
    source = graph.by_name[link.node]
    # A part may be split again: train of test is no train.
    parts = {link.item or "all"} if source.is_split else set()
    return parts.union(*(_find_parts(graph, upstream) for upstream in source.links))


drop_outliers.check_graph = _require_train
