"""A look-up of a registered version in an embedded database by SQL: to import MLflow takes seconds."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from magical.engine.protocols import Version
from magical.integrations.mlflow.artifact_address import find_artifact_folder

__all__ = ["look_up_version"]

_VERSION = "SELECT source FROM model_versions WHERE name = ? AND version = ? AND current_stage <> ?"
_DELETED = "Deleted_Internal"  # a deleted version keeps its row


def look_up_version(uri: str, name: str, alias: str, number: str = "") -> tuple[Version, Path] | None:
    """Find a version and the folder of its files in an embedded database, which is only read.

    Args:
        uri: the address of the database.
        name: the name of the model.
        alias: the alias that points at the version, if no number is given.
        number: the number of the version.

    Returns:
        None if the database does not tell: then MLflow answers, or says why it cannot.

    Example:
        >>> look_up_version("sqlite:///nowhere/mlflow.db", "campaign", "champion") is None
        True
    """
    database = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or not database.is_file():
        return None
    address = f"{database.absolute().as_uri()}?mode=ro"
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(address, uri=True)) as opened:
        aliases = opened.execute(
            "SELECT alias, version FROM registered_model_aliases WHERE name = ?", (name,)
        ).fetchall()
        wanted = number or next((str(v) for a, v in aliases if a == alias), "")
        rows = opened.execute(_VERSION, (name, wanted, _DELETED)).fetchall() if wanted else []
        run, _, path = (
            str(rows[0][0]).removeprefix("runs:/").partition("/") if len(rows) == 1 else ("", "", "")
        )
        places = opened.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run,)).fetchall()
        artifacts = find_artifact_folder(str(places[0][0]), uri) if places else None
        if artifacts is not None and (artifacts / path / "MLmodel").is_file():
            names = tuple(sorted(str(a) for a, v in aliases if str(v) == wanted))
            return Version(name, wanted, "", names, {}, f"models:/{name}/{wanted}"), artifacts / path
    return None
