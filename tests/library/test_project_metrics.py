"""A project's own metric decides: in tune, select, evaluate and the gate, from settings, with keys that see it."""

from pathlib import Path

import pytest

from projects import NO_TRACKING, Small

WORKFLOW = '''
"""Whom to write to: a letter costs 2 EUR, an answer earns 5."""

import numpy as np
import polars as pl

from magical import Contract, Id, Settings, Target, step, workflow, Frame
from magical.library import (
    Experiment, Metric, RegisterSettings, Scores, SplitSettings, evaluate, linear, model_data, predict, register,
    select, split, transform, tune,
)

LETTER = 2.0


class Customer(Contract):
    id: Id[int]
    income: float
    answers: Target[bool]


class Letters(Settings):
    rows: int = 240
    metrics: tuple[Metric, ...] = (Metric("profit", function="workflow:profit"), Metric("roc_auc"))
    experiments: tuple[Experiment, ...] = (linear(name="one", trials=3), linear(name="two", trials=3, seed=1))
    registry: RegisterSettings = RegisterSettings(require={"profit": 10})


def profit(truth, probability):
    written = probability > 0.4
    return 5.0 * (truth & written).sum() - LETTER * written.sum()


@step
def source(rows: int) -> Frame:
    rng = np.random.default_rng(3)
    income = rng.normal(50, 15, rows).round(1)
    chance = 1 / (1 + np.exp(-(income - 50) / 8))
    answers = (rng.random(rows) < chance).tolist()
    return pl.DataFrame({"id": range(rows), "income": income, "answers": answers, "value": np.arange(rows) % 3})


@workflow
def letters(s: Letters) -> Scores:
    train, validation, test = split(model_data(source(s.rows), Customer), SplitSettings(seed=1))
    preprocessing = transform(train)
    models = [tune(train, validation, preprocessing, e, s.metrics) for e in s.experiments]
    best = select(models, validation, s.metrics)
    scores = evaluate(predict(best, test), test, metrics=s.metrics)
    register(best, scores, s.registry)
    return scores
'''
USERS = {"tune[one]", "tune[two]", "select", "evaluate"}
# A model is known by its key, so what predicts with it runs as well.
AFTER = {*USERS, "predict"}
COSTS = """
def cost(truth, guess):
    return float((truth & ~guess).sum() * 3 + (guess & ~truth).sum())
"""


@pytest.fixture
def letters(tmp_path: Path) -> Small:
    """The project without a registry, and with a cost in a module that only a setting names."""
    text = WORKFLOW.replace("    register(best, scores, s.registry)\n", "")
    small = Small(tmp_path / "letters")
    small.write("workflow.py", text)
    small.write("costs.py", COSTS)
    small.write("settings.toml", NO_TRACKING)
    return small


def test_the_first_metric_decides_everywhere(letters: Small) -> None:
    run = letters.run()
    scores, best = run["evaluate"], run["select"]
    assert list(scores.metrics)[:3] == ["profit", "roc_auc", "average_precision"]
    assert str(scores).startswith("profit ")
    assert best.chosen.metric == "profit"
    assert best.chosen.score >= max(c.score for c in best.candidates)
    interval = scores.metrics["profit"]
    assert interval.low < interval.value < interval.high
    assert "one is best: one " in str([*letters.events()]) or "two is best" in str([*letters.events()])


@pytest.mark.slow
def test_what_uses_an_edited_metric_runs_again(letters: Small) -> None:
    letters.run()
    letters.edit(
        "workflow.py", "    written = probability > 0.4\n", "    written = probability > 0.4  # half\n"
    )
    assert letters.ran() == []
    letters.edit("workflow.py", "LETTER * written.sum()", "written.sum() * LETTER")
    assert {*letters.ran()} == AFTER
    letters.edit("workflow.py", "LETTER = 2.0", "LETTER = 1.5")
    assert "workflow.LETTER (workflow.py:13) was edited" in letters.why("tune[one]")
    assert {*letters.ran()} == AFTER


@pytest.mark.slow
def test_a_module_that_only_a_setting_names_is_seen(letters: Small) -> None:
    cost = {"name": "cost", "function": "costs:cost", "greater_is_better": False, "needs": "prediction"}
    run = letters.run(metrics=[cost])
    best = run["select"]
    assert best.chosen.score <= min(c.score for c in best.candidates)
    assert run["evaluate"].is_lower_better("cost")
    letters.edit("costs.py", "* 3", "* (2 + 1)")
    assert {*letters.ran(metrics=[cost])} == AFTER
    assert letters.ran(metrics=[cost]) == []


@pytest.mark.slow
def test_metrics_come_from_a_file_and_the_line(letters: Small) -> None:
    text = 'metrics = ["average_precision", {name = "profit", function = "workflow:profit"}]\n'
    letters.write("settings.toml", text + NO_TRACKING)
    scores = letters.run()["evaluate"]
    assert list(scores.metrics)[:2] == ["average_precision", "profit"]
    letters.write("settings.toml", NO_TRACKING)
    answer = letters.command("run", "metrics.roc_auc.weights=value")
    assert answer.code == 0, answer.err
    assert letters.run(metrics={"roc_auc": {"weights": "value"}})["evaluate"]["roc_auc"] != scores["roc_auc"]


WRONG = [
    ("metrics.1.name=roc_acu", ["did you mean 'roc_auc'"]),
    ("metrics.0.function=workflow:proft", ["no function workflow:proft", "did you mean 'profit'"]),
    ("metrics.0.function=workflo:profit", ["workflo:profit cannot be imported"]),
    ("metrics.0.function=profit", ["no import string; write module:function"]),
    ("metrics.0.weights=value", ["must take (truth, guess, sample_weight)"]),
    ("metrics.1.name=rmse", ["The metric rmse is for numbers, and answers is bool", "roc_auc"]),
    ("metrics.1.weights=answers", ["answers, which is the target"]),
    ("metrics.1.needs=prediction", ["needs and greater_is_better are for a function"]),
    ("metrics.1.name=f1_samples", ["compares sets of labels"]),
]


@pytest.mark.parametrize(("word", "found"), WRONG, ids=lambda v: v if isinstance(v, str) else "")
def test_a_wrong_metric_is_found_before_any_work(letters: Small, word: str, found: list[str]) -> None:
    answer = letters.command("run", word)
    assert answer.code != 0
    for words in found:
        assert words in " ".join((answer.out + answer.err).split())
    assert not [e for e in letters.events() if e.get("kind") == "node_finished"]
