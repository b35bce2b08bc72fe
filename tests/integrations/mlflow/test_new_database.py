"""The tables of a new embedded database come from a script that is equal to MLflow's migrations."""

import sqlite3
from pathlib import Path

import pytest

from magical.integrations.mlflow import new_database
from magical.integrations.mlflow.client import prepare_mlflow
from magical.integrations.mlflow.new_database import SCRIPT, build_script, create_tables

LOCK = Path(__file__).parents[3] / "requirements.lock"


def statements(script: str) -> list[str]:
    """The lines in order: that of constraints and indexes differs from time to time."""
    return sorted(line.strip(" ,\t") for line in script.splitlines())


def tables(database: Path) -> list[str]:
    return [name for (name,) in sqlite3.connect(database).execute("SELECT name FROM sqlite_master")]


@pytest.mark.slow
def test_the_script_is_what_the_migrations_of_the_locked_mlflow_make() -> None:
    with prepare_mlflow(""):
        import mlflow
    if f"\nmlflow=={mlflow.__version__} " not in LOCK.read_text():
        pytest.skip("another MLflow than the locked one makes its tables by its migrations")
    made, stored = (statements(text) for text in (build_script(), SCRIPT.read_text()))
    assert made == stored, "write it again: python -m magical.integrations.mlflow.new_database"


def test_mlflow_takes_a_database_from_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_tables(tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with prepare_mlflow(uri):
        import mlflow.store.db.utils
        from mlflow import MlflowClient
    monkeypatch.setattr(mlflow.store.db.utils, "_initialize_tables", lambda _: pytest.fail("it migrates"))
    assert [e.name for e in MlflowClient(uri).search_experiments()] == ["Default"]


def test_the_script_is_of_no_use_to_another_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_database, "_digest_migrations", lambda: "0" * 64)
    create_tables(tmp_path / "mlflow.db")
    assert not (tmp_path / "mlflow.db").exists()


def test_a_database_with_tables_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE mine (a)")
    create_tables(tmp_path / "mlflow.db")
    assert tables(tmp_path / "mlflow.db") == ["mine"]


def test_a_folder_that_is_not_there_is_left_to_mlflow(tmp_path: Path) -> None:
    create_tables(tmp_path / "away" / "mlflow.db")
    assert list(tmp_path.iterdir()) == []
