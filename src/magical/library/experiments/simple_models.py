"""Linear, Forest and Dummy: models of scikit-learn that are fitted in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from magical.library.experiments.experiment import Experiment
from magical.library.experiments.quantile_experiment import QuantileExperiment
from magical.library.search_space import PREPROCESSING_PREFIX
from magical.library.tree_preprocessing import prepare_for_trees

if TYPE_CHECKING:
    from optuna import Trial

    from magical.contracts.promises import Pipeline
    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["Dummy", "Forest", "Linear"]

MAX_NEWTON_COLUMNS = 500  # the cost of Newton's method grows with their square: above, L-BFGS is faster


class Linear(QuantileExperiment):
    """Logistic regression for classes, ridge regression for numbers.

    The penalty ``C`` of the logistic regression is searched. Ridge regression chooses its ``alpha`` in each
    fit, by predictions of rows that are left out one by one; if ``search`` has parameters of it, the search
    chooses ``alpha``, too. A quantile comes from a linear program, which is slow above some 10,000 rows.

    Attributes:
        quantile: the quantile of a number to predict, such as 0.9; by default its mean.

    Example:
        >>> Linear().defaults("binary"), Linear().defaults("regression")
        ({'C': 1.0}, {})
    """

    name: str = "linear"

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make a LogisticRegression, a RidgeCV, a Ridge or a QuantileRegressor."""
        from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge, RidgeCV

        self.check_task(task)
        if self.quantile is not None:
            return QuantileRegressor(quantile=self.quantile, **params)
        if task == "regression":
            return Ridge(**params) if self._is_searched else RidgeCV(alphas=[10.0**k for k in range(-3, 6)])
        if task == "binary":
            return LogisticRegression(solver="newton-cholesky", max_iter=200, **params)
        return LogisticRegression(solver="lbfgs", max_iter=1000, **params)

    def defaults(self, task: TaskKind) -> dict[str, Any]:
        """Return the strength of the penalty."""
        if task != "regression":
            return {"C": 1.0}
        if self.quantile is not None:
            return {"alpha": 1e-3}
        return {"alpha": 1.0} if self._is_searched else {}

    def space(self, trial: Trial, task: TaskKind) -> dict[str, Any]:
        """Suggest a strength of the penalty, over six orders of magnitude."""
        if task != "regression":
            return {"C": trial.suggest_float("C", 1e-4, 1e2, log=True)}
        if self.quantile is not None:
            return {"alpha": trial.suggest_float("alpha", 1e-6, 1.0, log=True)}
        return {"alpha": trial.suggest_float("alpha", 1e-2, 1e4, log=True)} if self._is_searched else {}

    def fit(self, estimator: Any, train: Examples, validation: Examples) -> Any:
        """Fit the estimator; above 500 columns, use L-BFGS instead of Newton's method."""
        # The number of columns is known only now, after the preprocessing.
        newton = getattr(estimator, "solver", "") == "newton-cholesky"
        if newton and train.X.shape[1] > MAX_NEWTON_COLUMNS:
            estimator.set_params(solver="lbfgs", max_iter=1000)
        return super().fit(estimator, train, validation)

    @property
    def _is_searched(self) -> bool:
        return any(not name.startswith(PREPROCESSING_PREFIX) for name in self.search)


class Forest(Experiment):
    """A forest of scikit-learn: a random forest, or extra trees, whose thresholds are drawn at random.

    Attributes:
        trees: their number.
        extra_trees: True for extra trees.

    Example:
        >>> Forest(trees=50).defaults("binary")
        {'min_samples_leaf': 3, 'max_features': 0.4}
    """

    name: str = "forest"
    trees: int = Field(default=300, ge=1, le=100_000)
    extra_trees: bool = False

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make the forest."""
        import sklearn.ensemble

        name = "ExtraTrees" if self.extra_trees else "RandomForest"
        kind = getattr(sklearn.ensemble, name + ("Regressor" if task == "regression" else "Classifier"))
        return kind(self.trees, random_state=self.seed, **params)

    def defaults(self, task: TaskKind) -> dict[str, Any]:
        """Return a size of the leaves, and the share of the columns that each split looks at."""
        return {"min_samples_leaf": 3, "max_features": 0.4}

    def space(self, trial: Trial, task: TaskKind) -> dict[str, Any]:
        """Suggest both."""
        return {
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 50, log=True),
            "max_features": trial.suggest_float("max_features", 0.1, 1.0),
        }

    def prepare(self, preprocessing: Pipeline) -> Pipeline:
        """Keep numbers as they are, and code categories."""
        return prepare_for_trees(preprocessing)


class Dummy(QuantileExperiment):
    """The shares of the classes, or the mean of the numbers, for each row: what a model must beat.

    Example:
        >>> Dummy()
        Dummy(name='dummy', trials=1, seed=0)
    """

    name: str = "dummy"
    trials: int = Field(default=1, ge=1, le=10_000)

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make a DummyClassifier or a DummyRegressor."""
        from sklearn.dummy import DummyClassifier, DummyRegressor

        self.check_task(task)
        if self.quantile is not None:
            return DummyRegressor(strategy="quantile", quantile=self.quantile)
        return DummyRegressor() if task == "regression" else DummyClassifier(strategy="prior")
