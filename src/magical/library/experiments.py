"""Experiments: an estimator, its defaults and its search space, as settings that survive JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from magical.contracts.schema import to_snake_case
from magical.features import Feature
from magical.library.fitting import fit_rows
from magical.library.search_space import SearchSpace
from magical.library.time_budget import TimeBudget
from magical.settings import TaggedSettings

if TYPE_CHECKING:
    from optuna import Trial

    from magical.contracts.model import Model
    from magical.contracts.promises import Pipeline
    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["Boosting", "Experiment", "Linear", "boosting", "linear"]

MORE_ROUNDS = 1.1  # a fit on all rows needs more trees than one on a part
MAX_NEWTON_COLUMNS = 500  # the cost of Newton's method grows with their square: above, L-BFGS is faster


class Experiment(TaggedSettings):
    """One estimator to tune. A project's own subclass defines the estimator and its search space.

    A subclass must define ``estimator``. It may define ``space`` (what the search chooses), ``defaults`` (the
    first trial, and the only one of ``train``), ``fit`` (for estimators that stop early on validation), and
    with it ``count_rounds`` and ``refit``.

    Attributes:
        name: shown in the graph and in the scores; by default the class's name in snake case.
        trials: the number of sets of parameters to try at most, the defaults included.
        budget: the seconds after which no further one is tried, also as a text such as ``5m``. Two runs with
            such a budget may end in different models.
        seed: the seed of the search and of the estimator.
        seeds: the number of fits, each with a seed of its own, whose mean ``refit`` gives.
        target: fit on the ``log``, ``log1p`` or ``sqrt`` of the target, for regression; predictions are on
            the scale of the target.
        class_weight: ``balanced`` to weigh each class alike, or a weight for each class by its name.
        preprocessing: learned features that plan a Pipeline of its own, in the place of the workflow's.
        search: the choices (a list) or the range of further parameters, or of those that the search would
            take from ``space``: of the estimator, such as ``alpha``, and of the preprocessing with a prefix,
            such as ``preprocessing__select__k``. The names are those of scikit-learn's ``get_params``.

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
    budget: TimeBudget | None = None
    seed: int = Field(default=0, ge=0, lt=2**31)
    seeds: int = Field(default=1, ge=1, le=20)
    target: Literal["log", "log1p", "sqrt"] | None = None
    class_weight: Literal["balanced"] | dict[str, float] | None = None
    preprocessing: tuple[Feature, ...] | None = None
    search: SearchSpace = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _fill_name(cls, name: str) -> str:
        return name or to_snake_case(cls.__name__)

    @field_validator("preprocessing")
    @classmethod
    def _refuse_row_wise(cls, features: tuple[Feature, ...] | None) -> tuple[Feature, ...] | None:
        for feature in features or ():
            if not feature.is_learned:
                raise ValueError(
                    f"{feature!r} is computed row by row, not in a Pipeline; list it in the features that "
                    "featurize adds"
                )
        return features

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the fields; those that few experiments have only where they are given."""
        shown = {
            "budget": self.budget is not None,
            "seeds": self.seeds != 1,
            "target": self.target is not None,
            "class_weight": self.class_weight is not None,
            "preprocessing": self.preprocessing is not None,
            "search": bool(self.search),
        }
        yield from ((name, value) for name, value in super().__repr_args__() if shown.get(str(name), True))

    def __hash__(self) -> int:
        return hash((type(self), self.name, self.trials, self.seed))  # a dictionary has no hash

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make an unfitted scikit-learn estimator; for classification it must have ``predict_proba``.

        Args:
            task: ``binary``, ``multiclass`` or ``regression``; classes come as numbers from 0.
            params: the parameters, from ``defaults`` or ``space``.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define the method estimator().")

    def defaults(self, task: TaskKind) -> dict[str, Any]:
        """Return the parameters of the first trial; each must lie within the search space."""
        return {}

    def space(self, trial: Trial, task: TaskKind) -> dict[str, Any]:
        """Suggest the parameters of a trial, by ``trial.suggest_float`` and similar methods."""
        return {}

    def tune(self, data: Any) -> Model:
        """Find the best parameters; by default by the search that the step ``tune`` describes.

        Args:
            data: the prepared rows of train and validation, of the class ``TuningData``.
        """
        model: Model = data.search(self)
        return model

    def fit(self, estimator: Any, train: Examples, validation: Examples) -> Any:
        """Fit the estimator on transformed rows; use ``validation`` for early stopping only."""
        return fit_rows(estimator, train)

    def prepare(self, preprocessing: Pipeline) -> Pipeline:
        """Return the unfitted preprocessing of this estimator, from that of the workflow.

        It is not asked if the experiment has a ``preprocessing`` of its own.
        """
        return preprocessing

    def count_rounds(self, fitted: Any) -> int | None:
        """Return the number of rounds after which a fit stopped early; None if it does not stop early."""
        return None

    def refit(self, estimator: Any, rows: Examples, rounds: float | None) -> Any:
        """Fit the estimator on all rows of train and validation, without early stopping.

        Args:
            estimator: unfitted.
            rows: the transformed rows.
            rounds: the mean number of rounds after which the fits stopped early; None if they did not.
        """
        return fit_rows(estimator, rows)


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


class Boosting(Experiment):
    """Gradient boosting by LightGBM, from tuned defaults, stopped early by validation.

    The defaults are those that Holzmüller, Grinsztajn and Steinwart (Better by default, NeurIPS 2024) found
    best over many tables. If LightGBM cannot be loaded, for lack of the system's ``libgomp.so.1``,
    scikit-learn's histogram boosting replaces it, with a warning.

    Attributes:
        rounds: the maximal number of trees (for each class).
        patience: the number of trees without a better score on validation after which it stops.

    Example:
        >>> Boosting().defaults("binary")["num_leaves"]
        50
    """

    name: str = "boosting"
    trials: int = Field(default=20, ge=1, le=10_000)
    rounds: int = Field(default=1000, ge=1, le=100_000)
    patience: int = Field(default=100, ge=1)

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make LightGBM's estimator."""
        # Late: LightGBM loads a system library, and an experiment is also made to draw a graph.
        from magical.library.boosters import make_booster

        return make_booster(task, {**params, "n_estimators": self.rounds}, self.patience, self.seed)

    def defaults(self, task: TaskKind) -> dict[str, Any]:
        """Return the published defaults; ``reg_lambda`` is 0.001 instead of 0, to lie on a log scale."""
        is_regression = task == "regression"
        return {
            "learning_rate": 0.05 if is_regression else 0.04,
            "num_leaves": 100 if is_regression else 50,
            "min_child_samples": 3 if is_regression else 40,
            "subsample": 0.7 if is_regression else 0.75,
            "colsample_bytree": 1.0,
            "reg_lambda": 1e-3,
        }

    def space(self, trial: Trial, task: TaskKind) -> dict[str, Any]:
        """Suggest parameters around the defaults."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 8, 256, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 2, 100, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
            "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 30.0, log=True),
        }

    def fit(self, estimator: Any, train: Examples, validation: Examples) -> Any:
        """Add trees until validation has not improved for ``patience`` trees."""
        from magical.library.boosters import fit_early_stopping

        return fit_early_stopping(estimator, train, validation, self.patience)

    def count_rounds(self, fitted: Any) -> int | None:
        """Return the number of trees (for each class) that the fit kept."""
        return getattr(fitted, "best_iteration_", None) or getattr(fitted, "n_iter_", None)

    def refit(self, estimator: Any, rows: Examples, rounds: float | None) -> Any:
        """Fit a tenth more trees than the fits on fewer rows needed."""
        from magical.library.boosters import fit_rounds

        return fit_rounds(estimator, rows, round((rounds or self.rounds) * MORE_ROUNDS))


def linear(
    *,
    name: str = "linear",
    trials: int = 8,
    seed: int = 0,
    preprocessing: tuple[Feature, ...] | None = None,
    search: SearchSpace | None = None,
) -> Linear:
    """Make the experiment of a linear model.

    Example:
        >>> linear(trials=4)
        Linear(name='linear', trials=4, seed=0)
    """
    return Linear(name=name, trials=trials, seed=seed, preprocessing=preprocessing, search=search or {})


def boosting(
    *,
    name: str = "boosting",
    trials: int = 20,
    seed: int = 0,
    preprocessing: tuple[Feature, ...] | None = None,
    search: SearchSpace | None = None,
) -> Boosting:
    """Make the experiment of a boosted model; ``Boosting(...)`` has more settings.

    Example:
        >>> boosting(trials=40, search={"max_depth": (3, 6)})
        Boosting(name='boosting', trials=40, seed=0, search={'max_depth': (3, 6)}, rounds=1000, patience=100)
    """
    return Boosting(name=name, trials=trials, seed=seed, preprocessing=preprocessing, search=search or {})
