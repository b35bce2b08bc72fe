"""A model is registered with all that scoring needs; its alias it gets only through the gate."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from library.served import HELPERS, REGISTERED, Played, in_a_run, play, write
from magical.engine.protocols import Submission, Version
from magical.errors import RegistryDown, RegistryError, WiringError
from magical.library.metrics.scores import Scores
from magical.library.registering import RegisterSettings, register
from magical.library.scorer.scorer import Scorer
from magical.report.text import models_json, models_text
from magical.steps import Receipt
from memory_registry import MemoryRegistry

POOR = {"imports": "from sklearn.dummy import DummyClassifier", "estimator": "DummyClassifier()"}


WIDE = "; the intervals are wide: 27 of 59 test rows are of the rarest class"


class Desk:
    """Registers variants of the small project into one registry."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.registry = MemoryRegistry(home / "registry")
        self.kept: dict[str, Any] = {}
        self.played: Played | None = None

    def register(self, key: str = "a1", **changes: Any) -> Receipt:
        """Write the project, run it, and register."""
        self.kept = {}
        given = {"workflow": REGISTERED, **changes}
        registry = given.pop("registry", self.registry)
        root = write(self.home / "project", **given)
        context = in_a_run(registry, self.home / "scratch", key.ljust(40, "0"), self.kept)
        self.played = play(root, context)
        receipt: Receipt = self.played.values["register"]
        return receipt

    @property
    def gate(self) -> dict[str, tuple[str, str, bool | None]]:
        """The gate that was kept."""
        table: pl.DataFrame = self.kept["gate"]
        assert table.columns == ["criterion", "threshold", "value", "held"]
        return {row[0]: row[1:] for row in table.iter_rows()}

    def champion(self) -> str:
        """The number of the champion, or nothing."""
        found = self.registry.champion("campaign")
        return found.number if found else ""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # one file is written twice in a second
    return Desk(tmp_path)


def test_the_first_model_that_passes_is_the_champion(desk: Desk) -> None:
    receipt = desk.register(how="require={'roc_auc': 0.7, 'log_loss': 0.69}")
    assert receipt.text == "campaign version 1, alias champion" + WIDE
    assert (receipt.done, desk.champion()) == (True, "1")
    assert {k: receipt.details[k] for k in ("name", "version", "alias")} == {
        "name": "campaign",
        "version": "1",
        "alias": "champion",
    }
    json.dumps(receipt.details)
    gate = desk.gate
    assert gate["roc_auc"][0] == ">= 0.7"
    assert gate["log_loss"][0] == "<= 0.69"
    assert gate["LEAK001 dataflow"] == ("passed", "passed", True)
    assert gate["LEAK008 batch"] == ("passed", "not assessed", None)
    assert gate["as in the run"] == ("the run's predictions", "0 of 59 rows differ", True)
    assert gate["one row at a time"] == ("20 rows equal the batch", "20 equal", True)
    assert gate["better than the champion"] == ("roc_auc", "there is no champion yet", True)


def test_what_is_registered_scores_as_the_run_did(desk: Desk) -> None:
    desk.register()
    played = desk.played
    assert played is not None
    version = desk.registry.champion("campaign")
    assert version is not None
    scorer = Scorer.load(desk.registry.folder(version))
    predicted = played.values["predict"]
    typed = played.values["typed_rows"].drop("answers")
    rows = predicted.select("id").join(typed, on="id", maintain_order="left")
    assert_frame_equal(scorer.predict(rows), predicted.drop("id"), check_exact=True)


def test_what_is_submitted_says_what_it_is(desk: Desk) -> None:
    desk.register()
    sent = desk.registry.submissions["campaign/1"]
    assert sent.loader == "magical.library.scorer.scorer"
    assert [p.name for p in sent.code] == ["magical_a10000000000"]
    assert not list(sent.folder.rglob("__pycache__"))
    assert sent.inputs.names == ["id", "born", "income", "children", "education", "member", "enrolled"]
    assert sent.outputs.names == ["prediction", "probability_False", "probability_True", "reason"]
    assert sent.example.columns == sent.inputs.names
    assert 0 < sent.example.height <= 5
    needed = {r.partition("==")[0] for r in sent.requirements}
    assert {"magical-thinking", "numpy", "pandas", "polars", "scikit-learn", "skops"} <= needed
    assert not {"lightgbm", "mlflow", "pytest", "optuna"} & needed
    assert all("==" in r for r in sent.requirements)
    assert sent.tags["magical.data"] == "content of key of typed_rows"
    assert sent.tags["magical.gate"] == "held"
    assert float(sent.tags["test.roc_auc"]) > 0.7
    for words in (
        "# campaign: answers by logistic",
        "| roc\\_auc |",
        "## Gate",
        "## A row of Customer",
        "richness",
    ):
        assert words in sent.description


def test_a_threshold_that_does_not_hold_keeps_the_alias_back(desk: Desk) -> None:
    receipt = desk.register(how="require={'roc_auc': 0.99}")
    assert receipt.done
    assert receipt.text.startswith("campaign version 1, no alias: roc_auc 0.")
    assert receipt.text.endswith(" < 0.99 required")
    assert (desk.champion(), receipt.details["alias"]) == ("", "")
    assert desk.registry.versions()[0].tags["magical.gate"].startswith("not held: roc_auc")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("require={'roc_acu': 0.7}", "asks for the metric 'roc_acu', which evaluate does not compute"),
        ("require={'rmse': 1}", "asks for the metric 'rmse'"),  # the target is a bool
        ("metric='gini'", "asks for the metric 'gini'"),
    ],
)
def test_a_metric_that_is_not_computed_is_found_while_drawing(desk: Desk, how: str, words: str) -> None:
    with pytest.raises(WiringError, match=words) as caught:
        desk.register(how=how)
    assert "roc_auc" in caught.value.hint
    assert "evaluate(..., metrics=...)" in caught.value.hint


def test_scores_of_another_part_do_not_open_the_gate(desk: Desk) -> None:
    judged = "evaluate(predictions, test, how=EvaluateSettings(part='validation'))"
    text = REGISTERED.replace("evaluate(predictions, test)", judged)
    text = text.replace("import RegisterSettings", "import EvaluateSettings, RegisterSettings")
    receipt = desk.register(workflow=text, how="require={'roc_auc': 0.1}")
    assert "no alias: the scores are of the validation part, not of test" in receipt.text


@pytest.mark.slow
def test_the_champion_changes_for_a_better_model_only(desk: Desk) -> None:
    desk.register("a1", **POOR)
    assert desk.champion() == "1"
    assert desk.register("a2").text == "campaign version 2, alias champion" + WIDE
    receipt = desk.register("a3", **POOR)
    assert (
        "no alias: worse than version 2: roc_auc 0.5 against 0.7951 on 59 units that neither has"
        in receipt.text
    )
    receipt = desk.register("a4")
    assert receipt.text == (
        "campaign version 4, no alias: equal to version 2: roc_auc 0.7951 against 0.7951 "
        "on 59 units that neither has seen, gain 0 (0 to 0)"
    )
    assert (desk.champion(), len(desk.registry.versions())) == ("2", 4)
    assert desk.register("a5", how="replace_equal=True").text == "campaign version 5, alias champion" + WIDE
    assert desk.gate["better than the champion"][0] == "roc_auc at least equal to version 2"
    receipt = desk.register("a6", **POOR, how="replace_equal=True")
    assert "no alias: worse than version 5" in receipt.text


def test_the_comparison_is_shown_wherever_the_version_is(desk: Desk) -> None:
    desk.register("a1", **POOR)
    receipt = desk.register("a2")
    text = "better than version 1: roc_auc 0.7951 against 0.5 on 59 units that neither has seen, gain 0.295 ("
    assert desk.gate["better than the champion"][0] == "roc_auc better than version 1"
    assert desk.gate["better than the champion"][1].startswith(text)
    sent = desk.registry.submissions["campaign/2"]
    assert sent.tags["magical.comparison"].startswith(text)
    assert "better than version 1: roc\\_auc 0.7951" in sent.description
    (line,) = [t for t in models_text(desk.registry.versions()).splitlines() if "version 1" in t]
    assert line.strip().startswith(text)
    newest, oldest = models_json(desk.registry.versions())
    assert newest["comparison"] == receipt.details["comparison"]
    assert {k: newest["comparison"][k] for k in ("version", "metric", "verdict", "other", "units")} == {
        "version": "1",
        "metric": "roc_auc",
        "verdict": "better",
        "other": 0.5,
        "units": 59,
    }
    assert newest["comparison"]["low"] < newest["comparison"]["gain"] < newest["comparison"]["high"]
    assert oldest["comparison"] is None
    assert "magical.comparison.json" not in newest["tags"]


@pytest.mark.slow
def test_a_better_model_must_exceed_the_margin(desk: Desk) -> None:
    desk.register("a1", **POOR)
    assert "no alias: equal to version 1: roc_auc 0.7951" in desk.register("a2", how="margin=0.45").text
    assert desk.gate["better than the champion"][0] == "roc_auc better than version 1 by more than 0.45"
    desk.register("a3", how="margin=0.1")
    assert desk.champion() == "3"


@pytest.mark.slow
def test_what_cannot_be_compared_moves_nothing_and_the_way_out_is_said(desk: Desk) -> None:
    desk.register("a1", **POOR)
    receipt = desk.register("a2", how="min_compared_rows=60")
    assert receipt.text == (
        "campaign version 2, no alias: not comparable with version 1: 59 of the test units are new to both "
        "models and predicted by both, 60 are wanted; magical models --promote moves the alias by hand"
    )
    receipt = desk.register("a3", how="min_class_rows=28, replace_equal=True")
    assert "27 of 59 rows that are new to both models are of answers's rarest class, 28" in receipt.text
    note = desk.home / "registry" / "campaign" / "1" / "units.json"
    note.write_text("{}")
    assert "not comparable with version 1: comparing raised KeyError: 'kind';" in desk.register("a2").text
    note.unlink()
    text = desk.register("a2").text
    assert (
        "not comparable with version 1: it was registered without a note of the rows that it was fit" in text
    )
    assert desk.champion() == "1"


def test_another_metric_may_decide(desk: Desk) -> None:
    desk.register("a1")
    receipt = desk.register("a2", **POOR, how="metric='brier'")
    assert "no alias: worse than version 1: brier 0" in receipt.text


@pytest.mark.slow
def test_the_champion_is_measured_with_its_own_steps(desk: Desk) -> None:
    desk.register("a1", factor=3)
    receipt = desk.register("a2", factor=2)
    assert desk.gate["better than the champion"][2] is False
    assert receipt.details["comparison"]["gain"] == pytest.approx(0, abs=1e-9), (
        "the factor is only a unit, so the champion must not get rows in the new one"
    )


def test_registering_again_finds_the_version(desk: Desk) -> None:
    first, again = desk.register(), desk.register()
    assert first.text == again.text == "campaign version 1, alias champion" + WIDE
    assert desk.gate["better than the champion"] == ("roc_auc", "it is the champion", True)
    assert len(desk.registry.versions()) == 1


def test_after_a_kill_before_the_alias_the_gate_is_completed(desk: Desk) -> None:
    desk.registry.down = {"alias"}
    with pytest.raises(RegistryDown):
        desk.register()
    assert (len(desk.registry.versions()), desk.champion()) == (1, "")
    desk.registry.down = set()
    assert desk.register().text == "campaign version 1, alias champion" + WIDE
    assert len(desk.registry.versions()) == 1


@pytest.mark.parametrize("call", ["champion", "put"])
def test_a_registry_that_is_down_leaves_no_receipt(call: str, desk: Desk) -> None:
    desk.registry.down = {call}
    with pytest.raises(RegistryDown, match=f"does not {call}"):
        desk.register()
    assert desk.registry.found == []


def test_a_project_without_a_registry_says_so(desk: Desk) -> None:
    with pytest.raises(RegistryError, match="has no model registry"):
        desk.register(registry=None)


BLOCKED: dict[str, tuple[dict[str, Any], str, str]] = {
    "test reaches the fit": (
        {"fitted": "train, test"},
        "LEAK001 dataflow",
        "LEAK001: fit learns from the test part",
    ),
    "a step looks at the batch": (
        {"aged": "table.with_columns(pl.col('richness') / pl.col('richness').mean())"},
        "one row at a time",
        "rows one at a time differ from the batch in ",
    ),
    "a step reads a column that no contract declares": (
        {
            "aged": "table.with_columns(pl.col('age') + pl.col('extra'))",
            "workflow": REGISTERED.replace("    return raw\n", "    return raw.with_columns(extra=1)\n"),
        },
        "as in the run",
        "it cannot be scored: aged raised ColumnNotFoundError",
    ),
    "a module reads a file beside it": (
        {"imports": "import pathlib\nassert pathlib.Path(__file__).parent.name == 'project'"},
        "as in the run",
        "it cannot be scored: where it is served the project's modules cannot be imported: AssertionError",
    ),
    "a step without the ids": (
        {"aged": "table.select(pl.exclude('id', '__magical_row__')).with_columns(id=pl.int_range(pl.len()))"},
        "as in the run",
        "no row gets a prediction when it is scored",
    ),
}


@pytest.mark.parametrize("case", BLOCKED)
def test_what_would_serve_other_numbers_gets_no_alias(case: str, desk: Desk) -> None:
    changes, criterion, words = BLOCKED[case]
    receipt = desk.register(**changes)
    assert words in receipt.text
    assert desk.gate[criterion][2] is False
    assert (desk.champion(), len(desk.registry.versions())) == ("", 1)


INCOMPARABLE: dict[str, tuple[Callable[[str], str], str]] = {
    "another target": (
        lambda t: t.replace('"answers"', '"said_yes"').replace("    answers:", "    said_yes:"),
        "it predicts said_yes (binary)",
    ),
    "a column that is gone": (
        lambda t: t.replace("    born: int", "    weight: float\n    born: int").replace(
            '"born": born,', '"born": born, "weight": income,'
        ),
        "A row of Customer promised 8 columns; missing: weight",
    ),
    "classes of another type, which Python calls equal": (
        lambda t: (
            t.replace("Target[bool]", "Target[Literal[0, 1]]")
            .replace('"answers": rng.random(rows) <', '"answers": 1 * (rng.random(rows) <')
            .replace("- (born - 1955) / 20)),", "- (born - 1955) / 20))),")
            .replace("(False, True)", "(0, 1)")
        ),
        "it predicts other classes",
    ),
}


@pytest.mark.parametrize("case", INCOMPARABLE)
def test_a_champion_that_cannot_be_compared_stays(case: str, desk: Desk) -> None:
    change, words = INCOMPARABLE[case]
    desk.register("a1", workflow=change(REGISTERED))
    receipt = desk.register("a2")
    assert receipt.text == (
        f"campaign version 2, no alias: not comparable with version 1: {words}; "
        "magical models --promote moves the alias by hand"
    )
    assert desk.champion() == "1"


@pytest.mark.slow
def test_one_that_became_champion_meanwhile_is_compared_with_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.register("a1", **POOR)
    desk.register("a2")
    good = desk.registry.versions()[0]
    desk.registry.alias(desk.registry.versions()[1])
    plain = desk.registry.put

    def meanwhile(submission: Submission) -> Version:
        version = plain(submission)
        desk.registry.alias(good)
        return version

    monkeypatch.setattr(desk.registry, "put", meanwhile)
    receipt = desk.register("a3")
    assert receipt.text.startswith("campaign version 3, no alias: equal to version 2: roc_auc 0.")
    assert desk.champion() == "2"
    assert [row[0] for row in desk.kept["gate"].iter_rows()].count("better than the champion") == 1
    assert "not held" in desk.registry.submissions["campaign/3"].tags["magical.gate"]


def test_a_champion_that_cannot_be_had_now_is_no_verdict_on_the_model(desk: Desk) -> None:
    desk.register("a1", **POOR)
    desk.registry.down = {"folder"}
    with pytest.raises(RegistryDown, match="does not folder"):
        desk.register("a2")
    assert len(desk.registry.versions()) == 1
    desk.registry.down = set()
    assert desk.register("a2").text == "campaign version 2, alias champion" + WIDE


@pytest.mark.slow
def test_a_champion_whose_files_are_gone_stays(desk: Desk) -> None:
    desk.register("a1")
    (desk.home / "registry" / "campaign" / "1" / "scorer.json").unlink()
    assert "not comparable with version 1: " in desk.register("a2").text


def test_a_model_on_pretended_steps_is_refused(desk: Desk) -> None:
    text = REGISTERED.replace("chosen=chosen)", "chosen=chosen, origin=('clean',))")
    with pytest.raises(RegistryError, match="not real: clean") as caught:
        desk.register(workflow=text)
    assert "never registered" in caught.value.hint
    assert desk.registry.found == []


def test_called_outside_a_run_it_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    scores = Scores(task="binary", target="y", part="test", rows=1, metrics={})
    receipt = register(None, scores, RegisterSettings())  # type: ignore[arg-type]
    assert not receipt.done
    assert "writes nothing" in capsys.readouterr().err


RELATIONS = """

@step
def related(raw: Frame) -> tuple[Frame[Customer], Frame[Customer]]:
    return raw, raw


@step
def merged(customers: Frame[Customer], others: Frame[Customer]) -> Frame[Featured]:
    return aged(customers, Ages())


@workflow
def campaign() -> Receipt:
    one, two = related(source(200))
    train, validation, test = cut(merged(one, two))
    best = fit(train, validation)
    return register(best, evaluate(predict(best, test), test), RegisterSettings())
"""


def test_a_model_of_several_tables_gets_a_version_and_no_alias(desk: Desk) -> None:
    receipt = desk.register(workflow=REGISTERED + RELATIONS)
    assert "no alias: a row alone cannot be scored: its features are made from 2 tables" in receipt.text
    assert receipt.text.count("cannot be scored") == 1
    sent = desk.registry.submissions["campaign/1"]
    assert sent.example.columns == sent.inputs.names
    assert "richness" in sent.inputs.names
    version = desk.registry.versions()[0]
    with pytest.raises(Exception, match="A row alone cannot be scored"):
        Scorer.load(desk.registry.folder(version)).predict(pl.DataFrame())
    with pytest.raises(
        RegistryError, match="version 1 cannot be the champion: a row alone cannot be scored: its"
    ):
        desk.registry.alias(version)


READS = {
    "by polars": "table.with_columns(age=pl.when(pl.col('answers')).then('age').otherwise('age'))",
    "by brackets": "table.with_columns(age=pl.when(table['answers']).then('age').otherwise('age'))",
    "in pandas": "pl.from_pandas((lambda d: d.assign(age=d['age'] + 0 * d['answers']))(table.to_pandas()))",
}


@pytest.mark.slow_except("by polars")
@pytest.mark.parametrize("how", READS)
def test_a_step_that_reads_the_target_of_the_row_is_named_and_blocks_the_alias(desk: Desk, how: str) -> None:
    receipt = desk.register(aged=READS[how])
    reason = "aged reads answers, the target or weight of the row itself, which a new row does not have."
    assert f"no alias: {reason}" in receipt.text
    assert desk.gate["blind to the target"] == ("no step reads it", "read", False)
    with pytest.raises(RegistryError, match=f"cannot be the champion: {reason}"):
        desk.registry.alias(desk.registry.versions()[0])


def test_a_version_says_that_it_predicts_as_the_run(desk: Desk) -> None:
    desk.register(how="require={'roc_auc': 0.99}")
    version = desk.registry.versions()[0]
    assert (version.tags["magical.scoring"], version.aliases) == ("as in the run", ())
    desk.registry.alias(version)  # a weak model may be promoted by hand
    assert desk.champion() == "1"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"require": {"roc_auc": "high"}}, "valid number"),
    ({"require": {"roc_auc": float("nan")}}, "must be bounded by a number"),
    ({"name": "a/b"}, "pattern"),
    ({"treshold": 1}, "not permitted"),
]


@pytest.mark.parametrize(("given", "words"), WRONG, ids=str)
def test_wrong_settings_are_found_before_any_training(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words.replace("(", r"\(")):
        RegisterSettings(**given)


def test_a_deciding_metric_without_a_value_gives_no_verdict_by_another(desk: Desk) -> None:
    text = REGISTERED.replace(
        "evaluate(predictions, test)",
        "evaluate(predictions, test, metrics=(Metric('yield_', function='helpers:yield_'),))",
    ).replace(
        "from magical.library import RegisterSettings", "from magical.library import Metric, RegisterSettings"
    )
    helpers = HELPERS + "\ndef yield_(truth, chance):\n    return float('nan')\n"
    desk.register("a1", **POOR)
    receipt = desk.register("a2", workflow=text, helpers=helpers)
    assert "no alias: yield_, which is to decide, has no value on these rows" in receipt.text
    assert desk.champion() == "1"


@pytest.mark.slow
def test_rows_that_the_champion_rejects_are_said_to_be_rejected(desk: Desk) -> None:
    old = REGISTERED.replace("le=2010", "le=1950").replace("(1920, 1995", "(1920, 1951")
    desk.register("a1", workflow=old)
    text = desk.register("a2", how="replace_equal=True").text
    assert "23 of the test units are new to both models and predicted by both, 50 are wanted" in text
