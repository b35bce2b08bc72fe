"""Experiment: an estimator, its defaults and its search space, as settings that survive JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from magical.contracts.schema import to_snake_case
from magical.errors import BrokenPromise
from magical.features import Feature
from magical.library.fitting import fit_rows
from magical.library.search_space import SearchSpace
from magical.library.time_budget import TimeBudget
from magical.settings import TaggedSettings

if TYPE_CHECKING:
    from optuna import Trial

    from magical.contracts.model import Model
    from magical.contracts.promises import Pipeline
    from magical.contracts.schema import Schema
    from magical.library.metrics.metric_settings import Metric
    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["Experiment"]


class Experiment(TaggedSettings):
    """One estimator to tune. A project's own subclass defines the estimator and its search space.

    A subclass must define ``estimator``. It may define ``space`` (what the search chooses), ``defaults`` (the
    first trial, and the only one of ``train``), ``fit`` (and if that stops early on validation, also
    ``count_rounds`` and ``refit``), ``prepare`` (for a preprocessing of its own), and ``check`` (for
    what can be said before any fit).

    Attributes:
        name: shown in the graph and in the scores; by default the class's name in snake case.
        trials: the number of sets of parameters to try at most, the defaults included.
        budget: the seconds after which no further one is tried, also as a text such as ``5m``. Two runs with
            such a budget may end in different models.
        seed: the seed of the search and of the estimator.
        seeds: the number of fits, each with a seed of its own, whose mean ``refit`` gives: 1, of boosting 2.
        target: fit on the ``log``, ``log1p`` or ``sqrt`` of the target, for regression; predictions are on
            the scale of the target.
        class_weight: ``balanced`` to weigh each class alike, or a weight for each class by its name.
        preprocessing: learned features that plan a Pipeline of its own, in the place of the workflow's.
        search: the choices (a list) or the range of further parameters, or of those that the search would
            take from ``space``: of the estimator, such as ``alpha``, and of the preprocessing with a prefix,
            such as ``preprocessing__select__k``. The names are those of scikit-learn's ``get_params``.

    Example:
        >>> class Bagging(Experiment):
        ...     trees: int = 100
        ...
        ...     def estimator(self, task, params):
        ...         from sklearn.ensemble import RandomForestClassifier
        ...
        ...         return RandomForestClassifier(self.trees, random_state=self.seed, **params)
        ...
        ...     def space(self, trial, task):
        ...         return {"min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 50, log=True)}
        >>> Bagging(trials=4)
        Bagging(name='bagging', trials=4, seed=0, trees=100)
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
            "seeds": self.seeds != type(self).model_fields["seeds"].default,
            "target": self.target is not None,
            "class_weight": self.class_weight is not None,
            "preprocessing": self.preprocessing is not None,
            "quantile": getattr(self, "quantile", None) is not None,
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

    def check(self, train: Schema | None, metrics: Sequence[Metric]) -> None:
        """Check the experiment while the workflow is drawn, before any fit.

        Args:
            train: the contract of train; None if nothing is known of it.
            metrics: those of the settings; the first decides.

        Raises:
            WiringError: it cannot be fitted: a package or a class is missing, or it does not fit the target.
        """

    def count_rounds(self, fitted: Any) -> int | None:
        """Return the number of rounds after which a fit stopped early; None if it does not stop early."""
        return None

    def refit(self, estimator: Any, rows: Examples, rounds: float | None) -> Any:
        """Fit the estimator on all rows, without early stopping; by default by ``fit``.

        Args:
            estimator: unfitted.
            rows: the transformed rows.
            rounds: the mean number of rounds after which the fits stopped early; None if they did not.

        Raises:
            BrokenPromise: ``fit`` reads validation, and no row is left for that.
        """
        return self.fit(estimator, rows, _NoValidation(self.name))  # type: ignore[arg-type]


class _NoValidation:
    """Stands for the validation of a fit on all rows: whatever is read of it is refused."""

    def __init__(self, who: str) -> None:
        self._who = who

    def __getattr__(self, name: str) -> Any:
        raise BrokenPromise(
            f"{self._who}: fit reads validation, and a fit on all rows has none.",
            hint="define refit(self, estimator, rows, rounds) beside fit, and count_rounds for its rounds.",
        )

    def __iter__(self) -> Iterator[Any]:
        return iter(self.unpacked)
