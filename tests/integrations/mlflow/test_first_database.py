"""A database that is no file: MLflow says so, and nothing waits for it."""

import os
from pathlib import Path

import pytest

from hostile_files import no_hang
from magical.errors import RegistryDown
from magical.integrations.mlflow.client import prepare_mlflow


@pytest.mark.parametrize("name", ["mlflow.db", "new/mlflow.db"])
def test_a_new_database_is_locked_while_it_is_made(tmp_path: Path, name: str) -> None:
    with prepare_mlflow(f"sqlite:///{tmp_path / name}"):
        assert (tmp_path / f"{name}.lock").is_file()


def test_a_pipe_in_its_place_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mlflow.db")
    refused = pytest.raises(RegistryDown, match="it is no file")
    with no_hang(10), refused, prepare_mlflow(f"sqlite:///{tmp_path / 'mlflow.db'}"):
        pass


@pytest.mark.parametrize("uri", ["", "sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_without_a_file_nothing_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.chdir(tmp_path)
    with prepare_mlflow(uri):
        pass
    assert list(tmp_path.iterdir()) == []
