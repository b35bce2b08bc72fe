"""tune and train: deterministic, resumable, and open to a project's own experiments."""

import builtins
import json
import math
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import RobustScaler
from sklearn.svm import LinearSVC

from hostile_files import KINDS, no_hang, spoil
from library.conftest import Run
from library.folded import compute_model_score
from library.tables import houses, people, pupils
from magical import Model, Parts
from magical.errors import BrokenPromise, WiringError
from magical.library import (
    Boosting,
    Experiment,
    Linear,
    Metric,
    Range,
    SplitSettings,
    predict,
    split,
    train,
    transform,
    tune,
)
from magical.library.preprocessing import build_pipeline
from magical.library.trials import FitResult, TrialLog

TABLES = {"binary": people, "multiclass": pupils, "regression": houses}
SMALL = Boosting(trials=6, rounds=40, patience=10)


def parts(task: str, folds: int = 1) -> Parts[Any]:
    return split(TABLES[task](), SplitSettings(kind="random", seed=1, folds=folds))


def tuned(task: str, experiment: Experiment, folds: int = 1) -> Model:
    p = parts(task, folds)
    return tune(p.train, p.validation, transform(p.train), experiment)


def numbers(model: Model, table: pl.DataFrame) -> np.ndarray[Any, Any]:
    return model.predict(table).select(pl.exclude("prediction") if model.classes else pl.all()).to_numpy()


SEARCH: dict[str, Any] = {
    "preprocessing__columns__numbers__impute__strategy": ("mean", "median", "most_frequent"),
    "preprocessing__columns__numbers__scale__with_mean": (True, False),
    "leaf_size": Range(10, 50),
    "p": (1, 2),
}


class Neighbours(Experiment):
    """A project's own, with one parameter."""

    def estimator(self, task: Any, params: Mapping[str, Any]) -> Any:
        return KNeighborsRegressor(**params) if task == "regression" else KNeighborsClassifier(**params)

    def space(self, trial: Any, task: Any) -> dict[str, Any]:
        return {"n_neighbors": trial.suggest_int("n_neighbors", 1, 30)}


@pytest.mark.parametrize("task", TABLES)
@pytest.mark.parametrize(
    "experiment",
    [Linear(trials=2), SMALL.model_copy(update={"trials": 2}), Neighbours(trials=2)],
    ids=lambda e: str(e.name),
)
def test_a_model_knows_its_task_features_and_score(task: str, experiment: Experiment) -> None:
    model = tuned(task, experiment)
    p = parts(task)
    assert model.task == task
    assert model.chosen is not None
    assert model.chosen.name == experiment.name
    assert model.chosen.metric == ("rmse" if task == "regression" else "log_loss")
    assert model.chosen.score == pytest.approx(compute_model_score(model, p.validation), rel=1e-12)
    assert model.target not in model.features
    assert not {"id", "joined", "family", "name", "constant"} & set(model.features)


def test_classes_are_in_order() -> None:
    assert tuned("binary", Linear(trials=1)).classes == (False, True)
    assert tuned("multiclass", Linear(trials=1)).classes == ("poor", "fair", "good")
    assert tuned("regression", Linear(trials=1)).classes == ()


@pytest.mark.parametrize("task", TABLES)
def test_the_search_is_at_least_as_good_as_the_defaults(task: str) -> None:
    p = parts(task)
    plain = train(p.train, p.validation, transform(p.train), SMALL)
    found = tuned(task, SMALL)
    assert plain.chosen is not None
    assert found.chosen is not None
    assert found.chosen.score <= plain.chosen.score
    assert plain.chosen.params == SMALL.defaults(plain.task)  # type: ignore[arg-type]


def test_the_first_trial_has_the_defaults(run: Run) -> None:
    tuned("binary", SMALL)
    trials = run.kept["trials"]
    assert trials.height == 6
    assert trials.row(0, named=True).items() >= SMALL.defaults("binary").items()
    assert trials["num_leaves"].n_unique() > 2


@pytest.mark.parametrize("experiment", [Linear(trials=5), SMALL], ids=lambda e: str(e.name))
def test_twice_is_the_same_to_the_last_bit(experiment: Experiment) -> None:
    one, other = tuned("binary", experiment), tuned("binary", experiment)
    assert one.chosen == other.chosen
    assert np.array_equal(numbers(one, people()), numbers(other, people()))


def test_another_seed_searches_elsewhere(run: Run, tmp_path: Path) -> None:
    found = []
    for seed in (0, 1):
        run.folder = tmp_path / str(seed)
        run.folder.mkdir()
        tuned("binary", Linear(trials=3, seed=seed))
        found.append(run.kept["trials"]["C"].to_list())
    assert found[0][0] == found[1][0] == 1.0
    assert found[0][1:] != found[1][1:]


class Killed(BaseException):
    pass


def log_of(run: Run) -> Path:
    """The log of the trials of the only study."""
    (path,) = run.folder.glob("trials-*.jsonl")
    return path


def count_fits(monkeypatch: pytest.MonkeyPatch, killed_at: int = 0) -> list[int]:
    """List the rows of each fit from now on; kill the process, as it were, in that one of them."""
    fits: list[int] = []

    def fit(self: Experiment, estimator: Any, train: Any, validation: Any) -> Any:
        fits.append(len(train.y))
        if len(fits) == killed_at:
            raise Killed
        return estimator.fit(train.X, train.y)

    monkeypatch.setattr(Experiment, "fit", fit)
    return fits


@pytest.mark.parametrize(
    ("folds", "killed_at", "torn", "search"),
    [(1, 1, True, {}), (1, 5, False, SEARCH), (3, 1, False, {}), (3, 9, True, SEARCH)],
)
def test_a_killed_study_goes_on_and_gives_the_same_model_to_the_last_bit(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    folds: int,
    killed_at: int,
    torn: bool,
    search: Any,
) -> None:
    experiment = Neighbours(trials=7, search=search)
    run.folder = tmp_path / "whole"
    run.folder.mkdir()
    all_fits = count_fits(monkeypatch)
    whole = tuned("binary", experiment, folds)
    trials, log = run.kept["trials"], log_of(run).name
    run.folder = tmp_path / "killed"
    run.folder.mkdir()
    count_fits(monkeypatch, killed_at)
    with pytest.raises(Killed):
        tuned("binary", experiment, folds)
    path = run.folder / log
    done = len(path.read_text().splitlines()) if path.exists() else 0
    if torn:
        with path.open("a") as file:
            file.write('{"trial": 6, "par')
    fits = count_fits(monkeypatch)
    again = tuned("binary", experiment, folds)
    assert again.chosen == whole.chosen
    assert cloudpickle.dumps(again) == cloudpickle.dumps(whole)
    assert run.kept["trials"].drop("seconds").equals(trials.drop("seconds"))
    lost = len(all_fits) - trials["folds"][:done].sum() if folds > 1 else len(all_fits) - done
    assert lost <= len(fits) <= lost + folds  # what was lost, and the best once more
    assert [json.loads(line)["trial"] for line in path.read_text().splitlines()] == list(range(7))
    assert set(trials["state"]) == ({"complete", "pruned"} if folds > 1 else {"complete"})
    assert set(search) | {"n_neighbors"} < set(trials.columns)


class Starting(Neighbours):
    """Begins with many neighbours."""

    def defaults(self, task: Any) -> dict[str, Any]:
        return {"n_neighbors": 25}


def test_a_trial_that_is_clearly_worse_is_not_fitted_in_all_folds(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = count_fits(monkeypatch)
    search: Any = {"n_neighbors": (25, 1)}
    found = tuned("binary", Starting(trials=6, search=search), 5)
    trials = run.kept["trials"]
    worse = trials.filter(pl.col("n_neighbors") == 1)
    assert worse.height > 0
    assert set(worse["state"]) == {"pruned"}
    assert worse["folds"].max() < 5  # type: ignore[operator]
    assert len(fits) == trials["folds"].sum() + 1  # and one on train
    assert found.chosen.params == {"n_neighbors": 25}  # type: ignore[union-attr]


def test_a_budget_of_seconds_ends_the_search_but_one_trial_always_runs(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = count_fits(monkeypatch)
    assert tuned("binary", Neighbours(trials=6, budget="1h")).chosen is not None
    assert len(fits) == 6
    texts = [e.text for e in run.events if hasattr(e, "done")]  # type: ignore[attr-defined]
    assert all(re.fullmatch(r"best log_loss [\d.]+, 3\d\d\d s left", text) for text in texts)
    fits.clear()
    short = tuned("binary", Neighbours(trials=6, budget=1e-9))
    assert len(fits) == 1
    assert run.kept["trials"].height == 1
    assert tuned("binary", Neighbours(trials=6, budget=1e-9)).chosen == short.chosen  # from the log


class Fragile(Neighbours):
    """Fails for a number of neighbours, or of rows."""

    bad: int = 0
    bad_rows: int = -1
    how: str = "ValueError"

    def fit(self, estimator: Any, train: Any, validation: Any) -> Any:
        if self.bad in (-1, estimator.n_neighbors) or len(train.y) == self.bad_rows:
            raise getattr(builtins, self.how)("bad luck")
        return super().fit(estimator, train, validation)


@pytest.mark.parametrize("folds", [1, 3])
def test_a_fit_that_fails_loses_its_trial_only(run: Run, tmp_path: Path, folds: int) -> None:
    tuned("regression", Fragile(trials=5), folds)
    bad = run.kept["trials"]["n_neighbors"][2]
    run.kept.clear()
    found = tuned("regression", Fragile(trials=5, bad=bad), folds)
    trials = run.kept["trials"]
    assert not found.failure
    failed = trials.filter(state="failed")
    assert set(failed["n_neighbors"]) == {bad}
    assert set(failed["failure"]) == {"ValueError: bad luck"}
    assert trials.height == 5
    assert run.warnings == ["fragile, trial 2: ValueError: bad luck"]
    assert "bad luck" in run.kept["failure"]
    assert "in fit\n" in run.kept["failure"]


def test_a_fit_on_train_that_fails_after_those_in_folds_is_a_failure_too() -> None:
    p = parts("regression", 3)
    failed = tune(p.train, p.validation, transform(p.train), Fragile(trials=1, bad_rows=p.train.height))
    assert (failed.pipeline, failed.failure) == (None, "ValueError: bad luck")


@pytest.mark.parametrize("how", ["MemoryError", "OSError"])
def test_a_machine_that_fails_fails_the_step(how: str) -> None:
    with pytest.raises(getattr(builtins, how), match="bad luck"):
        tuned("regression", Fragile(trials=2, bad=-1, how=how))


def test_an_experiment_that_fails_is_a_model_that_says_so(run: Run) -> None:
    p = parts("regression", 3)
    for fit in (tune, train):
        failed = fit(p.train, p.validation, transform(p.train), Fragile(trials=2, bad=-1))
        assert failed.pipeline is None
        assert str(failed).startswith("fragile failed: ")
        assert failed.failure.endswith("ValueError: bad luck")
        assert run.warnings[-1] == str(failed)
        with pytest.raises(BrokenPromise, match=r"There is no fitted model: fragile failed(.|\n)*Hint: mend"):
            predict(failed, p.test)


def test_a_log_of_other_trials_is_not_believed(run: Run) -> None:
    tuned("binary", Neighbours(trials=2))
    path = log_of(run)
    path.unlink()
    TrialLog(path).add(0, FitResult({"n_neighbors": 31}, -1.0, 0.0))
    assert tuned("binary", Neighbours(trials=2)).chosen.score > 0  # type: ignore[union-attr]


def test_progress_is_told(run: Run) -> None:
    tuned("binary", Neighbours(trials=5))
    done = [(e.done, e.total) for e in run.events if hasattr(e, "done")]  # type: ignore[attr-defined]
    assert done == [(i, 5) for i in range(1, 6)]


class Fixed(Experiment):
    """Nothing to choose, and a warning of its own."""

    def estimator(self, task: Any, params: Mapping[str, Any]) -> Any:
        warnings.warn("mind the gap", UserWarning, stacklevel=1)
        return DummyClassifier()


def test_where_there_is_nothing_to_choose_one_trial_is_enough(run: Run) -> None:
    assert tuned("binary", Fixed(trials=8)).chosen is not None
    assert run.kept["trials"].height == 1


def test_warnings_become_lines_of_the_log(run: Run) -> None:
    tuned("binary", Fixed())
    assert run.warnings.count("UserWarning: mind the gap") == 1


class Sure(Experiment):
    def estimator(self, task: Any, params: Mapping[str, Any]) -> Any:
        return LinearSVC()


def test_an_estimator_without_probabilities_is_refused() -> None:
    with pytest.raises(
        WiringError, match=r"Sure: LinearSVC gives no probabilities(.|\n)*CalibratedClassifierCV"
    ):
        tuned("binary", Sure())


class Sick(Neighbours):
    well: int = 0

    def fit(self, estimator: Any, train: Any, validation: Any) -> Any:
        fitted = super().fit(estimator, train, validation)
        if estimator.n_neighbors != self.well:
            fitted.predict = lambda X: np.full(len(X), math.nan)
        return fitted


def test_trials_that_give_no_number_are_passed_over(run: Run) -> None:
    failed = tuned("regression", Sick(trials=6))
    assert failed.failure.startswith("none of 6 trials gave a finite rmse")
    well = log_of(run)
    chosen = [json.loads(line)["params"]["n_neighbors"] for line in well.read_text().splitlines()][3]
    well.unlink()
    assert tuned("regression", Sick(trials=6, well=chosen)).chosen.params == {"n_neighbors": chosen}  # type: ignore[union-attr]


def undefined(truth: Any, guess: Any) -> float:
    return math.nan


def test_a_function_that_gives_no_number_is_named() -> None:
    p, metrics = parts("binary"), (Metric("gain", function=undefined),)
    model = tune(p.train, p.validation, transform(p.train), Neighbours(trials=2), metrics)
    assert model.failure.startswith("none of 2 trials gave a finite gain")
    assert f"look at what {__name__}:undefined returns" in model.failure


def test_a_class_that_train_lacks_is_a_surprise_and_no_crash() -> None:
    p = parts("multiclass")
    poor = p.train.filter(pl.col("mark") != "fair")
    from library.test_splitting import like

    for experiment in (Linear(trials=1), SMALL):
        rest = like(poor, p.train)
        model = tune(rest, p.validation, transform(rest), experiment)
        assert model.classes == ("poor", "good")
        assert model.task == "binary"
        assert model.chosen is not None
        assert math.isfinite(model.chosen.score)


@pytest.mark.parametrize("task", TABLES)
@pytest.mark.parametrize("experiment", [Linear(trials=1), SMALL], ids=lambda e: str(e.name))
def test_pandas_polars_batches_and_single_rows_give_the_same_numbers(
    task: str, experiment: Experiment
) -> None:
    model, table = tuned(task, experiment), TABLES[task](30)
    batch = numbers(model, table)
    assert np.array_equal(numbers(model, table.to_pandas()), batch)  # type: ignore[arg-type]
    strings = [c for c, t in table.schema.items() if t == pl.String]
    assert np.array_equal(numbers(model, table.with_columns(pl.col(strings).cast(pl.Categorical))), batch)
    single = np.vstack([numbers(model, table[i : i + 1]) for i in range(30)])
    np.testing.assert_allclose(single, batch, rtol=1e-12, atol=1e-15)
    assert numbers(model, table.clear()).shape == (0, batch.shape[1])


def test_the_tables_are_not_changed() -> None:
    p = parts("binary")
    before = [t.clone() for t in p]
    tune(p.train, p.validation, transform(p.train), Linear(trials=2))
    assert all(a.equals(b) for a, b in zip(before, p, strict=True))


def test_choices_that_are_lists_are_found_in_the_log_and_shown_as_texts(run: Run) -> None:
    path = run.folder / "other.jsonl"
    fit = FitResult({"quantile_range": (25.0, 75.0)}, 0.5, 1.0)
    TrialLog(path).add(0, fit)
    assert TrialLog(path).find(0, fit.params) == fit
    p = parts("binary")
    pipeline = build_pipeline(("scale", ColumnTransformer([("numbers", RobustScaler(), ["income", "age"])])))
    pipeline.steps.append(("impute", SimpleImputer()))
    name = "preprocessing__scale__numbers__quantile_range"
    search: Any = {name: ((25.0, 75.0), (10.0, 90.0), (5.0, 95.0))}
    model = tune(p.train, p.validation, pipeline, Linear(trials=6, search=search))
    assert set(run.kept["trials"][name]) <= {"[25.0, 75.0]", "[10.0, 90.0]", "[5.0, 95.0]"}
    assert model.chosen is not None
    assert model.chosen.params[name] in search[name]
    assert [w for w in run.warnings if "interval" not in w] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_that_is_damaged_is_not_believed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "trials.jsonl"
    TrialLog(path).add(0, FitResult({"depth": 3}, 0.5, 1.0))
    whole = path.read_bytes()
    assert TrialLog(path).find(0, {"depth": 3}) == FitResult({"depth": 3}, 0.5, 1.0)
    spoil(path, kind)
    with no_hang(10):
        log = TrialLog(path)
        assert log.find(0, {"depth": 3}) is None
        log.add(0, FitResult({"depth": 3}, 0.5, 1.0))
    assert path.read_bytes() == whole
