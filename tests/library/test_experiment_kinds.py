"""Each kind of experiment on each task: it fits, repeats to the last bit, and serves what it never saw."""

import functools
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from library.tables import houses, people, pupils
from magical.contracts.model import Model
from magical.contracts.promises import contract_of
from magical.library import Dummy, Estimator, Experiment, Forest, Histogram, Linear, transform
from magical.library.column_plan import build_pipeline
from magical.library.experiments import Boosting, CatBoost, XGBoost
from magical.library.pipeline_inputs import find_pipeline_inputs
from magical.library.prediction_task import Examples, infer_task, make_examples
from magical.library.scorer.card import find_requirements
from magical.library.scorer.model_files import load_model, save_model
from magical.library.thread_limits import limit_threads
from magical.library.tree_preprocessing import find_categories

TABLES = {"binary": people, "multiclass": pupils, "regression": houses}
ROUNDS: dict[str, Any] = {"rounds": 12, "patience": 4}
KINDS: dict[str, Experiment] = {
    "linear": Linear(),
    "boosting": Boosting(**ROUNDS),
    "extra_trees": Boosting(preset="extra_trees_small", **ROUNDS),
    "xgboost": XGBoost(**ROUNDS),
    "catboost": CatBoost(**ROUNDS),
    "histogram": Histogram(**ROUNDS),
    "forest": Forest(trees=6),
    "more_forest": Forest(trees=6, extra_trees=True),
    "dummy": Dummy(),
    "bayes": Estimator(uses="sklearn.naive_bayes:GaussianNB"),
    "knn": Estimator(uses="sklearn.neighbors:KNeighborsRegressor"),
    "median": Boosting(quantile=0.5, **ROUNDS),
    "median_xgboost": XGBoost(quantile=0.5, **ROUNDS),
    "median_catboost": CatBoost(quantile=0.5, **ROUNDS),
    "median_histogram": Histogram(quantile=0.5, **ROUNDS),
    "median_linear": Linear(quantile=0.5),
}
ONLY = {
    "extra_trees": ("multiclass",),
    "more_forest": ("binary",),
    "dummy": ("regression",),
    "bayes": ("multiclass",),
    "knn": ("regression",),
}
UNWEIGHTED = ("knn",)
CASES = [
    (name, task)
    for name in KINDS
    for task in ONLY.get(name, ("regression",) if name.startswith("median") else tuple(TABLES))
]


@functools.cache
def plan(task: str) -> tuple[pl.DataFrame, Any]:
    table = TABLES[task](200)
    return table, transform(table)


def fit(
    experiment: Experiment, table: pl.DataFrame, planned: Any, weight: Any = None, refit: bool = False
) -> Model:
    """Fit as ``tune`` does: the preprocessing on the first rows, the estimator stopped by the others."""
    task = infer_task(table)
    prepared = clone(experiment.prepare(planned))
    inputs = find_pipeline_inputs(prepared, contract_of(table))
    rows, others = (make_examples(part, task, inputs) for part in (table.head(150), table.tail(50)))
    X = prepared.fit_transform(rows.X, rows.y)
    coded = find_categories(prepared)
    estimator = experiment.estimator(task.kind, experiment.defaults(task.kind))
    train = Examples(X, rows.y, weight, coded)
    judged = Examples(prepared.transform(others.X), others.y, None if weight is None else np.ones(50), coded)
    with limit_threads():
        if refit:
            fitted = experiment.refit(estimator, train, 5.0)
        else:
            fitted = experiment.fit(estimator, train, judged)
    pipeline = build_pipeline(*prepared.steps, ("estimator", fitted))
    return Model(pipeline, task.kind, task.target, inputs, task.classes)


def values(model: Model, table: pl.DataFrame) -> np.ndarray[Any, Any]:
    with limit_threads():  # threads for a few rows wait for each other
        predicted = model.predict(table)
    return predicted.select(pl.exclude("prediction") if model.classes else pl.all()).to_numpy()


@pytest.mark.slow_except(
    "boosting-binary", "catboost-multiclass", "xgboost-regression", "median_histogram-regression"
)
@pytest.mark.parametrize(("name", "task"), CASES)
def test_it_fits_repeats_and_serves(name: str, task: str, tmp_path: Path) -> None:
    experiment, (table, planned) = KINDS[name], plan(task)
    with threadpool_limits(2):
        model = fit(experiment, table, planned)
    served = values(model, table)
    assert np.isfinite(served).all()
    assert len(np.unique(served)) > 2 or "dummy" in name
    with threadpool_limits(1):
        again = fit(experiment, table, planned)
    assert np.array_equal(served, values(again, table))
    assert cloudpickle.dumps(again.pipeline) == cloudpickle.dumps(model.pipeline)
    assert model.feature_names

    # One row at a time; rows of nulls, and of texts that train has not.
    odd = table.head(3).with_columns(
        pl.lit(None, table[c.name].dtype).alias(c.name) for c in model.schema.columns if c.nullable
    )
    texts = [c.name for c in model.schema.columns if c.type == "str" and not c.choices]
    odd = pl.concat([odd, table.head(3).with_columns(pl.lit("Atlantis").alias(n) for n in texts)])
    batch = values(model, odd)
    assert np.isfinite(batch).all()
    by_row = np.concatenate([values(model, odd[i : i + 1]) for i in range(6)])
    assert np.allclose(batch, by_row, rtol=1e-13 if name == "linear" else 0, atol=0)  # products of matrices

    loaded = load_model(save_model(model, tmp_path), tmp_path, cloudpickle.loads)
    assert np.array_equal(values(loaded, odd), batch)
    needed = {"boosting": "lightgbm", "xgboost": "xgboost", "catboost": "catboost"}.get(name, "scikit-learn")
    assert any(r.startswith(needed) for r in find_requirements(tmp_path))
    # scikit-learn's histogram boosting has a partial function, which skops does not load.
    assert [p.suffix for p in tmp_path.iterdir()] == [".pkl" if "histogram" in name else ".skops"]

    weight = np.where(np.arange(150) % 3, 1.0, 20.0)
    for refit in (False, True)[: 0 if name in UNWEIGHTED else 2]:
        equal, other = (fit(experiment, table, planned, w, refit) for w in (np.ones(150), weight))
        assert not np.array_equal(values(equal, table), values(other, table))
        rounds = experiment.count_rounds(equal.pipeline.named_steps["estimator"])
        assert rounds is None or not refit or rounds == 6  # a tenth more than 5


@pytest.mark.parametrize("name", ["boosting", "xgboost", "catboost", "histogram"])
def test_boosters_stop_early_and_know_when(name: str) -> None:
    experiment = KINDS[name].model_copy(update={"rounds": 400, "patience": 5})
    model = fit(experiment, *plan("binary"))
    rounds = experiment.count_rounds(model.pipeline.named_steps["estimator"])
    assert rounds is not None
    assert 1 <= rounds < 400
