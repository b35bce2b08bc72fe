"""One fit of an estimator on weighted rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magical.errors import WiringError

if TYPE_CHECKING:
    from magical.library.prediction_task import Examples

__all__ = ["fit_rows"]


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
