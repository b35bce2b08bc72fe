"""The address of artifacts beside the embedded database."""

import gc
from pathlib import Path
from typing import Any

import pytest

from magical.integrations.mlflow.artifact_address import find_artifact_folder, open_artifacts
from magical.integrations.mlflow.client import ensure_experiment, prepare_mlflow, relocate_artifacts
from mlflow_databases import database


def connect(uri: str) -> Any:
    with prepare_mlflow(uri):
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=uri)


def make_run(client: Any, place: str | None, name: str = "e") -> Any:
    return client.create_run(client.create_experiment(name, artifact_location=place))


def test_the_embedded_database_has_relative_addresses(tmp_path: Path) -> None:
    home = tmp_path / "a b" / ".magical"
    uri = database(home)
    client = connect(uri)
    run = client.create_run(ensure_experiment(client, "e", uri, home / "artifacts"))
    client.log_text(run.info.run_id, "hello", "deep/x.txt")
    assert str(tmp_path) not in run.info.artifact_uri
    file = home / "artifacts" / run.info.run_id / "artifacts" / "deep" / "x.txt"
    assert file.read_text() == "hello"
    moved = tmp_path / "ü %20 elsewhere"
    (tmp_path / "a b").rename(moved)
    client = connect(f"sqlite:///{moved / '.magical' / 'mlflow.db'}")
    got = client.download_artifacts(run.info.run_id, "deep/x.txt", str(tmp_path))
    assert Path(got).read_text() == "hello"


def test_a_database_that_is_not_beside_the_artifacts_has_full_paths(tmp_path: Path) -> None:
    uri = database(tmp_path / "team")
    client = connect(uri)
    run = client.create_run(ensure_experiment(client, "e", uri, tmp_path / ".magical" / "artifacts"))
    assert run.info.artifact_uri.startswith((tmp_path / ".magical" / "artifacts").as_uri())


def test_full_paths_of_an_earlier_release_become_relative_also_after_a_move(tmp_path: Path) -> None:
    home = tmp_path / "now" / ".magical"
    uri = database(home)
    client = connect(uri)
    old = make_run(client, (tmp_path / "before" / ".magical" / "artifacts").as_uri())
    other = make_run(client, (tmp_path / "chosen").as_uri(), "other")
    for _ in range(2):  # the second time changes nothing
        relocate_artifacts(uri, home / "artifacts")
        found = client.get_run(old.info.run_id).info.artifact_uri
        assert found == f"magical-artifacts:/{old.info.run_id}/artifacts"
    assert client.get_experiment_by_name("e").artifact_location == "magical-artifacts:/"
    assert client.get_run(other.info.run_id).info.artifact_uri == other.info.artifact_uri
    client.log_text(old.info.run_id, "hello", "x.txt")
    assert (home / "artifacts" / old.info.run_id / "artifacts" / "x.txt").read_text() == "hello"


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("magical-artifacts:/../../etc", "sqlite:////shop/mlflow.db"),
        ("magical-artifacts:/a/%2e%2e/b", "sqlite:////shop/mlflow.db"),
        ("magical-artifacts:/a", "postgresql://db/mlflow"),
        ("s3://bucket/a", "sqlite:////shop/mlflow.db"),
    ],
)
def test_an_address_that_means_no_folder_beside_the_database_is_refused(address: str, uri: str) -> None:
    assert find_artifact_folder(address, uri) is None
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="no folder beside an embedded database"):
        open_artifacts(address, uri)


def test_a_client_of_a_server_gets_the_files_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = open_artifacts("magical-artifacts:/5f/artifacts", "http://127.0.0.1:5000")
    proxied = "http://127.0.0.1:5000/api/2.0/mlflow-artifacts/artifacts/5f/artifacts"
    assert found.artifact_uri == proxied
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:////shop/mlflow.db")
    assert open_artifacts("magical-artifacts:/5f").artifact_uri == "file:///shop/artifacts/5f"


def test_the_collector_rests_while_mlflow_is_prepared() -> None:
    assert gc.isenabled()
    with prepare_mlflow(""):
        with prepare_mlflow(""):
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
