"""The values that steps keep, as files that MLflow's page shows: tables, values as JSON, figures."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact
from magical.engine.protocols import Store
from magical.errors import StoreError
from magical.masking import mask_values

__all__ = ["KeptFiles", "make_table_tag"]

FOLDER = "kept"
"""The folder among the artifacts of a run; below it is a folder for each step."""

MAX_ROWS, MAX_CELLS = 1000, 100_000
"""The limits of a table; of a larger one the first rows are sent, and the name of the file says so."""

TABLE_TAG, MAX_TAG_LENGTH = "mlflow.loggedArtifacts", 5000
"""The tag from which MLflow knows which JSON files are tables, and the length that any server takes."""


class KeptFiles:
    """Reads the values that the bodies of steps kept beside their results.

    Args:
        store: the store of the results.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def read_candidates(self, key: str) -> list[Mapping[str, Any]]:
        """Read the table ``candidates`` of a key, with scores on validation; empty if there is none."""
        artifact = self._find_kept(key).get("candidates")
        if artifact is None or artifact.kind != "table":
            return []
        try:
            rows: list[Mapping[str, Any]] = (
                self._store.load(artifact, Promise("any")).head(MAX_ROWS).to_dicts()
            )
        except StoreError:
            return []
        return rows

    def write(self, step: str, key: str, folder: Path) -> Iterator[str]:
        """Write the kept values of a key as files in a folder, and yield the relative paths of the tables.

        A value that is lost, that is neither table nor figure nor JSON, or whose name begins with ``_``, and
        is for programs, is passed over.
        """
        place = folder / FOLDER / _make_name(step)
        for name, artifact in self._find_kept(key).items():
            if name.startswith("_") or artifact.kind not in ("table", "value", "figure"):
                continue
            place.mkdir(parents=True, exist_ok=True)
            try:
                path = self._write_one(artifact, place / _make_name(name))
            except StoreError:
                continue
            if artifact.kind == "table":
                yield path.relative_to(folder).as_posix()

    def _find_kept(self, key: str) -> Mapping[str, Artifact]:
        """Return the kept artifacts of a key; none of a pretended or sampled one."""
        record = self._store.find_record(key)
        return {} if record is None or record.origin else record.kept

    def _write_one(self, artifact: Artifact, path: Path) -> Path:
        if artifact.kind == "figure":
            source = self._store.file(artifact)
            return Path(shutil.copyfile(source, f"{path}{source.suffix}"))
        if artifact.kind == "value":
            value = mask_values(self._store.load(artifact, Promise("any")))
            return _write_json(value, path, ".json")
        return _write_table(self._store.load(artifact, Promise("lazy")), path)


def make_table_tag(paths: Iterable[str]) -> dict[str, str]:
    """Make the tag of a run by which MLflow shows JSON files as tables; empty without tables.

    Example:
        >>> make_table_tag(["kept/tune/trials.json"])
        {'mlflow.loggedArtifacts': '[{"path": "kept/tune/trials.json", "type": "table"}]'}
    """
    entries: list[dict[str, str]] = []
    for path in paths:
        longer = [*entries, {"path": path, "type": "table"}]
        if len(json.dumps(longer)) > MAX_TAG_LENGTH:  # the others are shown as text
            break
        entries = longer
    return {TABLE_TAG: json.dumps(entries)} if entries else {}


def _write_table(table: Any, path: Path) -> Path:
    """Write a lazy table in the form of MLflow's ``log_table``."""
    import polars as pl

    height, names = table.select(pl.len()).collect().item(), table.collect_schema().names()
    limit = min(MAX_ROWS, max(1, MAX_CELLS // max(1, len(names))))
    rows = table.head(limit).collect().rows()
    suffix = f".first-{limit}-of-{height}.json" if height > limit else ".json"
    return _write_json(mask_values({"columns": names, "data": [list(row) for row in rows]}), path, suffix)


def _write_json(value: Any, path: Path, suffix: str) -> Path:
    # A browser refuses NaN in JSON.
    data = to_json(value, inf_nan_mode="null", bytes_mode="hex", serialize_unknown=True, indent=None)
    file = Path(f"{path}{suffix}")
    file.write_bytes(data)
    return file


def _make_name(name: str) -> str:
    """Make a file name of the name of a step or of a kept value, which may be any text.

    MLflow's ``load_table`` refuses brackets: ``tune[linear]`` becomes ``tune.linear``.
    """
    plain = re.sub(r"\[([^\[\]]*)\]$", r".\1", name)
    return re.sub(r"[^\w\-. ]", "_", plain).lstrip(".")[:120] or "_"
