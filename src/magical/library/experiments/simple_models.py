"""Linear: a model that is fast, small and easy to explain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from magical.library.experiments.experiment import Experiment

if TYPE_CHECKING:
    from optuna import Trial

    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["Linear"]

MAX_NEWTON_COLUMNS = 500  # the cost of Newton's method grows with their square: above, L-BFGS is faster


class Linear(Experiment):
    """Logistic regression for classes, ridge regression for numbers, with the strength of the penalty tuned.

    Example:
        >>> Linear().defaults("binary"), Linear().defaults("regression")
        ({'C': 1.0}, {'alpha': 1.0})
    """

    name: str = "linear"

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make a LogisticRegression or a Ridge."""
        from sklearn.linear_model import LogisticRegression, Ridge

        if task == "regression":
            return Ridge(**params)
        if task == "binary":
            return LogisticRegression(solver="newton-cholesky", max_iter=200, **params)
        return LogisticRegression(solver="lbfgs", max_iter=1000, **params)

    def defaults(self, task: TaskKind) -> dict[str, Any]:
        """Return scikit-learn's own defaults."""
        return {"alpha": 1.0} if task == "regression" else {"C": 1.0}

    def space(self, trial: Trial, task: TaskKind) -> dict[str, Any]:
        """Suggest a strength of the penalty, over six orders of magnitude."""
        if task == "regression":
            return {"alpha": trial.suggest_float("alpha", 1e-2, 1e4, log=True)}
        return {"C": trial.suggest_float("C", 1e-4, 1e2, log=True)}

    def fit(self, estimator: Any, train: Examples, validation: Examples) -> Any:
        """Fit the estimator; above 500 columns, use L-BFGS instead of Newton's method."""
        # The number of columns is known only now, after the preprocessing.
        newton = getattr(estimator, "solver", "") == "newton-cholesky"
        if newton and train.X.shape[1] > MAX_NEWTON_COLUMNS:
            estimator.set_params(solver="lbfgs", max_iter=1000)
        return super().fit(estimator, train, validation)

    def refit(self, estimator: Any, rows: Examples, rounds: float | None) -> Any:
        """Fit the estimator on all rows."""
        return self.fit(estimator, rows, rows)
