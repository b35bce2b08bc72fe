"""Estimator: any estimator of scikit-learn, of another package or of the project, by its import string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator, model_validator

from magical.contracts.schema import to_snake_case
from magical.errors import WiringError
from magical.features import build_from_class, name_class
from magical.library.experiments.experiment import Experiment
from magical.library.metrics.metric_settings import Metric, list_tasks
from magical.library.search_space import PREPROCESSING_PREFIX, check_parameter_names
from magical.settings import ClassReference

if TYPE_CHECKING:
    from magical.contracts.schema import Schema
    from magical.library.prediction_task import TaskKind

__all__ = ["Estimator"]


class Estimator(Experiment):
    """Fit an estimator: a class with ``fit`` and ``predict``, and for classes ``predict_proba``.

    It gets numbers imputed and scaled, categories encoded. Its ``random_state`` is the experiment's seed.

    Attributes:
        uses: the import string of a class, such as ``sklearn.neighbors:KNeighborsClassifier`` or
            ``workflow:MyModel``, or the class itself. Its code is in the keys of the steps that get it, and
            goes with the model.
        params: the arguments of the class.
        search: the choices or the range of parameters; without any there is one trial.

    Example:
        >>> from magical.library.search_space import Range
        >>> Estimator(uses="sklearn.svm:SVR", params={"C": 2.0}, search={"epsilon": Range(0.01, 1.0)})
        Estimator(name='svr', trials=8, seed=0, search={'epsilon': Range(low=0.01, high=1.0)},
                  uses='sklearn.svm:SVR', params={'C': 2.0})
    """

    uses: ClassReference
    params: dict[str, Any] = Field(default={})

    @field_validator("uses", mode="before")
    @classmethod
    def _name_class(cls, uses: Any) -> Any:
        return name_class(uses)

    @model_validator(mode="before")
    @classmethod
    def _name_by_class(cls, values: Any) -> Any:
        """Name the experiment after the class."""
        if not isinstance(values, Mapping) or values.get("name") or not values.get("uses"):
            return values
        text = str(name_class(values["uses"]))
        return {**values, "name": to_snake_case(text.rpartition(":")[2].rpartition(".")[2])}

    def check(self, train: Schema | None, metrics: Sequence[Metric]) -> None:
        """Check the class, its arguments and the names of the search.

        Raises:
            SettingsError: there is no such class.
            WiringError: it is no estimator, does not know a parameter, or does not fit the target.
        """
        super().check(train, metrics)
        target = train.by_name.get(train.target or "") if train is not None else None
        made = self._build() if target is None else self.estimator(list_tasks(target)[0], {})  # type: ignore[arg-type]
        searched = [n for n in self.search if not n.startswith(PREPROCESSING_PREFIX)]
        known = made.get_params() if hasattr(made, "get_params") else {}
        check_parameter_names(searched, known, self.name)
        if self.class_weight is not None or (train is not None and train.names_with_role("weight")):
            self._check_weights(made)

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Make the estimator.

        Raises:
            SettingsError: there is no such class.
            WiringError: it is no estimator, does not take its arguments, or does not fit the task.
        """
        from sklearn.base import is_classifier, is_regressor

        made = self._build()
        is_sklearn = hasattr(made, "__sklearn_tags__")
        if task == "regression":
            if is_sklearn and is_classifier(made):
                raise WiringError(
                    f"{self.name}: {self.uses} predicts classes, and the target is a number.",
                    hint="name a regressor.",
                )
        elif not hasattr(made, "predict_proba"):
            is_wrong = is_sklearn and is_regressor(made)
            raise WiringError(
                f"{self.name}: {self.uses} predicts numbers, and the target has classes."
                if is_wrong
                else f"{self.name}: {self.uses} gives no probabilities of classes.",
                hint="name a classifier."
                if is_wrong
                else "name one with predict_proba; for some a parameter adds it, such as probability = true.",
            )
        return made

    def _build(self) -> Any:
        made = build_from_class(self.name, self.uses, self.params, ("fit", "predict"), "an estimator")
        is_seeded = hasattr(made, "get_params") and "random_state" in made.get_params(deep=False)
        if is_seeded and "random_state" not in self.params:
            made.set_params(random_state=self.seed)
        return made

    def _check_weights(self, made: Any) -> None:
        from sklearn.utils.validation import has_fit_parameter

        if not has_fit_parameter(made, "sample_weight"):
            raise WiringError(
                f"{self.name}: {self.uses} takes no weights of rows.",
                hint="leave out class_weight and the role Weight, or choose another estimator.",
            )
