"""The mean of fitted estimators and Pipelines: one preprocessing where it is equal, and files of this package alone."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from magical.contracts.model import Candidate, Model
from magical.contracts.schema import Column, Schema
from magical.estimators import WeightedMean, mean_of, mean_of_pipelines
from magical.library.scorer.code_bundle import list_modules
from magical.library.scorer.model_files import load_model, save_model

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"a": RNG.normal(size=60), "b": RNG.normal(size=60)})
TRUTH = (FRAME["a"] + RNG.normal(size=60) > 0).to_numpy()
NAMES = ("linear", "strict", "boosted")


class Counting(StandardScaler):  # type: ignore[misc]
    """A scaler that counts how often it is asked."""

    asked = 0

    def transform(self, X: Any, copy: bool | None = None) -> Any:
        Counting.asked += 1
        return super().transform(X, copy)


def pipelines(scaler: type[StandardScaler] = StandardScaler) -> list[tuple[str, Any]]:
    """Three models behind equal preprocessings, each fitted by itself."""
    estimators = (
        LogisticRegression(),
        LogisticRegression(C=0.01),
        LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1),
    )
    fitted = [make_pipeline(scaler().set_output(transform="pandas"), e).fit(FRAME, TRUTH) for e in estimators]
    return list(zip(NAMES, fitted, strict=True))


def mean_by_hand(members: list[tuple[str, Any]], weights: list[float]) -> Any:
    return sum(w * p.predict_proba(FRAME) for w, (_, p) in zip(weights, members, strict=True)) / sum(weights)


def test_members_with_equal_preprocessings_share_one() -> None:
    members, weights = pipelines(Counting), [2.0, 1.0, 1.0]
    wanted = mean_by_hand(members, weights)
    mean = mean_of_pipelines(members, weights)
    Counting.asked = 0
    np.testing.assert_allclose(mean.predict_proba(FRAME), wanted, rtol=1e-12)
    assert Counting.asked == 1
    assert (mean.predict(FRAME) == (wanted[:, 1] > 0.5)).all()


def test_members_behind_others_get_the_columns_that_they_were_fitted_on() -> None:
    members = pipelines()
    one = make_pipeline(make_column_transformer((StandardScaler(), ["b"])), LogisticRegression())
    members.append(("narrow", one.fit(FRAME[["b"]], TRUTH)))
    plain = LogisticRegression().fit(FRAME[["b"]], TRUTH)  # without a preprocessing
    members.append(("plain", plain))
    weights = [1.0, 2.0, 3.0, 4.0, 5.0]
    mean = mean_of_pipelines(members, weights)
    assert [name for name, _ in mean.members] == ["linear, strict, boosted", "narrow", "plain"]
    by_hand = [p.predict_proba(FRAME[["b"]] if n in ("narrow", "plain") else FRAME) for n, p in members]
    wanted = sum(w * p for w, p in zip(weights, by_hand, strict=True)) / 15
    np.testing.assert_allclose(mean.predict_proba(FRAME[["b", "a"]]), wanted, rtol=1e-12)


def model(pipeline: Any) -> Model:
    schema = Schema("Row", (Column("a", "float"), Column("b", "float")))
    return Model(pipeline, "binary", "t", schema, (False, True))


@pytest.mark.parametrize("shared", [True, False])
def test_it_is_kept_as_skops_and_names_the_features_of_all_members(shared: bool, tmp_path: Path) -> None:
    members = pipelines()
    if not shared:
        other = Pipeline(
            [("other", make_column_transformer((StandardScaler(), ["b"]))), ("e", LogisticRegression())]
        )
        members.append(("other", other.fit(FRAME, TRUTH)))
    failed = Candidate("forest", math.nan, "log_loss", failure="no")
    mean = replace(model(mean_of_pipelines(members, [1.0] * len(members))), candidates=(failed,))
    files = save_model(mean, tmp_path)
    assert files["pipeline"] == "pipeline.skops"
    read = load_model(json.loads(json.dumps(files, allow_nan=False)), tmp_path, lambda _: None)
    assert (read.candidates[0].failure, math.isnan(read.candidates[0].score)) == ("no", True)
    assert read.predict(FRAME).equals(mean.predict(FRAME))
    assert read.feature_names == ["a", "b"] + ["standardscaler__b"] * (not shared)


def test_the_modules_of_members_are_those_that_a_version_needs() -> None:
    members = pipelines(Counting)
    plain = LinearRegression().fit(FRAME, TRUTH)
    for mean in (
        mean_of_pipelines(members, [1, 1, 1]),
        mean_of([("one", mean_of([("two", plain)], [1]))], [1]),
    ):
        assert {"magical.estimators.weighted_mean"} < set(list_modules(mean))
    assert __name__ in list_modules(mean_of(members, [1, 1, 1]))
    assert "lightgbm.sklearn" in list_modules(mean_of_pipelines(members, [1, 1, 1]))
    assert isinstance(mean_of(members, [1, 1, 1]), WeightedMean)
