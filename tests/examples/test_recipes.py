"""What the fixed pipeline of MLflow Recipes 2 got wrong from ingest to register, each shown right here.

Shown by tests elsewhere:

- the split does not depend on the order of rows or on other columns, and tells of copies on two sides; by group and by
  time: `library/test_splitting.py` (`test_no_row_moves_when_rows_are_shuffled`, `..._when_columns_change`,
  `test_copies_on_two_sides_are_told_and_kept`, `test_group_tears_no_group_apart`, `test_time_comes_in_order_...`);
- keys come from contents, not from times and places of files: `engine/test_truth.py`
  (`test_two_edits_of_one_size_within_a_second_are_seen`, `test_a_touched_but_equal_file_runs_nothing`,
  `test_a_moved_project_runs_nothing`, `test_an_edit_that_matters_runs_exactly_the_steps_concerned`: a helper, a
  constant, an estimator);
- a gate keeps a model back that does not hold its thresholds: `library/test_registering.py`;
- no fit, weight or threshold saw a row that it is judged on: `library/test_tuning.py`, `library/test_ensembling.py`;
- a model predicts alike at every door, and each probability is that of its class: `scoring/test_doors_agree.py`;
- a version is promoted by hand where the gate keeps it back, and it is said: `library/test_registering.py`;
- a page makes no request and is readable without a network: `views/test_browser.py`;
- bad input is told in five lines: `test_bad_input.py`.
"""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from sklearn.metrics import f1_score, recall_score

from magical import Contract, Id, Target
from magical.events import current_sink
from magical.library import (
    Decision,
    EvaluateSettings,
    Metric,
    evaluate,
    explain,
    linear,
    model_data,
    predict,
    train,
    transform,
)
from magical.project import Run
from projects import NO_TRACKING, Small

WORKFLOW = '''\
"""A regression, as the template of Recipes has it: ingest, split, transform, train, evaluate, register."""

from typing import TypeVar

import polars as pl

from magical import Contract, Field, Frame, Id, InputPath, Settings, Target, step, workflow
from magical.features import Feature, Log
from magical.library import (
    Experiment, Metric, RegisterSettings, Scores, SplitSettings, evaluate, featurize, ingest, linear, model_data,
    predict, register, split, train, transform,
)

C = TypeVar("C", bound=Contract)


class Ride(Contract):
    id: Id[int]
    miles: float = Field(ge=0)
    city: str
    fare: Target[float]


class RideSettings(Settings):
    source: InputPath = InputPath("rides.csv")
    shortest: float = 1.0
    features: tuple[Feature, ...] = (Log("miles"),)
    split: SplitSettings = SplitSettings(seed=7, folds=1)
    experiment: Experiment = linear()
    metrics: tuple[Metric, ...] = ()
    registry: RegisterSettings = RegisterSettings(require={"r2": 0.5})


@step
def long_enough(rides: Frame[Ride], shortest: float) -> Frame[Ride]:
    return rides.filter(pl.col("miles") >= shortest)


@step(training_only=True)
def usual(rides: Frame[C]) -> Frame[C]:
    """What the model learns from: no ride of a kind that is too rare to learn anything from."""
    return rides.filter(pl.col("miles") < 8)


@workflow
def fares(s: RideSettings) -> Scores:
    rides = long_enough(model_data(ingest(s.source), Ride), s.shortest)
    fitted_on, validation, test = split(featurize(rides, s.features), s.split)
    learned_from = usual(fitted_on)
    preprocessing = transform(learned_from, s.features)
    model = train(learned_from, validation, preprocessing, s.experiment, s.metrics)
    scores = evaluate(predict(model, test), test, metrics=s.metrics)
    register(model, scores, s.registry)
    return scores
'''
STEP = """\
@step
def in_euros(rides: Frame[Ride]) -> Frame[Ride]:
    return rides.with_columns(pl.col("fare") * 0.9)


"""
MOVED = "long_enough(in_euros(model_data(ingest(s.source), Ride))"
ROWS = [
    (i, 0.5 + i % 37 / 4, ("Rome", "Oslo", "Kyiv")[i % 3], 3 + i % 37 * 0.6 + i % 5 / 9) for i in range(240)
]
CSV = "id,miles,city,fare\n" + "".join(f"{i},{m},{c},{f:.2f}\n" for i, m, c, f in ROWS)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The project, not yet run; tests must not change it."""
    project = Small(tmp_path_factory.mktemp("written") / "fares")
    for name, text in (("workflow.py", WORKFLOW), ("rides.csv", CSV), ("settings.toml", NO_TRACKING)):
        project.write(name, text)
    return project


@pytest.fixture(scope="module")
def ran(written: Small) -> Run:
    """A run of the project."""
    return written.run()


@pytest.fixture
def fares(written: Small, tmp_path: Path) -> Small:
    """A copy of the project that a test may change."""
    shutil.copytree(written.root, tmp_path / "fares", ignore=shutil.ignore_patterns(".magical"))
    return Small(tmp_path / "fares")


@pytest.mark.slow
def test_identical_runs_agree_and_no_row_is_sampled(ran: Run, fares: Small) -> None:
    parts = ran["split"]
    assert sum(p.height for p in (parts.train, parts.validation, parts.test)) == ran["long_enough"].height
    again = fares.run()
    assert "train" in again.executed
    assert again.result == ran.result
    assert again["predict"].equals(ran["predict"])


@pytest.mark.slow
def test_a_run_returns_its_scores_tables_and_models(ran: Run) -> None:
    assert ran.result["r2"] > 0.9
    assert isinstance(ran["long_enough"], pl.DataFrame)
    assert ran["train"].target == "fare"


@pytest.mark.slow
def test_a_filter_reaches_every_part(ran: Run) -> None:
    parts = ran["split"]
    assert ran["model_data"]["miles"].min() < 1
    assert all(p["miles"].min() >= 1 for p in (parts.train, parts.validation, parts.test))


@pytest.mark.slow
def test_a_filter_after_the_split_reaches_the_part_that_it_was_given(ran: Run) -> None:
    parts = ran["split"]
    assert ran["usual"].equals(parts.train.filter(pl.col("miles") < 8))
    assert ran["usual"].height < parts.train.height
    assert ran["train"].held_out["id"].to_list() == parts.validation["id"].to_list()
    assert ran["predict"]["id"].to_list() == parts.test["id"].to_list()


@pytest.mark.slow
def test_each_number_says_which_rows_it_is_from(ran: Run) -> None:
    assert str(ran["train"]).endswith(" on validation")
    assert str(ran["evaluate"]).endswith(f", {ran['split'].test.height} test rows")
    assert set(ran.kept("evaluate")["worst"]["id"]) < set(ran["split"].test["id"])


@pytest.mark.slow
def test_score_curves_worst_rows_and_baselines_are_all_from_test(ran: Run) -> None:
    scores, kept, test = ran["evaluate"], ran.kept("evaluate"), ran["split"].test
    assert scores.part == "test"
    assert kept["_judged"]["id"].to_list() == test["id"].to_list()
    counted = [kept[n]["rows"].sum() for n in ("calibration", "residuals", "residual_histogram")]
    assert counted == [test.height] * 3
    assert kept["predicted_truth"].height == test.height
    assert scores.baselines["constant"]["rmse"].value == pytest.approx(test["fare"].std(ddof=0))


@pytest.mark.slow
def test_a_card_is_a_page_without_network_and_a_text_for_a_terminal_and_json(
    written: Small, ran: Run
) -> None:
    card = written.load().inspect("evaluate")
    page = card.write_page(written.root / "card.html").read_text(encoding="utf-8")
    page = page.replace('<link rel="icon" href="data:,">', "")
    assert not re.search(r"https?://(?!www\.w3\.org/)|<script|<link|<img|@import|url\(", page)
    value = f"{ran.result['rmse']:.3f}"
    for told in (page, str(card), written.command("inspect", "evaluate").out):
        assert f"rmse {value}" in told
        assert f"{ran['split'].test.height} test rows" in told
    told = written.command("inspect", "evaluate", "--json").json
    assert {"calibration", "worst", "residuals"} <= told["kept"].keys()


@pytest.mark.slow
def test_what_a_regression_uses_has_the_names_of_its_columns(ran: Run) -> None:
    told = explain(ran["train"], ran["split"].validation)
    named = {name for group in told.importance for name in group.split(" + ")}
    assert {"miles", "city"} & named
    assert named <= {"miles", "city", "log_miles"}


@pytest.mark.slow
def test_a_regression_keeps_the_names_of_its_features(ran: Run) -> None:
    model = ran["train"]
    assert model.task == "regression"
    names = [str(n) for n in model.pipeline[:-1].get_feature_names_out()]
    assert {"miles", "log_miles", "city=Rome"} <= set(names)
    assert len(names) == len(model.pipeline[-1].coef_)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("shortset = 2", "shortest"),
        ("[split]\nvalidaton = 0.3", "validation"),
        ('[registry.require]\nr2 = "high"', "registry.require.r2"),
        ("[registry.require]\nr_squared = 0.5", "r_squared"),
        ('[experiment]\nkind = "linaer"', "linear"),
        ('[experiment]\nclass_weight = "balanced"', "class_weight"),
        ("[split]\nfolds = 0", "split.folds"),
        ('metrics = [{name = "rmsee"}]', "rmse"),
        ('metrics = [{name = "roc_auc"}]', "The metric roc_auc is for"),
        ('features = [{kind = "log", columns = "mile"}]', "miles"),
    ],
)
def test_a_misspelled_setting_and_a_bad_threshold_are_found_before_any_work(
    fares: Small, setting: str, said: str
) -> None:
    fares.write("settings.toml", f"{setting}\n{NO_TRACKING}")
    answer = fares.command("run")
    assert answer.code in (1, 2)
    assert said in answer.err
    assert "Hint: " in answer.err
    assert len(answer.err.splitlines()) <= 5
    assert not list((fares.root / ".magical").glob("runs/*"))


def test_a_failure_leaves_a_page(fares: Small) -> None:
    fares.edit(
        "workflow.py", 'return rides.filter(pl.col("miles") >= shortest)', 'raise ValueError("too short")'
    )
    assert fares.command("run").code == 1
    assert fares.command("report").code == 0
    (page,) = (fares.root / ".magical").rglob("report.html")
    told = page.read_text(encoding="utf-8")
    assert "long_enough" in told
    assert "too short" in told


@pytest.mark.slow
def test_a_value_on_the_line_and_a_step_added_moved_and_removed_run_what_they_concern(fares: Small) -> None:
    fares.run("split")
    on_the_line = ("ingest", "model_data", "long_enough", "featurize")
    assert [n for n, state in fares.states(split={"seed": 8}).items() if state == "fresh"] == [*on_the_line]
    before = (fares.root / "workflow.py").read_text()
    fares.edit("workflow.py", "@workflow", STEP + "@workflow")
    fares.edit("workflow.py", "    fitted_on,", "    rides = in_euros(rides)\n    fitted_on,")
    added = fares.run("split")
    assert "in_euros" in added.executed
    assert not {"ingest", "model_data", "long_enough"} & {*added.executed}
    fares.edit("workflow.py", "    rides = in_euros(rides)\n", "")
    fares.edit("workflow.py", "long_enough(model_data(ingest(s.source), Ride)", MOVED)
    moved = fares.run("split")
    assert moved["split"].train.equals(added["split"].train)
    fares.write("workflow.py", before)
    assert fares.run("split").executed == []


class Visit(Contract):
    """A visitor, and the ticket that was bought: class 0 comes last, so it is the positive one of the two."""

    id: Id[int]
    age: int
    ticket: Target[Literal[1, 0]]


class Trip(Contract):
    """A trip by one of three means."""

    id: Id[int]
    miles: float
    by: Target[Literal["foot", "bus", "plane"]]


def test_a_positive_class_that_is_0_is_the_positive_class_and_has_its_own_probability() -> None:
    raw = pl.DataFrame({"id": range(80), "age": [i % 40 for i in range(80)]})
    visits = model_data(raw.with_columns(ticket=(pl.col("age") < 20).cast(pl.Int64)), Visit)
    model = train(visits, visits, transform(visits), linear())
    assert model.classes == (1, 0)
    predicted = predict(model, visits)
    assert (predicted["prediction"] == visits["ticket"]).mean() > 0.9
    assert predicted["probability_0"].to_list() == model.probabilities(visits)[:, 1].tolist()
    assert ((predicted["probability_0"] >= 0.5) == (predicted["prediction"] == 0)).all()
    scores = evaluate(predicted, visits)
    assert scores.positive == "0"
    assert scores["recall"] == recall_score(visits["ticket"], predicted["prediction"], pos_label=0)


@dataclass
class Sink:
    """What a step's body keeps and tells."""

    name: str = "evaluate"
    kept: dict[str, Any] = field(default_factory=dict)

    def keep(self, name: str, value: Any) -> None:
        self.kept[name] = value

    def emit(self, event: object) -> None:
        pass


@pytest.mark.parametrize(
    ("truth", "probability"),
    [
        pytest.param([0] * 30, [i / 30 for i in range(30)], id="one class"),
        pytest.param([0, 1] * 15, [0.5] * 30, id="one probability"),
        pytest.param([0, 1] * 15, [1.0, 0.0] * 15, id="certain and right"),
        pytest.param([0, 1] * 15, [0.0, 1.0] * 15, id="certain and wrong"),
        pytest.param([0, 1, 1], [0.9, 0.2, 0.1], id="three rows"),
        pytest.param([1], [0.3], id="one row"),
        pytest.param([0] * 29 + [1], [0.99] * 30, id="one row of a class"),
    ],
)
def test_calibration_never_fails(truth: list[int], probability: list[float]) -> None:
    ids = pl.Series("id", range(len(truth)))
    visits = model_data(pl.DataFrame({"id": ids, "age": ids, "ticket": truth}), Visit)
    chance = pl.Series(probability)
    guess = (chance < 0.5).cast(pl.Int64).alias("prediction")
    predicted = pl.DataFrame([ids, guess, (1 - chance).alias("probability_1"), chance.alias("probability_0")])
    token = current_sink.set(sink := Sink())  # type: ignore[arg-type]
    try:
        evaluate(
            predicted, visits, how=EvaluateSettings(decision=Decision(false_positive=1, false_negative=4))
        )
    finally:
        current_sink.reset(token)
    calibration = sink.kept["calibration"]
    assert calibration["rows"].sum() == len(truth)
    assert (calibration["low"] <= calibration["truth"]).all()
    assert (calibration["truth"] <= calibration["high"]).all()


def test_macro_f1_is_the_mean_over_classes_and_no_weighted_one() -> None:
    rows = [(i, float(i), "plane" if i > 55 else "bus" if i % 3 else "foot") for i in range(60)]
    trips = model_data(pl.DataFrame(rows, schema=["id", "miles", "by"], orient="row"), Trip)
    model = train(trips, trips, transform(trips), linear())
    predicted = predict(model, trips)
    scores = evaluate(predicted, trips, metrics=(Metric("f1_macro"), Metric("f1_weighted")))
    truth, guess = trips["by"].to_list(), predicted["prediction"].to_list()
    for average in ("macro", "weighted"):
        assert scores[f"f1_{average}"] == pytest.approx(f1_score(truth, guess, average=average))
    assert abs(scores["f1_macro"] - scores["f1_weighted"]) > 0.01
