"""Experiment: an estimator, its defaults and the space round them, as settings that survive JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from magical.contracts.schema import to_snake_case
from magical.settings import TaggedSettings

if TYPE_CHECKING:
    from optuna import Trial

    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["Boosting", "Experiment", "Linear", "boosting", "linear"]

MAX_NEWTON_COLUMNS = 500  # columns from which on logistic regression is fitted by L-BFGS


class Experiment(TaggedSettings):
    """One estimator to be tuned. A project's own kind says which, and what may vary.

    ``estimator`` is the only method that it must have; ``space`` is what the search may choose, ``defaults``
    the first trial (and the only one of ``train``), ``fit`` is for estimators that need the validation part
    to stop early.

    Attributes:
        name: shown in the graph and in the scores; the class's name unless given.
        trials: how many sets of parameters are tried, the defaults included.
        seed: of the search and of the estimator.

    Example:
        >>> class Forest(Experiment):
        ...     trees: int = 100
        ...
        ...     def estimator(self, task, params):
        ...         from sklearn.ensemble import RandomForestClassifier
        ...
        ...         return RandomForestClassifier(self.trees, random_state=self.seed, **params)
        ...
        ...     def space(self, trial, task):
        ...         return {"min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 50, log=True)}
        >>> Forest(trials=4)
        Forest(name='forest', trials=4, seed=0, trees=100)
    """

    name: str = ""
    trials: int = Field(default=8, ge=1, le=10_000)
    seed: int = Field(default=0, ge=0, lt=2**31)

    @field_validator("name")
    @classmethod
    def _fill_name(cls, name: str) -> str:
        return name or to_snake_case(cls.__name__)

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Give an unfitted scikit-learn estimator; for classes it must have ``predict_proba``.

        Args:
            task: ``binary``, ``multiclass`` or ``regression``; classes come as numbers from 0.
            params: what ``defaults`` or ``space`` gave.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say which estimator it is of.")

    def defaults(self, task: TaskKind) -> dict[str, Any]:
        """Give the parameters of the first trial, each within the space."""
        return {}

    def space(self, trial: Trial, task: TaskKind) -> dict[str, Any]:
        """Let the search choose parameters, by ``trial.suggest_float`` and its sisters."""
        return {}

    def fit(self, estimator: Any, train: Examples, validation: Examples) -> Any:
        """Fit the estimator on transformed train; ``validation`` may decide when to stop, nothing else."""
        return estimator.fit(train.X, train.y)


class Linear(Experiment):
    """Logistic regression for classes, ridge regression for numbers, with the strength of the penalty tuned.

    Example:
        >>> Linear().defaults("binary"), Linear().defaults("regression")
        ({'C': 1.0}, {'alpha': 1.0})
    """

    name: str = "linear"

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Give LogisticRegression or Ridge."""
        from sklearn.linear_model import LogisticRegression, Ridge

        if task == "regression":
            return Ridge(**params)
        if task == "binary":
            return LogisticRegression(solver="newton-cholesky", max_iter=200, **params)
        return LogisticRegression(solver="lbfgs", max_iter=1000, **params)

    def defaults(self, task: TaskKind) -> dict[str, Any]:
        """Give scikit-learn's own."""
        return {"alpha": 1.0} if task == "regression" else {"C": 1.0}

    def space(self, trial: Trial, task: TaskKind) -> dict[str, Any]:
        """Let the penalty vary over six orders of magnitude."""
        if task == "regression":
            return {"alpha": trial.suggest_float("alpha", 1e-2, 1e4, log=True)}
        return {"C": trial.suggest_float("C", 1e-4, 1e2, log=True)}

    def fit(self, estimator: Any, train: Examples, validation: Examples) -> Any:
        """Fit it; Newton's method, which costs the columns squared, gives way where they are many."""
        if (
            hasattr(estimator, "solver")
            and train.X.shape[1] > MAX_NEWTON_COLUMNS
            and estimator.solver == "newton-cholesky"
        ):
            estimator.set_params(solver="lbfgs", max_iter=1000)
        return super().fit(estimator, train, validation)


class Boosting(Experiment):
    """Gradient boosting by LightGBM, from tuned defaults, stopped early by validation.

    The defaults are those that Holzmüller, Grinsztajn and Steinwart (Better by default, NeurIPS 2024) found
    best over many tables. Where LightGBM cannot be loaded, for lack of the system's ``libgomp.so.1``,
    scikit-learn's histogram boosting takes its place, and says so.

    Attributes:
        rounds: the most trees (for each class).
        patience: how many trees without a better score on validation end it.

    Example:
        >>> Boosting().defaults("binary")["num_leaves"]
        50
    """

    name: str = "boosting"
    trials: int = Field(default=20, ge=1, le=10_000)
    rounds: int = Field(default=1000, ge=1, le=100_000)
    patience: int = Field(default=100, ge=1)

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Give LightGBM's estimator, on one thread, so that it gives the same wherever it runs."""
        from magical.library.boosters import make_booster

        return make_booster(task, {**params, "n_estimators": self.rounds}, self.patience, self.seed)

    def defaults(self, task: TaskKind) -> dict[str, Any]:
        """Give the published defaults, but for ``reg_lambda``: 0 there, 0.001 here, to lie on a log scale."""
        number = task == "regression"
        return {
            "learning_rate": 0.05 if number else 0.04,
            "num_leaves": 100 if number else 50,
            "min_child_samples": 3 if number else 40,
            "subsample": 0.7 if number else 0.75,
            "colsample_bytree": 1.0,
            "reg_lambda": 1e-3,
        }

    def space(self, trial: Trial, task: TaskKind) -> dict[str, Any]:
        """Let them vary round the defaults."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 8, 256, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 2, 100, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
            "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 30.0, log=True),
        }

    def fit(self, estimator: Any, train: Examples, validation: Examples) -> Any:
        """Add trees until validation has not been better for as many as ``patience``."""
        from magical.library.boosters import fit_early_stopping

        return fit_early_stopping(estimator, train, validation, self.patience)


def linear(*, name: str = "linear", trials: int = 8, seed: int = 0) -> Linear:
    """Give the experiment of a linear model.

    Args:
        name: shown in the graph and in the scores.
        trials: how many penalties are tried.
        seed: of the search.

    Example:
        >>> linear(trials=4)
        Linear(name='linear', trials=4, seed=0)
    """
    return Linear(name=name, trials=trials, seed=seed)


def boosting(*, name: str = "boosting", trials: int = 20, seed: int = 0) -> Boosting:
    """Give the experiment of a boosted model; ``Boosting(...)`` has more to set.

    Args:
        name: shown in the graph and in the scores.
        trials: how many sets of parameters are tried, the published defaults first.
        seed: of the search and of the sampling of rows and columns.

    Example:
        >>> boosting(trials=40).trials
        40
    """
    return Boosting(name=name, trials=trials, seed=seed)
