"""Scores: one readable line, and the same after JSON."""

from typing import Any, Literal

import polars as pl
import pytest

from magical import Contract, Frame, Parts, Target
from magical.contracts.contract import schema_of
from magical.contracts.promises import Promise, promise_of
from magical.library import Score, Scores, evaluate, model_data
from magical.synthesis.generate import GenerateOptions, generate, generate_table

AUC = Score(value=0.891, low=0.86, high=0.918)
SCORES = Scores(
    task="binary",
    target="response",
    part="test",
    rows=1448,
    positive="True",
    metrics={"roc_auc": AUC, "log_loss": Score(value=0.3, low=0.2, high=0.4)},
)


def test_one_line_says_it() -> None:
    assert str(SCORES) == SCORES.summary() == "roc_auc 0.891 (0.860 to 0.918), 1,448 test rows"
    assert SCORES["log_loss"] == 0.3


def test_an_unknown_metric_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(KeyError, match=r"there is no metric 'auc'.*roc_auc, log_loss"):
        SCORES["auc"]


def test_they_survive_json() -> None:
    assert Scores.model_validate_json(SCORES.model_dump_json()) == SCORES


def test_a_metric_that_is_missing_is_not_the_primary_one() -> None:
    assert SCORES.model_copy(update={"metrics": {"accuracy": AUC}}).primary == "accuracy"


class House(Contract):
    rooms: int
    price: Target[float]


class Answer(Contract):
    age: int
    answer: Target[Literal["off", "on"]]


class Flower(Contract):
    width: float
    kind: Target[Literal["a", "b", "c"]]


def pretend(promise: Any, value: Any) -> Scores:
    found = generate(promise_of(Scores), GenerateOptions("judge"), inputs=[(promise_of(promise), value)])
    assert isinstance(found, Scores)
    return found


@pytest.mark.parametrize(
    ("contract", "task", "predicted"),
    [
        (House, "regression", {"prediction": pl.lit(1.0)}),
        (
            Answer,
            "binary",
            {"prediction": pl.lit("off"), "probability_off": pl.lit(0.5), "probability_on": pl.lit(0.5)},
        ),
        (
            Flower,
            "multiclass",
            {"prediction": pl.lit("a"), **{f"probability_{c}": pl.lit(1 / 3) for c in "abc"}},
        ),
    ],
)
def test_pretended_ones_have_the_metrics_and_rows_of_real_ones(
    contract: type[Contract], task: str, predicted: dict[str, pl.Expr]
) -> None:
    table = generate_table(schema_of(contract), GenerateOptions("seed", rows=120))
    predictions = table.with_columns(**predicted).select(list(predicted))
    real = evaluate(predictions, model_data(table, contract))
    pretended = pretend(Frame[contract], table)  # type: ignore[valid-type]
    assert (pretended.task, pretended.target, pretended.rows, pretended.positive) == (
        task, real.target, 120, real.positive,
    )  # fmt: skip
    assert list(pretended.metrics) == list(real.metrics)
    assert pretended.primary == real.primary
    assert all(score.low <= score.value <= score.high for score in pretended.metrics.values())


def test_pretended_ones_are_of_the_test_part() -> None:
    parts = generate(promise_of(Parts[House]), GenerateOptions("split", rows=1000))
    assert pretend(Parts[House], parts).rows == 200
    assert pretend(Frame[House], parts.test.head(0)).rows == 0


def test_pretended_ones_without_a_table_are_the_examples() -> None:
    assert generate(promise_of(Scores), GenerateOptions("judge"), inputs=[(Promise("any"), 1)]).rows == 200


def test_they_are_a_value_to_the_engine() -> None:
    assert promise_of(Scores).kind == "value"
    assert not promise_of(Scores).find_mismatches(promise_of(Scores))


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (AUC, "0.891 (0.860 to 0.918)"),
        (Score(value=0.73949, low=0.73861, high=0.74050), "0.7395 (0.7386 to 0.7405)"),
        (Score(value=47675.1, low=45266, high=49964), "47,675 (45,266 to 49,964)"),
        (Score(value=1.0, low=1.0, high=1.0), "1.000 (1.000 to 1.000)"),
        (Score(value=12.34, low=11.9, high=13.1), "12.3 (11.9 to 13.1)"),
        (Score(value=0.0, low=0.0, high=1e-12), "0.000000 (0.000000 to 0.000000)"),
    ],
)
def test_digits_follow_the_interval(score: Score, text: str) -> None:
    assert str(score) == text
