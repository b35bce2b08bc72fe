"""Metrics from sums agree with scikit-learn's from rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as known

from magical.library.metrics.metrics import (
    compute_confusion_metrics,
    compute_log_losses,
    compute_ranking_metrics,
    compute_residual_metrics,
    loss,
)

scored = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({truth for _, truth in rows}) == 2
)


@given(scored)
def test_ranking(rows: list[tuple[int, bool]]) -> None:
    scores, truth = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    found = compute_ranking_metrics(
        *(np.bincount(scores[side], minlength=9)[None].astype(float) for side in (truth, ~truth))
    )
    assert found["roc_auc"][0] == pytest.approx(known.roc_auc_score(truth, scores))
    assert found["average_precision"][0] == pytest.approx(known.average_precision_score(truth, scores))


def test_ranking_without_one_of_the_classes_is_no_number() -> None:
    found = compute_ranking_metrics(np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]]))
    assert np.isnan(found["roc_auc"][0])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
@settings(max_examples=50)
def test_confusion(rows: list[tuple[int, int]]) -> None:
    truth, picked = np.array(rows).T
    labels = range(4)
    counts = known.confusion_matrix(truth, picked, labels=labels)
    found = compute_confusion_metrics(counts[None].astype(float))
    assert found["accuracy"][0] == pytest.approx(known.accuracy_score(truth, picked))
    for name, score in (
        ("precision", known.precision_score),
        ("recall", known.recall_score),
        ("f1", known.f1_score),
    ):
        assert found[name][0] == pytest.approx(
            score(truth, picked, labels=labels, average=None, zero_division=0)
        )


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=50))
def test_residuals(rows: list[tuple[float, float]]) -> None:
    truth, predicted = np.array(rows).T
    if np.ptp(truth) < 1e-3:
        return
    error, centred = predicted - truth, truth - truth.mean()
    sums = np.column_stack([np.ones(len(truth)), abs(error), error**2, centred, centred**2]).sum(axis=0)
    found = compute_residual_metrics(sums[None])
    assert found["rmse"][0] == pytest.approx(
        known.root_mean_squared_error(truth, predicted), rel=1e-6, abs=1e-6
    )
    assert found["mae"][0] == pytest.approx(known.mean_absolute_error(truth, predicted), rel=1e-6, abs=1e-6)
    assert found["r2"][0] == pytest.approx(known.r2_score(truth, predicted), rel=1e-6, abs=1e-6)


def test_the_loss_that_is_minimised() -> None:
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([1, 1, 1], 50)
    truth = rng.integers(0, 3, 50)
    assert loss(chances, truth) == pytest.approx(known.log_loss(truth, chances, labels=[0, 1, 2]))
    assert loss(chances[:, 0], chances[:, 1]) == pytest.approx(
        known.root_mean_squared_error(chances[:, 1], chances[:, 0])
    )


def test_what_was_thought_impossible_is_a_finite_surprise() -> None:
    assert np.isfinite(compute_log_losses(np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([0, -1]))).all()
