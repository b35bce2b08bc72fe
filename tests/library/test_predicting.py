"""predict: ids, prediction, probabilities; promised as far as it can be."""

import polars as pl
import pytest

from library.tables import houses, people, pupils
from magical import Contract, Frame, Model, Settings, contract_of, step, workflow
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, ContractError, WiringError
from magical.library import Linear, SplitSettings, ingest, model_data, predict, split, train, transform
from magical.settings import InputPath


def fitted(table: pl.DataFrame) -> tuple[Model, pl.DataFrame]:
    parts = split(table, SplitSettings())
    return train(parts.train, parts.validation, transform(parts.train), Linear()), parts.test


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (people, ["id", "prediction", "probability_False", "probability_True"]),
        (pupils, ["id", "prediction", "probability_poor", "probability_fair", "probability_good"]),
        (houses, ["id", "prediction"]),
    ],
)
def test_what_comes_out(table: object, columns: list[str]) -> None:
    model, test = fitted(table())  # type: ignore[operator]
    out = predict(model, test)
    assert out.columns == columns
    assert out["id"].equals(test["id"])
    assert contract_of(out).names == (columns if table is people else ["id", "prediction"])
    if len(columns) > 2:
        total = out.select(pl.sum_horizontal("^probability_.*$")).to_series()
        assert (total - 1).abs().max() < 1e-12  # type: ignore[operator]


def test_a_missing_feature_and_an_unknown_table_are_refused() -> None:
    model, test = fitted(houses())
    from library.test_splitting import like

    with pytest.raises(BrokenPromise, match="missing: size"):
        predict(model, like(test.drop("size"), test))
    with pytest.raises(ContractError):
        predict(model, pl.DataFrame({"size": [1.0]}))


class House(Contract):
    price: float


@step
def model_of_old() -> Model: ...


class Choice(Settings):
    modelled: bool = True


@workflow
def flow(s: Choice) -> Frame:
    raw = ingest(InputPath("nowhere.csv"))
    return predict(model_of_old(), model_data(raw, House) if s.modelled else raw)


def test_the_promise_while_drawing() -> None:
    node = flow.draw().node("predict")
    assert Schema.from_json(node.promise["schema"]).names == ["prediction"]
    with pytest.raises(WiringError, match="promises no columns"):
        flow.draw(Choice(modelled=False))
