"""docs/metrics.md is true: a project's own metric decides in tune, select, evaluate and the gate."""

import re
from pathlib import Path

import pytest

from mlflow_databases import database
from projects import NO_TRACKING, Small

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
WORKFLOW, SETTINGS = re.findall(r"^```(?:python|toml)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WORKFLOW = WORKFLOW.replace("SplitSettings(seed=1)", "SplitSettings(seed=1, folds=1)")  # in less time
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
    assert "workflow.LETTER" in letters.why("tune[one]")
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
    letters.write("settings.toml", SETTINGS + NO_TRACKING)
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


@pytest.mark.slow
def test_profit_opens_the_gate_and_decides_on_the_champion(tmp_path: Path) -> None:
    small = Small(tmp_path / "letters")
    small.write("workflow.py", WORKFLOW)
    small.write("settings.toml", f'[tracking]\nuri = "{database(tmp_path / "tracking")}"\n')
    answer = small.command("run")
    assert answer.code == 0, answer.err
    assert "alias champion" in answer.out
    gate = small.load().run()["register"].details["gate"]
    assert {row["criterion"]: row["threshold"] for row in gate}["profit"] == ">= 10"
    # A letter that costs more brings a worse profit, and another threshold of what is required.
    small.edit("workflow.py", "LETTER = 2.0", "LETTER = 4.5")
    run = small.load().run()
    receipt = run["register"]
    assert "no alias: profit" in receipt.text
    assert "< 10 required" in receipt.text
    compared = receipt.details["comparison"]  # both models by today's function
    assert (compared["metric"], compared["verdict"]) == ("profit", "equal")
    small.edit("workflow.py", 'require={"profit": 10}', 'require={"profti": 10}')
    answer = small.command("run")
    assert answer.code != 0
    assert "asks for the metric 'profti', which evaluate does not compute" in answer.err + answer.out
    assert "did you mean 'profit'" in answer.err + answer.out
