"""Tracking in MLflow: one MLflow run for each workflow run that executed something."""

import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from magical.errors import RegistryDown
from magical.events import (
    Event,
    LogLine,
    RunFinished,
    RunStarted,
    StepCached,
    StepFailed,
    StepFinished,
    StepStarted,
)
from magical.integrations.mlflow.client import prepare_mlflow
from magical.integrations.mlflow.progress_marks import ProgressMarkStore
from magical.integrations.mlflow.tracking import MlflowTracking
from magical.library.metrics.scores import Score, Scores
from magical.system.processes import describe_process
from mlflow_databases import database, free_port
from projects import IMPORTS, project

AUC = Score(value=0.75, low=0.7, high=0.8)


def scores(part: str = "test", **metrics: Score) -> dict[str, Any]:
    found = Scores(task="binary", target="y", part=part, rows=9, metrics=metrics or {"roc_auc": AUC})
    return found.model_dump()


@dataclass
class Desk:
    """A listener with a database behind it, and the values that the store holds."""

    uri: str
    folder: Path
    values: dict[str, Any]

    def __post_init__(self) -> None:
        self.tracking = MlflowTracking(
            self.uri, artifacts=self.folder / "artifacts", experiment="campaign", read_value=self.values.get
        )

    def hear(self, *events: Event) -> None:
        for event in events:
            self.tracking.on(event)

    def later(self, moments: list[tuple[Event, float]]) -> None:
        self.tracking._is_replay = True
        for event, at in moments:
            self.tracking.on(event, at)

    @property
    def client(self) -> Any:
        with prepare_mlflow(self.uri):
            from mlflow import MlflowClient

            return MlflowClient(self.uri)

    def runs(self) -> list[Any]:
        found = self.client.get_experiment_by_name("campaign")
        return list(self.client.search_runs([found.experiment_id])) if found else []

    def text(self, run: Any, name: str) -> str:
        return Path(self.client.download_artifacts(run.info.run_id, name)).read_text()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(database(tmp_path), tmp_path, {})


def started(**settings: Any) -> RunStarted:
    git = {"commit": "abc", "dirty": True}
    return RunStarted(
        run="r1",
        workflow="campaign",
        settings=settings,
        nodes=["ingest", "evaluate"],
        git=git,
        **describe_process(),
    )


def finished(state: str = "done", **keys: str) -> RunFinished:
    return RunFinished(run="r1", state=state, seconds=1.0, executed=2, keys=keys)


def ran(step: str, key: str) -> list[Event]:
    done = StepFinished(step=step, key=key, seconds=0.1, content=f"content-of-{step}")
    return [StepStarted(step=step, key=key), done]


def test_a_run_says_what_it_was_and_what_came_of_it(desk: Desk) -> None:
    desk.values["k2"] = scores()
    desk.hear(started(max_age=90, split={"seed": 7}), *ran("ingest", "content-of-ingest"))
    assert desk.tracking.run_id == desk.runs()[0].info.run_id
    assert desk.runs()[0].info.status == "RUNNING"
    desk.hear(*ran("evaluate", "k2"), finished(ingest="k1", evaluate="k2"))
    (run,) = desk.runs()
    assert desk.tracking.run_id is None
    assert (run.info.status, run.info.run_name) == ("FINISHED", "r1")
    assert run.data.params == {"max_age": "90", "split.seed": "7"}
    assert run.data.metrics == {"roc_auc": 0.75, "roc_auc.low": 0.7, "roc_auc.high": 0.8}
    wanted = {
        "magical.run": "r1",
        "magical.workflow": "campaign",
        "magical.commit": "abc",
        "magical.dirty": "true",
    }
    assert wanted.items() <= run.data.tags.items()
    lineage = json.loads(desk.text(run, "lineage.json"))
    assert lineage["keys"] == {"ingest": "k1", "evaluate": "k2"}
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("ingest", "content-of-ingest")


def test_a_run_in_which_nothing_executes_leaves_no_trace(desk: Desk) -> None:
    desk.hear(started(), StepCached(step="ingest", key="k1"), finished(ingest="k1"))
    assert (desk.runs(), desk.tracking.run_id) == ([], None)


def test_scores_that_were_fresh_are_told_too(desk: Desk) -> None:
    desk.values["k2"] = scores()
    desk.hear(started(), StepCached(step="evaluate", key="k2"), *ran("register", "k3"), finished())
    assert desk.runs()[0].data.metrics["roc_auc"] == 0.75


def test_numbers_say_which_part_and_which_step_they_are_of(desk: Desk) -> None:
    desk.values |= {"a": scores(), "b": scores("validation"), "c": scores(), "d": {"metrics": 3}, "e": None}
    steps = ["evaluate[1]", "evaluate[2]", "evaluate[3]", "other", "model"]
    desk.hear(started(), *[e for s, k in zip(steps, "abcde", strict=True) for e in ran(s, k)], finished())
    names = {n for n in desk.runs()[0].data.metrics if n.endswith("auc")}
    assert names == {"roc_auc", "validation.roc_auc", "evaluate_3_.roc_auc"}


@pytest.mark.parametrize("kind", [StepFinished, StepCached])
def test_scores_that_stand_on_a_pretence_or_a_sample_are_not_told(kind: Any, desk: Desk) -> None:
    facts = {"seconds": 0.1} if kind is StepFinished else {}
    desk.values |= {"k2": scores(), "k3": scores("validation")}
    pretended = kind(step="evaluate", key="k2", content="c", origin=["clean"], **facts)
    desk.hear(started(), StepStarted(step="evaluate", key="k2"), pretended)
    desk.hear(*ran("evaluate[2]", "k3"), finished())
    assert set(desk.runs()[0].data.metrics) == {f"validation.roc_auc{b}" for b in ("", ".low", ".high")}


def test_a_run_on_a_sample_is_marked_as_one(desk: Desk) -> None:
    desk.hear(replace(started(), sample=20), *ran("ingest", "c"), finished())
    assert desk.runs()[0].data.tags["magical.sample"] == "20"


def test_a_run_that_explored_names_its_settings(desk: Desk) -> None:
    explored = replace(started(), explores=["max_age 80, the files say 90"])
    desk.hear(explored, *ran("ingest", "c"), finished())
    assert desk.runs()[0].data.tags["magical.explores"] == "max_age 80, the files say 90"


def test_a_run_names_what_is_not_real_in_it(desk: Desk) -> None:
    desk.hear(replace(started(), origin=["clean", "tune[linear]"]), *ran("ingest", "c"), finished())
    assert desk.runs()[0].data.tags["magical.origin"] == "clean, tune[linear]"


@pytest.mark.parametrize(("state", "status"), [("failed", "FAILED"), ("stopped", "KILLED")])
def test_a_run_that_ends_badly_says_so(state: str, status: str, desk: Desk) -> None:
    failed = StepFailed(step="tune", key="k", message="tune raised ValueError", trace="")
    desk.hear(started(), StepStarted(step="tune", key="k"), failed, finished(state))
    (run,) = desk.runs()
    assert run.info.status == status
    assert desk.text(run, "errors.txt") == "tune\ntune raised ValueError"


def test_many_settings_and_long_ones_are_taken(desk: Desk) -> None:
    settings = {f"s{i}": i for i in range(230)} | {"long": "x" * 9000, "ünusual": "ü"}
    desk.hear(started(**settings), *ran("ingest", "content-of-ingest"), finished())
    params = desk.runs()[0].data.params
    assert len(params) == 232
    assert len(params["long"]) == 500
    assert params["_nusual"] == "ü"


def test_a_run_whose_process_is_gone_is_marked_as_killed(desk: Desk, tmp_path: Path) -> None:
    desk.hear(started(), StepStarted(step="ingest", key="k"))
    alive = Desk(desk.uri, tmp_path, {})
    alive.hear(started(), StepStarted(step="ingest", key="k"))
    gone = str(desk.tracking.run_id)
    process = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(process, 0)
    desk.client.set_tag(gone, "magical.process", str(process))
    third = Desk(desk.uri, tmp_path, {})
    third.hear(started(), StepStarted(step="ingest", key="k"))
    states = {r.info.run_id: r.info.status for r in desk.runs()}
    assert states[gone] == "KILLED"
    assert states[str(alive.tracking.run_id)] == states[str(third.tracking.run_id)] == "RUNNING"


def test_a_server_that_is_down_is_told_once_and_fast(tmp_path: Path) -> None:
    desk = Desk(f"http://127.0.0.1:{free_port()}", tmp_path, {})
    began = time.monotonic()
    desk.hear(started())
    with pytest.raises(RegistryDown, match="does not answer"):
        desk.hear(StepStarted(step="ingest", key="k"))
    desk.hear(*ran("evaluate", "k2"), LogLine(step="", text="more"), finished())
    assert desk.tracking.run_id is None
    assert time.monotonic() - began < 5


def test_what_the_store_cannot_give_ends_tracking_and_nothing_else(desk: Desk) -> None:
    def broken(key: str) -> Any:
        raise ValueError("damaged")

    desk.tracking._read_value = broken
    with pytest.raises(ValueError, match="damaged"):
        desk.hear(started(), *ran("ingest", "content-of-ingest"))
    desk.hear(finished())
    assert desk.tracking.run_id is None


CALLS = ("create_run", "log_batch", "log_artifacts", "log_inputs", "set_terminated")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_what_was_sent_by_half_is_completed_and_not_repeated(
    call: str, when: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.values |= {"k2": scores(), "k3": scores("validation")}
    events = [
        started(**{f"s{i}": i for i in range(120)}),
        *ran("ingest", "k1"),
        *ran("evaluate", "k2"),
        *ran("evaluate[2]", "k3"),
        StepFailed(step="tune", key="k", message="tune raised ValueError"),
        finished("failed", ingest="k1"),
    ]
    moments = [(event, 1000.0 + n) for n, event in enumerate(events)]
    with prepare_mlflow(desk.uri):
        from mlflow import MlflowClient
    plain = getattr(MlflowClient, call)

    def cut_off(*args: Any, **kwargs: Any) -> None:
        if when == "after":
            plain(*args, **kwargs)
        raise ConnectionResetError("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, cut_off)
        with pytest.raises(RegistryDown, match="does not answer: the server is gone"):
            desk.later(moments)
    for _ in range(2):  # to send what is whole changes nothing
        again = Desk(desk.uri, desk.folder, desk.values)
        again.later(moments)
        (run,) = desk.runs()
        assert (run.info.status, run.info.start_time, run.info.end_time) == ("FAILED", 1_000_000, 1_008_000)
        assert len(run.data.params) == 120
        names = [f"{part}roc_auc{bound}" for part in ("", "validation.") for bound in ("", ".low", ".high")]
        assert sorted(run.data.metrics) == sorted(names)
        assert {len(desk.client.get_metric_history(run.info.run_id, n)) for n in names} == {1}
        assert len(run.inputs.dataset_inputs) == 1
        assert json.loads(desk.text(run, "lineage.json"))["run"] == "r1"
        assert desk.text(run, "errors.txt") == "tune\ntune raised ValueError"


def test_live_and_later_tell_the_same(desk: Desk, tmp_path: Path) -> None:
    desk.values["k2"] = scores()
    events = [started(a=1), *ran("ingest", "k1"), *ran("evaluate", "k2"), finished(ingest="k1")]
    desk.hear(*events)
    other = Desk(database(tmp_path / "other"), tmp_path / "other", desk.values)
    other.tracking._is_replay = True
    other.hear(*(found for e in events if (found := Event.from_json({"at": 1.0, **e.to_json()}))))
    ((live,), (later,)) = desk.runs(), other.runs()
    assert live.data.params == later.data.params
    assert live.data.metrics == later.data.metrics
    assert live.data.tags == later.data.tags
    assert desk.text(live, "lineage.json") == other.text(later, "lineage.json")


def test_how_far_a_run_has_come_is_noted(desk: Desk) -> None:
    marks = ProgressMarkStore(desk.folder / "runs")
    (marks.folder / "r1").mkdir(parents=True)
    desk.tracking._marks = marks
    desk.hear(started())
    assert marks.read("r1") is None
    desk.hear(StepStarted(step="ingest", key="k"))
    mark = marks.read("r1")
    assert mark is not None
    assert (mark.state, mark.uri, mark.experiment) == ("under way", desk.uri, "campaign")
    run = str(desk.tracking.run_id)
    desk.hear(finished())
    mark = marks.read("r1")
    assert mark is not None
    assert (mark.state, mark.run_id) == ("sent", run)


SMALLEST = """
@step
def first() -> int:
    return 1

@workflow
def flow() -> int:
    return first()
"""


def test_a_run_with_a_damaged_database_ends_well_and_is_sent_once_that_is_mended(tmp_path: Path) -> None:
    small = project(tmp_path, {"workflow.py": IMPORTS + SMALLEST}, tracking=True)
    file = tmp_path / ".magical" / "mlflow.db"
    file.mkdir(parents=True)
    answer = small.command("run")
    said = f"MLflow's database {file} cannot be read: it is a folder."
    assert (answer.code, answer.err.count(said), "1 step ran" in answer.out) == (0, 1, True)
    missed = small.command("sync")
    assert (missed.code, said in missed.out) == (1, True)
    file.rmdir()
    database(file.parent)
    sent = small.command("sync")
    assert (sent.code, "sent to MLflow" in sent.out) == (0, True)
