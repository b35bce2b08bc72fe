"""select: the best on held-out rows, of equals the simpler, or an ensemble; with those it beat."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from library.folded import compute_model_score
from library.tables import houses, people
from magical import Model, workflow
from magical.contracts.model import Candidate
from magical.errors import BrokenPromise, WiringError
from magical.events import LogLine, current_sink
from magical.library import Boosting, Linear, Metric, SplitSettings, select, split, train, transform
from magical.synthesis.stub_models import StubModel, pretending_run

PEOPLE = split(people(), SplitSettings(seed=1))


def fitted(name: str, experiment: Linear | Boosting) -> Model:
    chosen = experiment.model_copy(update={"name": name})
    return train(PEOPLE.train, PEOPLE.validation, transform(PEOPLE.train), chosen)


@pytest.fixture(scope="module")
def linear() -> Model:
    return fitted("linear", Linear())


@pytest.fixture(scope="module")
def boosted() -> Model:
    return fitted("boosted", Boosting(rounds=20))


def shown(model: Model, score: float | None = None, **more: Any) -> Model:
    """The model with another score than it has, and without held-out rows: one of a project's own step."""
    chosen = replace(model.chosen, **({} if score is None else {"score": score}), **more)  # type: ignore[type-var]
    return replace(model, chosen=chosen, held_out=None)


def test_the_best_on_these_rows_wins_whatever_was_scored_before(linear: Model, boosted: Model) -> None:
    best = select([shown(linear, 9.0), shown(boosted, 0.0)], PEOPLE.validation, ensemble=False)
    losses = {m.chosen.name: compute_model_score(m, PEOPLE.validation) for m in (linear, boosted)}  # type: ignore[union-attr]
    assert best.chosen is not None
    assert best.chosen.name == min(losses, key=lambda n: losses[n])
    assert best.chosen.score == pytest.approx(losses[best.chosen.name])
    beaten = {n: loss for n, loss in losses.items() if n != best.chosen.name}
    assert {c.name: c.score for c in best.candidates} == pytest.approx(beaten)


def test_ties_go_to_the_first_and_those_beaten_come_best_first(linear: Model, boosted: Model) -> None:
    models = [shown(boosted, name="worse"), shown(linear, name="one"), shown(linear, name="two")]
    best = select(models, PEOPLE.validation)
    scores = [c.score for c in best.candidates]
    assert best.chosen is not None
    assert scores == sorted(scores)
    assert best.chosen.name in ("worse", "one")


def same(truth: Any, guess: Any) -> float:
    return 0.5


def test_ties_go_to_the_linear_model(linear: Model, boosted: Model) -> None:
    best = select([shown(boosted), shown(linear)], PEOPLE.validation, (Metric("same", function=same),))
    assert best.chosen.name == "linear"  # type: ignore[union-attr]


def costly(truth: Any, probability: Any) -> float:
    return float(probability.mean())


def sure(truth: Any, probability: Any) -> float:
    """Undefined for a model without a doubt."""
    return float(probability.max()) if probability.max() < 0.5 else math.nan


def test_the_first_metric_decides_in_its_direction(linear: Model, boosted: Model) -> None:
    models = [shown(linear), shown(boosted)]
    cost = Metric("costly", function=costly, greater_is_better=False)
    gain = Metric("costly", function=costly)
    values = [compute_model_score(m, PEOPLE.validation, cost) for m in models]
    for metric, wanted in ((cost, min(values)), (gain, max(values))):
        best = select(models, PEOPLE.validation, (metric, Metric("roc_auc")))
        assert best.chosen is not None
        assert (best.chosen.metric, best.chosen.score) == ("costly", pytest.approx(wanted))
        assert best.summary() == f"{best.chosen.name}, costly {wanted:.4g} on validation"


def test_a_metric_that_is_undefined_for_all_models_decides_nothing(linear: Model, boosted: Model) -> None:
    with pytest.raises(BrokenPromise, match="sure is nan for all 2 models"):
        select([shown(linear), shown(boosted)], PEOPLE.validation, (Metric("sure", function=sure),))


def test_one_model_is_the_best_of_one(linear: Model) -> None:
    assert select([shown(linear)], PEOPLE.validation).candidates == ()


def test_models_that_cannot_be_compared_are_refused(linear: Model) -> None:
    with pytest.raises(BrokenPromise, match="no models"):
        select([], PEOPLE.validation)

    @workflow
    def no_experiments() -> Model:
        return select([])

    with pytest.raises(WiringError, match="no models"):
        no_experiments.draw()
    rows = split(houses(), SplitSettings())
    other = train(rows.train, rows.validation, transform(rows.train), Linear())
    with pytest.raises(BrokenPromise, match="binary of bought, regression of price"):
        select([linear, other], PEOPLE.validation)
    with pytest.raises(BrokenPromise, match=r"(?s)linear has no held-out.*select\(models, validation\)"):
        select([shown(linear)])


class Heard:
    """A sink that remembers warnings and kept tables."""

    name = "select"

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.kept: dict[str, Any] = {}

    def emit(self, event: Any) -> None:
        if isinstance(event, LogLine) and event.level == "warning":
            self.warnings.append(event.text)

    def keep(self, name: str, value: Any) -> None:
        self.kept[name] = value


@pytest.fixture
def heard() -> Iterator[Heard]:
    sink = Heard()
    token = current_sink.set(sink)  # type: ignore[arg-type]
    yield sink
    current_sink.reset(token)


def two_with_other_errors(linear: Model) -> list[Model]:
    """Two models with held-out predictions by hand, whose mean is better than either."""
    rows = PEOPLE.train.select("id", "bought")
    truth = rows["bought"].to_numpy()
    rng = np.random.default_rng(3)
    odds = [np.where(truth, 1, -1) + rng.normal(0, 1, len(truth)) for _ in range(2)]
    models = []
    for name, o in zip(("one", "two"), odds, strict=True):
        chance = 1 / (1 + np.exp(-o))
        held_out = rows.with_columns(
            prediction=pl.Series(chance >= 0.5), probability_False=1 - chance, probability_True=chance
        )
        models.append(replace(shown(linear, name=name), held_out=held_out))
    return models


def test_an_ensemble_wins_where_it_is_better_and_all_are_told(linear: Model, heard: Heard) -> None:
    models = two_with_other_errors(linear)
    broken = Model(
        None, "binary", "bought", linear.schema, failure="ValueError: no",
        chosen=Candidate("broken", math.nan, "log_loss"),
    )  # fmt: skip
    best = select([models[0], broken, models[1]])
    assert best.chosen is not None
    assert best.chosen.title in ("ensemble of one and two", "ensemble of two and one")
    assert best.summary().startswith(best.chosen.title)
    assert heard.warnings == ["broken failed and is left out: ValueError: no"]
    table = heard.kept["candidates"]
    assert table["candidate"].to_list()[0] == "ensemble"
    assert table["rows"].unique().to_list() == [PEOPLE.train.height]
    assert table.filter(candidate="broken").select("score", "failure").row(0) == (None, "ValueError: no")
    assert table["chosen"].to_list() == [True, False, False, False]
    assert select(models, ensemble=False).chosen.name in ("one", "two")  # type: ignore[union-attr]


def test_experiments_that_all_failed_end_with_each_reason(linear: Model) -> None:
    failed = [replace(shown(linear, name=n), pipeline=None, failure=f"no {n}") for n in ("one", "two")]
    with pytest.raises(BrokenPromise, match=r"(?s)All 2 experiments failed:\n  one: no one\n  two: no two"):
        select(failed)


def test_a_model_of_ones_own_is_judged_beside_others_on_the_rows_of_validation(linear: Model) -> None:
    rows = PEOPLE.validation.select("id", "bought")
    perfect = rows.with_columns(
        prediction=pl.col("bought"),
        probability_False=(~pl.col("bought")).cast(float) * 0.98 + 0.01,
        probability_True=pl.col("bought").cast(float) * 0.98 + 0.01,
    )
    known = replace(shown(linear, name="perfect"), held_out=perfect.reverse())
    best = select([shown(linear, name="own"), known], PEOPLE.validation)
    assert best.chosen.name == "perfect"  # type: ignore[union-attr]
    own = compute_model_score(linear, PEOPLE.validation)
    assert [(c.name, c.score) for c in best.candidates] == [("own", pytest.approx(own))]
    numbered = replace(known, held_out=known.held_out.rename({"id": "row"}))  # type: ignore[union-attr]
    with pytest.raises(BrokenPromise, match="named by id, those of perfect by row"):
        select([shown(linear, name="own"), numbered], PEOPLE.validation)


def test_a_pretended_model_is_chosen_where_nothing_can_be_compared_and_is_never_a_member(
    linear: Model,
) -> None:
    stubs = [replace(shown(linear, name=n), pipeline=StubModel(n, 2), recipe=None) for n in ("one", "two")]
    assert select([linear, *stubs]) is stubs[0]
    with pretending_run():
        best = select([shown(linear, name="real"), *stubs, *stubs], PEOPLE.validation)
    assert best.chosen.name != "ensemble"  # type: ignore[union-attr]
    assert len(best.candidates) == 4
