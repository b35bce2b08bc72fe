"""A version is found by SQL as MLflow finds it, and whatever is unusual is left to MLflow."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from magical.integrations.mlflow.registry import MlflowRegistry
from magical.integrations.mlflow.version_lookup import look_up_version
from projects import Small


@pytest.fixture
def moved(registered_shop: Small, tmp_path: Path) -> Path:
    """A copy of a registry in another folder."""
    return Path(shutil.copytree(registered_shop.root / ".magical", tmp_path / "moved")) / "mlflow.db"


def open_registry(database: Path) -> MlflowRegistry:
    return MlflowRegistry(f"sqlite:///{database}", artifacts=database.parent / "artifacts", experiment="")


@pytest.mark.parametrize(("alias", "number"), [("champion", ""), ("", "1"), ("rival", "1")])
def test_it_finds_what_mlflow_finds(moved: Path, alias: str, number: str) -> None:
    registry = open_registry(moved)
    found = registry.find_folder("shop", alias, number)
    champion = registry.champion("shop")
    assert found is not None
    assert champion is not None
    assert (found[0].name, found[0].number, found[0].aliases) == ("shop", "1", champion.aliases)
    assert found[1] == registry.folder(champion)
    assert found[1].is_relative_to(moved.parent)


def test_what_it_does_not_find_is_left_to_mlflow(moved: Path) -> None:
    uri = f"sqlite:///{moved}"
    for name, alias, number in (("shp", "champion", ""), ("shop", "rival", ""), ("shop", "", "7")):
        assert look_up_version(uri, name, alias, number) is None
    with closing(sqlite3.connect(moved)) as database:
        database.execute("UPDATE model_versions SET current_stage = 'Deleted_Internal'")
        database.commit()
    assert look_up_version(uri, "shop", "champion") is None
    shutil.rmtree(moved.parent / "artifacts")
    assert look_up_version(uri, "shop", "", "1") is None


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0"])
def test_a_database_of_another_kind_tells_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    assert look_up_version(f"sqlite:///{tmp_path / 'mlflow.db'}", "shop", "champion") is None
    assert look_up_version("http://127.0.0.1:5000", "shop", "champion") is None
    assert [p.name for p in tmp_path.iterdir()] == ["mlflow.db"]
