"""The units that a version was fitted or selected on, stored as salted hashes beside its scorer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from magical.contracts.dtypes import dtype_kind
from magical.library.part_assignment import Hashes, hash_rows

__all__ = ["FittedUnits", "RunUnits", "mark_known"]

_HASHES, _FILE = "units.npy", "units.json"


@dataclass(frozen=True)
class RunUnits:
    """The units of a run's rows: the group where the split was by group, else the id, else the content.

    Attributes:
        kind: ``group``, ``id`` or ``content``.
        fitted: the columns that tell units apart, of the rows that the model was fitted or selected on.
        test: these columns of the test rows, in the order of the test part.
    """

    kind: str
    fitted: pl.DataFrame
    test: pl.DataFrame

    @property
    def columns(self) -> dict[str, str]:
        """The type of each column: 12 and "12" have other hashes, so units of other types never meet."""
        return {name: dtype_kind(dtype) for name, dtype in self.fitted.schema.items()}


@dataclass(frozen=True)
class FittedUnits:
    """The units of one version as 64-bit hashes, so that no id leaves the project with the model.

    Attributes:
        columns: the type of each column that tells units apart.
        salt: the seed of the hashes, another one for each version.
        hashes: sorted, each once.

    Example:
        >>> ids = pl.DataFrame({"id": [1, 2, 3]})
        >>> units = FittedUnits.from_run(RunUnits("id", ids.head(2), ids.tail(1)), key="a1")
        >>> units.contains(ids).tolist()
        [True, True, False]
    """

    kind: str
    columns: dict[str, str]
    salt: int
    hashes: Hashes

    @classmethod
    def from_run(cls, units: RunUnits, key: str) -> FittedUnits:
        """Hash the units that a run's model was fitted or selected on, with a salt made from a step's key."""
        # From the key, not at random: registering the same model again must give the same files.
        salt = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
        unsalted = cls(units.kind, units.columns, salt, np.empty(0, dtype=np.uint64))
        hashes = unsalted.hash(units.fitted)[mark_known(units.fitted)]
        return cls(units.kind, units.columns, salt, np.unique(hashes))

    def hash(self, rows: pl.DataFrame) -> Hashes:
        """Hash the units of rows as those of this version were."""
        return hash_rows(rows, [*self.columns], self.salt)

    def contains(self, rows: pl.DataFrame) -> NDArray[np.bool_]:
        """Mark the rows whose unit the version was fitted or selected on."""
        found: NDArray[Any] = np.isin(self.hash(rows), self.hashes)
        return found

    def save(self, folder: Path) -> None:
        """Write the hashes, 8 bytes for each unit, and what they are hashes of."""
        np.save(folder / _HASHES, self.hashes)
        data = {"kind": self.kind, "columns": self.columns, "salt": self.salt, "units": len(self.hashes)}
        (folder / _FILE).write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> FittedUnits | None:
        """Read the units of a version; None if it was registered without."""
        if not (folder / _FILE).is_file():
            return None
        data = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        hashes = np.load(folder / _HASHES, allow_pickle=False)
        return cls(data["kind"], data["columns"], data["salt"], hashes)


def mark_known(rows: pl.DataFrame) -> NDArray[np.bool_]:
    """Mark the rows of which some column has a value: a row without a group could be of any."""
    known: NDArray[Any] = rows.select(pl.any_horizontal(pl.all().is_not_null())).to_series().to_numpy()
    return known
