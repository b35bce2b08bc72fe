"""The MLflow registry, in a database and on a server."""

import contextlib
import datetime as dt
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from magical.contracts.schema import Column, Schema
from magical.engine.protocols import Registry, Version
from magical.errors import RegistryDown, RegistryError
from magical.events import RunFinished, RunStarted, StepStarted
from magical.integrations.mlflow.client import prepare_mlflow
from magical.integrations.mlflow.registry import MlflowRegistry, build_signature, save_submission
from magical.integrations.mlflow.tracking import MlflowTracking
from magical.testing.registry_conformance import OUTPUT_SCHEMA, RegistryConformance, make_submission
from mlflow_databases import database, free_port, server


def embedded_at(uri: str, folder: Path) -> MlflowRegistry:
    return MlflowRegistry(uri, artifacts=folder / "artifacts", experiment="campaign")


def embedded(folder: Path) -> MlflowRegistry:
    return embedded_at(database(folder), folder)


class TestEmbedded(RegistryConformance):
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Registry:
        return embedded(tmp_path / "home")


@pytest.mark.slow
class TestOnAServer(RegistryConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def place(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        with server(tmp_path_factory.mktemp("server")) as uri:
            yield uri

    @pytest.fixture
    def registry(self, place: str, tmp_path: Path) -> Registry:
        registry = MlflowRegistry(place, artifacts=tmp_path / "artifacts", experiment="campaign")
        client = registry._client()
        for model in client.search_registered_models():
            client.delete_registered_model(model.name)
        return registry

    def test_the_model_belongs_to_the_run_that_is_tracked(
        self, place: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        tracking = MlflowTracking(
            place, artifacts=tmp_path, experiment="campaign", read_value=lambda key: None
        )
        tracking.on(RunStarted(run="r1", workflow="campaign", settings={"a": 1}, nodes=["ingest"]))
        tracking.on(StepStarted(step="ingest", key="k"))
        registry = MlflowRegistry(
            place, artifacts=tmp_path / "a", experiment="campaign", find_run_id=lambda: tracking.run_id
        )
        registry.put(make_submission(tmp_path, name="tracked"))
        run = tracking.run_id
        tracking.on(RunFinished(run="r1", state="done", seconds=1, executed=1, keys={"ingest": "k"}))
        client = registry._client()
        assert client.get_model_version("tracked", "1").run_id == run
        found = client.get_run(str(run))
        assert (found.info.status, found.data.params, tracking.run_id) == ("FINISHED", {"a": "1"}, None)
        assert capfd.readouterr() == ("", "")


class Killed(BaseException):
    """Stands for kill -9: nothing behind it is done, no handler for errors catches it."""


CALLS = [
    ("create_experiment", "before"),
    ("create_run", "before"),
    ("create_run", "after"),
    ("log_artifacts", "before"),
    ("log_artifacts", "after"),
    ("set_terminated", "after"),
    ("create_registered_model", "before"),
    ("create_registered_model", "after"),
    ("create_model_version", "before"),
    ("create_model_version", "after"),
]


@pytest.mark.parametrize(("call", "when"), CALLS, ids=[f"{w} {c}" for c, w in CALLS])
def test_killed_at_any_moment_there_is_one_version_for_one_key(
    call: str, when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = embedded(tmp_path)
    from mlflow import MlflowClient

    plain = getattr(MlflowClient, call)

    def killed(*args: Any, **kwargs: Any) -> None:
        if when == "after":
            plain(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, killed)
        with pytest.raises(Killed):
            registry.put(make_submission(tmp_path))
    again = MlflowRegistry(registry.uri, artifacts=tmp_path / "artifacts", experiment="campaign")
    version = again.put(make_submission(tmp_path))
    assert [v.number for v in again.versions()] == [version.number] == ["1"]
    assert (again.folder(version) / "note.txt").read_text() == "one"
    client = again._client()
    experiment = client.get_experiment_by_name("campaign")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 1


@pytest.mark.parametrize(("call", "when"), CALLS, ids=[f"{w} {c}" for c, w in CALLS])
def test_cut_off_at_any_moment_it_is_down_and_there_is_one_version(
    call: str, when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = embedded(tmp_path)
    from mlflow import MlflowClient

    plain = getattr(MlflowClient, call)

    def cut_off(*args: Any, **kwargs: Any) -> None:
        if when == "after":
            plain(*args, **kwargs)
        raise ConnectionResetError("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, cut_off)
        with contextlib.suppress(RegistryDown):  # one that made an experiment looks whether somebody else did
            registry.put(make_submission(tmp_path))
    version = registry.put(make_submission(tmp_path))
    assert [v.number for v in registry.versions()] == [version.number] == ["1"]


def test_two_that_put_one_key_at_once_get_one_version(tmp_path: Path) -> None:
    uri = database(tmp_path)
    found: list[str] = []

    def put(note: str) -> None:
        registry = MlflowRegistry(uri, artifacts=tmp_path / "artifacts", experiment="campaign")
        found.append(registry.put(make_submission(tmp_path, note=note)).number)

    threads = [threading.Thread(target=put, args=[note]) for note in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == ["1"] * 3
    assert [v.number for v in embedded_at(uri, tmp_path).versions()] == ["1"]


@pytest.mark.slow
def test_a_second_version_of_one_key_is_taken_away(tmp_path: Path) -> None:
    registry = embedded(tmp_path)
    first = registry.put(make_submission(tmp_path))
    client = registry._client()
    source = client.get_model_version("campaign", "1").source
    client.create_model_version("campaign", source=source, tags={"magical.key": first.key})
    assert len(registry.versions()) == 2
    assert registry.put(make_submission(tmp_path)).number == "1"
    assert [v.number for v in registry.versions()] == ["1"]


@pytest.mark.parametrize("copied", [False, True])
def test_a_registry_that_was_moved_or_copied_finds_its_files(
    tmp_path: Path, copied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old [1] ü" / ".magical", tmp_path / "new" / "place" / ".magical"
    registry = embedded(old)
    first = registry.put(make_submission(tmp_path))
    shutil.copytree(old, new)
    if not copied:
        shutil.rmtree(old)
    files = sorted(p for p in (tmp_path / "old [1] ü").rglob("*") if p.is_file())
    moved = embedded_at(f"sqlite:///{new / 'mlflow.db'}", new)
    assert (moved.folder(first) / "note.txt").is_relative_to(new)
    assert (moved.folder(first) / "note.txt").read_text() == "one"
    second = moved.put(make_submission(tmp_path, key="b" * 40, note="two"))
    assert moved.folder(second).is_relative_to(new)
    assert files == sorted(p for p in (tmp_path / "old [1] ü").rglob("*") if p.is_file())
    import mlflow

    for which in ("TRACKING", "REGISTRY"):
        monkeypatch.setenv(f"MLFLOW_{which}_URI", moved.uri)
    assert Path(mlflow.artifacts.download_artifacts("models:/campaign/1/MLmodel")).is_file()


def test_a_database_that_lies_elsewhere_is_left_as_it_is(tmp_path: Path) -> None:
    uri = database(tmp_path / "shared")
    mine, yours = tmp_path / "mine" / ".magical", tmp_path / "yours" / ".magical"
    first = embedded_at(uri, mine).put(make_submission(tmp_path))
    assert embedded_at(uri, yours).folder(first).is_relative_to(mine)


def test_a_kill_between_alias_and_tag_does_not_confuse_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = embedded(tmp_path)
    versions = [registry.put(make_submission(tmp_path, key=key * 40)) for key in "abc"]
    registry.alias(versions[0])
    registry.alias(versions[1])
    from mlflow import MlflowClient

    def killed(*args: Any) -> None:
        raise Killed

    for move in (lambda: registry.alias(versions[2]), lambda: registry.rollback("campaign")):
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "set_registered_model_tag", killed)
            with pytest.raises(Killed):
                move()
    assert registry.rollback("campaign").number == "1"


def test_the_way_back_leads_past_versions_that_were_deleted(tmp_path: Path) -> None:
    registry = embedded(tmp_path)
    versions = [registry.put(make_submission(tmp_path, key=key * 40)) for key in "abcd"]
    for version in (*versions[:2], versions[0], *versions[2:]):
        registry.alias(version)
    registry._client().delete_model_version("campaign", "4")  # the champion itself: it takes the alias along
    assert registry.champion("campaign") is None
    assert registry.rollback("campaign").number == "3"
    assert registry.rollback("campaign").number == "1"
    registry._client().delete_model_version("campaign", "2")
    with pytest.raises(RegistryError, match="has no previous champion"):
        registry.rollback("campaign")


@pytest.mark.slow
def test_a_locked_database_is_down(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlalchemy.sql

    text = sqlalchemy.sql.text
    short = {"PRAGMA busy_timeout = 20000;": "PRAGMA busy_timeout = 200;"}  # how long MLflow waits for a lock
    monkeypatch.setattr(sqlalchemy.sql, "text", lambda said: text(short.get(said, said)))
    registry = embedded(tmp_path)
    registry.versions()
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
        other.execute("begin exclusive")
        with pytest.raises(RegistryDown, match=r"does not answer: .*database is locked"):
            registry.put(make_submission(tmp_path))
        other.execute("rollback")
    assert registry.put(make_submission(tmp_path)).number == "1"
    assert capfd.readouterr() == ("", "")


def test_what_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="could not give nobody version 1") as caught:
        embedded(tmp_path).alias(Version("nobody", "1", "k"))
    assert not isinstance(caught.value, RegistryDown)


def test_making_a_registry_does_not_import_mlflow(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from magical.integrations.mlflow.registry import MlflowRegistry\n"
        "from magical.integrations.mlflow.tracking import MlflowTracking\n"
        "MlflowRegistry('sqlite:///x.db', artifacts=Path('a'), experiment='e')\n"
        "MlflowTracking('sqlite:///x.db', artifacts=Path('a'), experiment='e', read_value=print)\n"
        "heavy = {'mlflow', 'polars', 'pandas', 'sklearn', 'requests'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, timeout=60)
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_down_is_said_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    registry = MlflowRegistry(f"http://127.0.0.1:{free_port()}", artifacts=tmp_path, experiment="e")
    for ask in (
        registry.versions,
        lambda: registry.champion("m"),
        lambda: registry.put(make_submission(tmp_path)),
    ):
        with pytest.raises(RegistryError, match=r"does not answer: .*Connection refused") as caught:
            ask()
        assert len(str(caught.value).splitlines()) <= 3
    assert time.monotonic() - began < 5


@pytest.mark.slow
def test_a_server_that_is_silent_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://me:secret@127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(RegistryError, match="does not answer: timed out") as caught:
            MlflowRegistry(uri, artifacts=tmp_path, experiment="e").champion("m")
    assert time.monotonic() - began < 5
    assert "secret" not in str(caught.value)


def test_a_database_that_cannot_be_opened_is_one_short_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, but a text that is long enough to be looked at")
    registry = MlflowRegistry(f"sqlite:///{tmp_path}/mlflow.db", artifacts=tmp_path, experiment="e")
    with pytest.raises(RegistryDown, match=r"mlflow\.db cannot be read: file is not a database"):
        registry.versions()


def test_a_model_of_others_has_no_folder(tmp_path: Path) -> None:
    registry = embedded(tmp_path)
    version = registry.put(make_submission(tmp_path))
    note = next((tmp_path / "artifacts").rglob("MLmodel"))
    note.write_text(note.read_text().replace("data: data/", "data: ../../../"))
    with pytest.raises(RegistryError, match="holds no folder of data"):
        registry.folder(version)


def test_a_deleted_experiment_is_taken_up_again(tmp_path: Path) -> None:
    registry = embedded(tmp_path)
    registry.put(make_submission(tmp_path))
    client = registry._client()
    experiment = client.get_experiment_by_name("campaign")
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    assert registry.put(make_submission(tmp_path, key="b" * 40)).number == "2"


def test_a_run_that_is_tracked_elsewhere_is_not_asked_of(tmp_path: Path) -> None:
    registry = MlflowRegistry(
        database(tmp_path), artifacts=tmp_path / "a", experiment="e", find_run_id=lambda: "0" * 32
    )
    assert registry.put(make_submission(tmp_path)).number == "1"


D = dt.date(2020, 1, 2)
INT, FLOAT, TEXT, DAY = [1, 5], [1.5, 2.5], ["a", "b"], [D, D]
FORMS: list[tuple[Column, dict[str, pd.Series]]] = [
    (
        Column("x", "int"),
        {
            k: pd.Series(INT, dtype=k)
            for k in ("int64", "int32", "uint8", "Int64", "object", "int64[pyarrow]")
        },
    ),
    (
        Column("x", "int", nullable=True),
        {
            **{
                k: pd.Series(INT, dtype=k) for k in ("int64", "int32", "uint64", "float64", "Int64", "object")
            },
            "float with NaN": pd.Series([1.0, np.nan]),
            "Int64 with NA": pd.Series([1, None], dtype="Int64"),
            "all NaN": pd.Series([np.nan, np.nan]),
            "polars": pl.Series([1, None]).to_pandas(),
        },
    ),
    (
        Column("x", "float"),
        {k: pd.Series(INT, dtype=k) for k in ("float64", "float32", "int64", "int32", "Float64", "object")},
    ),
    (Column("x", "float", nullable=True), {"NaN": pd.Series([1.0, np.nan]), "whole": pd.Series([1, 5])}),
    (
        Column("x", "bool"),
        {
            "bool": pd.Series([True, False]),
            "object": pd.Series([True, False], dtype=object),
            "texts": pd.Series(["ja", "nein"]),
        },
    ),
    (
        Column("x", "bool", nullable=True),
        {
            "objects": pd.Series([True, None], dtype=object),
            "boolean": pd.Series([True, None], dtype="boolean"),
            "float": pd.Series([1.0, np.nan]),
            "polars": pl.Series([True, None]).to_pandas(),
        },
    ),
    (
        Column("x", "str", choices=("a", "b")),
        {k: pd.Series(TEXT, dtype=k) for k in ("str", "object", "category", "string")},
    ),
    (
        Column("x", "str", nullable=True),
        {
            "None": pd.Series(["a", None], dtype=object),
            "NaN": pd.Series([np.nan, np.nan]),
            "polars": pl.Series(["a", None]).to_pandas(),
            "polars categories": pl.Series(["a", None], dtype=pl.Categorical).to_pandas(),
        },
    ),
    (Column("x", "int", thousands=","), {"texts": pd.Series(["3,663", "249"]), "numbers": pd.Series([3, 4])}),
    (
        Column("x", "date"),
        {
            "dates": pd.Series(DAY, dtype=object),
            "texts": pd.Series(["29.06.2014", "Jun 30, 2014"]),
            "timestamps": pd.Series(pd.to_datetime(DAY)),
            "polars": pl.Series(DAY).to_pandas(),
            "nanoseconds": pl.Series(DAY).cast(pl.Datetime("ns")).to_pandas(),
        },
    ),
    (
        Column("x", "datetime", nullable=True),
        {
            "NaT": pd.Series([pd.Timestamp("2020-01-02 03:04"), pd.NaT]),
            "NaN": pd.Series([np.nan, np.nan]),
            "None": pd.Series([None, None]),
            "texts": pd.Series(["2020-01-02T03:04:05", None]),
            "polars": pl.Series([dt.datetime(2020, 1, 2, 3), None]).to_pandas(),
        },
    ),
]
CASES = [(c, n, s) for c, forms in FORMS for n, s in forms.items()]


@pytest.mark.parametrize(
    ("column", "form", "values"), CASES, ids=[f"{c.type_text}: {n}" for c, n, _ in CASES]
)
def test_mlflow_lets_every_usual_form_of_a_column_pass(column: Column, form: str, values: pd.Series) -> None:
    with prepare_mlflow("sqlite://"):
        from mlflow.models import validate_schema
    frame = pd.DataFrame({"x": values, "other": 1})
    validate_schema(frame, build_signature(Schema("Row", (column,)), OUTPUT_SCHEMA).inputs)


def test_optional_columns_may_be_missing_and_others_not() -> None:
    with prepare_mlflow("sqlite://"):
        from mlflow.exceptions import MlflowException
        from mlflow.models import validate_schema
    row = Schema("Row", (Column("a", "int"), Column("b", "float", nullable=True)))
    given = build_signature(row, OUTPUT_SCHEMA)
    validate_schema(pd.DataFrame({"a": [1]}), given.inputs)
    with pytest.raises(MlflowException, match="missing inputs"):
        validate_schema(pd.DataFrame({"b": [1.0]}), given.inputs)
    assert [c.name for c in given.outputs.inputs] == ["prediction"]


def test_a_page_that_is_too_long_loses_its_last_sections(tmp_path: Path) -> None:
    registry = embedded(tmp_path)
    page = "# A\n\n## One\n\n" + "x" * 4000 + "\n\n## Two\n\n" + "y" * 4000
    for _ in range(2):
        version = registry.put(replace(make_submission(tmp_path), description=page))
    found = registry._client().get_model_version(version.name, version.number).description
    assert found is not None
    assert found.endswith("xxx\n")


def test_a_put_costs_little(tmp_path: Path) -> None:
    registry = embedded(tmp_path)
    registry.put(make_submission(tmp_path, name="warm"))
    began = time.process_time()
    registry.put(make_submission(tmp_path))
    assert time.process_time() - began < 0.5


def test_durations_of_the_example_are_seconds_as_a_row_may_state_them(tmp_path: Path) -> None:
    span = dt.timedelta(days=1, microseconds=1)
    row, example = Schema("Row", (Column("x", "duration", nullable=True),)), pl.DataFrame({"x": [span]})
    submission = replace(make_submission(tmp_path), inputs=row, example=example)
    save_submission(submission, tmp_path / "model")
    text = (tmp_path / "model" / "input_example.json").read_text()
    assert json.loads(text) == {"columns": ["x"], "data": [[86400.000001]]}
