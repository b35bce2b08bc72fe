"""One fit of an estimator: its rows, their weights, the scale of its target, and what a failure says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from magical.errors import BrokenPromise, MagicalError, WiringError, join_names, shorten
from magical.system.tracebacks import author_frames

if TYPE_CHECKING:
    from magical.library.prediction_task import Examples

__all__ = [
    "describe_failure",
    "fit_rows",
    "is_failed_fit",
    "name_failures",
    "present_rows",
    "wrap_fitted",
]

Array = np.ndarray[Any, Any]


def fit_rows(estimator: Any, rows: Examples) -> Any:
    """Fit an estimator on rows, with their weights if there are any.

    Raises:
        WiringError: there are weights, and the estimator takes none.
    """
    if rows.weight is None:
        return estimator.fit(rows.X, rows.y)
    from sklearn.utils.validation import has_fit_parameter

    if not has_fit_parameter(estimator, "sample_weight"):
        raise WiringError(
            f"{type(estimator).__name__} takes no weights of rows.",
            hint="leave out class_weight and the role Weight, or choose another estimator.",
        )
    return estimator.fit(rows.X, rows.y, sample_weight=rows.weight)


def present_rows(
    rows: Examples,
    scale: str | None,
    class_weight: str | Mapping[str, float] | None,
    classes: tuple[Any, ...],
    fitted: Examples,
) -> Examples:
    """Return rows as an estimator gets them: the target on its scale, the weights times those of classes.

    Args:
        rows: rows to fit on, or to stop early by.
        scale: ``log``, ``log1p`` or ``sqrt`` of a number; None for the number itself.
        class_weight: ``balanced``, or the weights by the names of the classes, 1 for one that is not there.
        classes: the classes in order.
        fitted: the rows of the fit. ``balanced`` counts their classes, and others count as unknown.
    """
    if classes and not (seen := np.isin(rows.y, fitted.y)).all():
        rows = rows._replace(y=np.where(seen, rows.y, -1))  # boosters refuse to stop early by such a class
    if scale is not None:
        from magical.estimators import scale_target

        rows = rows._replace(y=scale_target(rows.y, scale))  # type: ignore[arg-type]
    if class_weight is None:
        return rows
    if isinstance(class_weight, str):
        sums = np.bincount(fitted.y, fitted.weight, minlength=len(classes))
        by_class = sums.sum() / (np.count_nonzero(sums) * np.where(sums > 0, sums, 1))
    else:
        by_class = np.array([class_weight.get(str(c), 1.0) for c in classes])
    weights = np.where(rows.y >= 0, by_class[rows.y], 1.0)
    return rows._replace(weight=weights if rows.weight is None else weights * rows.weight)


def wrap_fitted(estimator: Any, scale: str | None) -> Any:
    """Return a fitted estimator that predicts on the scale of the target."""
    if scale is None:
        return estimator
    from magical.estimators import TransformedTarget

    return TransformedTarget(estimator, scale)  # type: ignore[arg-type]


@contextmanager
def name_failures(who: str, params: Mapping[str, Any]) -> Iterator[None]:
    """Name what failed, with its parameters, where a library raises; errors of the author's code pass.

    Args:
        who: what is fitted, for the message.
        params: its parameters in this trial.

    Raises:
        BrokenPromise: the block raised an error.
    """
    try:
        yield
    except MagicalError:
        raise
    except Exception as error:
        if author_frames(error) or isinstance(error, (MemoryError, OSError)):
            raise
        given = join_names(f"{name} = {shorten(repr(value), 30)}" for name, value in params.items())
        reason = next(iter(str(error).strip().splitlines()), "no message")
        raise BrokenPromise(
            f"{who} cannot be fitted{f' with {given}' if given else ''}.",
            f"  {type(error).__name__}: {reason}",
            hint="change what its search may take." if params else "look at its features.",
        ) from error


def is_failed_fit(error: Exception) -> bool:
    """Return True for an error that ends one experiment, and not the step.

    An estimator, a preprocessing or data may raise what they like. Wrong settings, a metric of the project
    that raises, and a machine without memory or disk would end the other experiments as well.

    Example:
        >>> is_failed_fit(ValueError()), is_failed_fit(MemoryError())
        (True, False)
    """
    if isinstance(error, MagicalError):
        return isinstance(error, BrokenPromise)
    return not isinstance(error, (MemoryError, OSError))


def describe_failure(error: Exception) -> str:
    """Describe in one line why a fit failed.

    Example:
        >>> describe_failure(ValueError("no rows"))
        'ValueError: no rows'
    """
    if isinstance(error, MagicalError):
        return shorten(" ".join(line.strip() for line in error.lines), 240)
    return shorten(f"{type(error).__name__}: {error}", 240)
