"""Experiments: settings that survive JSON, bounded spaces, and the seam for a project's own."""

import re
from typing import Any

import numpy as np
import optuna
import pytest
from pydantic import ValidationError

from magical import Contract, Settings, Target
from magical.contracts.contract import schema_of
from magical.errors import MagicalError, WiringError
from magical.features import LearnedFeature, Select
from magical.library import (
    Boosting,
    CatBoost,
    Estimator,
    Experiment,
    Forest,
    Histogram,
    Linear,
    Metric,
    Range,
    XGBoost,
    boosting,
    linear,
)
from magical.library.experiment_checks import check_training
from magical.library.experiments import gradient_boosting
from magical.library.metrics.metric_values import compute_metric
from magical.library.metrics.predicted_rows import PredictedRows
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
    if task != "regression" and getattr(experiment, "quantile", None):
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
    if task != "regression" and getattr(experiment, "quantile", None):
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


class Customer(Contract):
    age: int
    response: Target[bool]


class House(Contract):
    size: float
    price: Target[float]


CUSTOMER, HOUSE = schema_of(Customer), schema_of(House)
PINBALL = Metric("pinball", quantile=0.9)


@pytest.mark.parametrize(
    ("experiment", "schema", "metrics", "message"),
    [
        (Boosting(quantile=0.9), HOUSE, (), "boosting predicts the quantile 0.9, which the metric rmse does not judge.\nHint: let the first of the metrics be {name = \"pinball\", quantile = 0.9}."),
        (Linear(quantile=0.5), HOUSE, (PINBALL,), "linear predicts the quantile 0.5, which the metric pinball does not judge."),
        (Boosting(quantile=0.9), CUSTOMER, (), "boosting predicts the quantile 0.9, and the target has classes."),
        (Estimator(uses="sklearn.svm:SVX"), HOUSE, (), "There is no class sklearn.svm:SVX.\nHint: did you mean 'SVR'?"),
        (Estimator(uses="sklearn.svmm:SVR"), HOUSE, (), "The class sklearn.svmm:SVR cannot be imported"),
        (Estimator(uses="fractions:Fraction"), HOUSE, (), "fraction uses fractions:Fraction, which has no method fit.\nHint: name an estimator"),
        (Estimator(uses="sklearn.svm:SVR", params={"c": 1}), HOUSE, (), "svr: sklearn.svm:SVR has no parameter c.\nHint: did you mean 'C'?"),
        (Estimator(uses="sklearn.svm:SVR", params={"C": -1}), HOUSE, (), "svr: sklearn.svm:SVR refuses its params: The 'C' parameter of SVR must be"),
        (Estimator(uses="sklearn.svm:SVR", search={"c": (1, 2)}), HOUSE, (), "svr searches c, and neither its estimator nor its preprocessing has such a parameter"),
        (Estimator(uses="sklearn.svm:LinearSVC"), CUSTOMER, (), "linear_svc: sklearn.svm:LinearSVC gives no probabilities of classes."),
        (Estimator(uses="sklearn.svm:SVR"), CUSTOMER, (), "svr: sklearn.svm:SVR predicts numbers, and the target has classes."),
        (Estimator(uses="sklearn.naive_bayes:GaussianNB"), HOUSE, (), "gaussian_nb: sklearn.naive_bayes:GaussianNB predicts classes, and the target is a number."),
        (Estimator(uses="sklearn.neighbors:KNeighborsClassifier", class_weight="balanced"), CUSTOMER, (), "k_neighbors_classifier: sklearn.neighbors:KNeighborsClassifier takes no weights of rows."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_while_drawing(
    experiment: Experiment, schema: Any, metrics: tuple[Metric, ...], message: str
) -> None:
    with pytest.raises(MagicalError) as caught:
        check_training(schema, schema, None, experiment, metrics)
    assert str(caught.value).startswith(message)


def test_what_fits_is_taken() -> None:
    check_training(HOUSE, HOUSE, None, Boosting(quantile=0.9), (PINBALL,))
    check_training(HOUSE, HOUSE, None, Boosting(quantile=0.5), (Metric("mae"),))
    check_training(CUSTOMER, CUSTOMER, None, Estimator(uses=Mine), ())
    check_training(None, None, None, Estimator(uses="sklearn.svm:SVR"), ())


class Mine:
    """An estimator that is none of scikit-learn's: it has neither parameters nor tags."""

    def fit(self, X: Any, y: Any) -> "Mine":
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X))

    def predict_proba(self, X: Any) -> Any:
        return np.full((len(X), 2), 0.5)


@pytest.mark.parametrize("kind", [XGBoost, CatBoost])
def test_a_missing_extra_is_said_while_drawing(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_boosting, "find_spec", lambda name: None)
    name = kind.extra
    with pytest.raises(WiringError) as caught:
        check_training(CUSTOMER, CUSTOMER, None, kind(), ())
    assert str(caught.value) == (
        f"{name} needs the package {name}, which is not installed.\nHint: pip install 'magical-thinking[{name}]'"
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"kind": "XGBoost", "preset": "smal"}, "Input should be 'small' or 'mid'"),
        ({"kind": "xgbost"}, "there is no Experiment 'xgbost'; did you mean 'xg_boost'"),
        ({"kind": "Estimator"}, 'Estimator needs more: {kind = "Estimator", uses = ...}'),
        ({"kind": "Histogram", "quantile": 1.5}, "Input should be less than 1"),
    ],
)
def test_settings_name_kinds_and_presets(written: Any, message: str) -> None:
    choice = Choice.model_validate(
        {"experiments": [{"kind": "XGBoost", "preset": "mid"}, "catboost", "forest"]}
    )
    assert choice.experiments == (XGBoost(preset="mid"), CatBoost(), Forest())
    with pytest.raises(ValidationError, match=re.escape(message)):
        Choice.model_validate({"experiments": [written]})


def test_pinball_needs_its_quantile() -> None:
    truth, guess = np.array([1.0, 2.0]), np.array([2.0, 0.0])
    loss = compute_metric(PINBALL, PredictedRows("regression", truth, guess))
    assert loss == pytest.approx((0.1 * 1 + 0.9 * 2) / 2)
    assert (PINBALL.direction, PINBALL.fits(["binary"])) == ("minimize", False)
    for wrong in ({"name": "pinball"}, {"name": "rmse", "quantile": 0.5}):
        with pytest.raises(ValidationError, match="pinball has a quantile, such as"):
            Metric(**wrong)
