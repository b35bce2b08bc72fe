"""Stubs of models, pipelines and figures."""

import copy
import json
import pickle
from dataclasses import replace
from typing import Any

import cloudpickle
import polars as pl
import pytest

from magical import Contract, Frame, Id, Model, Target
from magical.contracts.model import Candidate, to_canonical_frame
from magical.contracts.promises import Parts, Promise, promise_of
from magical.errors import ContractError, UnwrittenStep
from magical.synthesis.stub_models import (
    build_stub_model,
    build_stub_pipeline,
    is_stub,
    pretending_run,
    stub_from_json,
    stub_to_json,
)


class Binary(Contract):
    id: Id[int]
    x: float | None
    word: str
    answer: Target[bool]


class Kinds(Binary):
    answer: Target[str]  # type: ignore[assignment]


class Price(Binary):
    answer: Target[float]  # type: ignore[assignment]


ROWS = 400
ANSWERS: dict[Any, list[Any]] = {
    Binary: [i % 3 == 0 for i in range(ROWS)],
    Kinds: ["abc"[i % 3] for i in range(ROWS)],
    Price: [float(i) for i in range(ROWS)],
}


def table(contract: Any) -> pl.DataFrame:
    x = [None if i % 7 == 0 else i / 10 for i in range(ROWS)]
    words = [f"w{i % 11}" for i in range(ROWS)]
    return pl.DataFrame({"id": range(ROWS), "x": x, "word": words, "answer": ANSWERS[contract]})


def made(contract: Any, seed: str = "s") -> Model:
    return build_stub_model([(promise_of(Frame[contract]), table(contract))], seed)


@pytest.mark.parametrize("contract", [Binary, Kinds, Price])
def test_predictions_have_the_right_shape_and_range(contract: Any) -> None:
    model = made(contract)
    with pretending_run():
        got = model.predict(table(contract))
    assert got.height == ROWS
    if contract is Price:
        assert got["prediction"].is_between(0, ROWS - 1).all()
        assert got["prediction"].n_unique() > ROWS / 2
        return
    assert set(got["prediction"]) == set(ANSWERS[contract])
    chances = got.select(pl.selectors.starts_with("probability_"))
    assert chances.sum_horizontal().is_between(1 - 1e-9, 1 + 1e-9).all()
    assert set(model.classes) == set(ANSWERS[contract])


def test_a_row_is_predicted_the_same_wherever_it_stands_and_never_by_its_target() -> None:
    model, rows = made(Binary), table(Binary)
    with pretending_run():
        whole = model.predict(rows)
        shuffled = model.predict(rows.reverse().with_columns(~pl.col("answer"))).reverse()
        other = made(Binary, "another seed").predict(rows)
    assert whole.equals(shuffled)
    assert not whole.equals(other)


def test_outside_a_pretending_run_it_predicts_nothing_and_says_why() -> None:
    model = made(Binary)
    model = replace(model, origin=("tune",), pipeline=replace(model.pipeline, origin=("tune",)))
    with pytest.raises(UnwrittenStep) as caught:
        model.predict(table(Binary))
    assert str(caught.value) == (
        "This model is pretended (tune): outside a pretending run it predicts nothing.\n"
        "Hint: write the step, and magical run makes a real one."
    )
    with pytest.raises(UnwrittenStep):
        model.pipeline.predict_proba(to_canonical_frame(table(Binary), model.schema))
    with pretending_run():
        pass
    with pytest.raises(UnwrittenStep):
        model.predict(table(Binary))


@pytest.mark.parametrize("way", [pickle.dumps, cloudpickle.dumps, copy.deepcopy])
def test_it_cannot_be_carried_away(way: Any) -> None:
    with pytest.raises(UnwrittenStep, match="it cannot be pickled or copied"):
        way(made(Binary))


@pytest.mark.parametrize("contract", [Binary, Kinds, Price])
def test_it_is_kept_as_json(contract: Any) -> None:
    model = replace(made(contract), chosen=Candidate("linear", 0.5, "rmse"), origin=("tune",))
    again = stub_from_json(json.loads(json.dumps(stub_to_json(model))))
    assert again == model
    assert again.summary().startswith("not real: ")


def test_a_model_among_the_inputs_lends_its_signature() -> None:
    first = made(Kinds)
    promise = Promise("list", items=(Promise("model"),))
    model = build_stub_model([(promise, [first, first]), (promise_of(Frame[Binary]), table(Binary))], "other")
    assert (model.classes, model.schema) == (first.classes, first.schema)
    assert model.pipeline.seed == "other"


def test_the_train_part_of_a_split_will_do() -> None:
    rows = table(Binary)
    parts = Parts(rows, rows, rows, rows)
    assert build_stub_model([(promise_of(Parts[Binary]), parts)], "s").task == "binary"


def test_nothing_to_predict() -> None:
    with pytest.raises(ContractError, match="nothing that the step takes has a target to predict"):
        build_stub_model([(promise_of(int), 3)], "s")
    with pytest.raises(ContractError, match="its table has 1 class"):
        build_stub_model([(promise_of(Frame[Binary]), table(Binary).filter("answer"))], "s")


def test_a_pipeline_makes_numbers_of_anything() -> None:
    from sklearn.base import clone

    stand_in = build_stub_pipeline("s")
    assert is_stub(stand_in)
    pipeline = stub_from_json(json.loads(json.dumps(stub_to_json(stand_in))))
    frame = to_canonical_frame(table(Binary), made(Binary).schema)
    numbers = clone(pipeline).fit_transform(frame)
    assert numbers.shape == (ROWS, 2)
    assert (numbers == numbers).all()
    assert stand_in.fit(frame).transform(frame).shape == (ROWS, 2)


def test_a_model_that_is_pretended_from_another_has_none_of_its_held_out_rows_and_cannot_be_refitted() -> (
    None
):
    known = replace(made(Binary), pipeline=None, held_out=table(Binary), recipe="recipe", failure="no luck")
    stub = build_stub_model([(promise_of(Model), known)], "other")
    assert is_stub(stub)
    assert (stub.held_out, stub.recipe, stub.failure, stub.features) == (None, None, "", known.features)
