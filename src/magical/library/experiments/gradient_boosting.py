"""Boosting: gradient boosted trees by LightGBM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from magical.library.experiments.booster_presets import BOOSTING_PRESETS
from magical.library.experiments.experiment import Experiment
from magical.library.search_space import Range
from magical.library.tree_preprocessing import prepare_for_trees

if TYPE_CHECKING:
    from optuna import Trial

    from magical.contracts.promises import Pipeline
    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["Boosting"]

MORE_ROUNDS = 1.1  # a fit on all rows needs more trees than one on a part

_LIMITS = {
    "learning_rate": Range(0.005, 0.3, log=True),
    "num_leaves": Range(4, 512, log=True),
    "min_child_samples": Range(2, 500, log=True),
    "subsample": Range(0.5, 1.0),
    "colsample_bytree": Range(0.2, 1.0),
    "reg_lambda": Range(1e-3, 100.0, log=True),
}


class StoppedEarly(Experiment):
    """Trees that are added until validation has not improved for some time.

    Attributes:
        rounds: the maximal number of trees (for each class).
        patience: the number of trees without a better score on validation after which it stops.
    """

    is_abstract = True

    rounds: int = Field(default=1500, ge=1, le=100_000)
    patience: int = Field(default=60, ge=1)

    def prepare(self, preprocessing: Pipeline) -> Pipeline:
        """Keep numbers as they are, and code categories."""
        return prepare_for_trees(preprocessing)

    def find_final_rounds(self, rounds: float | None) -> int:
        """Return the number of trees for all rows: a tenth more than the fits on fewer rows needed."""
        return max(1, round((rounds or self.rounds) * MORE_ROUNDS))


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

    Example:
        >>> Boosting(preset="small").defaults("binary")["num_leaves"]
        8
    """

    name: str = "boosting"
    trials: int = Field(default=20, ge=1, le=10_000)
    preset: Literal["small", "mid", "wide", "extra_trees", "extra_trees_small"] = "mid"

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make LightGBM's estimator."""
        # Late: LightGBM loads a system library, and an experiment is also made to draw a graph.
        from magical.library.boosters import make_booster

        own = {**BOOSTING_PRESETS[self.preset].fixed, **params, "n_estimators": self.rounds}
        return make_booster(task, own, patience=self.patience, seed=self.seed)

    def defaults(self, task: TaskKind) -> dict[str, Any]:
        """Return the parameters of the preset."""
        return BOOSTING_PRESETS[self.preset].find_params(task)

    def space(self, trial: Trial, task: TaskKind) -> dict[str, Any]:
        """Suggest parameters around the preset."""
        return BOOSTING_PRESETS[self.preset].suggest(trial, task, _LIMITS)

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

        return fit_rounds(estimator, rows, self.find_final_rounds(rounds))
