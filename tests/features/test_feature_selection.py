"""Select: which columns stay, and how many."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from features.fitting import Bidder, Fitted, Rater, fit, visitors
from magical.estimators import DropSimilarColumns
from magical.features import Select, Transformer
from magical.library.preprocessing import plan_pipeline

TABLES = {
    "binary": visitors(),
    "multiclass": visitors(contract=Rater),
    "regression": visitors(contract=Bidder),
}


def select(task: str, **fields: Any) -> Fitted:
    return fit(TABLES[task], Select(**fields))


@pytest.mark.slow_except("f-binary", "f-multiclass", "f-regression")
@pytest.mark.parametrize("task", TABLES)
@pytest.mark.parametrize("by", ["f", "mutual_info", "model"])
def test_what_tells_of_the_target_stays(by: Any, task: str) -> None:
    kept = list(select(task, k=4, by=by).out)
    assert len(kept) == 4
    assert len({"income", "age", "city=Rome"} & set(kept)) >= 2


def test_the_most_varied_columns_stay_whatever_their_scale() -> None:
    kept = select("binary", k=3, by="variance").out
    assert set(kept) <= {"member", "city=Rome", "grade=low", "level=1", "level=2", "level=3", "grade=high"}
    assert "kids" not in kept, "scaled to variance 1, yet between its ends less varied than a half and half"


def test_a_share_or_all_of_fewer_stay() -> None:
    width = fit(TABLES["binary"]).out.shape[1]
    assert select("binary", share=0.5).out.shape[1] == width // 2
    with pytest.warns(UserWarning, match="greater than n_features"):
        assert select("binary", k=1000).out.shape[1] == width


def test_one_of_similar_columns_stays() -> None:
    copy = Transformer("income", uses="sklearn.preprocessing:MinMaxScaler", keep=True)
    both = fit(TABLES["binary"], copy)
    one = fit(TABLES["binary"], copy, Select(by="similar"))
    assert one.out.shape[1] == both.out.shape[1] - 1
    values = np.random.default_rng(0).normal(size=(50, 3))
    kept = DropSimilarColumns(0.9).fit(np.c_[values, -values[:, 0], np.ones(50)])
    assert kept.get_support().tolist() == [True, True, True, False, True]


def test_two_selections_follow_each_other() -> None:
    plan = plan_pipeline(TABLES["binary"], [Select(by="similar"), Select(k=5)])
    assert list(plan.named_steps) == ["columns", "names", "select", "select_2"]
    assert fit(TABLES["binary"], Select(by="similar"), Select(k=5)).out.shape[1] == 5


@pytest.mark.filterwarnings("ignore:k=4 is greater")
@pytest.mark.slow_except("f", "variance")
@pytest.mark.parametrize("by", ["f", "mutual_info", "variance", "model"])
def test_constants_and_more_columns_than_rows(by: Any) -> None:
    fitted = select("binary", k=4, by=by)
    few = np.r_[np.flatnonzero(fitted.y == 0)[:5], np.flatnonzero(fitted.y == 1)[:5]]
    values = fitted.pipeline.fit_transform(fitted.X.iloc[few].assign(kids=1.0), fitted.y[few])
    assert values.shape == (10, 4)
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "by = 'f' needs k or share, one of them"),
        ({"k": 3, "share": 0.5}, "by = 'f' needs k or share, one of them"),
        ({"k": 0}, "greater than or equal to 1"),
        ({"share": 1.0}, "less than 1"),
        ({"by": "similar", "k": 3}, "by = 'similar' has a threshold, and no k"),
        ({"k": 3, "threshold": 0.5}, "only by = 'similar' has a threshold"),
    ],
)
def test_impossible_amounts_are_refused_when_the_settings_are_read(fields: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Select(**fields)
