"""Metric: names, directions, what fits a target, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError
from sklearn.metrics import get_scorer_names

from magical.contracts.schema import Column, Schema
from magical.errors import MagicalError, SettingsError, WiringError
from magical.library import Metric
from magical.library.metrics.metric_settings import PINBALL, check_metrics
from magical.library.metrics.metrics import LOWER_IS_BETTER, METRICS_BY_TASK
from magical.library.metrics.scorer_names import SCORER_TASKS, UNFIT_SCORERS
from magical.settings import Settings, to_json

COST = "library.metrics.test_metric_settings:cost"


def cost(truth: Any, guess: Any) -> float:
    return float((truth != guess).sum())


def weighted(truth: Any, guess: Any, *, sample_weight: Any) -> float:
    return float(((truth != guess) * sample_weight).sum())


class Choice(Settings):
    metrics: tuple[Metric, ...] = (Metric("cost", function=COST, greater_is_better=False), Metric("r2"))


def table(**target: Any) -> Schema:
    return Schema("Row", (Column("w", "float"), Column("note", "str"), Column("y", role="target", **target)))


def test_every_scorer_of_scikit_learn_is_known() -> None:
    assert {*SCORER_TASKS, *UNFIT_SCORERS} == {*get_scorer_names()}


def test_metrics_survive_json_and_a_text_alone_is_a_name() -> None:
    choice = Choice()
    assert Choice.model_validate(to_json(choice)) == choice
    assert Choice.model_validate(choice.model_dump(mode="json")) == choice
    assert Choice(metrics=["mae"]).metrics == (Metric("mae"),)  # type: ignore[arg-type]


def test_directions() -> None:
    ours = [Metric(n) for names in METRICS_BY_TASK.values() for n in names] + [Metric(PINBALL, quantile=0.9)]
    assert {m.name for m in ours if m.direction == "minimize"} == LOWER_IS_BETTER
    assert all(Metric(n).direction == "maximize" for n in SCORER_TASKS)
    assert Metric("cost", function=COST).direction == "maximize"
    assert Metric("cost", function=COST, greater_is_better=False).direction == "minimize"


def test_a_function_may_be_given_itself() -> None:
    assert Metric("cost", function=cost).function == f"{__name__}:cost"
    with pytest.raises(ValidationError, match="write it at the top of a module"):
        Metric("cost", function=lambda truth, guess: 0.0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "acuracy"}, "there is no metric 'acuracy'; did you mean 'accuracy'"),
        ({"name": "rand_score"}, "rand_score compares clusterings, not predictions"),
        ({"name": "roc_auc", "function": COST}, "roc_auc is a metric already"),
        ({"name": "roc_auc", "needs": "prediction"}, "those of roc_auc are known"),
        ({"name": "rmse", "greater_is_better": True}, "those of rmse are known"),
        ({"name": "cost", "function": "cost"}, "'cost' is no import string; write module:function"),
        ({"name": "my cost", "function": COST}, "pattern"),
    ],
    ids=str,
)
def test_what_is_no_metric(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Metric.model_validate(given)


@pytest.mark.parametrize(
    ("metric", "target", "words"),
    [
        (Metric("rmse"), {"type": "bool"}, "rmse is for numbers, and y is bool"),
        (Metric("neg_max_error"), {"type": "str"}, "neg_max_error is for numbers"),
        (Metric("accuracy"), {"type": "float"}, "accuracy is for classes, and y is float"),
        (Metric("roc_auc"), {"type": "str", "choices": ("a", "b", "c")}, "roc_auc is for two classes"),
        (Metric("r2", weights="note"), {"type": "float"}, "weights of the metric r2 are note, which is str"),
        (Metric("r2", weights="y"), {"type": "float"}, "which is the target"),
        (Metric("cost", function=COST, weights="w"), {"type": "float"}, "must take"),
        (Metric("cost", function="math:pi"), {"type": "float"}, "is no function"),
        (Metric("cost", function=f"{__name__}:cosst"), {"type": "float"}, "no function"),
    ],
    ids=lambda v: v.name if isinstance(v, Metric) else "",
)
def test_what_does_not_fit_is_found_without_rows(metric: Metric, target: Any, words: str) -> None:
    with pytest.raises((WiringError, SettingsError), match=words) as caught:
        check_metrics([metric], table(**target))
    assert isinstance(caught.value, MagicalError)
    assert caught.value.hint


def test_what_fits() -> None:
    check_metrics([Metric("roc_auc"), Metric("roc_auc_ovr")], table(type="str"))  # two classes, or more
    check_metrics([Metric("cost", function=f"{__name__}:weighted", weights="w")], table(type="bool"))
    check_metrics([Metric("r2", weights="passed_through")], table(type="float"))
    check_metrics([Metric("r2")], None)


def test_a_metric_stands_in_the_list_once() -> None:
    with pytest.raises(WiringError, match="r2 is in the list twice"):
        check_metrics([Metric("r2"), Metric("r2", weights="w")], table(type="float"))
