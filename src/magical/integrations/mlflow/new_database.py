"""The tables of a new embedded database, made by a script instead of MLflow's sixty migrations.

The migrations take a third of what MLflow costs in a first run. `schema.sql` is what they make; it is used
only if the installed MLflow has the very migrations that it was made from, and MLflow checks the result as it
checks any database. `python -m magical.integrations.mlflow.new_database` writes it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sqlite3
import tempfile
from pathlib import Path

__all__ = ["SCRIPT", "build_script", "create_tables"]

SCRIPT = Path(__file__).with_name("schema.sql")


def create_tables(database: Path) -> None:
    """Make MLflow's tables in a database that has none; do nothing if the script is of other migrations."""
    script = SCRIPT.read_text(encoding="utf-8")
    if script.partition("\n")[0] != f"-- {_digest_migrations()}":
        return
    # A full disk, or a folder that is not writable: MLflow meets it too, and reports it.
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(database)) as connection:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            connection.executescript(script)  # one transaction: a kill leaves no tables at all


def build_script() -> str:
    """Run MLflow's migrations in a temporary database, and return what they made as a script."""
    from sqlalchemy import create_engine

    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/mlflow.db")
        import mlflow.store.db.utils

        mlflow.store.db.utils._initialize_tables(engine)  # type: ignore[no-untyped-call]
        engine.dispose()
        with contextlib.closing(sqlite3.connect(f"{folder}/mlflow.db")) as connection:
            return "\n".join([f"-- {_digest_migrations()}", *connection.iterdump(), ""])


def _digest_migrations() -> str:
    """Digest the migrations of the installed MLflow, and the tables that they begin with."""
    found = importlib.util.find_spec("mlflow")  # does not import it
    assert found is not None, "it is a dependency"
    assert found.origin is not None, "it is a package with files"
    store = Path(found.origin).parent / "store"
    first = store / "tracking" / "dbmodels" / "initial_models.py"
    files = [*store.glob("db_migrations/versions/*.py"), first]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    SCRIPT.write_text(build_script(), encoding="utf-8")
