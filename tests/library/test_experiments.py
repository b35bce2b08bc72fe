"""Experiments: settings that survive JSON, bounded spaces, and the seam for a project's own."""

from typing import Any

import numpy as np
import optuna
import pytest
from pydantic import ValidationError

from magical import Settings
from magical.features import LearnedFeature, Select
from magical.library import (
    Boosting,
    CatBoost,
    Experiment,
    Forest,
    Histogram,
    Linear,
    Range,
    XGBoost,
    boosting,
    linear,
)
from magical.library.prediction_task import Examples
from magical.settings import to_json

TASKS: list[Any] = ["binary", "multiclass", "regression"]


class Own(Experiment):
    depth: int = 3


class Trim(LearnedFeature):
    stage = "scale"


class Choice(Settings):
    experiments: tuple[Experiment, ...] = (linear(), boosting(trials=40), Own(depth=2))


def test_they_survive_json() -> None:
    choice = Choice()
    assert Choice.model_validate(to_json(choice)) == choice
    assert [e["kind"] for e in to_json(choice)["experiments"]] == ["Linear", "Boosting", "Own"]


def test_names_say_which_is_which() -> None:
    assert [e.name for e in Choice().experiments] == ["linear", "boosting", "own"]
    assert linear(name="ridge").name == "ridge"


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"trials": 10_001}, {"seed": -1}, {"trails": 3}])
def test_what_is_out_of_bounds_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Linear(**wrong)


PRESETS = ("small", "mid", "wide", "extra_trees", "extra_trees_small")
KINDS: list[Experiment] = [
    Linear(),
    Linear(name="searched", search={"alpha": Range(0.1, 9.0)}),
    Linear(name="median", quantile=0.5),
    *(Boosting(name=f"boosting_{p}", preset=p) for p in PRESETS),  # type: ignore[arg-type]
    *(kind(name=f"{kind.__name__}_{p}", preset=p) for kind in (XGBoost, CatBoost) for p in PRESETS[:2]),  # type: ignore[arg-type]
    Histogram(),
    Forest(),
]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("experiment", KINDS, ids=lambda e: str(e.name))
def test_defaults_lie_in_the_space_and_name_all_of_it(experiment: Experiment, task: Any) -> None:
    if task != "regression" and experiment.predicts != "mean":
        pytest.skip("a quantile is of a number")
    study = optuna.create_study()
    study.enqueue_trial(experiment.defaults(task))
    trial = study.ask()
    assert experiment.space(trial, task) == experiment.defaults(task)
    for name, space in trial.distributions.items():
        assert space._contains(space.to_internal_repr(experiment.defaults(task)[name]))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("experiment", KINDS, ids=lambda e: str(e.name))
def test_estimators_take_the_parameters(experiment: Experiment, task: Any) -> None:
    if task != "regression" and experiment.predicts != "mean":
        pytest.skip("a quantile is of a number")
    params = experiment.defaults(task)
    estimator = experiment.estimator(task, params)
    assert estimator.get_params().items() >= params.items()


def test_a_kind_without_an_estimator_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Own does not define the method estimator"):
        Own().estimator("binary", {})


@pytest.mark.parametrize(("columns", "solver"), [(3, "newton-cholesky"), (501, "lbfgs")])
def test_wide_tables_are_fitted_by_another_method(columns: int, solver: str) -> None:
    X = np.random.default_rng(0).normal(size=(60, columns))
    rows = Examples(X, (X[:, 0] > 0).astype(int))
    experiment = Linear()
    assert experiment.fit(experiment.estimator("binary", {"C": 0.01}), rows, rows).solver == solver


def test_preprocessing_and_search_survive_json() -> None:
    own = boosting(
        preprocessing=(Trim("income"), Select(k=3)), search={"max_depth": (3, 6), "alpha": Range(0.1, 9)}
    )
    choice = Choice(experiments=(own, linear(preprocessing=())))
    again = Choice.model_validate(to_json(choice))
    assert again == choice
    assert [e.preprocessing for e in again.experiments] == [(Trim("income"), Select(k=3)), ()]
    assert linear().preprocessing is None
    assert "preprocessing" not in repr(linear()) + repr(own).replace("preprocessing=(Trim", "")
    assert hash(again.experiments[0]) == hash(own)


def test_features_of_rows_are_no_preprocessing() -> None:
    features: Any = [{"kind": "trim", "columns": "age"}, {"kind": "log", "columns": "income"}]
    with pytest.raises(ValidationError, match=r"Log\(columns='income'\) is computed row by row.*list it in"):
        Linear(preprocessing=features)
    with pytest.raises(ValidationError, match="there is no Feature 'trimm'; did you mean 'trim'"):
        Linear.model_validate({"preprocessing": ["trimm"]})
