"""train, and what it shares with tune: an experiment's own preprocessing, fitted on train alone."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.preprocessing import StandardScaler

from library.conftest import Run
from library.tables import House, Person, houses, people
from library.test_splitting import like
from magical import Contract, Frame, Id, InputPath, Pipeline, Settings, Target, Weight, step, workflow
from magical.contracts.promises import contract_of
from magical.errors import BrokenPromise, WiringError
from magical.features import LearnedFeature
from magical.library import (
    Experiment,
    Linear,
    Range,
    SplitSettings,
    boosting,
    estimator,
    ingest,
    linear,
    model_data,
    part_transformer,
    predict,
    split,
    train,
    transform,
    tune,
)
from magical.library.experiment_checks import check_training
from magical.library.preprocessing import build_pipeline
from projects import NO_TRACKING, Small


class Watched(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keeps what it is fitted on, and adds a number."""

    fitted: ClassVar[list[tuple[float, int]]] = []

    def __init__(self, shift: float = 0.0) -> None:
        self.shift = shift

    def fit(self, X: Any, y: Any = None) -> Self:
        Watched.fitted.append((self.shift, len(X)))
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        return np.asarray(X, dtype=float) + self.shift


@pytest.fixture
def fitted() -> list[tuple[float, int]]:
    Watched.fitted.clear()
    return Watched.fitted


def watch(*names: str) -> Any:
    """A project's own preprocessing of these columns."""
    columns = ColumnTransformer([("numbers", StandardScaler(), list(names))])
    return build_pipeline(("columns", columns), ("watch", Watched()))


class Ridges(Experiment):
    """Ridge, with its penalty to be chosen."""

    def estimator(self, task: Any, params: Mapping[str, Any]) -> Any:
        from sklearn.linear_model import Ridge

        return Ridge(alpha=params["alpha"])

    def space(self, trial: Any, task: Any) -> dict[str, Any]:
        return {"alpha": trial.suggest_float("alpha", 1.0, 2.0)}


@step
def wish_pipeline(train: Frame[Any]) -> Pipeline: ...


def chosen_params(model: Any) -> dict[str, Any]:
    return dict(model.chosen.params)


def test_a_preprocessing_of_its_own_takes_the_place_of_the_workflows(fitted: Any) -> None:
    table = houses()
    plain = watch("size")
    own = train(table, table, plain, linear(preprocessing=()))
    other = train(table, table, plain, linear())
    assert own.features == ["size", "city"]
    assert other.features == ["size"]
    assert len(fitted) == 1
    planned = train(table, table, transform(table), linear())
    assert own.chosen == planned.chosen


def test_a_column_that_does_not_exist_is_found_while_drawing() -> None:
    class Narrow(LearnedFeature):
        stage = "scale"
        types = ("int", "float")

    class Choice(Settings):
        source: InputPath = InputPath("nowhere.csv")
        experiments: tuple[Experiment, ...] = (linear(preprocessing=(Narrow("incme"),)),)

    @workflow
    def flow(s: Choice) -> Any:
        rows = model_data(ingest(s.source), Person)
        parts = split(rows, SplitSettings(kind="random"))
        return [tune(parts.train, parts.validation, transform(parts.train), e) for e in s.experiments]

    with pytest.raises(WiringError, match=r"linear: Narrow\(columns='incme'\) reads incme(.|\n)*'income'"):
        flow.draw(Choice())
    flow.draw(Choice(experiments=(linear(preprocessing=(Narrow("income"),)), boosting())))
    with pytest.raises(WiringError, match="must be int or float but is str"):
        flow.draw(Choice(experiments=(linear(preprocessing=(Narrow("city"),)),)))


class Nothing(Contract):
    """Nothing to predict."""

    id: Id[int]
    income: float | None


class Weighty(Contract):
    """Rows that count more than once."""

    id: Id[int]
    income: float
    count: Weight[int]
    price: Target[float]


@pytest.mark.parametrize(
    ("contract", "experiment", "text"),
    [
        (Nothing, linear(), "linear is to be fitted, and Nothing has no target(.|\n)*Target"),
        (Person, linear(target="log"), "linear fits the log of bought, which has classes"),
        (Person, linear(class_weight={"yes": 2.0}), "names 'yes', which is no class"),
        (House, linear(class_weight="balanced"), "has a class_weight, and price is a number"),
        (Weighty, estimator(uses="sklearn.neighbors:KNeighborsRegressor"), "takes no weights of rows"),
    ],
)
def test_an_experiment_that_does_not_fit_the_target_is_found_while_drawing(
    contract: Any, experiment: Any, text: str
) -> None:
    class Choice(Settings):
        source: InputPath = InputPath("nowhere.csv")

    @workflow
    def flow(s: Choice) -> Any:
        parts = split(model_data(ingest(s.source), contract), SplitSettings(kind="random"))
        return tune(parts.train, parts.validation, wish_pipeline(parts.train), experiment)

    with pytest.raises(WiringError, match=text):
        flow.draw(Choice())


def test_the_preprocessing_is_fitted_on_train_once_for_each_set_of_parameters(fitted: Any) -> None:
    rows = houses(200)
    first, second = (like(part, rows) for part in (rows[:140], rows[140:]))
    search: Any = {"preprocessing__watch__shift": (0.0, 1.0, 2.0)}
    model = tune(first, second, watch("size"), linear(trials=12, search=search))
    assert len(fitted) == len(set(fitted)) <= 3
    assert {rows for _, rows in fitted} == {140}
    shift = chosen_params(model)["preprocessing__watch__shift"]
    assert model.pipeline.named_steps["watch"].shift == shift
    assert set(chosen_params(model)) == {"preprocessing__watch__shift"}


def test_without_a_search_it_is_fitted_once(fitted: Any) -> None:
    rows = houses()
    tune(rows, rows, watch("size"), linear(trials=6))
    assert fitted == [(0.0, 200)]


def test_little_is_remembered(fitted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = houses()
    search: Any = {"preprocessing__watch__shift": (0.0, 1.0)}
    roomy = tune(rows, rows, watch("size"), linear(trials=9, search=search))
    assert len(fitted) == 2
    monkeypatch.setattr(part_transformer, "MAX_REMEMBERED_BYTES", 1)
    narrow = tune(rows, rows, watch("size"), linear(trials=9, search=search))
    assert len(fitted) > 4
    assert narrow.chosen == roomy.chosen


def test_the_step_gets_its_input_back_as_it_was(fitted: Any) -> None:
    rows, pipeline = houses(), watch("size")
    tune(rows, rows, pipeline, linear(trials=4, search={"preprocessing__watch__shift": Range(1.0, 2.0)}))
    assert pipeline.named_steps["watch"].shift == 0.0
    assert not hasattr(pipeline.named_steps["watch"], "fitted_")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("preprocessing__watch__shft", "preprocessing__watch__shift"),
        ("preprocessing__colums__numbers__with_mean", "preprocessing__columns__numbers__with_mean"),
        ("alhpa", "alpha"),
        ("watch__shift", "preprocessing__watch__shift"),
    ],
)
@pytest.mark.parametrize("experiment", [Linear, Ridges])
def test_a_name_that_does_not_exist_is_an_error_before_the_first_fit(
    fitted: Any, name: str, nearest: str, experiment: Any
) -> None:
    rows = houses()
    search = {"preprocessing__watch__shift": (0.0,), name: (1, 2)}
    with pytest.raises(WiringError, match=f"searches {name}(.|\n)*did you mean '{nearest}'"):
        tune(rows, rows, watch("size"), experiment(search=search))
    assert not fitted


def test_a_search_of_no_parameter_is_found_while_drawing_but_one_of_the_preprocessing() -> None:
    schema = contract_of(houses())
    with pytest.raises(WiringError, match=r"linear searches alhpa(.|\n)*did you mean 'alpha'"):
        check_training(schema, schema, None, linear(search={"alhpa": (1, 2)}), ())
    check_training(schema, schema, None, linear(search={"preprocessing__none": (1, 2)}), ())


def test_a_search_overrides_and_extends_the_space_of_the_experiment() -> None:
    rows = houses()
    search: Any = {
        "alpha": Range(50.0, 60.0),
        "solver": ("svd", "cholesky"),
        "tol": Range(1e-6, 1e-3, log=True),
    }
    for experiment in (linear(trials=5, search=search), Ridges(trials=5, search=search)):
        model = tune(rows, rows, transform(rows), experiment)
        found = chosen_params(model)
        assert 50 <= found["alpha"] <= 60
        assert set(found) == set(search)
        estimator = model.pipeline.named_steps["estimator"]
        assert found.items() <= estimator.get_params().items()


def test_the_order_in_which_a_search_is_written_changes_no_result() -> None:
    rows = houses()
    search: Any = {
        "tol": Range(1e-6, 1e-3, log=True),
        "alpha": Range(1.0, 60.0),
        "fit_intercept": (True, False),
    }
    one, other = (
        tune(rows, rows, transform(rows), linear(trials=6, search=dict(items)))
        for items in (search.items(), reversed(search.items()))
    )
    assert one.chosen == other.chosen


def test_a_search_of_one_choice_each_changes_no_result() -> None:
    rows = people()
    plain = tune(rows, rows, transform(rows), linear(trials=6))
    imputing = "preprocessing__columns__numbers__impute__strategy"
    same = tune(rows, rows, transform(rows), linear(trials=6, search={imputing: ("median",)}))
    assert same.chosen is not None
    assert plain.chosen is not None
    assert same.chosen.score == plain.chosen.score
    assert chosen_params(same) == {**chosen_params(plain), imputing: "median"}


@pytest.mark.parametrize(
    ("search", "text"),
    [
        (
            {"preprocessing__pca__n_components": (5,)},
            "the preprocessing cannot be fitted with pca__n_components = 5.",
        ),
        ({"solver": ("none",)}, "the estimator cannot be fitted with solver = 'none'."),
        ({}, "the preprocessing cannot be fitted."),
    ],
)
def test_a_fit_that_fails_names_the_parameters(search: Any, text: str) -> None:
    rows = houses()
    columns = ColumnTransformer([("numbers", StandardScaler(), ["size"])])
    pipeline = build_pipeline(("columns", columns), ("pca", PCA(n_components=1 if search else 9)))
    failed = tune(rows, rows, pipeline, linear(name="ridge", search=search))
    assert failed.pipeline is None
    found = re.search(
        r"rmse: (.*\.) (ValueError|InvalidParameterError): .*(n_components|solver)", failed.failure
    )
    assert found is not None
    assert found[1] == text
    with pytest.raises(BrokenPromise, match="There is no fitted model: ridge failed: none of"):
        predict(failed, rows)


class Broken(Watched):
    def transform(self, X: Any) -> Any:
        raise RuntimeError("of the author")


def test_an_error_of_the_authors_own_transformer_is_kept_with_its_place(run: Run) -> None:
    rows = houses()
    columns = ColumnTransformer([("numbers", Broken(), ["size"])])
    failed = tune(rows, rows, build_pipeline(("columns", columns)), linear(trials=2))
    assert failed.failure == "none of 1 trials gave a finite rmse: RuntimeError: of the author"
    assert "in transform\n" in run.kept["failure"]
    assert run.kept["trials"]["failure"].to_list() == ["RuntimeError: of the author"]


def test_more_columns_than_there_are_are_all() -> None:
    rows = houses()
    pipeline = build_pipeline(*watch("size").steps, ("select", SelectKBest(k=1)))
    model = tune(rows, rows, pipeline, linear(trials=3, search={"preprocessing__select__k": (1, 5)}))
    assert chosen_params(model)["preprocessing__select__k"] in (1, 5)


WORKFLOW = """
import polars as pl
from magical import Contract, Id, InputPath, Model, Settings, Target, workflow
from magical.features import Feature
from magical.library import (
    Experiment, SplitSettings, boosting, ingest, linear, model_data, refit, select, split, transform, tune
)

class Customer(Contract):
    id: Id[int]
    income: float
    age: int
    city: str
    bought: Target[bool]

class Choice(Settings):
    source: InputPath = InputPath("customers.csv")
    features: tuple[Feature, ...] = ()
    experiments: tuple[Experiment, ...] = (linear(trials=4), linear(name="other", trials=1))

@workflow
def flow(s: Choice) -> Model:
    train, validation, test = split(model_data(ingest(s.source), Customer), SplitSettings(kind="random"))
    preprocessing = transform(train, s.features)
    best = select([tune(train, validation, preprocessing, e) for e in s.experiments])
    return refit(best, train, validation)
"""
EXPERIMENT = """
[[experiments]]
kind = "linear"
name = "own"
trials = 4
preprocessing = [{kind = "encode", columns = "type:category", how = "ordinal"}, {kind = "select", k = 2}]
search = {preprocessing__select__k = [2, 900], C = {low = 0.1, high = 10, log = true}}

[[experiments]]
kind = "linear"
"""


def customers(root: Path, workers: int) -> Small:
    """A project whose experiments come from its settings."""
    small = Small(root)
    small.write("workflow.py", WORKFLOW)
    small.write("settings.toml", EXPERIMENT + NO_TRACKING + f"[policy]\nworkers = {workers}\n")
    table = people().select("id", "city", "bought", pl.col("income", "age").fill_null(30))
    small.write("customers.csv", table.with_columns(pl.col("city").fill_null("Rome")).write_csv())
    return small


@pytest.mark.slow
def test_settings_alone_give_an_experiment_a_preprocessing_that_is_tuned(tmp_path: Path) -> None:
    small = customers(tmp_path / "customers", workers=1)
    own, plain = (small.run()[f"tune[{name}]"] for name in ("own", "linear"))
    assert own.pipeline.named_steps["select"].k == own.chosen.params["preprocessing__select__k"] in (2, 900)
    assert 0.1 <= own.chosen.params["C"] <= 10
    assert "city" in {str(n) for n in own.pipeline[:-2].get_feature_names_out()}
    assert "select" not in plain.pipeline.named_steps
    assert plain.pipeline[:-1].get_feature_names_out().size == 5

    # Another folder, process, order of sets and number of workers: every model has the same bytes.
    other = customers(tmp_path / "other" / "clone", workers=2)
    assert other.process("run", PYTHONHASHSEED="7").returncode == 0
    models = [{p.name for p in (s.root / ".magical" / "store").rglob("*.pkl")} for s in (small, other)]
    assert len(models[0]) >= 4
    assert models[0] == models[1]

    fewer = small.run(**{"experiments": {"own": {"search": {"preprocessing__select__k": [1]}}}})["tune[own]"]
    assert fewer.pipeline[:-1].get_feature_names_out().size == 1
    answer = small.command("run", "experiments.own.search.preprocessing__select__k=[1, 2]", "--json")
    assert answer.code == 0, answer

    for wrong, text in (
        ('[{kind = "log", columns = "income"}]', "is computed row by row"),
        ('[{kind = "encode", columns = "ctiy"}]', "own: Encode(columns='ctiy') reads ctiy"),
    ):
        answer = small.command("check", f"experiments.own.preprocessing={wrong}")
        assert text in answer.out + answer.err
    answer = small.command("check", "--hard")
    assert answer.code == 0, answer
    answer = small.command("run", "experiments.own.search.preprocessing__slect__k=[1]")
    assert "did you mean 'preprocessing__select__k'" in answer.out + answer.err
