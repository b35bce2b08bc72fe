"""Scores: one readable line, and the same after JSON."""

import pytest

from magical.contracts.promises import promise_of
from magical.library import Score, Scores

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


def test_they_survive_json() -> None:
    assert Scores.model_validate_json(SCORES.model_dump_json()) == SCORES


def test_a_metric_that_is_missing_is_not_the_primary_one() -> None:
    assert SCORES.model_copy(update={"metrics": {"accuracy": AUC}}).primary == "accuracy"


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
