"""Gradient boosted trees, stopped early: by LightGBM, XGBoost, CatBoost and scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec  # `importlib` itself would tie the key of the step to all modules
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from magical.errors import WiringError
from magical.library.experiments.booster_presets import (
    BOOSTING_PRESETS,
    CATBOOST_PRESETS,
    HISTOGRAM,
    XGBOOST_PRESETS,
    Preset,
)
from magical.library.experiments.quantile_experiment import QuantileExperiment
from magical.library.search_space import Range
from magical.library.tree_preprocessing import prepare_for_trees

if TYPE_CHECKING:
    from optuna import Trial

    from magical.contracts.promises import Pipeline
    from magical.contracts.schema import Schema
    from magical.library.metrics.metric_settings import Metric
    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["Boosting", "CatBoost", "Histogram", "XGBoost"]

_ROUNDS = ("n_estimators", "iterations", "max_iter")  # the number of trees, as the libraries name it
MORE_ROUNDS = 1.1  # a fit on all rows needs more trees than one on a part

_RATE, _SHARE, _LEAF = Range(0.005, 0.3, log=True), Range(0.2, 1.0), Range(2, 500, log=True)
_LEAVES, _PENALTY = Range(4, 512, log=True), Range(1e-3, 100.0, log=True)


class StoppedEarly(QuantileExperiment):
    """Trees that are added until validation has not improved for some time.

    A kind sets ``limits`` and ``extra``, and defines ``chosen``, ``make`` and ``fit``.

    Attributes:
        rounds: the maximal number of trees (for each class).
        patience: the number of trees without a better score on validation after which it stops.
    """

    is_abstract: ClassVar[bool] = True
    limits: ClassVar[Mapping[str, Range]] = {}
    extra: ClassVar[str] = ""  # the extra of the package that it needs, and the module that it brings

    trials: int = Field(default=20, ge=1, le=10_000)
    # Measured on six tables: a second fit took 0.5 % off the error, a third one 0.1 %.
    seeds: int = Field(default=2, ge=1, le=20)
    rounds: int = Field(default=1500, ge=1, le=100_000)
    patience: int = Field(default=60, ge=1)

    @property
    def chosen(self) -> Preset:
        """Return the parameters of its preset."""
        raise NotImplementedError

    def check(self, train: Schema | None, metrics: Sequence[Metric]) -> None:
        """Check that the package of an extra is installed.

        Raises:
            WiringError: it is not.
        """
        super().check(train, metrics)
        if self.extra and find_spec(self.extra) is None:
            raise WiringError(
                f"{self.name} needs the package {self.extra}, which is not installed.",
                hint=f"pip install 'magical-thinking[{self.extra}]'",
            )

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make the booster."""
        self.check_task(task)
        return self.make(task, {**self.chosen.fixed, **params})

    def make(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make the booster with these parameters and ``rounds`` trees."""
        raise NotImplementedError

    def defaults(self, task: TaskKind) -> dict[str, Any]:
        """Return the parameters of the preset."""
        return self.chosen.find_params(task)

    def space(self, trial: Trial, task: TaskKind) -> dict[str, Any]:
        """Suggest parameters around the preset."""
        return self.chosen.suggest(trial, task, self.limits)

    def prepare(self, preprocessing: Pipeline) -> Pipeline:
        """Keep numbers as they are, and code categories."""
        return prepare_for_trees(preprocessing)

    def fit(self, estimator: Any, train: Examples, validation: Examples | None = None) -> Any:
        """Add trees until validation has not improved; without it all of them."""
        raise NotImplementedError

    def refit(self, estimator: Any, rows: Examples, rounds: float | None) -> Any:
        """Fit a tenth more trees than the fits on fewer rows needed."""
        name = next(n for n in _ROUNDS if n in estimator.get_params())
        trees = max(1, round((rounds or self.rounds) * MORE_ROUNDS))
        return self.fit(estimator.set_params(**{name: trees}), rows)

    @property
    def _options(self) -> dict[str, Any]:
        return {"patience": self.patience, "seed": self.seed, "quantile": self.quantile}


class Boosting(StoppedEarly):
    """Gradient boosting by LightGBM, from parameters that were measured on many tables.

    ``small`` is for tables of a few thousand rows, ``mid`` and ``wide`` are for larger ones; the presets of
    extra trees draw the thresholds of their splits at random, which is best on many small tables. Categories
    are columns of their own kind to it: nothing is imputed, scaled or one-hot encoded. If LightGBM cannot be
    loaded, for lack of the system's ``libgomp.so.1``, scikit-learn's histogram boosting replaces it, with a
    warning.

    Attributes:
        preset: the parameters of the first trial; a search goes around them.
        rounds: the maximal number of trees (for each class).
        patience: the number of trees without a better score on validation after which it stops.
        quantile: the quantile of a number to predict, such as 0.9; by default its mean.

    Example:
        >>> Boosting(preset="small").defaults("binary")["num_leaves"]
        8
    """

    limits: ClassVar[Mapping[str, Range]] = {
        "learning_rate": _RATE,
        "num_leaves": _LEAVES,
        "min_child_samples": _LEAF,
        "subsample": Range(0.5, 1.0),
        "colsample_bytree": _SHARE,
        "reg_lambda": _PENALTY,
    }

    name: str = "boosting"
    preset: Literal["small", "mid", "wide", "extra_trees", "extra_trees_small"] = "mid"

    @property
    def chosen(self) -> Preset:
        """Return the parameters of its preset."""
        return BOOSTING_PRESETS[self.preset]

    def make(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make LightGBM's estimator."""
        # Late: LightGBM loads a system library, and an experiment is also made to draw a graph.
        from magical.library.boosters import make_booster

        return make_booster(task, {**params, "n_estimators": self.rounds}, **self._options)

    def fit(self, estimator: Any, train: Examples, validation: Examples | None = None) -> Any:
        """Add trees until validation has not improved for ``patience`` trees; without it all of them."""
        from magical.library.boosters import fit_booster

        return fit_booster(estimator, train, validation, self.patience)

    def count_rounds(self, fitted: Any) -> int | None:
        """Return the number of trees (for each class) that the fit kept."""
        return getattr(fitted, "best_iteration_", None) or getattr(fitted, "n_iter_", None)


class XGBoost(StoppedEarly):
    """Gradient boosting by XGBoost, an extra: ``pip install 'magical-thinking[xgboost]'``.

    Attributes:
        preset: ``small`` for tables of a few thousand rows, ``mid`` for larger ones.

    Example:
        >>> XGBoost(preset="mid").defaults("binary")["max_depth"]
        6
    """

    extra: ClassVar[str] = "xgboost"
    limits: ClassVar[Mapping[str, Range]] = {
        "learning_rate": _RATE,
        "max_depth": Range(1, 12),
        "min_child_weight": _PENALTY,
        "reg_lambda": _PENALTY,
        "colsample_bynode": _SHARE,
        "subsample": Range(0.5, 1.0),
    }

    name: str = "xgboost"
    preset: Literal["small", "mid"] = "small"

    @property
    def chosen(self) -> Preset:
        """Return the parameters of its preset."""
        return XGBOOST_PRESETS[self.preset]

    def make(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make XGBoost's estimator."""
        from magical.library.extra_boosters import make_xgboost

        return make_xgboost(task, {**params, "n_estimators": self.rounds}, **self._options)

    def fit(self, estimator: Any, train: Examples, validation: Examples | None = None) -> Any:
        """Add trees until validation has not improved for ``patience`` trees; without it all of them."""
        from magical.library.extra_boosters import fit_xgboost

        return fit_xgboost(estimator, train, validation)

    def count_rounds(self, fitted: Any) -> int | None:
        """Return the number of trees (for each class) up to the best one."""
        from magical.library.extra_boosters import count_xgboost_rounds

        return count_xgboost_rounds(fitted)


class CatBoost(StoppedEarly):
    """Gradient boosting by CatBoost, an extra: ``pip install 'magical-thinking[catboost]'``.

    Attributes:
        preset: ``small`` for tables of a few thousand rows, ``mid`` for larger ones.

    Example:
        >>> CatBoost().defaults("binary")["depth"]
        5
    """

    extra: ClassVar[str] = "catboost"
    limits: ClassVar[Mapping[str, Range]] = {
        "learning_rate": _RATE,
        "depth": Range(2, 10),
        "l2_leaf_reg": Range(0.1, 30.0, log=True),
        "rsm": _SHARE,
        "subsample": Range(0.5, 1.0),
    }

    name: str = "catboost"
    preset: Literal["small", "mid"] = "small"

    @property
    def chosen(self) -> Preset:
        """Return the parameters of its preset."""
        return CATBOOST_PRESETS[self.preset]

    def make(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make CatBoost's estimator."""
        from magical.library.extra_boosters import make_catboost

        return make_catboost(task, {**params, "iterations": self.rounds}, **self._options)

    def fit(self, estimator: Any, train: Examples, validation: Examples | None = None) -> Any:
        """Add trees until validation has not improved for ``patience`` trees; without it all of them."""
        from magical.library.extra_boosters import fit_catboost

        return fit_catboost(estimator, train, validation)

    def count_rounds(self, fitted: Any) -> int | None:
        """Return the number of trees that the fit kept."""
        return int(fitted.n_trees_)


class Histogram(StoppedEarly):
    """Gradient boosting by scikit-learn's HistGradientBoosting.

    It keeps the trees that came after the best one, so its patience is 20 trees at most.

    Example:
        >>> Histogram().defaults("binary")["max_leaf_nodes"]
        16
    """

    limits: ClassVar[Mapping[str, Range]] = {
        "learning_rate": _RATE,
        "max_leaf_nodes": _LEAVES,
        "min_samples_leaf": _LEAF,
        "max_features": _SHARE,
        "l2_regularization": _PENALTY,
    }

    name: str = "histogram"

    @property
    def chosen(self) -> Preset:
        """Return its parameters."""
        return HISTOGRAM

    def make(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make scikit-learn's estimator."""
        from magical.library.histogram_boosting import make_histogram

        return make_histogram(task, {**params, "max_iter": self.rounds}, **self._options)

    def fit(self, estimator: Any, train: Examples, validation: Examples | None = None) -> Any:
        """Add trees until validation has not improved for some trees; without it all of them."""
        from magical.library.histogram_boosting import fit_histogram

        return fit_histogram(estimator, train, validation)

    def count_rounds(self, fitted: Any) -> int | None:
        """Return the number of trees (for each class)."""
        return int(fitted.n_iter_)
