"""The bootstrap: the table first, intervals as wide as theory says, whether rows are many or few."""

import numpy as np
import pytest

from magical.library.metrics.bootstrap import BINS, Resamples, bin_scores, wilson_interval


@pytest.mark.parametrize("rows", [1, 10, 1000, 1001, 30_000])
def test_the_first_is_the_table_itself(rows: int) -> None:
    resamples = Resamples(rows, seed=0)
    values = np.arange(rows, dtype=float)[:, None]
    assert resamples.sums(values)[0, 0] == pytest.approx(values.sum())
    assert (
        resamples.counts(np.arange(rows) % 3, 3)[0].tolist()
        == np.bincount(np.arange(rows) % 3, minlength=3).tolist()
    )


@pytest.mark.parametrize("rows", [300, 3000, 50_000])
def test_means_vary_as_they_should(rows: int) -> None:
    values = np.random.default_rng(1).normal(size=rows)
    sums = Resamples(rows, seed=0).sums(np.column_stack([values, np.ones(rows)]))[1:]
    spread = np.std(sums[:, 0] / sums[:, 1])
    assert spread == pytest.approx(values.std() / np.sqrt(rows), rel=0.15)


def test_a_resample_has_as_many_rows() -> None:
    assert set(Resamples(200, seed=3).counts(np.zeros(200, dtype=int), 1).ravel()) == {200.0}


def test_counts_may_be_of_some_rows_only() -> None:
    chosen = np.array([True, False, True, True])
    assert Resamples(4, seed=0).counts(np.array([0, 0, 1, 1]), 2, chosen)[0].tolist() == [1, 2]


def test_the_same_seed_draws_the_same() -> None:
    values = np.arange(50.0)[:, None]
    assert np.array_equal(Resamples(50, 1).sums(values), Resamples(50, 1).sums(values))
    assert not np.array_equal(Resamples(50, 1).sums(values), Resamples(50, 2).sums(values))


def test_bins_keep_the_order() -> None:
    scores = np.random.default_rng(0).random(10_000)
    bins, size = bin_scores(scores)
    assert size == BINS
    assert (np.diff(bins[np.argsort(scores)]) >= 0).all()
    assert np.bincount(bins).min() > 10


def test_many_equal_scores_among_many_different_are_one_bin() -> None:
    scores = np.concatenate([np.zeros(5000), np.random.default_rng(0).random(5000)])
    bins, size = bin_scores(scores)
    assert bins.max() < size
    assert len(set(bins[:5000])) == 1


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Reference values of statsmodels.stats.proportion.proportion_confint(..., method="wilson")."""
    assert np.allclose(wilson_interval(0.5, 10), (0.23658959, 0.76341041), atol=1e-4)
    assert np.allclose(wilson_interval(1.0, 3), (0.43850300, 1.0), atol=1e-4)
    assert np.allclose(wilson_interval(0.0, 1), (0.0, 0.79345000), atol=1e-4)


def test_the_interval_of_a_share_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    for rows, share in ((5, 0.9), (12, 0.7), (29, 0.95)):
        drawn = rng.binomial(rows, share, 4000) / rows
        held = [low <= share <= high for low, high in (wilson_interval(d, rows) for d in drawn)]
        assert np.mean(held) > 0.9
