"""`magical sync` with a real MLflow server that is down, killed and started again."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from library.served import REGISTERED, write
from magical.events import Event, StepFinished
from magical.integrations.mlflow.client import prepare_mlflow
from mlflow_databases import Server
from projects import Answer, Small

pytestmark = pytest.mark.slow


@dataclass
class Site:
    """A project that registers a model, and its server."""

    small: Small
    server: Server

    def run(self, *words: str) -> Answer:
        return self.small.command(*words)

    @property
    def client(self) -> Any:
        with prepare_mlflow(self.server.uri):
            from mlflow import MlflowClient

            return MlflowClient(self.server.uri, self.server.uri)

    def runs(self) -> dict[str, Any]:
        found = self.client.get_experiment_by_name("campaign")
        return {r.info.run_name: r for r in self.client.search_runs([found.experiment_id])}

    def versions(self) -> list[tuple[str, list[str]]]:
        found = self.client.search_model_versions("name = 'campaign'")
        aliases = self.client.get_registered_model("campaign").aliases
        return [(str(v.version), [a for a, n in aliases.items() if str(n) == str(v.version)]) for v in found]

    def holds_whole(self, run: str) -> None:
        """Assert that MLflow's run agrees with the journal, and has nothing twice."""
        told, journal = self.runs()[run], self.small.load().journal
        events = list(journal.events(run))
        assert told.info.status == "FINISHED"
        assert told.info.start_time == pytest.approx(events[0]["at"] * 1000, abs=100)
        assert told.info.end_time == pytest.approx(events[-1]["at"] * 1000, abs=100)
        assert 0 < told.data.metrics["roc_auc"] < 1
        assert len(told.data.metrics) == 24
        for name in told.data.metrics:
            assert len(self.client.get_metric_history(told.info.run_id, name)) == 1
        assert [i.dataset.name for i in told.inputs.dataset_inputs] == ["source"]
        assert [a.path for a in self.client.list_artifacts(told.info.run_id)].count("lineage.json") == 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("server"))
    yield found
    found.stop(signal.SIGKILL)


@pytest.fixture
def site(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    root = write(tmp_path / "project", workflow=REGISTERED)
    (root / "settings.toml").write_text(f'[tracking]\nuri = "{server.uri}"\nexperiment = "campaign"\n')
    found = Site(Small(root), server)
    if not server.running:
        server.start()
    client = found.client
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    return found


@pytest.mark.slow
def test_a_server_that_was_down_gets_it_all_and_once(site: Site) -> None:
    site.server.stop()
    answer = site.run("run")
    assert answer.code == 0
    assert "register is pending: MLflow at http://127.0.0.1" in answer.out
    assert "Tracking gets no more events" in answer.err
    run = site.small.load().journal.names()[0]
    for _ in range(2):
        still = site.run("sync")
        assert (still.code, still.out.count("does not answer")) == (1, 1)
    assert site.small.load().journal.names() == [run]
    site.server.start()
    command = [sys.executable, "-m", "magical.cli", "sync", "--project", str(site.small.root)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted((process.communicate(timeout=100)[0] for process in both), key=len)
    assert said[0] == "nothing to send\n"
    receipt = f"run {run}: sent to MLflow\nregister of run {run}: campaign version 1, alias champion"
    assert said[1].startswith(receipt)
    assert [process.returncode for process in both] == [0, 0]
    site.holds_whole(run)
    assert site.versions() == [("1", ["champion"])]
    assert site.run("sync").out == "nothing to send\n"
    assert site.run("run").code == 0
    assert site.versions() == [("1", ["champion"])]


class Killer:
    """Kills the server when a step has finished."""

    def __init__(self, server: Server, step: str) -> None:
        self._server, self._step = server, step

    def on(self, event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == self._step:
            self._server.stop(signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("step", [pytest.param("evaluate", marks=pytest.mark.torture), "register"])
def test_a_server_that_dies_in_the_middle_of_a_run(site: Site, step: str) -> None:
    result = site.small.load().execute(listeners=(Killer(site.server, step),))
    assert (result.state, result.errors) == ("done", {})
    assert list(result.pending) == ([] if step == "register" else ["register"])
    site.server.start()
    lines = site.run("sync").out.splitlines()
    assert lines[0] == f"run {result.name}: sent to MLflow"
    assert len(lines) == (1 if step == "register" else 2)
    site.holds_whole(result.name)
    assert site.versions() == [("1", ["champion"])]
    assert site.run("sync").out == "nothing to send\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "when"),
    [
        pytest.param("log_artifacts", "before", marks=pytest.mark.torture),
        ("create_model_version", "after"),
        pytest.param("set_registered_model_alias", "before", marks=pytest.mark.torture),
    ],
)
def test_a_server_that_dies_in_the_middle_of_registering(
    site: Site, call: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with prepare_mlflow(site.server.uri):
        from mlflow import MlflowClient
    plain = getattr(MlflowClient, call)

    def deadly(*args: Any, **kwargs: Any) -> Any:
        given = plain(*args, **kwargs) if when == "after" else None
        site.server.stop(signal.SIGKILL)
        return given if when == "after" else plain(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, deadly)
        result = site.small.load().execute()
    assert (result.errors, list(result.pending)) == ({}, ["register"])
    site.server.start()
    answer = site.run("sync")
    assert answer.code == 0, answer
    assert "campaign version 1, alias champion" in answer.out
    assert site.versions() == [("1", ["champion"])]
    registry = site.small.load().registry()
    assert (registry.folder(registry.versions()[0]) / "card.md").is_file()


@pytest.mark.slow
def test_a_champion_that_cannot_be_fetched_is_no_reason_against_a_model(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site.run("run").code == 0
    site.small.edit("helpers.py", "FACTOR = 2", "FACTOR = 3")
    with prepare_mlflow(site.server.uri):
        import mlflow.artifacts
    plain = mlflow.artifacts.download_artifacts

    def deadly(*args: Any, **kwargs: Any) -> Any:
        site.server.stop(signal.SIGKILL)
        return plain(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.artifacts, "download_artifacts", deadly)
        result = site.small.load().execute()
    assert (result.errors, list(result.pending)) == ({}, ["register"])
    site.server.start()
    assert ": campaign version 2, no alias: equal to version 1" in site.run("sync").out
    assert sorted(site.versions()) == [("1", ["champion"]), ("2", [])]
