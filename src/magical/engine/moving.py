"""A project's folder may be moved or copied: its embedded MLflow database is told where its files are now."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["follow"]


def follow(uri: str, artifacts: Path) -> None:
    """Lead a database that lies beside its files to where they are; MLflow keeps their full paths.

    Args:
        uri: of database or server; only one in the folder above the files is looked into.
        artifacts: the folder with the files.
    """
    here = artifacts.resolve()
    database = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or database.resolve().parent != here.parent or not database.is_file():
        return
    import sqlite3

    tail = f"/{quote(here.parent.name)}/{quote(here.name)}"
    with contextlib.closing(sqlite3.connect(database, timeout=5)) as connection:
        try:
            known = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        except sqlite3.DatabaseError:  # MLflow has not been there yet, or will say what is wrong
            return
        old = [place for (place,) in known if str(place).startswith("file:") and place.endswith(tail)]
        for place in (p for p in old if p != here.as_uri()):
            _lead(connection, place, here.as_uri())
        connection.commit()


def _lead(connection: Connection, old: str, new: str) -> None:
    connection.execute("UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (new, old))
    connection.execute(
        "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE substr(artifact_uri, 1, ?) = ?",
        (new, len(old) + 1, len(old) + 1, f"{old}/"),
    )
