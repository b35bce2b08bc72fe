"""Boosters: early stopping, one thread, and what takes LightGBM's place."""

from typing import Any

import numpy as np
import pytest

from library.conftest import Run
from magical.library import boosters
from magical.library.boosters import fit_booster, make_booster
from magical.library.experiments import Boosting, Histogram
from magical.library.prediction_task import Examples
from magical.library.remarks import log_warnings


def data(kind: str, rows: int = 300, seed: int = 0) -> Examples:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    y = X[:, 0] + rng.normal(size=rows)
    if kind == "binary":
        y = (y > 0).astype(int)
    if kind == "multiclass":
        y = np.digitize(y, [-1, 1])
    return Examples(X, y)


MISSING = (None, "libgomp.so.1: cannot open shared object file")


@pytest.fixture(params=["lightgbm", "without it"])
def which(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "without it":
        monkeypatch.setattr(boosters, "_load_lightgbm", lambda: MISSING)
    return str(request.param)


@pytest.mark.slow_except("without it-multiclass")
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_it_stops_early_and_predicts(which: str, kind: Any) -> None:
    experiment = Boosting(rounds=200, patience=5)
    with log_warnings():
        estimator = experiment.estimator(kind, experiment.defaults(kind))
        fitted = experiment.fit(estimator, data(kind), data(kind, seed=1))
    trees = fitted.best_iteration_ if which == "lightgbm" else fitted.n_iter_
    assert 1 <= trees < 200
    assert np.isfinite(fitted.predict(data(kind, seed=2).X)).all()


def test_a_class_that_train_lacks_is_not_stopped_by() -> None:
    judged = data("binary", seed=1)
    judged.y[:10] = -1
    estimator = make_booster("binary", {"n_estimators": 20}, patience=5, seed=0)
    assert fit_booster(estimator, data("binary"), judged, 5).best_iteration_ >= 1


def test_histogram_boosting_takes_a_column_of_which_a_fold_has_no_value() -> None:
    rows, judged = data("binary"), data("binary", seed=1)
    rows.X[:, 1] = np.nan
    experiment = Histogram(rounds=20)
    for categories in ((), (1,)):
        estimator = experiment.estimator("binary", experiment.defaults("binary"))
        fitted = experiment.fit(estimator, rows._replace(categories=categories), judged)
        others = judged.X.copy()
        others[:, 1] = np.nan
        assert np.array_equal(fitted.predict_proba(others), fitted.predict_proba(judged.X))


def test_the_same_seed_gives_the_same_to_the_last_bit() -> None:
    def predicted(seed: int) -> Any:
        experiment = Boosting(rounds=30, seed=seed)
        estimator = experiment.estimator("regression", experiment.defaults("regression"))
        return experiment.fit(estimator, data("regression"), data("regression", seed=1)).predict(data("r").X)

    assert np.array_equal(predicted(1), predicted(1))
    assert not np.array_equal(predicted(1), predicted(2))


def test_where_lightgbm_is_missing_one_line_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosters, "_load_lightgbm", lambda: MISSING)
    with log_warnings():
        for _ in range(3):
            make_booster("binary", {}, patience=5, seed=0)
    (line,) = run.warnings
    assert "LightGBM cannot be loaded (libgomp.so.1" in line
