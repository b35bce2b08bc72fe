"""select: the best on the given rows, of equals the simpler, with those it beat."""

import math
from dataclasses import replace
from typing import Any

import pytest

from library.tables import houses, people
from magical import Model
from magical.errors import BrokenPromise
from magical.library import Boosting, Linear, Metric, SplitSettings, select, split, train, transform
from magical.library.training import compute_model_score

PEOPLE = split(people(), SplitSettings(seed=1))
BOOSTED = Boosting(rounds=20)


def fitted(name: str, experiment: Linear | Boosting) -> Model:
    chosen = experiment.model_copy(update={"name": name})
    return train(PEOPLE.train, PEOPLE.validation, transform(PEOPLE.train), chosen)


def test_the_best_on_these_rows_wins_whatever_was_scored_before() -> None:
    models = [fitted("linear", Linear()), fitted("boosted", BOOSTED)]
    lied = [replace(m, chosen=replace(m.chosen, score=s)) for m, s in zip(models, (9.0, 0.0), strict=True)]  # type: ignore[type-var]
    best = select(lied, PEOPLE.validation)
    losses = {m.chosen.name: compute_model_score(m, PEOPLE.validation) for m in models}  # type: ignore[union-attr]
    assert best.chosen is not None
    assert best.chosen.name == min(losses, key=lambda n: losses[n])
    assert best.chosen.score == losses[best.chosen.name]
    assert [(c.name, c.score) for c in best.candidates] == [
        (n, losses[n]) for n in losses if n != best.chosen.name
    ]


def test_ties_go_to_the_first_and_those_beaten_come_best_first() -> None:
    one = fitted("one", Linear())
    models = [fitted("worse", BOOSTED), one, replace(one, chosen=replace(one.chosen, name="two"))]  # type: ignore[type-var]
    best = select(models, PEOPLE.validation)
    scores = [c.score for c in best.candidates]
    assert best.chosen is not None
    assert scores == sorted(scores)
    if best.chosen.name != "worse":
        assert best.chosen.name == "one"


def test_ties_go_to_the_linear_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from magical.library import selecting

    monkeypatch.setattr(selecting, "compute_model_score", lambda model, table, metric: 0.5)
    models = [fitted("boosted", BOOSTED), fitted("linear", Linear())]
    assert select(models, PEOPLE.validation).chosen.name == "linear"  # type: ignore[union-attr]


def costly(truth: Any, probability: Any) -> float:
    return float(probability.mean())


def sure(truth: Any, probability: Any) -> float:
    """Undefined for a model without a doubt."""
    return float(probability.max()) if probability.max() < 0.5 else math.nan


def test_the_first_metric_decides_in_its_direction() -> None:
    models = [fitted("linear", Linear()), fitted("boosted", BOOSTED)]
    cost = Metric("costly", function=costly, greater_is_better=False)
    gain = Metric("costly", function=costly)
    values = {m.chosen.name: compute_model_score(m, PEOPLE.validation, cost) for m in models}  # type: ignore[union-attr]
    for metric, wanted in ((cost, min(values.values())), (gain, max(values.values()))):
        best = select(models, PEOPLE.validation, (metric, Metric("roc_auc")))
        assert best.chosen is not None
        assert (best.chosen.metric, best.chosen.score) == ("costly", wanted)
        assert best.summary() == f"{best.chosen.name}, costly {wanted:.4g} on validation"


def test_a_metric_that_is_undefined_for_all_models_decides_nothing() -> None:
    models = [fitted("linear", Linear()), fitted("boosted", BOOSTED)]
    with pytest.raises(BrokenPromise, match="select: sure is nan for all 2 models"):
        select(models, PEOPLE.validation, (Metric("sure", function=sure),))


def test_one_model_is_the_best_of_one() -> None:
    best = select([fitted("linear", Linear())], PEOPLE.validation)
    assert best.candidates == ()


def test_no_models_and_different_tasks_are_refused() -> None:
    with pytest.raises(BrokenPromise, match="no models"):
        select([], PEOPLE.validation)
    rows = split(houses(), SplitSettings())
    other = train(rows.train, rows.validation, transform(rows.train), Linear())
    with pytest.raises(BrokenPromise, match="binary of bought, regression of price"):
        select([fitted("linear", Linear()), other], PEOPLE.validation)
